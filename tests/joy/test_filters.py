from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk import TransactionKind, ValidationError
from loyalty_sdk_joy._filters import CUSTOMERS, TRANSACTIONS, query

NOON = datetime(2026, 5, 1, 14, tzinfo=timezone(timedelta(hours=2)))
ONE = {"customer_id": "1001"}
FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
moments = st.datetimes(timezones=st.just(UTC))


def asked(**filters: Any) -> dict[str, Any]:
    """The query of one customer's transactions."""
    return query(ONE | filters, TRANSACTIONS)


def problems(known: Any = TRANSACTIONS, **filters: Any) -> dict[str, str]:
    """What is refused, by path."""
    with pytest.raises(ValidationError) as caught:
        query(filters, known)
    return {problem.path: problem.message for problem in caught.value.problems}


# ------------------------------------------------------------ transactions


def test_every_documented_filter_of_transactions() -> None:
    """Each documented parameter has its neutral name."""
    found = asked(
        joy_customer_id="cust_1",
        type="earn_point",
        event="sign_up",
        source="rest_api",
        created_from=NOON,
        created_until=NOON,
        order="createdAt_asc",
        page_size=1000,
        after="act_9",
        has_count=True,
    )

    assert {
        "shopifyCustomerId": "1001",
        "customerId": "cust_1",
        "type": "earn_point",
        "event": "sign_up",
        "source": "rest_api",
        "created_at_min": "2026-05-01T11:59:59.999Z",
        "created_at_max": "2026-05-01T12:00:00.000Z",
        "order": "createdAt_asc",
        "limit": 1000,
        "after": "act_9",
        "hasCount": True,
    } == found


def test_a_hundred_rows_unless_said_otherwise() -> None:
    """A page has 100 rows by default, and filters that are None are not sent."""
    assert {"limit": 100, "shopifyCustomerId": "1001"} == asked(type=None, before=None)


@pytest.mark.parametrize("name", ["customer_id", "joy_customer_id"])
def test_either_customer_id_will_do(name: str) -> None:
    """A customer is required, by Shopify's id or by Joy's own."""
    assert query({name: "7"}, TRANSACTIONS)
    assert {"customer_id": "is required: Joy lists one customer's transactions"} == problems()


def test_every_bad_value_is_listed() -> None:
    """One error lists everything: unknown names with the known ones, and each bad value."""
    found = problems(
        customer_id="",
        customer="1001",
        kinds="earned",
        type="expire_point",
        source="api",
        created_from=NOON.replace(tzinfo=None),
        order="newest",
        page_size=1001,
        has_count=1,
        after="x",
        before="y",
    )

    assert {
        "customer_id": "must not be empty",
        "customer": (
            "is no filter of this list; it has customer_id, joy_customer_id, kinds, type, event,"
            " source, created_from, created_until, order, page_size, before, after, has_count"
        ),
        "kinds": "wanted a collection of earned, redeemed, adjusted, expired, other, got str",
        "type": "wanted one of earn_point, redeem_point, adjust_point, got str",
        "source": "wanted one of admin, user, rest_api, webhook, got str",
        "created_from": "wanted an aware datetime, got one without a time zone",
        "order": "wanted one of createdAt_desc, createdAt_asc, got str",
        "page_size": "must be between 1 and 1000",
        "has_count": "wanted a bool, got int",
        "before": "goes without after: Joy documents no window of both",
    } == found


@pytest.mark.parametrize("size", [0, -1, 1001, True, "10", 1.0])
def test_page_size_bounds(size: Any) -> None:
    """A page has 1 to 1000 rows."""
    assert ["page_size"] == list(problems(customer_id="1", page_size=size))


@pytest.mark.parametrize("kinds", ["earned", [], ["spent"], 5, [["earned"]]])
def test_kinds_that_are_none(kinds: Any) -> None:
    """Kinds are a collection of neutral kinds."""
    assert ["kinds"] == list(problems(customer_id="1", kinds=kinds))


@pytest.mark.parametrize(
    ("kinds", "narrowed"),
    [
        ((TransactionKind.EARNED,), "earn_point"),
        (["redeemed"], "redeem_point"),
        ({TransactionKind.ADJUSTED, "adjusted"}, "adjust_point"),
        (("expired",), None),
        (("other",), None),
        (("earned", "redeemed"), None),
        (frozenset({"earned", "other"}), None),
    ],
)
def test_kinds_narrow_only_where_joy_can(kinds: Any, narrowed: str | None) -> None:
    """A single kind that Joy has a type for narrows the list; nothing else may lose rows."""
    assert narrowed == asked(kinds=kinds).get("type")


def test_the_type_said_outright_wins() -> None:
    """Joy's own type goes before one derived from the kinds."""
    assert "redeem_point" == asked(kinds=["earned"], type="redeem_point")["type"]


@given(start=moments)
def test_the_window_begins_early_enough(start: datetime) -> None:
    """Even if Joy leaves its own bound out, no row of the first moment is lost; nor is time."""
    bound = asked(created_from=start).get("created_at_min")
    row = start.replace(microsecond=start.microsecond // 1000 * 1000)

    if bound is None:
        assert start - FIRST < timedelta(milliseconds=1)
    else:
        assert timedelta(0) < row - datetime.fromisoformat(bound) <= timedelta(milliseconds=2)


@given(end=moments)
def test_the_window_ends_late_enough(end: datetime) -> None:
    """Even if Joy leaves its own bound out, no row before the last moment is lost."""
    bound = asked(created_until=end).get("created_at_max")

    if bound is None:
        assert LAST - end < timedelta(milliseconds=1)
    else:
        assert timedelta(0) <= datetime.fromisoformat(bound) - end < timedelta(milliseconds=1)


@pytest.mark.parametrize(("name", "moment"), [("created_from", FIRST), ("created_until", LAST)])
def test_no_bound_beyond_the_calendar(name: str, moment: datetime) -> None:
    """From the first moment there is means from the beginning, and until the last, for ever."""
    assert {"limit", "shopifyCustomerId"} == set(asked(**{name: moment}))


# ------------------------------------------------------------ customers


def test_every_documented_filter_of_customers() -> None:
    """Each documented parameter has its neutral name; none is required."""
    found = query(
        {
            "email": "a@example.com",
            "tier_id": "gold",
            "type": "member",
            "updated_from": NOON,
            "updated_until": NOON,
            "created_until": NOON,
            "order": "point_desc",
            "page_size": 20,
            "before": "cust_9",
            "has_count": False,
        },
        CUSTOMERS,
    )

    assert {
        "limit": 20,
        "email": "a@example.com",
        "tierId": "gold",
        "type": "member",
        "updated_at_min": "2026-05-01T11:59:59.999Z",
        "updated_at_max": "2026-05-01T12:00:00.000Z",
        "created_at_max": "2026-05-01T12:00:00.000Z",
        "order": "point_desc",
        "before": "cust_9",
        "hasCount": False,
    } == found
    assert {"limit": 100} == query({}, CUSTOMERS)


def test_customers_have_no_created_from() -> None:
    """Joy lists no lower bound of creation for customers, so there is none to send."""
    assert ["created_from"] == list(problems(CUSTOMERS, created_from=NOON))
