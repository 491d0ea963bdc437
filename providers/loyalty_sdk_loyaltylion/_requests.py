"""What LoyaltyLion's requests have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loyalty_sdk import wire
from loyalty_sdk._flow import Request, Safety, expand, get, pairs
from loyalty_sdk._models import present

from . import _wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loyalty_sdk._look import Trace
    from loyalty_sdk._models import Activity, Order


def page_of(template: str, asked: Mapping[str, Any], **segments: str) -> Request:
    """One page of a list."""
    return get(template, asked, **segments)._replace(next_cursor=_wire.read_cursor)


def shopper(value: Activity | Order) -> dict[str, Any]:
    """What activities and orders say alike of who did it."""
    return {
        "guest": value.guest,
        "ip_address": value.ip_address,
        "user_agent": value.user_agent,
        "referral_id": value.referral_id,
        "tracking_id": value.tracking_id,
    }


def write(  # noqa: PLR0913 - the parts of a request
    template: str,
    fields: Mapping[str, Any],
    known_by: Trace | str,
    *,
    method: str = "POST",
    safety: Safety = Safety.ONCE,
    query: Mapping[str, Any] | None = None,
    **segments: str,
) -> Request:
    """A write; its status acknowledges it, and fields that are None are left out.

    LoyaltyLion documents repeats as safe for one write only, see `update_order`.
    """
    return Request(
        method=method,
        template=template,
        path=expand(template, **segments),
        query=pairs(query or {}),
        body=wire.encode(present(fields)),
        safety=safety,
        reference=known_by if isinstance(known_by, str) else known_by.reference,
        trace=None if isinstance(known_by, str) else known_by,
    )
