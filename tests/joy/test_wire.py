from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loyalty_sdk import Customer, LoyaltyError, Response, Transaction, TransactionKind
from loyalty_sdk.errors import (
    APIError,
    AuthenticationError,
    MalformedResponseError,
    NotFoundError,
    ServerError,
)
from loyalty_sdk_joy import _wire

ROW = {
    "id": "act_1",
    "customerId": "cust_1",
    "shopifyCustomerId": "7800000000001",
    "email": "ann@example.com",
    "type": "earn_point",
    "oldPoint": 100,
    "newPoint": 150,
    "earnPoint": 50,
    "createdAt": "2026-05-01T08:30:00.123Z",
}
# A part that the fast path cannot read, beside everything else that it can.
ODD: dict[str, Any] = {"reason": 7}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def answer(content: object, status: int = 200) -> Response:
    """``content`` as it comes over the wire."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Response(status=status, body=body)


def page(*rows: object, **members: Any) -> Response:
    """A page of ``rows``."""
    return answer({"success": True, "data": list(rows), **members})


def read(**changes: Any) -> Transaction:
    """The transaction of `ROW` with ``changes``; None takes a member away."""
    row = {key: value for key, value in (ROW | changes).items() if value is not None}
    (fast,), _ = _wire.read_transactions(page(row))
    (slow, _), _ = _wire.read_transactions(page(row, ROW | ODD))
    (nulls,), _ = _wire.read_transactions(page(ROW | changes))
    assert fast == slow == nulls
    assert row == fast.raw == slow.raw
    return fast


def trouble(*rows: object) -> str | None:
    """Where reading ``rows`` stops."""
    with pytest.raises(MalformedResponseError) as caught:
        _wire.read_transactions(page(*rows))
    assert str(caught.value.path) in str(caught.value)
    return caught.value.path


# ------------------------------------------------------------ transactions


def test_a_row_in_neutral_words() -> None:
    """Joy's Activity becomes a transaction, and all of it stays in raw."""
    row = read(reason="why", orderId=4711)

    assert (
        Transaction(
            id="act_1",
            customer=Customer(id="7800000000001", email="ann@example.com"),
            points=50,
            pending=0,
            balance=150,
            kind=TransactionKind.EARNED,
            created_at=datetime(2026, 5, 1, 8, 30, 0, 123000, tzinfo=UTC),
            reason="why",
            order_id="4711",
        )
        == row
    )
    assert "cust_1" == row.raw["customerId"]
    assert UTC is row.created_at.tzinfo


def test_rows_pickle_with_their_raw() -> None:
    """A row from a page can go to another process."""
    row = read()
    other = pickle.loads(pickle.dumps(row))  # noqa: S301 - our own pickle

    assert row == other
    assert row.raw == other.raw


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("earn_point", "earned"),
        ("redeem_point", "redeemed"),
        ("adjust_point", "adjusted"),
        ("expire_point", "expired"),
        ("earnPoint", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_kinds(name: str | None, kind: str) -> None:
    """Types that nobody knows are of kind other, and fail no page."""
    assert kind == read(type=name).kind


@pytest.mark.parametrize(
    ("amounts", "points", "pending", "balance"),
    [
        ({"oldPoint": 100, "newPoint": 50, "spendPoint": 50}, -50, 0, 50),
        ({"oldPoint": 0, "newPoint": 0, "earnPoint": 9}, 0, 0, 0),
        ({"earnPoint": 9}, 9, 0, None),
        ({"spendPoint": 9}, -9, 0, None),
        ({"earnPoint": "", "spendPoint": 9, "newPoint": ""}, -9, 0, None),
        ({"newPoint": 7, "earnPoint": 5}, 5, 0, 7),
        ({"oldPoint": 7, "newPoint": -3}, -10, 0, -3),
        ({}, 0, 0, None),
        ({"earnPoint": 2**70}, 2**70, 0, None),
        ({"oldPoint": 9, "newPoint": 9, "earnPoint": 5, "isPendingPointPlaceOrder": True}, 0, 5, 9),
        ({"earnPoint": 5, "isPendingPointPlaceOrder": True}, 0, 5, None),
        ({"earnPoint": 5, "isPendingPointPlaceOrder": False}, 5, 0, None),
        ({"oldPoint": 1, "newPoint": 6, "isPendingPointPlaceOrder": True}, 5, 0, 6),
        ({"oldPoint": 1, "newPoint": 6, "earnPoint": 5, "isPendingPointPlaceOrder": True}, 5, 0, 6),
    ],
)
def test_points(amounts: dict[str, Any], points: int, pending: int, balance: int | None) -> None:
    """Balances decide where both are there, else what was earned or spent; pending is the rest."""
    row = read(**{"oldPoint": None, "newPoint": None, "earnPoint": None, **amounts})

    assert (points, pending, balance) == (row.points, row.pending, row.balance)


@given(old=st.integers(), new=st.integers())
def test_points_are_the_difference_of_balances(old: int, new: int) -> None:
    """Whatever the balances are, the row's points lead from one to the other."""
    row = read(oldPoint=old, newPoint=new)

    assert new == old + row.points == row.balance


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ({"reason": "a", "userNote": "b", "content": "c"}, "a"),
        ({"userNote": "b", "content": "c"}, "b"),
        ({"reason": "", "content": "c"}, "c"),
        ({"reason": "", "content": ""}, None),
        ({}, None),
    ],
)
def test_reason(texts: dict[str, str], reason: str | None) -> None:
    """The reason is Joy's reason, else what the shopper reads, else what happened."""
    assert reason == read(**texts).reason


