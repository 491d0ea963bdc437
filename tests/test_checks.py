"""The rules that every value is checked by."""

from __future__ import annotations

import json
import math
from collections import UserString
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_sdk import Problem, ValidationError, _checks, wire

RULE = settings(deadline=None)
NO_JSON = "wanted a JSON value (text, number, bool, None, list or mapping), got "
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


class Colour(StrEnum):
    """Text by another name."""

    RED = "red"


class Number(IntEnum):
    """An int by another name."""

    ONE = 1


def found(rule: Any, value: object, *rest: Any) -> list[str]:
    """What ``rule`` says of ``value``, which stands at ``here``."""
    problems: list[Problem] = []
    rule(problems, "here", value, *rest)
    assert all(problem.path.startswith("here") for problem in problems)
    return [problem.message for problem in problems]


@pytest.mark.parametrize(
    "value", ["a", "é", "a/b", "%2F", "$signup", "../orders", "a b", "...", " "]
)
def test_identifier_takes_what_a_path_can_carry(value: str) -> None:
    """An id may be any text that percent-encoding brings through."""
    assert [] == found(_checks.identifier, value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "must not be empty"),
        (".", "must not be '.' or '..': URLs swallow them"),
        ("..", "must not be '.' or '..': URLs swallow them"),
        ("a\nb", "contains a control character"),
        ("a\x00", "contains a control character"),
        ("\x7f", "contains a control character"),
        ("é\x85", "contains a control character"),
        ("a\u2028b", "contains a control character"),
        ("\ud800", "contains a lone surrogate, which UTF-8 cannot carry"),
        (5, "wanted a str, got int"),
        (None, "wanted a str, got nothing"),
        (b"a", "wanted a str, got bytes"),
        (UserString("a"), "wanted a str, got UserString"),
    ],
)
def test_identifier_refuses(value: object, message: str) -> None:
    """An id that URLs would swallow, split or mangle is refused, with one reason."""
    assert [message] == found(_checks.identifier, value)


@RULE
@given(st.characters(categories=["Cc", "Zl", "Zp"]))
def test_identifier_refuses_every_control_character(character: str) -> None:
    """There is no control character, and no line separator, that an id may hold."""
    assert ["contains a control character"] == found(_checks.identifier, f"a{character}b")


@RULE
@given(st.text())
def test_text_takes_all_unicode(value: str) -> None:
    """Text may be empty and hold line breaks: bodies carry it, not headers."""
    assert [] == found(_checks.text, value)


def test_text_judges_what_an_enum_holds() -> None:
    """A text enum counts as its value, not as its name."""
    assert [] == found(_checks.identifier, Colour.RED)


@pytest.mark.parametrize("value", ["0", "99.99", "1E+2", "1E-30", "9" * 30, "-0", "0.00"])
def test_money_takes_decimals(value: str) -> None:
    """Money is a `Decimal` of any sensible size and precision."""
    assert [] == found(_checks.money, Decimal(value))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Decimal("NaN"), "must be finite"),
        (Decimal("sNaN"), "must be finite"),
        (Decimal("-Infinity"), "must be finite"),
        (Decimal("-0.01"), "must not be negative"),
        (Decimal("1E+30"), "has over 30 digits before or after the point"),
        (Decimal("1E-31"), "has over 30 digits before or after the point"),
        (Decimal("1E+999999"), "has over 30 digits before or after the point"),
        (99.99, "wanted a Decimal, got float"),
        (99, "wanted a Decimal, got int"),
        ("99.99", "wanted a Decimal, got str"),
        (None, "wanted a Decimal, got nothing"),
    ],
)
def test_money_refuses(value: object, message: str) -> None:
    """Money is never a float, never negative, and never so long that it fills the memory."""
    assert [message] == found(_checks.money, value)


@RULE
@given(st.datetimes(timezones=st.just(UTC)))
def test_moment_takes_aware_times(value: datetime) -> None:
    """Every time in UTC is a moment."""
    assert [] == found(_checks.moment, value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (datetime(2026, 5, 1), "wanted an aware datetime, got one without a time zone"),  # noqa: DTZ001 - naive on purpose
        (date(2026, 5, 1), "wanted an aware datetime, got date"),
        ("2026-05-01T10:00:00Z", "wanted an aware datetime, got str"),
        (1777629600, "wanted an aware datetime, got int"),
        (
            datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
            "is outside the years 1 to 9999 in UTC",
        ),
        (
            datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=1))),
            "is outside the years 1 to 9999 in UTC",
        ),
    ],
)
def test_moment_refuses(value: object, message: str) -> None:
    """A time without offset means another moment to everybody who reads it."""
    assert [message] == found(_checks.moment, value)


@pytest.mark.parametrize("value", [0, -1, 2**63 - 1, -(2**63) + 1, Number.ONE])
def test_integer_takes_64_bits(value: int) -> None:
    """A whole number may be as long as every JSON reader can hold."""
    assert [] == found(_checks.integer, value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2**63, "does not fit into 64 bits"),
        pytest.param(-(10**5000), "does not fit into 64 bits", id="longer than Python prints"),
        (True, "wanted an int, got bool"),
        (1.0, "wanted an int, got float"),
        ("1", "wanted an int, got str"),
    ],
)
def test_integer_refuses(value: object, message: str) -> None:
    """A bool is no number of points, and neither is text or a float."""
    assert [message] == found(_checks.integer, value)


