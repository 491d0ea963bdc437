"""Looks: reads that find out what became of a write."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

import attrs

from . import _marker
from .errors import MalformedResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from decimal import Decimal

    from ._flow import Flow, Request, Response
    from ._models import Page, Transaction

T = TypeVar("T")
R = TypeVar("R", bound="_Row")

MOST_PAGES = 20
"""Pages one look reads at most; a longer history decides nothing."""

_MARGIN = {True: 600.0, False: 2.0}


class Trace(NamedTuple):
    """What a write leaves in the vendor's records, as far as it is known beforehand.

    Its fields are given by name.

    Attributes:
        customer_id: Whose record it is.
        reference: The key the write is known by.
        marker: Its token in a free-text field of the row, None without such a field.
        name: Of an activity.
        points: The change of the balance, None where the vendor decides it.
        total: Of an order.
        at: The time it was said to have happened, if one was said.
        adjusts: Whether it changes points by hand, so that equal ones could be confused.
    """

    operation: str
    customer_id: str
    reference: str | None = None
    marker: str | None = None
    name: str | None = None
    points: int | None = None
    total: Decimal | None = None
    at: datetime | None = None
    adjusts: bool = False


class Finding(Enum):
    """What a look says."""

    PROVEN = "proven"
    """A record is there that can only be this write's."""
    ABSENT = "absent"
    """No record can be this write's."""
    UNDECIDED = "undecided"
    """Neither, or the look was no look."""


@attrs.frozen(kw_only=True)
class Sight:
    """What one look saw.

    Attributes:
        finding: What it says of the write.
        rows: Rows that are, or could be, the write's.
        ids: The vendor's ids of records that are the write's and no transactions.
        note: Why nothing was decided.
        longest_marker: Length of the longest marker token that came back whole.
        unmarked: Rows that could be the write's, had its marker not come back.
        bare: Whether a row of the window carries no marker, so that it could be the write's
            with other points, had its marker not come back.
        since: Start of the window it looked at; None for the whole history.
    """

    finding: Finding
    rows: tuple[Transaction, ...] = ()
    ids: tuple[str, ...] = ()
    note: str = ""
    longest_marker: int = 0
    unmarked: tuple[Transaction, ...] = ()
    bare: bool = False
    since: datetime | None = None


@attrs.frozen(kw_only=True)
class Window:
    """How far back a look must reach.

    Attributes:
        sent_at: `time.monotonic` before the write's first try; None when that clock was
            another process's, and then there is no window but the whole history.
        others: Further writes of ours whose rows could be mistaken for this one's.
        resent: Whether the write was sent again, so that it may be there twice.
        since: The vendor's time from which on an earlier look found nothing. Vendors give
            whole seconds: a later look's own reckoning may begin a moment too early.
    """

    sent_at: float | None
    others: tuple[Trace, ...] = ()
    resent: bool = False
    since: datetime | None = None

    def start(self, response: Response, *, marked: bool) -> datetime | None:
        """The earliest moment on the vendor's clock at which the row can lie.

        Raises:
            MalformedResponseError: The answer has no ``Date``.
        """
        if self.sent_at is None:
            return None
        if response.date is None:
            raise MalformedResponseError("the answer has no Date")
        elapsed = response.received_at - self.sent_at + _MARGIN[marked]
        start = response.date - timedelta(seconds=elapsed)
        return start if self.since is None else max(start, self.since)


def fresh(flow: Flow[T]) -> Generator[Request, Response, tuple[T, Response]]:
    """``flow`` for one answer, read past caches; its result and that answer."""
    request = next(flow)._replace(fresh=True)
    response = yield request
    check_seen(response)
    try:
        flow.send(response)
    except StopIteration as end:
        return end.value, response
    raise MalformedResponseError("one answer was not enough")


def check_seen(response: Response, *statuses: int) -> None:
    """A look must see the records as they are, in an answer the vendor documents.

    Raises:
        MalformedResponseError: It came from a cache, or its status is neither 200 nor one of
            ``statuses``.
    """
    if "Age" in response.headers:
        raise MalformedResponseError("the answer came from a cache")
    if response.status not in {200, *statuses}:
        raise MalformedResponseError(f"HTTP {response.status} is not what a read is answered with")


class _Row(Protocol):
    @property
    def id(self) -> object: ...

    @property
    def created_at(self) -> datetime | None: ...