@pytest.mark.parametrize("given_id", ["7800000000001", 7800000000001])
def test_customer_ids_are_text(given_id: str | int) -> None:
    """Shopify's ids come as text or as a number, and always leave as text."""
    customer = read(shopifyCustomerId=given_id).customer

    assert customer == Customer(id="7800000000001", email="ann@example.com")


@pytest.mark.parametrize("given_id", [None, ""])
def test_no_customer(given_id: str | None) -> None:
    """Where Joy gives no Shopify id, there is no customer to name."""
    assert read(shopifyCustomerId=given_id).customer is None


def test_equal_customers_are_one() -> None:
    """Rows of one customer share the customer."""
    rows, _ = _wire.read_transactions(page(ROW, ROW | {"id": "act_2"}))

    assert rows[0].customer is rows[1].customer


def test_times_in_other_offsets() -> None:
    """A time with another offset is the same moment in UTC."""
    row = read(createdAt="2026-05-01T10:30:00.123+02:00")

    assert datetime(2026, 5, 1, 8, 30, 0, 123000, tzinfo=UTC) == row.created_at
    assert UTC is row.created_at.tzinfo


@pytest.mark.parametrize(
    "odd",
    [
        {"reason": 7},
        {"email": ["x"]},
        {"type": 3},
        {"orderId": {}},
        {"orderId": ""},
        {"shopifyCustomerId": 1.5},
        {"earnPoint": "50"},
        {"isPendingPointPlaceOrder": "yes"},
    ],
)
def test_a_part_of_another_type_reads_as_absent(odd: dict[str, Any]) -> None:
    """One odd part costs itself, not the row, the page or the rows beside it."""
    rows, _ = _wire.read_transactions(page(ROW, ROW | odd, ROW))
    (absent,), _ = _wire.read_transactions(page(ROW | dict.fromkeys(odd)))

    assert absent == rows[1]
    assert rows[0] == rows[2] != attrs.evolve(rows[0], points=1)
    assert ROW | odd == rows[1].raw


@pytest.mark.parametrize(
    ("odd", "path"),
    [
        ({"id": None}, "$.data[1].id"),
        ({"id": ""}, "$.data[1].id"),
        ({"id": 1.5}, "$.data[1].id"),
        ({"createdAt": None}, "$.data[1].createdAt"),
        ({"createdAt": "yesterday"}, "$.data[1].createdAt"),
        ({"createdAt": 1777624200}, "$.data[1].createdAt"),
        ({"createdAt": "2026-05-01T08:30:00.123"}, "$.data[1].createdAt"),
        ({"createdAt": "0001-01-01T00:00:00+02:00"}, "$.data[1].createdAt"),
        ({"oldPoint": "100"}, "$.data[1].oldPoint"),
        ({"newPoint": 150.5}, "$.data[1].newPoint"),
        ({"newPoint": True, "oldPoint": []}, "$.data[1].oldPoint"),
        ({"oldPoint": None, "earnPoint": "50"}, "$.data[1].earnPoint"),
        ({"oldPoint": None, "isPendingPointPlaceOrder": 1}, "$.data[1].isPendingPointPlaceOrder"),
    ],
)
def test_rows_without_id_time_or_readable_points(odd: dict[str, Any], path: str) -> None:
    """A row without id or time, or whose points can't be told, fails and is named."""
    assert path == trouble(ROW, ROW | odd)


