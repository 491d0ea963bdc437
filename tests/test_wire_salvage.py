from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk.errors import MalformedResponseError
from loyalty_sdk.wire import Aware, Id, convert, salvage


@attrs.frozen
class Part:
    """A part of a row that has parts itself."""

    name: str | None = None
    size: int | None = None


@attrs.frozen
class Row:
    """What a vendor might send."""

    id: Id
    at: Aware
    points: int = 0
    part: Part | None = None
    tags: tuple[str, ...] | None = None
    rest: Mapping[str, Any] = attrs.field(factory=dict[str, Any])


NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SOUND = {"id": 1, "at": "2026-05-01T12:00:00Z"}
JSON: st.SearchStrategy[object] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "a", "é"])
    | st.just([])
    | st.just({})
)


def test_what_fits_is_converted() -> None:
    """What fits is read as `convert` reads it."""
    row = {**SOUND, "points": 5, "part": {"name": "a"}, "tags": ["x"], "rest": {"y": 1}}
    expected = Row(1, NOON, 5, Part("a"), ("x",), {"y": 1})

    assert expected == convert(row, Row) == salvage(row, Row)


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        ({"part": {"name": "a", "size": "big"}}, Row(1, NOON, 0, Part("a"))),
        ({"part": "a"}, Row(1, NOON)),
        ({"tags": ["x", 5]}, Row(1, NOON)),
        ({"points": None, "rest": None}, Row(1, NOON)),
        ({"new": 1.5, "tags": 5}, Row(1, NOON)),
    ],
)
def test_what_does_not_fit_is_none(odd: dict[str, Any], expected: Row) -> None:
    """A part that may be None is None when it does not fit; null reads as absent."""
    assert expected == salvage({**SOUND, **odd}, Row)


@pytest.mark.parametrize(
    ("odd", "path"),
    [
        ({"id": None}, "$.rows[3].id"),
        ({"id": ""}, "$.rows[3].id"),
        ({"id": 1.0}, "$.rows[3].id"),
        ({"id": True}, "$.rows[3].id"),
        ({"at": None}, "$.rows[3].at"),
        ({"at": "2026-05-01T12:00:00"}, "$.rows[3].at"),
        ({"at": 1777636800}, "$.rows[3].at"),
        ({"points": "5"}, "$.rows[3].points"),
        ({"points": 1.9}, "$.rows[3].points"),
        ({"points": True}, "$.rows[3].points"),
        ({"rest": []}, "$.rows[3].rest"),
    ],
)
def test_what_is_needed_raises(odd: dict[str, Any], path: str) -> None:
    """A part that may not be None raises when it does not fit, and nothing is coerced."""
    with pytest.raises(MalformedResponseError, match="unexpected answer at") as caught:
        salvage({**SOUND, **odd}, Row, "$.rows[3]")

    assert path == caught.value.path


@pytest.mark.parametrize("value", [None, [], 5, "row"])
def test_only_objects_are_salvaged(value: object) -> None:
    """What is no object has no parts."""
    with pytest.raises(MalformedResponseError) as caught:
        salvage(value, Row, "$.row")

    assert "$.row" == caught.value.path


@pytest.mark.parametrize(("value", "path"), [([1, "a"], "$.ids[1]"), (None, "$.ids")])
def test_converting_names_the_path(value: object, path: str) -> None:
    """`convert` says where in the answer the mistake is."""
    with pytest.raises(MalformedResponseError) as caught:
        convert(value, list[int], "$.ids")

    assert path == caught.value.path


@given(name=st.sampled_from(["part", "tags"]), value=JSON)
def test_optional_parts_never_fail(name: str, value: object) -> None:
    """Whatever stands in a part that may be None, the row is read."""
    found = salvage({**SOUND, name: value}, Row)

    assert (1, NOON, 0) == (found.id, found.at, found.points)