@pytest.mark.parametrize(
    ("value", "wanted", "messages"),
    [
        (True, bool, []),
        (1, bool, ["wanted a bool, got int"]),
        (None, bool, ["wanted a bool, got nothing"]),
        (True, int, ["wanted an int, got bool"]),
        ("x", str, []),
    ],
)
def test_is_type_keeps_bool_and_int_apart(value: object, wanted: type, messages: list[str]) -> None:
    """Python's bool is an int; a value's attribute is one or the other."""
    assert messages == found(_checks.is_type, value, wanted)


@pytest.mark.parametrize(
    ("rule", "value", "sound"),
    [
        (_checks.text, "é", True),
        (_checks.text, "\ud800", False),
        (_checks.text, 5, False),
        (_checks.integer, 5, True),
        (_checks.integer, 2**64, False),
        (_checks.integer, "5", False),
    ],
)
def test_rules_tell_whether_to_go_on(
    rule: Any,
    value: object,
    sound: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A rule says whether further rules can look at the value."""
    assert sound is rule([], "here", value)


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        (1, []),
        (500, []),
        (0, ["must be between 1 and 500"]),
        (501, ["must be between 1 and 500"]),
        (True, ["wanted an int, got bool"]),
        (1.5, ["wanted an int, got float"]),
        (None, ["wanted an int, got nothing"]),
    ],
)
def test_between_includes_its_bounds(value: object, messages: list[str]) -> None:
    """A number within bounds, both inclusive, and nothing that is no number."""
    assert messages == found(_checks.between(1, 500), value)


@pytest.mark.parametrize("value", ["B", "", "c", None, [], {}, 1])
def test_one_of_takes_what_is_written_exactly_so(value: object) -> None:
    """One of the words, and nothing else, whatever class it is of."""
    assert [] == found(_checks.one_of("a", "b"), "b")
    assert [f"wanted one of a, b, got {_checks.kind(value)}"] == found(
        _checks.one_of("a", "b"), value
    )


@RULE
@given(JSON_VALUES)
def test_json_value_takes_what_comes_back_equal(value: Any) -> None:
    """What passes is what JSON carries there and back without loss."""
    assert [] == found(_checks.json_value, value)
    assert value == json.loads(wire.encode(value))


@pytest.mark.parametrize(
    "value",
    [
        {"a": ({"b": 1}, [2])},
        MappingProxyType({"a": MappingProxyType({})}),
        {Colour.RED: Number.ONE},
        [Colour.RED],
    ],
)
def test_json_value_takes_what_json_can_say(value: Any) -> None:
    """Tuples, foreign mappings and enums of text or numbers have a JSON form."""
    assert [] == found(_checks.json_value, value)
    assert json.loads(wire.encode(value))


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (math.nan, "here", "must be finite"),
        ({"a": math.inf}, "here.a", "must be finite"),
        ({"a": [0, Decimal(1)]}, "here.a[1]", NO_JSON + "Decimal"),
        ({1: "a"}, "here key", "wanted a str, got int"),
        ({"\ud800": 1}, "here key", "contains a lone surrogate, which UTF-8 cannot carry"),
        (("\udfff",), "here[0]", "contains a lone surrogate, which UTF-8 cannot carry"),
        ([2**64], "here[0]", "does not fit into 64 bits"),
        ({1, 2}, "here", NO_JSON + "set"),
        (b"a", "here", NO_JSON + "bytes"),
        (object(), "here", NO_JSON + "object"),
    ],
)
def test_json_value_refuses_by_path(value: object, path: str, message: str) -> None:
    """What JSON cannot say without loss is refused, and the path leads to it."""
    problems: list[Problem] = []
    _checks.json_value(problems, "here", value)

    assert [Problem(path, message)] == problems


def test_json_value_ends_in_what_holds_itself() -> None:
    """A value that holds itself is refused instead of walked for ever."""
    loop: dict[str, Any] = {}
    loop["me"] = [loop]

    (message,) = found(_checks.json_value, loop)

    assert "is nested more than 32 deep" == message


def test_finish_raises_one_error_for_all() -> None:
    """Nothing is raised without problems, and one error for any number of them."""
    _checks.finish("it", [])

    with pytest.raises(ValidationError, match=r"^it is not valid: a: x; b: y$"):
        _checks.finish("it", [Problem("a", "x"), Problem("b", "y")])


def test_expect_hands_the_value_on() -> None:
    """An argument of the right class passes, another is refused by its class alone."""
    assert "secret" == _checks.expect(str, "secret")

    with pytest.raises(ValidationError, match="wanted an int, got str") as caught:
        _checks.expect(int, "secret")
    assert "secret" not in str(caught.value)


@RULE
@given(least=st.integers(-9, 9), most=st.integers(-9, 9), value=st.integers(-12, 12))
def test_between_has_both_its_ends(least: int, most: int, value: int) -> None:
    """Both bounds belong to the range, and the message names them."""
    wrong = [] if least <= value <= most else [f"must be between {least} and {most}"]

    assert wrong == found(_checks.between(least, most), value)


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_between_is_of_ints(value: object) -> None:
    """What is no int is said to be none, whatever it compares like."""
    (message,) = found(_checks.between(0, 2), value)

    assert message.startswith("wanted an int, got ")


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("asc", []),
        (Colour.RED, []),
        ("ASC", ["wanted one of asc, red, got str"]),
        ("", ["wanted one of asc, red, got str"]),
        (["asc"], ["wanted one of asc, red, got list"]),
        (None, ["wanted one of asc, red, got nothing"]),
    ],
)
def test_one_of_takes_what_it_names(value: object, messages: list[str]) -> None:
    """Only the values themselves will do, and the message names them all."""
    assert messages == found(_checks.one_of("asc", "red"), value)
