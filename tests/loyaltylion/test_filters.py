from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from loyalty_sdk.errors import ValidationError
from loyalty_sdk_loyaltylion import LoyaltyLion

if TYPE_CHECKING:
    from loyalty_sdk._flow import Flow, Request

NOON = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
LISTS = ["list_transactions", "list_orders", "list_activities", "list_customers"]


@pytest.fixture(scope="module")
def lion() -> LoyaltyLion:
    """An adapter with nothing but a key."""
    return LoyaltyLion(api_key="pat_1")


def first(flow: Flow[Any]) -> Request:
    """The request that ``flow`` begins with."""
    return next(flow)


def problems(flow: Flow[Any]) -> dict[str, str]:
    """What ``flow`` refuses before it sends anything, by path."""
    with pytest.raises(ValidationError) as caught:
        next(flow)
    return {problem.path: problem.message for problem in caught.value.problems}


@pytest.mark.parametrize("operation", LISTS)
def test_unknown_filters(lion: LoyaltyLion, operation: str) -> None:
    """The vendor ignores unknown parameters: every unknown filter is refused by name."""
    flow = getattr(lion, operation)(None, {"custommer_id": "1", "limit": 5, "page_size": 0})
    found = problems(flow)

    assert {"custommer_id", "limit", "page_size"} == found.keys()
    assert "created_from, created_until" in found["limit"]
    assert "must be between 1 and 500" == found["page_size"]


@pytest.mark.parametrize(
    ("operation", "filters"),
    [
        ("list_transactions", {"page_size": 501}),
        ("list_transactions", {"page_size": "5"}),
        ("list_transactions", {"page_size": True}),
        ("list_transactions", {"created_from": NOON.replace(tzinfo=None)}),
        ("list_transactions", {"created_until": "2026-05-01T10:00:00Z"}),
        ("list_transactions", {"customer_id": 5}),
        ("list_transactions", {"loyaltylion_customer_id": "a1"}),
        ("list_transactions", {"loyaltylion_customer_id": 1.5}),
        ("list_transactions", {"loyaltylion_customer_id": 5, "customer_id": "1"}),
        ("list_activities", {"updated_from": NOON}),
        ("list_activities", {"customer_id": "1"}),
        ("list_orders", {"updated_until": NOON.replace(tzinfo=None)}),
        ("list_customers", {"email": ""}),
        ("list_customers", {"sort_field": "email"}),
        ("list_customers", {"sort_direction": ["asc"]}),
    ],
)
def test_wrong_filters(lion: LoyaltyLion, operation: str, filters: dict[str, Any]) -> None:
    """A filter that is out of range, of another type or another list's is refused."""
    flow = getattr(lion, operation)(None, filters)

    assert [next(iter(filters))] == list(problems(flow))


def test_list_customers_filters(lion: LoyaltyLion) -> None:
    """Customers are narrowed and sorted with the vendor's parameters."""
    filters = {
        "email": "+ann@",
        "sort_field": "updated_at",
        "sort_direction": "asc",
        "updated_from": NOON,
        "updated_until": NOON,
    }
    request = first(lion.list_customers(None, filters))

    assert request.target.startswith("/v2/customers?email=%2Bann%40&sort_field=updated_at")
    assert {
        "email": "+ann@",
        "sort_field": "updated_at",
        "sort_direction": "asc",
        "updated_at_min": "2026-05-01T10:00:00Z",
        "updated_at_max": "2026-05-01T10:00:00Z",
    } == dict(request.query)
