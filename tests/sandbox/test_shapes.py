from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk.sandbox.vendor import shapes


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (shapes.text, ["", "a"], [None, 1, b"", ["a"]]),
        (shapes.boolean, [True, False], [0, 1, "true", None]),
        (shapes.number, [0, -1, 1.5], [True, "1", None]),
        (shapes.anything, [None, 1, "a", []], []),
        (shapes.mapping, [{}, {"a": 1}], [None, [], "a"]),
        (shapes.integer(), [0, -5, 10**20], [True, 1.0, "1", None]),
        (shapes.integer(1, 9), [1, 9], [0, 10, 5.0]),
        (shapes.integer(1), [1, 10**9], [0, -1]),
        (shapes.either(shapes.text, shapes.number), ["1", 1], [True, None, {}]),
        (shapes.optional(shapes.text), [None, "a"], [1]),
        (shapes.choice("a", "b"), ["a", "b"], ["c", "", None, 1]),
        (shapes.array(shapes.text), [[], ["a"]], ["a", None, ["a", 1]]),
        (
            shapes.decimal,
            ["0", "99.99", "1e2"],
            ["", "-1", "NaN", "Infinity", "ten", "1e16", 1, None],
        ),
        (shapes.money, ["0", 0, 1.5, "1.5", 2**53], ["ten", -1, 1e300, "1e300", True, None]),
        (shapes.moment, ["2026-05-01T10:00:00Z", "2026-05-01"], ["", "soon", 5, None]),
    ],
)
def test_checks(check: Any, good: list[Any], bad: list[Any]) -> None:
    """Each check passes what it is for, and says what is wrong with anything else."""
    assert [None] * len(good) == [check(value) for value in good]
    assert all(isinstance(check(value), str) for value in bad)


def test_problems_name_every_field() -> None:
    """All that is wrong with a body is named by field: missing, wrong, unknown."""
    shape = {"a": shapes.text, "b": shapes.integer(1, 5), "c": shapes.text}
    body = {"a": 1, "b": 9, "x": 0}
    wrong = shapes.problems(body, shape, required=("a", "c"), closed=True)
    assert {
        "a": "must be a string",
        "b": "must be between 1 and 5",
        "c": "is required",
        "x": "is not a known field",
    } == wrong
    assert {"a", "b", "c"} == set(shapes.problems(body, shape, required=("a", "c")))
    assert {} == shapes.problems({"a": "x", "c": ""}, shape, required=("a", "c"), closed=True)


@pytest.mark.parametrize("body", [None, [], "a", 5])
def test_bodies_are_objects(body: Any) -> None:
    """A body that is no object is wrong as a whole."""
    assert {"body": "must be an object"} == shapes.problems(body, {})


def test_array_names_the_item() -> None:
    """Of a list, the first item that is wrong is named."""
    assert "[1] must be a string" == shapes.array(shapes.text)(["a", 1, 2])


@given(
    st.datetimes(
        min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis wants it naive
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis wants it naive
        timezones=st.just(UTC) | st.just(timezone(timedelta(hours=-7))),
    )
)
def test_times_to_the_millisecond(moment: datetime) -> None:
    """A time that is printed reads back as the same instant, to the millisecond."""
    read = shapes.parse_time(moment.isoformat())
    assert read is not None
    assert timedelta(0) <= moment - read < timedelta(milliseconds=1)
    assert read == shapes.parse_time(shapes.print_time(read))
    assert shapes.print_time(read).endswith("Z")


def test_no_offset_is_utc() -> None:
    """A time without an offset is taken for UTC."""
    assert datetime(2026, 5, 1, 10, tzinfo=UTC) == shapes.parse_time("2026-05-01T10:00:00")
