from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk._flow import Response
from loyalty_sdk._models import Customer, Transaction, TransactionKind
from loyalty_sdk.errors import LoyaltyError, MalformedResponseError
from loyalty_sdk_loyaltylion import (
    ActivityRecord,
    CustomerRecord,
    CustomerSummary,
    OrderRecord,
    RuleSummary,
    Site,
)
from loyalty_sdk_loyaltylion._wire import (
    read_cursor,
    read_identity,
    read_order,
    read_records,
    read_refusal,
    read_transactions,
)

SHOPPER = {
    "id": 1001,
    "merchant_id": "5000001",
    "email": "shopper@example.com",
    "points_pending": 0,
    "points_approved": 550,
    "points_spent": 0,
}
EARNED = {
    "id": 8002,
    "customer": SHOPPER,
    "points_approved": 50,
    "points_pending": -7,
    "created_at": "2026-05-01T10:00:05.250Z",
    "resource": "activity",
    "activity": {
        "id": 9001,
        "merchant_id": "review-77",
        "value": 50,
        "state": "approved",
        "customer": SHOPPER,
        "created_at": "2026-05-01T10:00:00.000Z",
        "rule": {"id": 31, "name": "review", "title": "Write a review"},
        "resource": None,
    },
}
ADJUSTED = {
    "id": 8001,
    "customer": SHOPPER,
    "points_approved": -100,
    "points_pending": 0,
    "created_at": "2026-04-30T09:00:00.000Z",
    "resource": "adjustment",
    "adjustment": {"note": "Goodwill"},
}
# A part of another type: the page is then read row by row.
ODD = {**ADJUSTED, "id": 1, "customer": {"merchant_id": "1", "email": 5}}


def encoded(value: object) -> bytes:
    """``value`` as a body."""
    return json.dumps(value).encode()


def page(*rows: object, cursor: object = None) -> bytes:
    """A page of transactions as a body."""
    return encoded({"transactions": rows, "cursor": cursor})


def one(row: object) -> Transaction:
    """``row`` as the fast path reads it, having made sure that the other reads it alike."""
    (fast,) = read_transactions(page(row)).items
    slow, _ = read_transactions(page(row, ODD)).items
    assert fast == slow
    return fast


def malformed(body: bytes) -> str | None:
    """Where ``body`` stops being a page of transactions."""
    with pytest.raises(MalformedResponseError) as caught:
        read_transactions(body)
    return caught.value.path


# ------------------------------------------------------------ where a page leads


@pytest.mark.parametrize(
    ("body", "cursor"),
    [
        (page(EARNED, cursor={"prev": "a", "next": "b"}), "b"),
        (page(EARNED, cursor={"prev": "a", "next": None}), None),
        (page(EARNED, cursor={"next": ""}), None),
        (page(EARNED), None),
        (encoded({"transactions": [EARNED]}), None),
        (json.dumps({"orders": [], "cursor": {"next": "b"}}, indent=2).encode() + b"\n", "b"),
        (encoded({"cursor": {"next": "b"}, "transactions": [EARNED]}), "b"),
        (encoded({"cursor": {"next": "b"}, "a": [{"cursor": {"next": "c"}}]}), "b"),
        (encoded({"cursor": {"next": "b", "cursor": {"next": "c"}}}), "b"),
        (encoded({"cursor": {"next": "b"}, "a": '"cursor": {"next": "c"}}'}), "b"),
        (encoded({"cursor": {"next": "b"}, "a": {"cursor": {"next": "c"}}}), "b"),
    ],
)
def test_where_any_page_leads(body: bytes, cursor: str | None) -> None:
    """The cursor is read alone, wherever it stands and whatever looks like it."""
    assert cursor == read_cursor(Response(status=200, body=body))


@pytest.mark.parametrize("body", [b"", b"{", b'"cursor"', encoded({"cursor": {"next": 5}})])
def test_a_page_that_leads_nowhere_known(body: bytes) -> None:
    """What cannot be read as a cursor is none."""
    with pytest.raises(MalformedResponseError):
        read_cursor(Response(status=200, body=body))


# ------------------------------------------------------------ transactions


