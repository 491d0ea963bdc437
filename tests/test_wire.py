"""JSON to values and back, without coercion."""

from __future__ import annotations

import contextlib
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import attrs
import cattrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_sdk import (
    Activity,
    Customer,
    DiscountCode,
    LoyaltyError,
    MalformedResponseError,
    Order,
    Outcome,
    PointsAdjustment,
    Receipt,
    Transaction,
    TransactionKind,
    ValidationError,
    wire,
)

RULE = settings(deadline=None)
CUSTOMER = Customer(id="1001", email="a@example.com")
MOMENT = datetime(2026, 5, 1, 10, 0, 0, 1500, UTC)
ROW = Transaction(
    id="7",
    customer=CUSTOMER,
    points=-5,
    pending=2,
    balance=None,
    kind=TransactionKind.ADJUSTED,
    created_at=MOMENT,
    reason="Goodwill",
    order_id="A-1",
)
VALUES: list[Any] = [
    CUSTOMER,
    Activity(
        name="$signup",
        customer=CUSTOMER,
        id="s-1",
        occurred_at=MOMENT,
        properties={"url": "https://example.com", "tags": ["a", {"b": None}], "n": 1.5},
        guest=True,
        ip_address="127.0.0.1",
        user_agent="curl",
        referral_id="r",
        tracking_id="t",
    ),
    Order(
        id="A-1",
        customer=CUSTOMER,
        total=Decimal("1E+2"),
        total_shipping=Decimal("0.10"),
        total_paid=Decimal(0),
        payment_status="partially_paid",
        number="5",
        merchant_number="#5",
        discount_codes=[DiscountCode(code="TEN", amount=Decimal("10.00"))],
        claimed_reward_ids=[1, 2],
        placed_at=MOMENT,
    ),
    Order(id="A-2", customer=Customer(id="1"), total=Decimal(1)),
    PointsAdjustment(customer_id="1", points=-20, reason="r", note="n", reference="t-1"),
    ROW,
    Receipt(
        operation="adjust_points",
        provider="acme",
        reference="t-1",
        outcome=Outcome.NOT_SENT,
        attempts=0,
        transaction=ROW,
    ),
    Receipt(
        operation="adjust_points",
        provider="acme",
        reference=None,
        outcome=Outcome.APPLIED,
        attempts=1,
    ),
]
LONE_SURROGATE = "contains a lone surrogate, which UTF-8 cannot carry"
STATUS = "wanted one of not_paid, partially_paid, paid, got "
KIND = "wanted one of earned, redeemed, adjusted, expired, other, got "
ORDER = {"id": "A-1", "customer": {"id": "1"}, "total": "1"}


class Words(str):
    """Text of a class of its own, as template engines have."""

    __slots__ = ()


class Count(int):
    """A number of a class of its own."""


class Share(float):
    """A fraction of a class of its own."""


@attrs.frozen
class Inner:
    """A part of a vendor's row."""

    id: int
    name: str | None = None


@attrs.frozen
class Row:
    """A vendor's row."""

    id: str
    count: int | None = None
    inner: Inner | None = None
    note: str = "none"


def refused(mapping: Any, kind: type[Any]) -> dict[str, str]:
    """What `structure` says is wrong, by path."""
    with pytest.raises(ValidationError) as caught:
        wire.structure(mapping, kind)
    assert str(caught.value).startswith(f"{kind.__name__} is not valid: ")
    return {problem.path: problem.message for problem in caught.value.problems}


# --- encode


def test_encode_is_compact_and_masked() -> None:
    """A body has no blanks, keeps its order, and does not show itself."""
    body = wire.encode({"b": [1, "é"], "a": None})

    assert '{"b":[1,"é"],"a":null}'.encode() == body
    assert f"<{len(body)} bytes>" == repr(body)


@pytest.mark.parametrize(
    ("value", "body"),
    [
        (Words("a"), b'"a"'),
        ({Words("k"): Count(3)}, b'{"k":3}'),
        ([Share(0.5)], b"[0.5]"),
        (MappingProxyType({"a": MappingProxyType({})}), b'{"a":{}}'),
        (Decimal("99.90"), b'"99.90"'),
        (TransactionKind.EARNED, b'"earned"'),
    ],
)
def test_encode_takes_subclasses_of_json_types(value: object, body: bytes) -> None:
    """Text, numbers and mappings of other classes are what they hold; money is text."""
    assert body == wire.encode(value)


