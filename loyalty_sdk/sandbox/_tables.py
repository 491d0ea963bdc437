"""Rows in order, paged without copying them: a list may have millions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Row(Protocol):
    """What a table needs of its rows."""

    @property
    def number(self) -> int: ...

    @property
    def time(self) -> datetime: ...

    @property
    def shown_at(self) -> float: ...


R = TypeVar("R", bound=Row)

_number = attrgetter("number")
_time = attrgetter("time")


class Table(Generic[R]):
    """Rows in ascending order of their numbers, paged without copying them."""

    def __init__(self) -> None:
        self.rows: list[R] = []
        self._in_time_order = True

    def add(self, row: R) -> None:
        """Append ``row``, whose number is the greatest yet."""
        if self.rows and row.time < self.rows[-1].time:
            self._in_time_order = False
        self.rows.append(row)

    def clear(self) -> None:
        """Forget everything."""
        self.rows.clear()
        self._in_time_order = True

    def page(  # noqa: PLR0913 - the parts of one query
        self,
        limit: int,
        *,
        anchor: int | None = None,
        ascending: bool = False,
        since: datetime | None = None,
        until: datetime | None = None,
        keep: Callable[[R], bool] | None = None,
        skip: int = 0,
    ) -> tuple[list[R], bool]:
        """Up to ``limit`` rows beyond ``anchor``, and whether more follow.

        ``since`` is inclusive and ``until`` exclusive.
        """
        if not self._in_time_order and (since or until):
            keep, since, until = _within(since, until, keep), None, None
        indexes = self._indexes(anchor, since, until, ascending=ascending)
        wanted = slice(skip, skip + limit + 1)
        if keep is None:
            found = [self.rows[index] for index in indexes[wanted]]
        else:
            rows = (self.rows[index] for index in indexes)
            found = list(islice(filter(keep, rows), wanted.start, wanted.stop))
        return found[:limit], len(found) > limit

    def _indexes(
        self, anchor: int | None, since: datetime | None, until: datetime | None, *, ascending: bool
    ) -> range:
        rows = self.rows
        low = bisect_left(rows, since, key=_time) if since else 0
        high = bisect_left(rows, until, key=_time) if until else len(rows)
        if ascending:
            if anchor is not None:
                low = max(low, bisect_right(rows, anchor, key=_number))
            return range(low, high)
        if anchor is not None:
            high = min(high, bisect_left(rows, anchor, key=_number))
        return range(high - 1, low - 1, -1)


def _within(
    since: datetime | None, until: datetime | None, keep: Callable[[R], bool] | None
) -> Callable[[R], bool]:
    def check(row: R) -> bool:
        early = since is not None and row.time < since
        late = until is not None and row.time >= until
        return not early and not late and (keep is None or keep(row))

    return check


class Ordered(Table[R]):
    """Like `Table`, of ``rows`` in any order; a page walks from the last one down, too."""

    def __init__(self, rows: list[R]) -> None:
        super().__init__()
        self.rows = rows
        self._in_time_order = False

    def _indexes(
        self, anchor: int | None, since: datetime | None, until: datetime | None, *, ascending: bool
    ) -> range:
        at = next((i for i, row in enumerate(self.rows) if row.number == anchor), None)
        if ascending:
            return range(0 if at is None else at + 1, len(self.rows))
        return range((len(self.rows) if at is None else at) - 1, -1, -1)