@attrs.frozen
class History(Generic[R]):
    """Rows read back to the start of a window, newest first.

    Attributes:
        rows: All that were read; the last page may reach beyond the window.
        start: The earliest moment at which the write's record can lie; None for no window.
    """

    rows: tuple[R, ...]
    start: datetime | None

    @property
    def recent(self) -> tuple[R, ...]:
        """The rows of the window."""
        return tuple(filter(self.holds, self.rows))

    def holds(self, row: R) -> bool:
        """Whether ``row`` lies in the window."""
        return _since(row, self.start)


def history(
    pages: Callable[[str | None, Mapping[str, Any]], Flow[Page[R]]],
    trace: Trace,
    window: Window,
    filters: Mapping[str, Any],
) -> Flow[History[R]]:
    """Everything that the list ``pages`` holds since the window's start.

    Pages may overlap, since rows are added while they are read: each row counts once.

    Raises:
        MalformedResponseError: A page was cached, has no ``Date``, or there are too many.
    """
    found: dict[object, R] = {}
    cursor = None
    for _ in range(MOST_PAGES):
        page, response = yield from fresh(pages(cursor, filters))
        found |= {row.id: row for row in page.items}
        start = window.start(response, marked=trace.marker is not None)
        if start is not None and trace.at is not None:
            # The vendor may keep whole seconds only.
            start = min(start, trace.at - timedelta(seconds=_MARGIN[False]))
        cursor = page.cursor
        # A row may be listed late and out of order: only a page with none of them ends it.
        ended = page.items and not any(_since(row, start) for row in page.items)
        if cursor is None or ended:
            return History(tuple(found.values()), start)
    raise MalformedResponseError(f"the history is longer than {MOST_PAGES} pages")


def _since(row: _Row, start: datetime | None) -> bool:
    return start is None or row.created_at is None or row.created_at >= start


def by_marker(
    trace: Trace,
    rows: Iterable[Transaction],
    marker_of: Callable[[Transaction], str | None],
    *,
    start: datetime | None = None,
    others: Iterable[Trace] = (),
) -> Sight:
    """What ``rows`` say of a write that carries a marker, which ``others`` may carry too.

    Args:
        trace: The write.
        rows: Of the window.
        marker_of: The field that holds a row's marker.
        start: Of the window.
        others: Further writes of ours.
    """
    rows = tuple(rows)
    tokens = [_marker.read(marker_of(row)) for row in rows]
    mine = tuple(row for row, seen in zip(rows, tokens, strict=True) if seen == trace.marker)
    namesakes = sum(other.marker == trace.marker for other in others)
    note = ""
    finding = Finding.PROVEN if mine else Finding.ABSENT
    if mine and len(mine) <= namesakes:
        finding, note = Finding.UNDECIDED, "another write had the same reference"
    longest = max((len(seen) for seen in tokens if seen is not None), default=0)
    sent = start and start + timedelta(seconds=_MARGIN[True] - _MARGIN[False])
    bare = [row for row, seen in zip(rows, tokens, strict=True) if seen is None]
    return Sight(
        finding=finding,
        rows=mine,
        note=note,
        longest_marker=longest,
        unmarked=tuple(row for row in bare if could_be(trace, row.points) and _since(row, sent)),
        bare=bool(bare),
        since=start,
    )


def by_points(
    trace: Trace,
    rows: Iterable[Transaction],
    window: Window,
    *,
    sole_writer: bool,
    start: datetime | None = None,
) -> Sight:
    """What ``rows``, which are adjustments, say of a write that carries no marker.

    ``start`` is the window's, on the vendor's clock.
    """
    alike = tuple(row for row in rows if could_be(trace, row.points))
    if not alike:
        return Sight(finding=Finding.ABSENT, since=start)
    exact = all(row.points == trace.points for row in alike)
    rivals = any(could_be(other, row.points) for other in window.others for row in alike)
    # Two are a double, if it was sent twice.
    if sole_writer and exact and not rivals and len(alike) <= 1 + window.resent:
        return Sight(finding=Finding.PROVEN, rows=alike)
    note = f"{len(alike)} rows could be this one's"
    return Sight(finding=Finding.UNDECIDED, rows=alike, note=note)


def could_be(trace: Trace, points: int) -> bool:
    """Whether a row of ``points`` can be what ``trace`` left; a removal may be clamped to 0."""
    wanted = trace.points
    if wanted is None:
        return False
    return points == wanted if wanted > 0 else wanted <= points <= 0
