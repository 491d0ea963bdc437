from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk.sandbox.vendor import Ordered, Table

START = datetime(2026, 1, 1, tzinfo=UTC)


@attrs.frozen
class Line:
    """The least a row is."""

    number: int
    time: datetime
    shown_at: float = 0.0


def table_of(steps: Iterable[int], *, gap: int = 3) -> Table[Line]:
    """Rows numbered with gaps, at the given seconds after the start."""
    table: Table[Line] = Table()
    for index, step in enumerate(steps):
        table.add(Line(10 + index * gap, START + timedelta(seconds=step)))
    return table


seconds = st.lists(st.integers(0, 40), max_size=30)
bounds = st.none() | st.integers(-1, 41)
anchors = st.none() | st.integers(0, 110)


def moment(step: int | None) -> datetime | None:
    """So many seconds after the start."""
    return None if step is None else START + timedelta(seconds=step)


@given(
    steps=seconds | seconds.map(sorted),
    limit=st.integers(1, 12),
    anchor=anchors,
    ascending=st.booleans(),
    since=bounds,
    until=bounds,
    odd=st.booleans(),
    skip=st.integers(0, 3),
)
def test_page_is_a_slice(  # noqa: PLR0913, PLR0917 - the columns of one table
    steps: list[int],
    limit: int,
    anchor: int | None,
    ascending: bool,  # noqa: FBT001 - a parameter of the test
    since: int | None,
    until: int | None,
    odd: bool,  # noqa: FBT001 - a parameter of the test
    skip: int,
) -> None:
    """A page holds the rows that a filter and a sort of the whole table would give."""
    table = table_of(steps)
    first, last = moment(since), moment(until)
    wanted = [
        row
        for row in (table.rows if ascending else reversed(table.rows))
        if (anchor is None or (row.number > anchor if ascending else row.number < anchor))
        and (first is None or row.time >= first)
        and (last is None or row.time < last)
        and (not odd or row.number % 2)
    ]
    page, more = table.page(
        limit,
        anchor=anchor,
        ascending=ascending,
        since=first,
        until=last,
        keep=(lambda row: bool(row.number % 2)) if odd else None,
        skip=skip,
    )
    assert wanted[skip : skip + limit] == page
    assert (len(wanted) > skip + limit) is more


@pytest.mark.parametrize("steps", [[1, 2, 3, 4], [4, 1, 3, 2]])
def test_bounds(steps: list[int]) -> None:
    """The first bound is inclusive and the last exclusive, in whatever order the rows came."""
    page, _ = table_of(steps).page(9, since=moment(2), until=moment(4))
    assert {moment(2), moment(3)} == {row.time for row in page}


@given(steps=seconds, limit=st.integers(1, 7))
def test_pages_cover_the_table(steps: list[int], limit: int) -> None:
    """Page by page, every row comes once, newest first, and the way back is the same."""
    table = table_of(steps)
    seen: list[Line] = []
    anchor, more = None, True
    while more:
        page, more = table.page(limit, anchor=anchor)
        seen += page
        anchor = page[-1].number if page else None
    assert table.rows == seen[::-1]


@given(numbers=st.permutations(range(12)), limit=st.integers(1, 5))
def test_ordered_pages(numbers: list[int], limit: int) -> None:
    """Rows in any order are paged in it, in both directions."""
    rows = [Line(number, START) for number in numbers]
    table = Ordered(rows[::-1])
    seen: list[Line] = []
    anchor, more = None, True
    while more:
        page, more = table.page(limit, anchor=anchor)
        seen += page
        anchor = page[-1].number
    assert rows == seen
    back, more = table.page(20, anchor=rows[-1].number, ascending=True)
    assert (rows[:-1], False) == (back[::-1], more)


def test_ordered_from_its_head() -> None:
    """Ascending without an anchor, the first rows in the other direction come."""
    rows = [Line(number, START) for number in (3, 1, 2)]
    assert (rows[:2], True) == Ordered(rows).page(2, ascending=True)


def test_clear() -> None:
    """A cleared table is as new: rows in order of time are found by it again."""
    table = table_of([5, 1])
    table.clear()
    table.add(Line(99, START))
    assert ([Line(99, START)], False) == table.page(5, since=START)