def test_earned_row() -> None:
    """A row of an activity is earned points, and its reason is the rule's title."""
    expected = Transaction(
        id="8002",
        customer=Customer(id="5000001", email="shopper@example.com"),
        points=50,
        pending=-7,
        balance=None,
        kind=TransactionKind.EARNED,
        created_at=datetime(2026, 5, 1, 10, 0, 5, 250_000, tzinfo=UTC),
        reason="Write a review",
        order_id=None,
    )

    assert expected == one(EARNED)


def test_adjusted_row() -> None:
    """A row of an adjustment has its note for a reason."""
    row = one(ADJUSTED)

    assert (TransactionKind.ADJUSTED, -100, "Goodwill") == (row.kind, row.points, row.reason)


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        ("activity", "earned"),
        ("adjustment", "adjusted"),
        ("claimed_reward", "redeemed"),
        ("expiry", "expired"),
        ("lottery", "other"),
        ("", "other"),
        (None, "other"),
        (5, "other"),
        (["activity"], "other"),
    ],
)
def test_kinds(resource: object, kind: str) -> None:
    """The resource decides the kind; one that nobody knows yet is `other`."""
    assert TransactionKind(kind) is one({**ADJUSTED, "resource": resource}).kind


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"name": "review", "title": "Write"}, "Write"),
        ({"name": "review", "title": None}, "review"),
        ({"name": "review"}, "review"),
        ({"id": None, "name": None, "title": None}, None),
        ({}, None),
        (None, None),
        ("review", None),
        ({"name": "review", "title": 5}, "review"),
    ],
)
def test_reason_of_a_rule(rule: object, reason: str | None) -> None:
    """The reason is the rule's title, its name where it has none, or nothing."""
    assert reason == one({**EARNED, "activity": {"rule": rule}}).reason


@pytest.mark.parametrize(
    ("order", "order_id"),
    [
        ({"merchant_id": "A-1"}, "A-1"),
        ({"merchant_id": 100045}, "100045"),
        ({"merchant_id": None}, None),
        ({"merchant_id": ""}, None),
        ({"id": 5}, None),
        (None, None),
        ("A-1", None),
    ],
)
def test_order_behind_a_row(order: object, order_id: str | None) -> None:
    """Where an order earned the points, the row names it by the merchant's id."""
    activity = {**EARNED, "activity": {"resource": "order", "order": order}}

    assert order_id == one(activity).order_id


@pytest.mark.parametrize(
    ("customer", "expected"),
    [
        ({"merchant_id": "1"}, Customer(id="1")),
        ({"merchant_id": 5000001, "email": None}, Customer(id="5000001")),
        ({"merchant_id": "1", "email": 5}, Customer(id="1")),
        ({"id": 1001, "merchant_id": None}, None),
        ({"id": 1001, "merchant_id": ["1"]}, None),
        ({}, None),
        (None, None),
        ("1", None),
    ],
)
def test_customer_of_a_row(customer: object, expected: Customer | None) -> None:
    """The customer has the merchant's id, be it text or a number; without it there is none."""
    assert expected == one({**EARNED, "customer": customer}).customer


@pytest.mark.parametrize("name", ["customer", "activity", "adjustment", "resource"])
def test_absent_and_null_are_the_same(name: str) -> None:
    """A part that is null reads like one that is not there."""
    row = {**EARNED, **ADJUSTED}
    absent = {key: value for key, value in row.items() if key != name}

    assert one(absent) == one({**row, name: None})


@pytest.mark.parametrize("name", ["points_approved", "points_pending"])
def test_no_points(name: str) -> None:
    """Points that are absent or null are no change."""
    absent = {key: value for key, value in EARNED.items() if key != name}

    for row in (one(absent), one({**EARNED, name: None})):
        assert 0 == (row.points if name == "points_approved" else row.pending)


@pytest.mark.parametrize("name", ["points_approved", "points_pending"])
@pytest.mark.parametrize("points", ["12", 1.9, 1.0, True, [], {}])
def test_points_are_never_coerced(name: str, points: object) -> None:
    """Points that are no integer fail the page, and the path says where."""
    assert f"$.transactions[1].{name}" == malformed(page(EARNED, {**EARNED, name: points}))


