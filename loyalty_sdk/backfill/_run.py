"""What the parts of one run share."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk._models import Activity, Order, PointsAdjustment, amount

from ._events import Event, Progress, RowEnded, Stopping, Waiting
from ._gate import Gate
from ._lanes import Frontier, Lanes
from ._refusals import Refusals
from ._states import State
from ._waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from loyalty_sdk._client import LoyaltyClient

    from ._journal import Journal
    from ._rows import BadRow, Row, Source

_RATE_OVER = 10.0
# Rows read ahead for each that is on its way: enough to meet as many customers.
_AHEAD = 16
# A share of fewer rows says nothing.
_ENOUGH = 100


@attrs.frozen(kw_only=True)
class Options:
    """How a run behaves; see `Backfill`."""

    operation: str
    concurrency: int
    max_rejected_share: float
    patience: float
    resend_unknown: bool
    mends: bool


class Run:
    """One run, from opening the journal to closing it.

    Attributes:
        repeats: Whether every run reads the same rows in the same order, as of a file.
    """

    def __init__(  # noqa: PLR0913 - what a run is made of
        self,
        client: LoyaltyClient[Any],
        source: Source,
        journal: Journal,
        options: Options,
        tell: Callable[[Event], None] | None,
        *,
        repeats: bool,
    ) -> None:
        self.client = client
        self.repeats = repeats
        self.source = source
        self.journal = journal
        self.options = options
        self.lanes = Lanes(_AHEAD * options.concurrency)
        self.gate = Gate(options.patience, self._wait)
        self.waits = Waits()
        self.frontier = Frontier()
        self.counts: Counter[State] = Counter()
        # Rows put aside behind each customer's row that is in doubt.
        self.parked: dict[str, int] = {}
        self.reason: str | None = None
        self.phase = "resuming"
        self.complete = False
        self.in_flight = 0
        self.ended = 0
        self.resent_unknown = 0
        self.began = time.monotonic()
        # Cleared while whoever listens is behind.
        self.heard = asyncio.Event()
        self.heard.set()
        self._decided = Counter[State]()
        self._refusals = Refusals()
        self._ticks: deque[tuple[float, int]] = deque([(self.began, 0)])
        self._tell = tell

    # ------------------------------------------------------------ stopping

    def stop(self, reason: str) -> None:
        """Begin no further row."""
        if self.reason is None:
            self.reason = reason
            self.gate.stopped.set()
            self.lanes.close()
            self.waits.give_up()
            self._say(Stopping(reason=reason))

    @property
    def stopping(self) -> bool:
        """Whether no further row is to be begun."""
        return self.reason is not None

    # ------------------------------------------------------------ rows

    def on_disk(self, row: Row | BadRow) -> None:
        """``row`` stands in the journal, so it need not be read again."""
        if self.options.mends:
            return
        place = self.frontier.journaled(row.ordinal)
        if place is not None:
            self.journal.advance(place)

    def end(
        self,
        row: Row | BadRow,
        state: State,
        *,
        before: State | None = None,
        error: str | None = None,
        seconds: float | None = None,
    ) -> None:
        """``row`` got where it stays, and the journal says so."""
        if before is not None:
            self.counts[before] -= 1
        self.counts[state] += 1
        self.ended += 1
        self._judge(state, error)
        if self._tell is not None:
            owner = getattr(row, "customer_id", None)
            self._tell(
                RowEnded(
                    ordinal=row.ordinal,
                    line=row.line,
                    key=row.key,
                    customer_id=owner,
                    state=state,
                    error=error,
                    seconds=seconds,
                )
            )

    def _judge(self, state: State, error: str | None) -> None:
        """Rows that were never sent say nothing of the vendor."""
        if state is State.APPLIED:
            self.gate.succeeded()
        elif state is not State.REJECTED:
            return
        else:
            self._refusals.add(error or "")
        self._decided[state] += 1
        decided = self._decided.total()
        share = self._decided[State.REJECTED] / decided
        if decided >= _ENOUGH and share > self.options.max_rejected_share:
            self.stop(
                f"{self._decided[State.REJECTED]} of {decided} rows were refused, more than"
                f" {100 * self.options.max_rejected_share:g} %; {self._refusals.words()}"
            )

    # ------------------------------------------------------------ what listeners are told

    def _wait(self, reason: str, seconds: float) -> None:
        self._say(Waiting(reason=reason, seconds=seconds))

    def _say(self, event: Event) -> None:
        if self._tell is not None:
            self._tell(event)

    def progress(self) -> Progress:
        """How far it has come."""
        now = time.monotonic()
        self._ticks.append((now, self.ended))
        while now - self._ticks[0][0] > _RATE_OVER:
            self._ticks.popleft()
        since, ended = self._ticks[0]
        return Progress(
            counts={state: self.counts[state] for state in State},
            in_flight=self.in_flight,
            ended=self.ended,
            elapsed=now - self.began,
            rate=(self.ended - ended) / (now - since) if now > since else 0.0,
            total=None if self.options.mends else self.source.estimated_rows(),
            waiting=self.gate.reason,
            phase=self.phase,
        )


def amount_of(value: Order | Activity | PointsAdjustment) -> str:
    """What ``value`` is about, in a word: points, a total, a name."""
    if isinstance(value, PointsAdjustment):
        return str(value.points)
    return amount(value.total) if isinstance(value, Order) else value.name


def patient_deadline(settle: float) -> float:
    """Seconds for a call that is to decide its own row: wait, send again, look for a double."""
    return 3 * settle + 30


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all of it at once; the first failure ends the rest, and is raised."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def settle_on(future: asyncio.Future[None], then: Callable[[], None]) -> None:
    """Do something once a change is on the disk; a failure is the journal's to tell."""

    def done(finished: asyncio.Future[None]) -> None:
        if not finished.cancelled() and finished.exception() is None:
            then()

    future.add_done_callback(done)