@pytest.mark.parametrize("row", [None, [], "act_1", 5])
def test_rows_that_are_none(row: object) -> None:
    """A row is an object."""
    assert "$.data[1]" == trouble(ROW, row)


# ------------------------------------------------------------ envelopes


def test_pagination() -> None:
    """What Joy says of further rows comes along, whichever path read the page."""
    told = {"hasNext": True, "hasPre": False, "total": 45, "totalPage": 5}
    expected = _wire.Pagination(hasNext=True, hasPre=False, total=45, totalPage=5)

    assert expected == _wire.read_transactions(page(ROW, meta={"pagination": told}))[1]
    assert expected == _wire.read_transactions(page(ROW | ODD, meta={"pagination": told}))[1]


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"meta": None},
        {"meta": {}},
        {"meta": {"pagination": None}},
        {"meta": 5},
        {"meta": {"pagination": "x"}},
        {"meta": {"pagination": {"hasNext": "no"}}},
    ],
)
def test_no_word_about_pagination(members: dict[str, Any]) -> None:
    """Where Joy says nothing readable about further rows, that is not taken for a no."""
    assert _wire.Pagination() == _wire.read_transactions(page(ROW, **members))[1]


@pytest.mark.parametrize(
    ("members", "last"),
    [
        ({}, "7"),
        ({"meta": None}, "7"),
        ({"meta": {}}, "7"),
        ({"meta": {"pagination": {"hasNext": True}}}, "7"),
        ({"meta": {"pagination": {"hasNext": False}}}, None),
        ({"meta": {"pagination": {"hasNext": True}}, "data": []}, None),
        ({"success": False}, None),
    ],
)
def test_where_any_page_leads(members: dict[str, Any], last: str | None) -> None:
    """The last row's id is read alone, where it may lead on."""
    assert last == _wire.read_last_id(page(**{"data": [ROW, {"id": 7, **ODD}], **members}))


@pytest.mark.parametrize("data", [None, [{}], [7], [{"id": ""}]])
def test_a_page_that_leads_nowhere_known(data: object) -> None:
    """What has no id does not lead on."""
    with pytest.raises(MalformedResponseError):
        _wire.read_last_id(page(data=data))


@pytest.mark.parametrize("success", [False, "false", "true", 0, 1, []])
@pytest.mark.parametrize("row", [ROW, ROW | ODD])
def test_no_success(success: object, row: dict[str, Any]) -> None:
    """A read whose success is anything but true is an error, even with rows beside it."""
    with pytest.raises(APIError):
        _wire.read_transactions(answer({"success": success, "data": [row]}))


@pytest.mark.parametrize("members", [{}, {"success": None}, {"success": True}])
@pytest.mark.parametrize("row", [ROW, ROW | ODD])
def test_success_left_out(members: dict[str, Any], row: dict[str, Any]) -> None:
    """A read needs no word of success: absent and null are the same."""
    rows, _ = _wire.read_transactions(answer({**members, "data": [row]}))

    assert ["act_1"] == [row.id for row in rows]


