"""Windows: what is cut, where, and that nothing falls between two of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk.export._windows import (
    LEAF,
    Window,
    _between,
    cut,
    initial,
    micros,
    moment,
    spans,
)

MINUTE = 60_000_000
SECOND = 1_000_000
HIGH = micros(datetime(2026, 5, 1, tzinfo=UTC))


def page(top: int, pace: int, rows: int = 100) -> list[int]:
    """Times of a page that spans ``pace`` microseconds from ``top`` down."""
    return [top - pace * number // rows for number in range(rows)]


@given(st.datetimes(timezones=st.just(timezone(timedelta(hours=5, minutes=30)))))
def test_microseconds_keep_every_moment(when: datetime) -> None:
    """No float comes in between: a row cannot slip over an edge."""
    assert when == moment(micros(when))


def test_a_duration_is_whole_microseconds() -> None:
    """An overlap is counted like times."""
    assert 3_600_000_001 == spans(timedelta(hours=1, microseconds=1))


def test_what_is_before_anybody_expects_rows_is_asked_for_once() -> None:
    """Without a beginning, all rows before 2000 are one window that is never cut."""
    dawn = micros(datetime(2000, 1, 1, tzinfo=UTC))
    late, early = initial(None, HIGH, HIGH)
    assert (Window(dawn, HIGH), Window(None, dawn)) == (late, early)
    assert () == cut(early, page(dawn - 1, 1000), 1)


def test_a_known_beginning_is_one_window() -> None:
    """Nothing is asked for outside of what was asked for."""
    assert (Window(HIGH - MINUTE, HIGH),) == initial(HIGH - MINUTE, HIGH, HIGH)
    assert (Window(None, 5),) == initial(None, 5, HIGH)


def test_what_is_not_over_is_a_window_of_its_own() -> None:
    """It is read last, when it is over: rows may still be made in it."""
    now = HIGH - 1_000_000
    wanted = (Window(now, HIGH), Window(HIGH - MINUTE, now))
    assert wanted == initial(HIGH - MINUTE, HIGH, now)
    assert (Window(now + 1, HIGH),) == initial(now + 1, HIGH, now)


@pytest.mark.parametrize("low", [HIGH, HIGH + 1])
def test_an_empty_stretch_is_no_window(low: int) -> None:
    """A beginning that is not before the end leaves nothing to read."""
    assert () == initial(low, HIGH, HIGH - 1)


def test_a_few_pages_are_read_on() -> None:
    """What is worth two windows at most stays one."""
    window = Window(HIGH - LEAF * 2 * MINUTE, HIGH)
    assert () == cut(window, page(HIGH - 1, MINUTE), 1)


def test_a_dense_stretch_is_cut_evenly() -> None:
    """Rows as dense as on the first page all the way: windows of about the same size."""
    window = Window(HIGH - LEAF * 10 * MINUTE, HIGH)
    windows = cut(window, page(HIGH - 1, MINUTE), 1)
    assert 10 <= len(windows) <= 11
    lengths = [each.high - (each.low or 0) for each in windows]
    assert max(lengths) - min(lengths) <= 2 * MINUTE


def test_a_stretch_nobody_knows_is_cut_into_longer_and_longer_ones() -> None:
    """One page says nothing of years: each window is twice as long as the one after it."""
    window = Window(0, HIGH)
    windows = cut(window, page(HIGH - 1, MINUTE), 1)
    lengths = [each.high - (each.low or 0) for each in windows]
    assert len(windows) < 30
    assert all(1.9 < older / newer < 2.1 for newer, older in pairwise(lengths[:-1]))


def test_a_backdated_row_does_not_hide_how_dense_the_others_are() -> None:
    """The newer half of a page counts, so a few old rows in it change nothing."""
    window = Window(HIGH - LEAF * 10 * MINUTE, HIGH)
    times = [*page(HIGH - 1, MINUTE, 90), *[HIGH - LEAF * 9 * MINUTE] * 10]
    assert 8 <= len(cut(window, times, 1)) <= 12


def test_further_down_only_much_more_than_was_read_is_worth_a_cut() -> None:
    """Pages that were read are read again then."""
    window = Window(HIGH - 1000 * MINUTE, HIGH)
    dense = page(HIGH - 900 * MINUTE, MINUTE // 4)
    assert () == cut(window, dense, 60)
    windows = cut(window, dense, 3)
    assert (dense[-1] // SECOND * SECOND, HIGH) == (windows[0].low, windows[0].high)


def test_what_cannot_be_parted_is_read_on() -> None:
    """Any number of rows of one second is one window: cutting comes to an end."""
    assert () == cut(Window(HIGH - SECOND, HIGH), [HIGH - SECOND] * 100, 1)


@pytest.mark.parametrize("times", [[], [HIGH - 5]])
def test_a_page_without_two_rows_says_nothing(times: list[int]) -> None:
    """An empty page is legal, and one row spans no time."""
    assert () == cut(Window(0, HIGH), times, 1)


def test_edges_of_one_second_are_one_edge() -> None:
    """Vendors may know whole seconds only: a window is never less than one, but for its ends."""
    wanted = [(5.0, 5.5), (4.0, 5.0), (2.0, 4.0), (0.9, 2.0)]
    edges = [int(edge * SECOND) for edge in (5.5, 4.999, 4.1, 2.0, 0.999)]
    found = list(_between(int(0.9 * SECOND), int(5.5 * SECOND), edges))
    assert wanted == [((window.low or 0) / SECOND, window.high / SECOND) for window in found]


@given(
    st.integers(0, 10**15),
    st.integers(1, 10**15),
    st.lists(st.integers(0, 10**15), min_size=2, max_size=20),
    st.integers(1, 50),
)
def test_windows_follow_one_another_without_a_gap(
    low: int, length: int, offsets: list[int], number: int
) -> None:
    """Whatever is cut, its parts are the whole: none empty, no row in two or in none."""
    window = Window(low, low + length)
    windows = cut(window, [low + offset % length for offset in offsets], number)
    if windows:
        assert 2 <= len(windows)
        assert (window.high, window.low) == (windows[0].high, windows[-1].low)
        assert all(each.low is not None and each.low < each.high for each in windows)
        assert all(a.low == b.high for a, b in pairwise(windows))


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_a_window_holds_its_beginning_and_not_its_end(low: int, high: int, at: int) -> None:
    """As the vendor's bounds are documented, so every row is in one window."""
    assert (low <= at < high) is Window(low, high).holds(at)
    assert (at < high) is Window(None, high).holds(at)
