"""Takes rows as they come, sends them, and writes down what became of them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import attrs

from ._attempt import Ended, Sender
from ._run import amount_of, settle_on
from ._states import State

if TYPE_CHECKING:
    from ._recovery import Recovery
    from ._rows import Row
    from ._run import Run


class Worker:
    """One of those that send rows at the same time.

    Args:
        run: The run.
        recovery: Looks rows up first, where the journal was adopted; else None.
    """

    def __init__(self, run: Run, recovery: Recovery | None) -> None:
        self._run = run
        self._recovery = recovery
        self._sender = Sender(run)

    async def work(self) -> None:
        """Until there are no more rows, or the run stops."""
        while (row := await self._run.lanes.take()) is not None:
            await self._run.heard.wait()
            ended = None
            if self._recovery is not None:
                ended = await self._recovery.before_first(row)
            if ended is None:
                ended = await self._sender.send(row)
            await self._conclude(row, ended)

    async def _conclude(self, row: Row, ended: Ended) -> None:
        if ended.state.final:
            # The customer's next row waits for the disk; this worker need not.
            settle_on(record(self._run, row, ended), partial(self._finish, row, ended))
        elif ended.announced or not self._run.stopping:
            await self._park(row, ended)

    def _finish(self, row: Row, ended: Ended) -> None:
        self._run.on_disk(row)
        self._run.end(row, ended.state, error=ended.error, seconds=ended.seconds)
        self._run.lanes.finish(row)

    async def _park(self, row: Row, ended: Ended) -> None:
        """The customer's later rows must not overtake this one."""
        run, ended = self._run, doubted(ended)
        rest = run.lanes.clear(row.customer_id)[1:]
        if run.stopping:
            rest = []  # the next run reads them again, behind this one
        run.parked.setdefault(row.customer_id, 0)
        # All of them before anything else happens, so that no key is nowhere for a moment.
        written = record(run, row, ended)
        aside = [set_aside(run, other) for other in rest]
        await asyncio.gather(written, *aside)
        run.counts[ended.state] += 1
        run.on_disk(row)


def set_aside(run: Run, row: Row) -> asyncio.Future[None]:
    """``row`` waits until those before it are no longer in doubt."""
    run.parked[row.customer_id] += 1
    written = run.journal.placed(row, State.WAITING, amount_of(row.value))

    def done() -> None:
        run.counts[State.WAITING] += 1
        run.on_disk(row)

    settle_on(written, done)
    return written


def doubted(ended: Ended) -> Ended:
    """``ended``, but in doubt for now: only the pass at a run's end finds a row undecidable.

    Before that it comes before all others of its customer, in the next run too.
    """
    return attrs.evolve(ended, state=State.SENT) if ended.state is State.UNKNOWN else ended


def record(run: Run, row: Row, ended: Ended) -> asyncio.Future[None]:
    """What became of ``row``, on its way to the disk."""
    journal = run.journal
    if not ended.announced or ended.state is State.WAITING:
        return journal.placed(row, ended.state, amount_of(row.value), ended.error, ended.points)
    if ended.state is State.APPLIED:
        return journal.applied(row, ended.points, ended.error, ended.marker)
    if not ended.state.final:
        return journal.in_doubt(row, ended.state, ended.receipt, ended.error or "")
    return journal.rejected(row, ended.error or "")
