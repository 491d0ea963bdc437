"""What LoyaltyLion's lists may be narrowed by: neutral names, checks, and its parameters.

The vendor ignores a parameter that it does not know, and returns everything: none is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loyalty_sdk import _checks
from loyalty_sdk._filters import Filter, given_filters, parameters
from loyalty_sdk._models import timestamp
from loyalty_sdk.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_ROWS = 500
"""On one page, https://developers.loyaltylion.com/api-reference/pagination."""


def query(
    operation: str, filters: Mapping[str, Any], known: Mapping[str, Filter], cursor: str | None
) -> dict[str, Any]:
    """The vendor's parameters for one page; filters that are None count as not given.

    A cursor carries the filters: those sent beside it would be ignored
    (https://developers.loyaltylion.com/api-reference/pagination).

    Raises:
        ValidationError: Lists every unknown name and every bad value.
    """
    problems: list[Problem] = []
    given = given_filters(problems, filters, known)
    if {"customer_id", "loyaltylion_customer_id"} <= given.keys():
        problems.append(Problem("loyaltylion_customer_id", "excludes customer_id"))
    _checks.finish(f"the filter of {operation}", problems)
    if cursor is not None:
        return {"cursor": cursor, "limit": given.get("page_size")}
    return parameters(given, known)


# ---------------------------------------------------------------------- checks


def _own_id(problems: list[Problem], path: str, value: object) -> None:
    if not (isinstance(value, str) and value.isascii() and value.isdigit()):
        _checks.integer(problems, path, value)


def _anything(problems: list[Problem], path: str, value: object) -> None:
    """The vendor never sees it."""


# ---------------------------------------------------------------------- the lists

_CREATION = {
    "created_from": Filter("created_at_min", _checks.moment, timestamp),
    "created_until": Filter("created_at_max", _checks.moment, timestamp),
}
_UPDATE = {
    "updated_from": Filter("updated_at_min", _checks.moment, timestamp),
    "updated_until": Filter("updated_at_max", _checks.moment, timestamp),
}
_PAGING = {"page_size": Filter("limit", _checks.between(1, MOST_ROWS))}

ACTIVITIES: Mapping[str, Filter] = {**_CREATION, **_PAGING}
"""https://developers.loyaltylion.com/api-reference/v2/resources/activities/list-activities"""

ORDERS: Mapping[str, Filter] = {**_CREATION, **_UPDATE, **_PAGING}
"""https://developers.loyaltylion.com/api-reference/v2/resources/orders/list-orders"""

TRANSACTIONS: Mapping[str, Filter] = {
    "customer_id": Filter(None, _checks.identifier),
    "loyaltylion_customer_id": Filter("customer_id", _own_id),
    "kinds": Filter(None, _anything),
    **_CREATION,
    **_PAGING,
}
"""https://developers.loyaltylion.com/api-reference/v2/resources/transactions/list-transactions"""

CUSTOMERS: Mapping[str, Filter] = {
    "email": Filter("email", _checks.identifier),
    "sort_field": Filter("sort_field", _checks.one_of("id", "updated_at")),
    "sort_direction": Filter("sort_direction", _checks.one_of("asc", "desc")),
    **ORDERS,
}
"""https://developers.loyaltylion.com/api-reference/v2/resources/customers/list-customers"""