@pytest.mark.parametrize("name", ["id", "created_at"])
@pytest.mark.parametrize("value", [None, "", [], 1.5, True, ...])
def test_rows_need_id_and_time(name: str, value: object) -> None:
    """A row without id or time fails the page, and the path says where."""
    row = {**ADJUSTED, name: value}
    if value is ...:
        del row[name]

    assert f"$.transactions[3].{name}" == malformed(page(ADJUSTED, ODD, ADJUSTED, row))


@pytest.mark.parametrize(
    "time",
    [
        "2026-05-01T10:00:00",
        "2026-05-01",
        "soon",
        1714557600,
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_times_are_moments(time: object) -> None:
    """A time without an offset is no moment, and one that UTC does not have is none either."""
    assert "$.transactions[0].created_at" == malformed(page({**ADJUSTED, "created_at": time}))


def test_times_are_utc() -> None:
    """A time with another offset is the same moment in UTC."""
    row = one({**ADJUSTED, "created_at": "2026-05-01T12:00:00.5+02:00"})

    assert "2026-05-01T10:00:00.500000+00:00" == row.created_at.isoformat()


@pytest.mark.parametrize(
    ("own_id", "expected"), [(8001, "8001"), ("x1", "x1"), (10**20, "1" + "0" * 20)]
)
def test_ids_are_text(own_id: object, expected: str) -> None:
    """An id is text, whether it came as text or as a number."""
    assert expected == one({**ADJUSTED, "id": own_id}).id


@pytest.mark.parametrize("rows", [[EARNED, ADJUSTED], [EARNED, ODD]])
def test_raw(rows: list[Any]) -> None:
    """Every row keeps everything the vendor sent, however the page was read."""
    rows = [{**row, "new_field": {"a": [1]}} for row in rows]

    assert rows == [row.raw for row in read_transactions(page(*rows)).items]


@pytest.mark.parametrize(
    ("cursor", "following"),
    [
        ({"prev": None, "next": "abc"}, "abc"),
        ({"prev": "abc", "next": None}, None),
        ({"next": ""}, None),
        ({}, None),
        (None, None),
    ],
)
@pytest.mark.parametrize("rows", [[], [ADJUSTED], [ODD]])
def test_cursor(rows: list[Any], cursor: object, following: str | None) -> None:
    """The page after this one is where the body's cursor says, if it says anything."""
    found = read_transactions(page(*rows, cursor=cursor))

    assert (len(rows), following) == (len(found.items), found.cursor)


@pytest.mark.parametrize("cursor", [5, "abc", [], {"next": 5}, {"next": ["a"]}])
def test_unreadable_cursor(cursor: object) -> None:
    """A cursor that cannot be followed fails the page: taken for none it would end the list."""
    path = malformed(page(ADJUSTED, cursor=cursor))

    assert path is not None
    assert path.startswith("$.cursor")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", None),
        (b"<html>", None),
        (b"\xff", None),
        (b'{"transactions": [', None),
        (b"null", "$"),
        (b"[]", "$"),
        (b"5", "$"),
        (b"{}", "$.transactions"),
        (b'{"transactions": null}', "$.transactions"),
        (b'{"transactions": {}}', "$.transactions"),
        (b'{"transactions": [null]}', "$.transactions[0]"),
        (b'{"transactions": [[]]}', "$.transactions[0]"),
    ],
)
def test_no_page(body: bytes, path: str | None) -> None:
    """What is no page of transactions is refused, and the path says where it stops being one."""
    assert path == malformed(body)


def test_deep_nesting() -> None:
    """JSON too deep to read is refused like any other answer that cannot be read."""
    assert malformed(b'{"transactions": ' + b"[" * 100_000) is None


