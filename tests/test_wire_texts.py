"""Text of a table becomes values, and JSON of other people is read without loss."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loyalty_sdk import Activity, Order, PointsAdjustment, ValidationError, wire


def adjustment(points: object) -> Any:
    """What a row with these points becomes."""
    return wire.structure({"customer_id": "1", "points": points}, PointsAdjustment, texts=True)


@pytest.mark.parametrize(
    ("text", "points"), [("50", 50), ("-20", -20), ("+7", 7), ("007", 7), (5, 5)]
)
def test_plain_digits_are_whole_numbers(text: object, points: int) -> None:
    """With at most a sign; a number that is one already stays."""
    assert points == adjustment(text).points


@pytest.mark.parametrize(
    "text", ["5.0", " 5", "5 ", "1e3", "٣", "0x5", "", "1_0", "9" * 19, True, 1.9]
)
def test_nothing_else_is_a_whole_number(text: object) -> None:
    """Nor what does not fit into 64 bits."""
    with pytest.raises(ValidationError) as failure:
        adjustment(text)
    assert ["points"] == [problem.path for problem in failure.value.problems]


@pytest.mark.parametrize("text", ["9" * 19, "9" * 20, "-" + "9" * 20, "0" + "9" * 5000])
def test_a_whole_number_that_is_too_large_is_called_so(text: str) -> None:
    """As in JSON; that it stands in plain digits is not what is wrong with it."""
    with pytest.raises(ValidationError) as failure:
        adjustment(text)
    assert ["does not fit into 64 bits"] == [problem.message for problem in failure.value.problems]


def order(**more: Any) -> Any:
    """What a row of an order becomes."""
    row = {"id": "A", "customer": {"id": "1"}, "total": "9.90"}
    return wire.structure(row | more, Order, texts=True)


def test_yes_and_no_are_true_and_false() -> None:
    """Written so, or as what they are."""
    assert (True, False, True) == tuple(order(guest=each).guest for each in ("true", "false", True))


@pytest.mark.parametrize("text", ["True", "yes", "1", "", 1, []])
def test_nothing_else_is_yes_or_no(text: object) -> None:
    """`bool("false")` is True: nothing of that kind happens here."""
    with pytest.raises(ValidationError, match="guest: wanted"):
        order(guest=text)


def test_lists_and_mappings_are_json_in_a_cell() -> None:
    """Money in them keeps its digits; properties are plain JSON."""
    made = order(discount_codes='[{"code": "X", "amount": 1.10}]', claimed_reward_ids="[3]")
    assert (Decimal("1.10"), (3,)) == (made.discount_codes[0].amount, made.claimed_reward_ids)
    row = {"name": "n", "customer": {"id": "1"}, "properties": '{"a": 1.5}'}
    assert {"a": 1.5} == wire.structure(row, Activity, texts=True).properties
    with pytest.raises(ValidationError, match=r"claimed_reward_ids: is no JSON"):
        order(claimed_reward_ids="3, 4")
    with pytest.raises(ValidationError, match=r"properties: wanted a mapping, got list"):
        wire.structure(row | {"properties": "[]"}, Activity, texts=True)


def test_texts_are_only_read_where_they_are_said_to_be() -> None:
    """What a program hands in is not text by accident."""
    with pytest.raises(ValidationError, match="points: wanted an int, got str"):
        wire.structure({"customer_id": "1", "points": "5"}, PointsAdjustment)


def test_json_numbers_keep_their_digits() -> None:
    """As decimals; or as floats where plain JSON is wanted."""
    text = '{"a": [0.10, 12345678901234567890.5, 7]}'
    assert {"a": [Decimal("0.10"), Decimal("12345678901234567890.5"), 7]} == wire.read_json(text)
    assert {"a": [0.1, 1.2345678901234567e19, 7]} == wire.read_json(text, decimals=False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("NaN", "NaN is no JSON"),
        ("[-Infinity]", "-Infinity is no JSON"),
        ('{"a": 1, "a": 2}', "one key stands twice in an object"),
        ("[" * 100_000, "it is nested too deep"),
        ("[1,]", "Illegal trailing comma before end of array at character 3"),
        ("", "Expecting value at character 1"),
        ("9" * 5000, "Exceeds the limit"),
    ],
)
def test_what_json_lets_pass_is_refused(text: str, why: str) -> None:
    """With the reason, and without quoting a value."""
    with pytest.raises(ValueError, match=r"[a-z]") as failure:
        wire.read_json(text)
    if why.startswith("Illegal"):  # Python before 3.13 says it otherwise
        assert "at character" in str(failure.value)
    else:
        assert str(failure.value).startswith(why)


CELLS = st.sampled_from(
    ["", "A", "é", "\ud800", "9.90", "-1", "NaN", "true", "paid", "[3]", "{}", "a b", ".",
     "2026-05-01T10:00:00Z", "2026-05-01"]
)  # fmt: skip
PLACES = {
    "id": 0,
    "customer.id": 1,
    "customer.email": 2,
    "total": 3,
    "guest": 4,
    "placed_at": 5,
    "claimed_reward_ids": 6,
}


@example(["A", "1", "", "9.90", "", "", ""], "paid")
@given(st.lists(CELLS, min_size=7, max_size=7), st.sampled_from(["paid", "free"]))
def test_cells_become_what_a_mapping_of_them_becomes(cells: list[str], status: str) -> None:
    """The quick way takes what the other one takes, and makes the same of it."""
    found = {path: cells[place] for path, place in PLACES.items() if cells[place]}
    own = {path: cell for path, cell in found.items() if "." not in path}
    customer = {path[9:]: cell for path, cell in found.items() if "." in path}
    make = wire.from_cells(Order, PLACES, {"payment_status": status}, texts=True)
    try:
        wanted = wire.structure(
            {**own, "customer": customer, "payment_status": status}, Order, texts=True
        )
    except ValidationError:
        with pytest.raises(Exception):  # noqa: B017, PT011 - `structure` says what is wrong
            make(cells)
    else:
        assert wanted == make(cells)


def test_cells_of_a_mapping_stay_what_they_are() -> None:
    """What is the same for every row has the last word, and nothing is left out."""
    places = {"name": 0, "customer.id": 1, "properties.a": 2, "properties.b.c": 3}
    make = wire.from_cells(Activity, places, {"properties.d": "x", "id": "7"}, texts=False)
    made = make(["n", "1", "", None])
    same = wire.from_cells(Activity, places, {"properties.a": "x"}, texts=False)
    assert {"a": "x", "b.c": 1} == same(["n", "1", "", 1]).properties
    assert ({"a": "", "d": "x"}, "7") == (made.properties, made.id)
    row = {"name": "n", "customer": {"id": "1"}, "properties": {"a": ""}, "id": "7"}
    assert {"a": ""} == wire.structure(row, Activity, texts=True).properties