@pytest.mark.parametrize(
    ("money", "text"),
    [("1E+2", "100"), ("1E-7", "0.0000001"), ("99.90", "99.90"), ("12E+3", "12000"), ("0", "0")],
)
def test_encode_writes_money_out(money: str, text: str) -> None:
    """A `Decimal` has no exponent in JSON, as text and as a number, wherever it stands."""
    body = {"a": [{"b": Decimal(money)}], "c": ("1E+2", None)}

    assert f'{{"a":[{{"b":"{text}"}}],"c":["1E+2",null]}}'.encode() == wire.encode(body)
    assert (
        f'{{"a":[{{"b":{text}}}],"c":["1E+2",null]}}'.encode()
        == wire.encode(body, decimals="number")
    )  # fmt: skip


def test_encode_refuses_what_is_no_json() -> None:
    """An object of a foreign class is an adapter's mistake, and is named by its class."""
    with pytest.raises(TypeError, match=r"^object is not a JSON type$"):
        wire.encode({"a": object()})


# --- decode


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "it is empty"),
        (b" \r\n", "it is empty"),
        (b"<html>", "6 bytes that look like HTML"),
        (b"  <!doctype html>", "17 bytes that look like HTML"),
        (b'{"a":', "5 bytes"),
        (b"\xff\xfe", "2 bytes"),
        (b'"\xff"', "3 bytes"),
        (b"NaN", "3 bytes"),
        (b"[" * 100_000, "100000 bytes"),
    ],
)
def test_decode_says_what_an_unreadable_body_looks_like(body: bytes, message: str) -> None:
    """A body that is no JSON is described and never quoted."""
    with pytest.raises(MalformedResponseError) as caught:
        wire.decode_json(body)

    assert f"the answer is not JSON: {message}" == str(caught.value)


@RULE
@given(st.binary() | st.text().map(str.encode))
def test_decode_raises_nothing_else(body: bytes) -> None:
    """Whatever bytes arrive, reading them ends in a value or in a `LoyaltyError`."""
    for kind in (Any, Row, list[Row], Decimal, int, datetime):
        with contextlib.suppress(LoyaltyError):
            wire.decode(body, kind)


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        (b'[{"id":"1"},{"id":2}]', "$[1].id", "Expected `str`, got `int`"),
        (b'[{"id":"1","inner":{"id":1.5}}]', "$[0].inner.id", "Expected `int`, got `float`"),
        (b'[{"count":1}]', "$[0]", "Object missing required field `id`"),
        (b"{}", "$", "Expected `array`, got `object`"),
    ],
)
def test_decode_names_the_path(body: bytes, path: str, message: str) -> None:
    """An answer of another shape is refused with the path where reading stopped."""
    with pytest.raises(MalformedResponseError) as caught:
        wire.decode(body, list[Row])

    assert path == caught.value.path
    assert f"unexpected answer at {path}: {message}" == str(caught.value)


@pytest.mark.parametrize("body", [b"1.9", b'"1"', b"true", b"null"])
def test_decode_coerces_nothing(body: bytes) -> None:
    """No fraction, text, bool or null becomes a whole number."""
    with pytest.raises(MalformedResponseError):
        wire.decode(body, int)


def test_decode_keeps_every_digit_of_money() -> None:
    """A number read as `Decimal` never passes through a float."""
    assert Decimal("12345678901234567890.12") == wire.decode(b"12345678901234567890.12", Decimal)


def test_convert_continues_a_path() -> None:
    """What was decoded already is read from where it stood."""
    assert Row(id="1") == wire.convert({"id": "1", "new": 5}, Row)

    with pytest.raises(MalformedResponseError) as caught:
        wire.convert({"id": "1", "inner": {"id": None}}, Row, "$.rows[3]")
    assert "$.rows[3].inner.id" == caught.value.path


# --- salvage