def test_the_error_of_a_2xx_without_success() -> None:
    """It is of the class that Joy's own status asks for, with all that Joy said."""
    error = {"message": "Customer not found", "code": "NOT_FOUND", "statusCode": 404}
    with pytest.raises(NotFoundError) as caught:
        _wire.read_customer(answer({"success": False, "error": {**error, "details": {"a": 1}}}))

    assert 200 == caught.value.status
    assert "NOT_FOUND" == caught.value.code
    assert "Customer not found" == caught.value.vendor_message
    assert {"a": 1} == caught.value.details
    assert "HTTP 200, but no success: Customer not found" == caught.value.message


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        ({"statusCode": 401}, AuthenticationError, None),
        ({"statusCode": 503, "message": "down"}, ServerError, "down"),
        ({"statusCode": 200, "message": "odd"}, APIError, "odd"),
        ({"statusCode": "404"}, APIError, None),
        ({"statusCode": 404.0}, APIError, None),
        ("Customer not found", APIError, "Customer not found"),
        (None, APIError, None),
        (["x"], APIError, None),
    ],
)
def test_the_class_of_a_2xx_without_success(
    error: object, kind: type[APIError], message: str | None
) -> None:
    """A status that is none, or a success, leaves the general class."""
    with pytest.raises(APIError) as caught:
        _wire.read_transactions(answer({"success": False, "error": error}))

    assert kind is type(caught.value)
    assert message == caught.value.vendor_message


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"[]", "$"),
        (b'{"success": true}', "$.data"),
        (b'{"success": true, "data": null}', "$.data"),
        (b'{"success": true, "data": {}}', "$.data"),
        (b"", None),
        (b"<html>", None),
        (b'{"data": [', None),
        (b"\xff", None),
        (b'{"data": [{"id": NaN}]}', None),
        (b'{"data": [{"id": "\\ud800"}]}', None),
        (b'{"data": ' + b"[" * 100_000, None),
    ],
)
def test_bodies_that_are_no_list(body: bytes, path: str | None) -> None:
    """What is no list of rows is malformed, and never an empty page."""
    with pytest.raises(MalformedResponseError) as caught:
        _wire.read_transactions(answer(body))

    assert path == caught.value.path


@given(row=json_values, success=json_values, meta=json_values)
def test_only_our_errors_escape(row: Any, success: Any, meta: Any) -> None:
    """Whatever the answer holds, reading it succeeds or raises an error of this library."""
    content = answer({"success": success, "data": [ROW, row], "meta": meta})
    for reader in (_wire.read_transactions, _wire.read_customers):
        try:
            reader(content)
        except LoyaltyError:
            continue


@given(name=st.sampled_from(sorted(ROW | ODD)), value=json_values)
def test_a_changed_member_never_changes_another(name: str, value: Any) -> None:
    """One member with a strange value either fails the row or leaves the others alone."""
    try:
        (row,), _ = _wire.read_transactions(page(ROW | {name: value}))
    except MalformedResponseError as error:
        assume(error.path != f"$.data[0].{name}")
        raise
    untouched = {
        "id": row.id == "act_1",
        "createdAt": row.created_at == datetime(2026, 5, 1, 8, 30, 0, 123000, tzinfo=UTC),
        "type": row.kind is TransactionKind.EARNED,
        "email": row.customer is None or row.customer.email == "ann@example.com",
        "newPoint": row.balance == 150,
    }
    assert [] == [part for part, same in untouched.items() if not same and part != name]


# ------------------------------------------------------------ single objects


def test_one_transaction() -> None:
    """A single transaction reads like a row, and an odd part costs only itself."""
    row = _wire.read_transaction(answer({"success": True, "data": ROW | ODD}))

    assert read() == row
    assert ROW | ODD == row.raw


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (None, "$.data"),
        ([], "$.data"),
        ({}, "$.data.id"),
        (ROW | {"createdAt": "0001-01-01T00:00:00+02:00"}, "$.data.createdAt"),
    ],
)
def test_no_transaction(data: object, path: str) -> None:
    """A single transaction needs its id and its time."""
    with pytest.raises(MalformedResponseError) as caught:
        _wire.read_transaction(answer({"success": True, "data": data}))

    assert path == caught.value.path


def test_the_row_of_an_acknowledged_write() -> None:
    """A write that brings its row back hands it on."""
    assert read() == _wire.read_acknowledged(answer({"success": True, "data": ROW}))


@pytest.mark.parametrize(
    "content",
    [
        {"success": True, "data": {}},
        {"success": True, "data": {"id": "act_1"}},
        {"success": True, "data": ROW | {"newPoint": "x"}},
        {"success": True, "data": [ROW]},
        {"success": True},
        {"success": False, "data": ROW},
        [],
        b"",
        b"<html>",
    ],
)
def test_no_row_in_an_acknowledgement(content: object) -> None:
    """What a write brings back is not documented: anything but a row is no row, and no error."""
    assert _wire.read_acknowledged(answer(content)) is None


def test_a_customer() -> None:
    """Joy's customer with its own names; money is exact, ids are text."""
    row = {
        "id": "cust_1",
        "shopifyCustomerId": 7800000000001,
        "email": "ann@example.com",
        "type": "member",
        "point": 100,
        "totalSpent": 1234567.89,
        "tierId": None,
        "pointsRemain": 4900,
        "orderCount": "many",
        "createdAt": "2025-04-29T10:23:05.991Z",
    }
    found = _wire.read_customer(answer({"success": True, "data": row}))

    assert ("cust_1", "7800000000001", 100) == (found.id, found.customer_id, found.points)
    assert Decimal("1234567.89") == found.total_spent
    assert datetime(2025, 4, 29, 10, 23, 5, 991000, tzinfo=UTC) == found.created_at
    assert found.tier_id is None
    assert found.order_count is None
    assert row == found.raw


