"""Points: adjustments by hand, and the history of all changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from loyalty_sdk import _checks, _marker, wire
from loyalty_sdk._look import Trace
from loyalty_sdk._provider import Provider
from loyalty_sdk.errors import Problem

from . import _wire
from ._filters import TRANSACTIONS, query
from ._requests import page_of, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loyalty_sdk._flow import Flow
    from loyalty_sdk._models import Page, PointsAdjustment, Transaction

_POINTS_AT_ONCE = 1_000_000


class PointFlows(Provider):
    """The flows of LoyaltyLion's points."""

    reference_in_reason: bool

    def adjust_points(self, adjustment: PointsAdjustment, /) -> Flow[None]:
        """Add points, or remove them if they are negative; the shopper may see the reason.

        https://developers.loyaltylion.com/api-reference/v2/resources/customers/add-points and
        https://developers.loyaltylion.com/api-reference/v2/resources/customers/remove-points

        Raises:
            ValidationError: More than 1,000,000 points to add, or a note, which LoyaltyLion
                has no field for.
        """
        problems: list[Problem] = []
        if adjustment.points > _POINTS_AT_ONCE:
            problems.append(Problem("points", f"must be at most {_POINTS_AT_ONCE:,} to add"))
        if adjustment.note is not None:
            problems.append(Problem("note", "cannot be kept: LoyaltyLion has no note for staff"))
        reason, reference = adjustment.reason, adjustment.reference
        if self.reference_in_reason:
            reference = reference or uuid4().hex
            reason = _marker.mark(reference, reason)
            _marker.check(problems, "reason", reason)
        _checks.finish("the adjustment", problems)
        trace = Trace(
            operation="adjust_points",
            customer_id=adjustment.customer_id,
            reference=reference,
            marker=_marker.token(reference) if reference and self.reference_in_reason else None,
            points=adjustment.points,
            adjusts=True,
        )
        action = "points" if adjustment.points > 0 else "remove_points"
        request = write(
            "/v2/customers/{merchant_id}/" + action,
            {"points": abs(adjustment.points), "reason": reason},
            trace,
            merchant_id=adjustment.customer_id,
        )
        del reason  # a traceback with locals must not show it
        yield request

    def list_transactions(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[Transaction]]:
        """One page of a customer's points history, or of the whole program's.

        https://developers.loyaltylion.com/api-reference/v2/resources/customers/list-transactions
        and https://developers.loyaltylion.com/api-reference/v2/resources/transactions/list-transactions

        Args:
            cursor: The vendor's, from the page before.
            filters: ``customer_id`` (the merchant's) or ``loyaltylion_customer_id``;
                ``created_from`` (inclusive), ``created_until`` (exclusive); ``page_size``, 1
                to 500, 100 unless given; ``kinds``, which is not the vendor's.

        Raises:
            ValidationError: A filter is unknown or wrong; all problems are listed.
            MalformedResponseError: The page cannot be read; it names path and cursor.
        """
        customer_id = filters.get("customer_id")
        asked = query("list_transactions", filters, TRANSACTIONS, cursor)
        if customer_id is None:
            response = yield page_of("/v2/transactions", asked)
        else:
            template = "/v2/customers/{merchant_id}/transactions"
            response = yield page_of(template, asked, merchant_id=customer_id)
        with wire.located(cursor):
            return _wire.read_transactions(response.body)