@pytest.mark.parametrize(
    ("value", "row"),
    [
        ({"id": "1", "count": 2}, Row(id="1", count=2)),
        ({"id": "1", "count": "2", "inner": {"id": 1}}, Row(id="1", inner=Inner(id=1))),
        ({"id": "1", "inner": {"id": 1, "name": 5}}, Row(id="1", inner=Inner(id=1, name=None))),
        ({"id": "1", "inner": {"id": "x"}}, Row(id="1")),
        ({"id": "1", "inner": [], "count": 5}, Row(id="1", count=5)),
        ({"id": "1", "note": None}, Row(id="1", note="none")),
    ],
)
def test_salvage_reads_what_can_be_read(value: object, row: Row) -> None:
    """A part of another type reads as None where None may stand; the rest is kept."""
    assert row == wire.salvage(value, Row)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"count": "x"}, "$.rows[3].id"),
        ({"id": 5}, "$.rows[3].id"),
        ({"id": None}, "$.rows[3].id"),
        ({"id": "1", "note": 5}, "$.rows[3].note"),
        ([], "$.rows[3]"),
        (None, "$.rows[3]"),
    ],
)
def test_salvage_names_what_is_needed(value: object, path: str) -> None:
    """A part that has to be there, and is not, is named by its path."""
    with pytest.raises(MalformedResponseError) as caught:
        wire.salvage(value, Row, "$.rows[3]")

    assert path == caught.value.path


# --- structure


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_structure_reverses_to_dict(value: Any) -> None:
    """What `to_dict` wrote becomes an equal value, and so does its JSON text."""
    assert value == wire.structure(value.to_dict(), type(value))
    assert value == wire.structure(json.loads(value.to_json()), type(value))
    assert repr(value).replace("1E+2", "100") == repr(wire.structure(value.to_dict(), type(value)))


@RULE
@given(
    st.decimals(min_value=0, max_value=Decimal("1E+20"), allow_nan=False, places=8),
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()),  # noqa: DTZ001 - hypothesis wants them naive
)
def test_structure_loses_no_digit_and_no_moment(total: Decimal, placed_at: datetime) -> None:
    """Money keeps every digit and a time its moment, on the way out and back."""
    order = Order(id="1", customer=CUSTOMER, total=total, placed_at=placed_at)

    back = wire.structure(order.to_dict(), Order)

    assert order.total == back.total
    assert placed_at.astimezone(UTC) == back.placed_at


@pytest.mark.parametrize(
    ("total", "money"),
    [
        ("99.90", Decimal("99.90")),
        (99, Decimal(99)),
        ("1E+2", Decimal(100)),
        ("1e2", Decimal(100)),
        (Decimal("99.90"), Decimal("99.90")),
    ],
)
def test_structure_makes_money_of_text_and_ints(total: object, money: Decimal) -> None:
    """Decimal text, an int and a `Decimal` are money, digit by digit."""
    order = wire.structure({**ORDER, "total": total}, Order)

    assert money == order.total
    assert f"{money:f}" == f"{order.total:f}"


@pytest.mark.parametrize(
    "total",
    [9.9, True, "NaN", "Infinity", " 1", "1_0", "\u0661", "1,5", "", ".5", "0x1", b"1", None, []],
)
def test_structure_makes_money_of_nothing_else(total: object) -> None:
    """A float, a bool and text that only Python reads as a number are refused."""
    assert ["total"] == list(refused({**ORDER, "total": total}, Order))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01T10:00:00Z", datetime(2026, 5, 1, 10, tzinfo=UTC)),
        ("2026-05-01 10:00+02:00", datetime(2026, 5, 1, 8, tzinfo=UTC)),
        ("2026-05-01T10:00:00.5-00:30", datetime(2026, 5, 1, 10, 30, 0, 500_000, UTC)),
    ],
)
def test_structure_makes_times_of_iso_text(text: str, moment: datetime) -> None:
    """ISO 8601 text with an offset is a moment."""
    assert moment == wire.structure({**ORDER, "placed_at": text}, Order).placed_at


def test_structure_keeps_a_time_that_is_one() -> None:
    """An aware `datetime` needs no text."""
    moment = datetime(2026, 5, 1, tzinfo=timezone(timedelta(hours=2)))

    assert moment == wire.structure({**ORDER, "placed_at": moment}, Order).placed_at


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2026-05-01T10:00:00", "ISO 8601"),
        ("2026-05-01", "ISO 8601"),
        ("2026-05-01T10:00:00.1234567Z", "ISO 8601"),
        ("2026-02-30T10:00:00Z", "ISO 8601"),
        ("2026-W18-5T10:00:00Z", "ISO 8601"),
        ("yesterday", "ISO 8601"),
        (1777629600, "ISO 8601"),
        (datetime(2026, 5, 1), "without a time zone"),  # noqa: DTZ001 - naive on purpose
        ("0001-01-01T00:00:00+01:00", "outside the years"),
    ],
)
def test_structure_refuses_other_times(value: object, message: str) -> None:
    """A time without offset, with more digits than can be kept, or of numbers is refused."""
    assert message in refused({**ORDER, "placed_at": value}, Order)["placed_at"]


