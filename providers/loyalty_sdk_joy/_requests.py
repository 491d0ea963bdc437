"""What Joy's requests have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loyalty_sdk import _checks, wire
from loyalty_sdk._flow import Acknowledgement, Request, Safety, get

from . import _wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loyalty_sdk._look import Trace
    from loyalty_sdk.errors import Problem

ROOT = "/rest_api/v2"


def page_of(path: str, asked: Mapping[str, Any]) -> Request:
    """One page of a list; of those that lead back, which are few, none is looked ahead of."""
    request = get(path, asked)
    return request if "before" in asked else request._replace(next_cursor=_wire.read_last_id)


def post(
    path: str,
    body: Mapping[str, Any],
    safety: Safety,
    reference: str | None = None,
    trace: Trace | None = None,
) -> Request:
    """A write, or a question too long for a URL; its body acknowledges it."""
    return Request(
        method="POST",
        template=path,
        path=path,
        body=wire.encode(body, decimals="number"),
        safety=safety,
        acknowledged_by=Acknowledgement.BODY,
        reference=reference,
        trace=trace,
    )


def check_texts(problems: list[Problem], **texts: object) -> None:
    """Text, each of ``texts`` that is not None."""
    for name, text in texts.items():
        if text is not None:
            _checks.text(problems, name, text)


def check_reference(problems: list[Problem], reference: object) -> None:
    """What may become part of a marker, unless it is None."""
    if reference is not None:
        _checks.identifier(problems, "reference", reference)