# All of Unicode takes a second to prepare, more than all these tests.
TEXT = st.text('a1"\\\n\x00é\u2028😀', max_size=5)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
ROWS = st.fixed_dictionaries(
    {
        "id": st.integers(0) | TEXT.filter(bool),
        "created_at": st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(  # noqa: DTZ001 - made aware below
            lambda moment: moment.isoformat() + "Z"
        ),
    },
    optional={
        "points_approved": st.none() | st.integers(),
        "points_pending": st.none() | st.integers(),
        "resource": JSON | st.sampled_from(["activity", "adjustment", "expiry"]),
        "customer": JSON | st.fixed_dictionaries({}, optional={"merchant_id": JSON, "email": JSON}),
        "activity": JSON | st.fixed_dictionaries({"rule": JSON, "order": JSON}),
        "adjustment": JSON | st.fixed_dictionaries({"note": JSON}),
        "new": JSON,
    },
)


@given(rows=st.lists(ROWS, max_size=4))
def test_rows_with_id_and_time_are_read(rows: list[dict[str, Any]]) -> None:
    """Whatever else a row holds, with an id and a time it is read, in order and alike."""
    alone = [read_transactions(page(row)).items[0] for row in rows]
    together = read_transactions(page(*rows, ODD)).items[:-1]

    assert alone == list(together)
    assert [str(row["id"]) for row in rows] == [row.id for row in together]
    assert [row.get("points_approved") or 0 for row in rows] == [row.points for row in together]


@given(data=st.data())
def test_only_our_errors(data: st.DataObject) -> None:
    """A body that was tampered with is read, or refused with an error of ours."""
    body = bytearray(page(EARNED, ADJUSTED, cursor={"next": "abc"}))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    for read in (read_transactions, read_refusal, read_order, read_identity):
        try:
            read(bytes(body))
        except LoyaltyError as error:
            assert isinstance(error, MalformedResponseError)  # noqa: PT017 - one of many bodies


# ------------------------------------------------------------ everything else


def test_customers() -> None:
    """A customer has the vendor's fields under the vendor's names, and the rest in raw."""
    row = {
        "id": 1001,
        "merchant_id": "5000001",
        "email": None,
        "points_approved": 550,
        "blocked": False,
        "enrolled": True,
        "enrolled_at": "2025-05-12T20:46:40.377Z",
        "birthday": "1990-05-15",
        "linked_merchant_ids": ["7", "8"],
        "loyalty_tier_membership": {"loyalty_tier": {"id": 5, "name": "Gold"}},
        "raw": 5,
    }
    (found,) = read_records(encoded({"customers": [row]}), "customers", CustomerRecord).items
    expected = CustomerRecord(
        id="1001",
        merchant_id="5000001",
        points_approved=550,
        blocked=False,
        enrolled=True,
        enrolled_at=datetime(2025, 5, 12, 20, 46, 40, 377_000, tzinfo=UTC),
        birthday="1990-05-15",
        linked_merchant_ids=("7", "8"),
    )

    assert (expected, row) == (found, found.raw)
    assert hash(expected) == hash(found)


def test_activities() -> None:
    """An activity has its rule and its customer, with ids as text."""
    row = {**EARNED["activity"], "rule": {"id": 31, "name": "review", "title": None}}  # type: ignore[dict-item]
    found = read_records(encoded({"activities": [row]}), "activities", ActivityRecord)
    expected = ActivityRecord(
        id="9001",
        merchant_id="review-77",
        value=50,
        state="approved",
        customer=CustomerSummary(
            id="1001",
            merchant_id="5000001",
            email="shopper@example.com",
            points_pending=0,
            points_approved=550,
            points_spent=0,
        ),
        created_at=datetime(2026, 5, 1, 10, tzinfo=UTC),
        rule=RuleSummary(id="31", name="review"),
    )

    assert (expected,) == found.items


def test_orders() -> None:
    """An order's money is decimal, and a state nobody knows yet is read as it is."""
    row = {
        "id": 7001,
        "merchant_id": 100045,
        "total": "99.90",
        "total_paid": "much",
        "payment_status": "bartered",
        "created_at": "2026-05-01T10:00:00",
    }
    (found,) = read_records(encoded({"orders": [row]}), "orders", OrderRecord).items

    assert (
        OrderRecord(
            merchant_id="100045", id="7001", total=Decimal("99.90"), payment_status="bartered"
        )
        == found
    )
    assert "99.90" == str(found.total)
    assert row == found.raw