@pytest.mark.parametrize(
    ("kind", "name", "value", "message"),
    [
        (PointsAdjustment, "points", "1", "wanted an int, got str"),
        (PointsAdjustment, "points", 1.9, "wanted an int, got float"),
        (PointsAdjustment, "points", True, "wanted an int, got bool"),
        (PointsAdjustment, "points", 2**63, "does not fit into 64 bits"),
        (PointsAdjustment, "points", None, "wanted an int, got nothing"),
        (PointsAdjustment, "reason", 5, "wanted a str, got int"),
        (PointsAdjustment, "reason", "\ud800", LONE_SURROGATE),
        (PointsAdjustment, "customer_id", None, "wanted a str, got nothing"),
        (Activity, "guest", "false", "wanted a bool, got str"),
        (Activity, "guest", 0, "wanted a bool, got int"),
        (Activity, "properties", [["a", 1]], "wanted a mapping, got list"),
        (Activity, "properties", "ab", "wanted a mapping, got str"),
        (Activity, "customer", "1001", "wanted a mapping, got str"),
        (Order, "payment_status", "unpaid", STATUS + "str"),
        (Order, "payment_status", [], STATUS + "list"),
        (Order, "claimed_reward_ids", "12", "wanted a list or tuple, got str"),
        (Order, "claimed_reward_ids", {}, "wanted a list or tuple, got dict"),
        (Transaction, "kind", "won", KIND + "str"),
        (Transaction, "kind", None, KIND + "nothing"),
        (Transaction, "raw", {}, "is not known here"),
        (Transaction, "_raw", {}, "is not known here"),
        (
            Receipt,
            "outcome",
            1,
            "wanted one of applied, rejected, not_sent, absent, unknown, got int",
        ),
    ],
)
def test_structure_coerces_nothing(kind: type[Any], name: str, value: object, message: str) -> None:
    """What is of another type, or not one of the words, is refused instead of converted."""
    mapping = next(each for each in VALUES if type(each) is kind).to_dict()

    assert {name: message} == refused({**mapping, name: value}, kind)


def test_structure_lists_every_problem_by_path() -> None:
    """One error names all: wrong types, unknown and missing keys, and what the value refuses."""
    assert {
        "id": "must not be empty",
        "customer.id": "is missing",
        "customer.mail": "is not known here",
        "total": 'wanted decimal text like "99.99" or an int, got float',
        "total_paid": "must not be negative",
        "discount_codes[0].amount": 'wanted decimal text like "99.99" or an int, got str',
        "discount_codes[1]": "wanted a mapping, got str",
        "claimed_reward_ids[1]": "wanted an int, got bool",
        "7": "is not known here",
        "totl": "is not known here",
    } == refused(
        {
            "id": "",
            "customer": {"mail": "a@example.com"},
            "total": 1.5,
            "total_paid": "-1",
            "discount_codes": [{"code": "TEN", "amount": "ten"}, "TEN"],
            "claimed_reward_ids": [1, True],
            "totl": "1",
            7: 1,
        },
        Order,
    )


def test_structure_passes_on_what_the_value_refuses() -> None:
    """A mapping of the right types still has to make a valid value."""
    assert {"points": "must not be 0", "reference": "must not be empty"} == refused(
        {"customer_id": "1", "points": 0, "reference": ""}, PointsAdjustment
    )
    assert {"customer.id": "must not be empty"} == refused({**ORDER, "customer": {"id": ""}}, Order)


def test_structure_follows_a_path_through_receipts() -> None:
    """Problems inside a receipt's row are named from the receipt on."""
    mapping: dict[str, Any] = VALUES[6].to_dict()
    mapping["transaction"]["customer"]["id"] = 5
    del mapping["transaction"]["points"]

    assert {
        "transaction.points": "is missing",
        "transaction.customer.id": "wanted a str, got int",
    } == refused(mapping, Receipt)