def test_customers_without_id() -> None:
    """A customer needs an id: it is where the next page begins."""
    with pytest.raises(MalformedResponseError) as caught:
        _wire.read_customers(page({"id": "cust_1"}, {"email": "a@example.com"}))

    assert "$.data[1].id" == caught.value.path


def test_the_shop() -> None:
    """The keys belong to a shop, and Joy does not say what they may do."""
    shop = {"id": "shop_1", "name": "Demo store", "plan": "ultimate"}
    found = _wire.read_identity(answer({"success": True, "data": shop}))

    assert ("shop_1", "Demo store", None) == (found.program, found.name, found.scopes)
    assert shop == found.raw


def test_a_calculation() -> None:
    """The points are a whole number; the products are Joy's own words."""
    content = {"success": True, "data": {"pointsEarn": 39, "products": [{"id": "1"}]}}
    found = _wire.read_calculation(answer(content))

    assert (39, ({"id": "1"},)) == (found.points, found.products)


@pytest.mark.parametrize("points", [None, 39.5, "39", True])
def test_a_calculation_without_points(points: object) -> None:
    """Points that are no whole number are not guessed."""
    with pytest.raises(MalformedResponseError) as caught:
        _wire.read_calculation(answer({"success": True, "data": {"pointsEarn": points}}))

    assert "$.data.pointsEarn" == caught.value.path


# ------------------------------------------------------------ what Joy says


@pytest.mark.parametrize(
    ("content", "acknowledged"),
    [
        ({"success": True}, True),
        ({"success": True, "data": ROW}, True),
        ({"success": True, "data": "?"}, True),
        ({"success": False}, False),
        ({"success": "true"}, False),
        ({"success": 1}, False),
        ({"success": None}, False),
        ({}, False),
        ([True], False),
        (b"true", False),
        (b"", False),
        (b'{"success": true', False),
        (b'{"success": true}<html>', False),
        (b"[" * 100_000, False),
    ],
)
def test_what_acknowledges(content: object, acknowledged: bool) -> None:  # noqa: FBT001 - a table
    """Only a readable ``success: true`` acknowledges a write."""
    assert acknowledged is _wire.acknowledges(answer(content))


@given(value=json_values)
def test_success_is_true_and_nothing_else(value: Any) -> None:
    """No other value than true acknowledges."""
    assert (value is True) is _wire.acknowledges(answer({"success": value}))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            {
                "error": {
                    "message": "No",
                    "code": "NOT_FOUND",
                    "statusCode": 404,
                    "details": {"a": 1},
                }
            },
            ("No", "NOT_FOUND", {"a": 1}, 404),
        ),
        ({"error": {"statusCode": 200}}, (None, None, {}, None)),
        ({"error": {"statusCode": 600}}, (None, None, {}, None)),
        ({"error": "No", "data": None}, ("No", None, {}, None)),
        ({"message": "No"}, ("No", None, {}, None)),
        ({"error": {}, "message": "No"}, ("No", None, {}, None)),
        (
            {"error": {"message": 5, "code": 5, "details": [], "statusCode": "4"}},
            (None,) * 2 + ({}, None),
        ),
        ({"error": None}, (None, None, {}, None)),
        ({}, (None, None, {}, None)),
        ([], (None, None, {}, None)),
        (b"", (None, None, {}, None)),
        (b"<html>", (None, None, {}, None)),
    ],
)
def test_refusals(content: object, expected: tuple[Any, ...]) -> None:
    """The error is an object, or text, or nothing; whatever else it is, is left out."""
    found = _wire.read_refusal(answer(content, 400))

    assert expected == (found.message, found.code, found.details, found.status)


@given(body=st.binary() | json_values.map(lambda value: json.dumps({"error": value}).encode()))
def test_refusals_never_raise(body: bytes) -> None:
    """Whatever the body, there is a refusal."""
    found = _wire.read_refusal(Response(status=500, body=body))

    assert found.message is None or isinstance(found.message, str)