def test_sites() -> None:
    """A site has currencies and languages."""
    body = encoded({"sites": [{"id": 501, "program_id": 22, "currencies": ["usd"]}]})

    assert (Site(id="501", program_id="22", currencies=("usd",)),) == read_records(
        body, "sites", Site
    ).items


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"orders": [{"merchant_id": "1"}, {}]}', "$.orders[1].merchant_id"),
        (b'{"orders": [{"merchant_id": ["1"]}]}', "$.orders[0].merchant_id"),
        (b'{"orders": ["1"]}', "$.orders[0]"),
        (b'{"orders": "1"}', "$.orders"),
        (b"{}", "$.orders"),
        (b"[]", "$"),
        (b"", None),
    ],
)
def test_unreadable_records(body: bytes, path: str | None) -> None:
    """A record without its id fails the page, and the path says where."""
    with pytest.raises(MalformedResponseError) as caught:
        read_records(body, "orders", OrderRecord)

    assert path == caught.value.path


def test_records_pickle() -> None:
    """A record pickles with all the vendor sent."""
    found = read_order(b'{"merchant_id": "A-1", "refunds": [{"amount": "5.00"}]}')
    copy = pickle.loads(pickle.dumps(found))  # noqa: S301 - ours

    assert (found, found.raw) == (copy, copy.raw)


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"order": {"merchant_id": "A-1"}}', b'""'])
def test_unreadable_order(body: bytes) -> None:
    """An order is a bare object with an id; anything else is refused."""
    with pytest.raises(MalformedResponseError):
        read_order(body)


@pytest.mark.parametrize(
    ("identity", "program", "scopes"),
    [
        ({"program_id": 22, "scopes": ["a", "b"]}, "22", ("a", "b")),
        ({"program_id": "22", "scopes": []}, "22", ()),
        ({"program_id": 22, "scopes": None, "kind": "new"}, "22", None),
        ({"program_id": 22, "scopes": "all"}, "22", None),
    ],
)
def test_identity(identity: dict[str, Any], program: str, scopes: object) -> None:
    """An identity is its program, and its scopes where the vendor says them."""
    found = read_identity(encoded({"identity": identity}))

    assert (program, scopes, identity) == (found.program, found.scopes, found.raw)


@pytest.mark.parametrize("body", [b"{}", b'{"identity": null}', b'{"identity": {}}', b"[]"])
def test_unreadable_identity(body: bytes) -> None:
    """Without a program there is no identity."""
    with pytest.raises(MalformedResponseError):
        read_identity(body)


# ------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("answer", "message", "code", "details"),
    [
        ({"error": {"message": "No"}}, "No", None, {}),
        ({"error": {"message": "No", "details": {"a": "b"}}}, "No", None, {"a": "b"}),
        ({"error": {"message": "No", "details": ["a"]}}, "No", None, {"details": ["a"]}),
        ({"error": {"message": "No", "details": None}}, "No", None, {"details": None}),
        ({"error": {"code": "rate_limited"}}, None, "rate_limited", {}),
        ({"error": {"message": 5, "code": 7}}, None, None, {"message": 5, "code": 7}),
        ({"error": {"message": "", "extra": 1}, "more": 2}, None, None, {"extra": 1, "more": 2}),
        ({"error": "No"}, "No", None, {}),
        ({"error": "No", "rule": "review"}, "No", None, {"rule": "review"}),
        ({"error": None}, None, None, {}),
        ({"error": ["a"]}, None, None, {"error": ["a"]}),
        ({"message": "No"}, "No", None, {}),
        ({}, None, None, {}),
    ],
)
def test_refusal(
    answer: object, message: str | None, code: str | None, details: dict[str, Any]
) -> None:
    """A refusal's words are an object, a text or missing; what else is said are details."""
    found = read_refusal(encoded(answer))

    assert (message, code, details) == (found.message, found.code, found.details)


@pytest.mark.parametrize(
    "body", [b"", b" ", b"<html>", b"[]", b"5", b"null", b'"no"', b"{", b"\xff"]
)
def test_wordless_refusal(body: bytes) -> None:
    """An answer that is no JSON object says nothing, and is no error of its own."""
    found = read_refusal(body)

    assert (None, None, {}) == (found.message, found.code, found.details)