@pytest.mark.parametrize("mapping", [[], "id", None, 5, [("id", "1")]])
def test_structure_wants_a_mapping(mapping: object) -> None:
    """Anything but a mapping is refused at the root."""
    assert ["$"] == list(refused(mapping, Customer))


def test_structure_takes_any_mapping() -> None:
    """A mapping need not be a dict."""
    assert Customer(id="1") == wire.structure(MappingProxyType({"id": "1"}), Customer)


def test_structure_quotes_no_value() -> None:
    """Values may be secret: the error names types only."""
    with pytest.raises(ValidationError) as caught:
        wire.structure(
            {**ORDER, "total": "secret", "guest": "secret", "placed_at": "secret"}, Order
        )

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert pickle.dumps(caught.value)


class Broken(Mapping[str, Any]):
    """A mapping that fails when it is read."""

    def __getitem__(self, key: str) -> Any:
        error = OSError("disk")
        error.add_note("a note of somebody else")
        raise error

    def __contains__(self, key: object) -> bool:
        return key == "id"

    def __iter__(self) -> Iterator[str]:
        return iter(["id"])

    def __len__(self) -> int:
        return 1


def test_structure_turns_foreign_errors_into_problems() -> None:
    """What a mapping raises is a problem with a path, and no other error."""
    assert {"id": "raised OSError"} == refused(Broken(), Customer)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(1.9, int), (1.9, Decimal), (5, str), ("true", bool), ("2026", datetime), ("x", Outcome)],
)
def test_configure_converter_makes_any_converter_strict(value: object, kind: type[Any]) -> None:
    """A converter of the caller's own gets the same rules."""
    converter = cattrs.Converter()
    wire.configure_converter(converter)

    with pytest.raises(ValidationError):
        converter.structure(value, kind)


def test_cattrs_is_imported_when_it_is_needed() -> None:
    """Encoding and decoding import no cattrs."""
    code = (
        "import sys; from loyalty_sdk import wire; wire.decode_json(wire.encode({}));"
        "sys.exit('cattrs' in sys.modules)"
    )

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


def test_malformed_names_the_path() -> None:
    """The error says where the answer stops making sense, in words and as a path."""
    error = wire.malformed("$.data[0]", "no row")

    assert ("unexpected answer at $.data[0]: no row", "$.data[0]") == (str(error), error.path)


@RULE
@given(
    st.datetimes(
        datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
        datetime(9999, 12, 30),  # noqa: DTZ001 - the same
        timezones=st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone),
    )
)
def test_in_utc_is_the_same_moment(moment: datetime) -> None:
    """A moment stays the moment it is, and is in UTC."""
    found = wire.in_utc(moment, "$")

    assert (moment, UTC) == (found, found.tzinfo)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=1))),
    ],
)
def test_a_moment_that_utc_does_not_have(moment: datetime) -> None:
    """A time outside the calendar of UTC is malformed, and the error says where it stood."""
    with pytest.raises(MalformedResponseError, match="no such time in UTC") as caught:
        wire.in_utc(moment, "$.rows[3].at")

    assert "$.rows[3].at" == caught.value.path


@pytest.mark.parametrize(
    ("cursor", "hint"),
    [(None, "It is on the first page"), ("abc", "It is on the page at cursor 'abc'")],
)
def test_located_says_which_page(cursor: str | None, hint: str) -> None:
    """A page that cannot be read says which one it is, so that it is found again."""
    with pytest.raises(MalformedResponseError) as caught, wire.located(cursor):
        wire.decode(b"", dict)

    assert hint == caught.value.hint


def test_located_leaves_the_rest_alone() -> None:
    """What is read stays, and what is no error of reading keeps its own hint."""
    with wire.located("abc"):
        assert {} == wire.decode(b"{}", dict)
    with pytest.raises(ValueError, match="other"), wire.located("abc"):
        raise ValueError("other")


def test_raw_rows_are_read_where_the_page_was() -> None:
    """A damaged part that nobody asked for fails neither the page nor its raw rows."""
    body = b'{"rows": [{"x": "caf\xe9", "y": 1e999}]}'
    assert [{"x": "caf\ufffd", "y": float("inf")}] == wire.decode_leniently(body)["rows"]
    with pytest.raises(MalformedResponseError, match="not JSON"):
        wire.decode_leniently(b"{")
