"""Points: awarded, deducted, adjusted and reset by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from loyalty_sdk import _checks, _marker
from loyalty_sdk._flow import Flow, Safety
from loyalty_sdk._look import Trace
from loyalty_sdk._provider import Provider
from loyalty_sdk._secrets import MaskedDict

from . import _wire
from ._requests import ROOT, check_reference, check_texts, post
from ._settings import check_amount

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loyalty_sdk._models import PointsAdjustment, Transaction
    from loyalty_sdk.errors import Problem


class PointFlows(Provider):
    """The flows that change points."""

    def adjust_points(self, adjustment: PointsAdjustment, /) -> Flow[Transaction | None]:
        """Change the balance by a signed number of points.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/activities

        Raises:
            ValidationError: ``points`` is beyond what JSON carries (2**53 - 1 either way).
        """
        return (
            yield from self._point_call(
                "adjust",
                adjustment.customer_id,
                adjustment.points,
                least=None,
                reason=adjustment.reason,
                note=adjustment.note,
                reference=adjustment.reference,
            )
        )

    def award_points(
        self,
        customer_id: str,
        points: int,
        *,
        reason: str | None = None,
        note: str | None = None,
        reference: str | None = None,
    ) -> Flow[Transaction | None]:
        """Add points; returns the row that Joy sent back, if any.

        Args:
            customer_id: The Shopify customer id.
            points: 1 to 2**53 - 1.
            reason: May be shown to the shopper.
            note: For staff only.
            reference: Stands before the note as a marker, by which the row is found again;
                made up unless given.

        Raises:
            ValidationError: Lists every problem; nothing was sent.
            OutcomeUnknownError: It was sent and not acknowledged; so for every write.
        """
        return (
            yield from self._point_call(
                "award", customer_id, points, reason=reason, note=note, reference=reference
            )
        )

    def deduct_points(
        self,
        customer_id: str,
        points: int,
        *,
        reason: str | None = None,
        note: str | None = None,
        reference: str | None = None,
    ) -> Flow[Transaction | None]:
        """Like `award_points`, but takes them away; below zero is not documented."""
        return (
            yield from self._point_call(
                "deduct", customer_id, points, reason=reason, note=note, reference=reference
            )
        )

    def reset_points(
        self,
        customer_id: str,
        balance: int,
        *,
        reason: str | None = None,
        note: str | None = None,
        reference: str | None = None,
    ) -> Flow[Transaction | None]:
        """Like `award_points`, but sets what the customer has to ``balance``.

        Never looked for and never repeated: points that moved in between would be lost. The
        ``reference`` is not sent.
        """
        return (
            yield from self._point_call(
                "reset",
                customer_id,
                balance,
                least=None,
                reason=reason,
                note=note,
                reference=reference,
            )
        )

    def _point_call(  # noqa: PLR0913 - the fields of Joy's body, and the reference
        self,
        verb: str,
        customer_id: str,
        points: int,
        *,
        least: int | None = 1,
        reason: str | None,
        note: str | None,
        reference: str | None,
    ) -> Flow[Transaction | None]:
        problems: list[Problem] = []
        _checks.identifier(problems, "customer_id", customer_id)
        check_amount(problems, "balance" if verb == "reset" else "points", points, least=least)
        check_texts(problems, reason=reason, note=note)
        check_reference(problems, reference)
        _checks.finish(f"the {verb}", problems)
        body = _wire.point_change(
            customer_id, points, reason=reason, user_note=reason, admin_note=note
        )
        del reason, note  # a traceback with locals must not show them
        if verb == "reset":
            # Never looked for and never sent again: it says nothing of what it changed.
            return (yield from self._send_points(verb, body, reference))
        reference = reference or uuid4().hex
        return (yield from self._change_points(verb, body, reference, reference))

    def _change_points(
        self, verb: str, body: Mapping[str, Any], reference: str, key: str
    ) -> Flow[Transaction | None]:
        """Change points under the marker of ``key``, by which the row is found again."""
        note = _marker.mark(key, body.get("adminNote"))
        problems: list[Problem] = []
        _marker.check(problems, "note", note)
        _checks.finish(f"the {verb}", problems)
        trace = Trace(
            operation=verb,
            customer_id=body["shopifyCustomerId"],
            reference=reference,
            marker=_marker.token(key),
            points=-body["point"] if verb == "deduct" else body["point"],
            adjusts=True,
        )
        body = MaskedDict(body, adminNote=note)
        del note  # a traceback with locals must not show it
        return (yield from self._send_points(verb, body, reference, trace))

    def _send_points(
        self,
        verb: str,
        body: Mapping[str, Any],
        reference: str | None,
        trace: Trace | None = None,
    ) -> Flow[Transaction | None]:
        path = f"{ROOT}/transactions/points/{verb}"
        response = yield post(path, body, Safety.ONCE, reference, trace)
        return _wire.read_acknowledged(response)
