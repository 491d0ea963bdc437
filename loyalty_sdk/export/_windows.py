"""Stretches of time that are read side by side, cut where the rows are.

How many rows a stretch holds nobody says, so it is cut by what its first page shows: the time
that one page spans, down to the stretch's end. Where rows were as dense as that all the way it
is cut evenly, where nobody can know into stretches each twice as long as the one before. Each is
judged anew by its own first page.

A stretch, once cut, is read from its own beginning to its own end by the vendor's filter: that
its rows come in order of their times is relied on for speed alone, never for completeness.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LEAF = 8
"""Pages that are worth a window of their own: fewer cost more requests, more balance worse."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Where windows are cut: a vendor may keep, print or compare no more than whole seconds, and a row
# in between would be in neither of the two.
_GRAIN = 1_000_000
# Before it nobody expects rows: one request finds out.
_DAWN = datetime(2000, 1, 1, tzinfo=UTC)
# Windows that one is cut into evenly, at most; an estimate beyond is no knowledge.
_EVENLY = 32


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970; no float, so that no row slips over an edge."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    """The reverse of `micros`."""
    return _EPOCH + at * _MICROSECOND


def spans(duration: timedelta) -> int:
    """A duration in whole microseconds."""
    return duration // _MICROSECOND


@attrs.frozen
class Window:
    """A stretch of time in microseconds since 1970, without its end.

    Attributes:
        low: None for whatever was first.
        high: The end.
    """

    low: int | None
    high: int

    def holds(self, at: int) -> bool:
        """Whether a row of that time belongs here."""
        return (self.low is None or self.low <= at) and at < self.high


def initial(low: int | None, high: int, now: int) -> tuple[Window, ...]:
    """The windows an export starts with; what is not over ``now`` is one of its own."""
    edges = [high, now, micros(_DAWN)]
    if low is not None:
        edges = [*(edge for edge in edges if edge > low), low]
    inside = sorted({min(edge, high) for edge in edges}, reverse=True)
    windows = [Window(older, newer) for newer, older in pairwise(inside)]
    if low is None:
        windows.append(Window(None, inside[-1]))
    return tuple(windows)


def cut(window: Window, times: Sequence[int], page: int) -> tuple[Window, ...]:
    """What to read instead of ``window``; nothing where it is best read on.

    Args:
        window: What is being read.
        times: Of the rows of its page ``page``, as they came.
        page: Pages read so far, this one included.
    """
    if window.low is None or len(times) < 2:
        return ()
    ordered = sorted(times, reverse=True)
    top = ordered[0] if page == 1 else ordered[-1]
    pace = _pace(ordered)
    pages = (top - window.low) / pace
    # Further down it begins again from the top: only for much more than is thrown away.
    if pages <= (LEAF * 2 if page == 1 else max(LEAF * 4, LEAF * page)):
        return ()
    inner = list(_evenly(window.low, top, pages) or _doubling(window.low, top, LEAF * pace))
    if page > 1:
        inner.insert(0, top)
    return tuple(_between(window.low, window.high, inner))


def _pace(times: Sequence[int]) -> float:
    """Microseconds that a page spans; by its newer half, since a backdated row tells nothing."""
    half = len(times) // 2
    return max((times[0] - times[half]) * len(times) / half, _GRAIN)


def _evenly(low: int, top: int, pages: float) -> list[int]:
    """Where to cut, from the top down, if rows may be as dense all the way; else nothing."""
    count = ceil(pages / LEAF)
    if count > _EVENLY:
        return []
    return [top - (top - low) * turn // count for turn in range(1, count)]


def _doubling(low: int, top: int, width: float) -> Iterator[int]:
    """Where to cut if nobody can know how dense rows are further down."""
    edge = top - width
    while edge > low + width:
        yield int(edge)
        width *= 2
        edge -= width


def _between(low: int, high: int, inner: Iterable[int]) -> Iterator[Window]:
    """The windows from ``high`` down to ``low``, cut at whole seconds."""
    for edge in inner:
        whole = edge // _GRAIN * _GRAIN
        if low < whole < high:
            yield Window(whole, high)
            high = whole
    yield Window(low, high)
