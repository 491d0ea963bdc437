"""What Joy's lists may be narrowed by: neutral names, checks, and Joy's parameters.

Every documented parameter has its filter, and no other name is sent: nothing is known of what
Joy does with parameters it does not know.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from loyalty_sdk import _checks
from loyalty_sdk._filters import Filter, given_filters, parameters
from loyalty_sdk._models import TransactionKind
from loyalty_sdk.errors import Problem

from ._wire import TYPES

PAGE_SIZE = 100
"""Rows at once unless said otherwise; Joy's own defaults are 10 and 20."""

MOST_ROWS = 1000
"""On one page, https://devdocs.joy.so/joy-rest-api-v2/api-references/activities."""

_MILLISECOND = timedelta(milliseconds=1)


def query(filters: Mapping[str, Any], known: Mapping[str, Filter]) -> dict[str, Any]:
    """``filters`` as query parameters; those that are None count as not given.

    Raises:
        ValidationError: Lists every unknown name and every bad value.
    """
    problems: list[Problem] = []
    given = given_filters(problems, filters, known)
    if "before" in given and "after" in given:
        problems.append(Problem("before", "goes without after: Joy documents no window of both"))
    if "customer_id" in known and not given.keys() & {"customer_id", "joy_customer_id"}:
        problems.append(
            Problem("customer_id", "is required: Joy lists one customer's transactions")
        )
    _checks.finish("the list", problems)
    return {"limit": PAGE_SIZE, **parameters(given, known)}


def placed(filters: Mapping[str, Any], cursor: str | None) -> Mapping[str, Any]:
    """``filters`` for the page that ``cursor`` leads to; Joy's cursors carry no filters."""
    if cursor is None:
        return filters
    return {**filters, "after" if filters.get("before") is None else "before": cursor}


# ---------------------------------------------------------------------- checks


def _flag(problems: list[Problem], path: str, value: Any) -> None:
    if not isinstance(value, bool):
        _checks.complain(problems, path, "a bool", value)


def _items(value: Any) -> list[Any]:
    return [*value] if isinstance(value, Collection) else [value]


def _kinds(problems: list[Problem], path: str, value: Any) -> None:
    known = tuple(TransactionKind)
    if isinstance(value, str) or not value or any(kind not in known for kind in _items(value)):
        _checks.complain(problems, path, f"a collection of {', '.join(known)}", value)


# ---------------------------------------------------------------------- conversions


def _type_of(kinds: Any) -> str | None:
    """Joy's ``type`` for ``kinds``; it takes a single one, so more than one can't narrow."""
    distinct = {TransactionKind(kind) for kind in kinds}
    return TYPES.get(distinct.pop()) if len(distinct) == 1 else None


def _earliest(moment: datetime) -> str | None:
    """A bound that keeps rows of ``moment`` even if Joy leaves out its own bound.

    Whether bounds are inclusive is not documented. Where the calendar begins there is no
    bound to ask for.
    """
    try:
        return _milliseconds(moment.astimezone(UTC) - _MILLISECOND)
    except OverflowError:
        return None


def _latest(moment: datetime) -> str | None:
    """A bound that keeps all rows before ``moment``, rounded up to what Joy's times have."""
    try:
        return _milliseconds(moment.astimezone(UTC) + timedelta(microseconds=999))
    except OverflowError:
        return None


def _milliseconds(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


# ---------------------------------------------------------------------- the lists

_PAGING = {
    "page_size": Filter("limit", _checks.between(1, MOST_ROWS)),
    "before": Filter("before", _checks.identifier),
    "after": Filter("after", _checks.identifier),
    "has_count": Filter("hasCount", _flag),
}
_BY_CREATION = ("createdAt_desc", "createdAt_asc")

TRANSACTIONS: Mapping[str, Filter] = {
    "customer_id": Filter("shopifyCustomerId", _checks.identifier),
    "joy_customer_id": Filter("customerId", _checks.identifier),
    "kinds": Filter("type", _kinds, _type_of),
    "type": Filter("type", _checks.one_of(*TYPES.values())),
    "event": Filter("event", _checks.identifier),
    "source": Filter("source", _checks.one_of("admin", "user", "rest_api", "webhook")),
    "created_from": Filter("created_at_min", _checks.moment, _earliest),
    "created_until": Filter("created_at_max", _checks.moment, _latest),
    "order": Filter("order", _checks.one_of(*_BY_CREATION)),
    **_PAGING,
}
"""https://devdocs.joy.so/joy-rest-api-v2/api-references/activities"""

CUSTOMERS: Mapping[str, Filter] = {
    "email": Filter("email", _checks.identifier),
    "tier_id": Filter("tierId", _checks.identifier),
    "type": Filter("type", _checks.one_of("member", "guest", "left")),
    "updated_from": Filter("updated_at_min", _checks.moment, _earliest),
    "updated_until": Filter("updated_at_max", _checks.moment, _latest),
    "created_until": Filter("created_at_max", _checks.moment, _latest),
    "order": Filter(
        "order",
        _checks.one_of(*_BY_CREATION, "updatedAt_desc", "updatedAt_asc", "point_desc", "point_asc"),
    ),
    **_PAGING,
}
"""https://devdocs.joy.so/joy-rest-api-v2/api-references/customers; no ``created_at_min`` there."""
