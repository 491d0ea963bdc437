"""One run of a backfill, from opening the journal to the summary."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk.errors import (
    ConfigurationError,
    InputError,
    JournalError,
    UnsupportedOperationError,
)

from ._beginning import begin
from ._events import Summary
from ._hearing import Heard
from ._identity import belonging
from ._intake import Intake
from ._mapping import Columns
from ._place import check_apart, files_of
from ._recovery import Recovery
from ._run import Options, Run, patient_deadline, together
from ._sources import FileSource, source_of
from ._sources_mended import MendedSource
from ._states import State
from ._worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable

    from loyalty_sdk._client import LoyaltyClient

    from ._events import Event, Progress
    from ._rows import Source
    from ._sources_iterable import Item

_PROGRESS_EVERY = 0.25
_OPERATIONS = ("adjust_points", "create_order", "track_activity")


class Backfill:
    """Sends every row of an input once, and can be killed at any moment.

    What is about to leave is written down before it does, what became of it before it is
    told. The same call with the same journal goes on where the last one ended, however that
    was. Rows of one customer never overtake each other.

    Args:
        client: Who sends. Its ``before_send`` is awaited too, before the journal's.
        rows: A path, an iterable of neutral values or of mappings, or a `Source`, which
            can map columns.
        journal: The file; made when it is not there.
        operation: ``adjust_points``, ``create_order`` or ``track_activity``.
        concurrency: Rows on their way at once.
        max_rejected_share: Share of refused rows, from 0 to 1, above which the run stops;
            after a hundred rows.
        patience: Seconds without any success, while nothing can be sent, until the run stops.
        deadline: Seconds for one row, with all its tries and looks; three times ``settle``
            and half a minute unless given, so that a row in doubt is decided by its own call.
        resend_unknown: Send rows again of which nobody can say whether they were applied:
            each lands at least once, and perhaps twice.
        adopt: Go on with a copy, or without the journal that there was: every row that has
            no outcome is looked up before it is sent. Rows without keys of their own are
            refused where the journal is gone: nobody can find them.
        mends: ``rows`` are dead letters of this journal, mended: see `mended`.
        rejected: Where the dead letters are written; beside the journal unless given.
        state_directory: Where it is kept how far journals have come; by ``XDG_STATE_HOME``
            unless given.

    Raises:
        ConfigurationError: A number is out of range, the operation is unknown, or the dead
            letters would be written over the journal.
        UnsupportedOperationError: The vendor has no such operation.
    """

    def __init__(  # noqa: PLR0913 - each is one thing a run is told
        self,
        client: LoyaltyClient[Any],
        rows: Source | str | Path | Iterable[Item] | AsyncIterable[Item],
        *,
        journal: str | Path,
        operation: str,
        concurrency: int = 64,
        max_rejected_share: float = 0.5,
        patience: float = 600.0,
        deadline: float | None = None,
        resend_unknown: bool = False,
        adopt: bool = False,
        mends: bool = False,
        rejected: str | Path | None = None,
        state_directory: str | Path | None = None,
    ) -> None:
        _check(client, operation)
        _check_number("concurrency", concurrency, int, 1)
        _check_number("max_rejected_share", max_rejected_share, (int, float), 0, 1)
        _check_number("patience", patience, (int, float), 0)
        self._source = _source(rows, operation)
        if mends and not isinstance(self._source, MendedSource):
            raise ConfigurationError("backfill: rows that mend others come from `mended`")
        # A call that has time settles its own row, and holds its customer's others back.
        self._client = client.with_options(
            lane="bulk",
            deadline=patient_deadline(client.settle) if deadline is None else deadline,
        )
        self._path = Path(journal)
        if not self._path.name:
            raise ConfigurationError(f"backfill: journal: wanted a file's path, got {journal!r}")
        self._rejected = Path(rejected or self._path.with_name(f"{self._path.name}.rejected.jsonl"))
        # Dead letters that are mended stay where they are.
        needed = files_of(self._path)[:-1]
        if isinstance(self._source, FileSource) and not mends:
            needed.append(self._source.path)
        check_apart(self._rejected, *needed)
        self._directory = None if state_directory is None else Path(state_directory)
        self._adopt = adopt
        self._options = Options(
            operation=operation,
            concurrency=concurrency,
            max_rejected_share=max_rejected_share,
            patience=patience,
            resend_unknown=resend_unknown,
            mends=mends,
        )
        self._run: Run | None = None
        self._fingerprint: str | None = None
        self._working: asyncio.Task[None] | None = None
        self._stop_wanted: str | None = None

    async def run(self, on_progress: Callable[[Progress], object] | None = None) -> Summary:
        """Go on until every row is where it stays, or the run has to stop.

        Args:
            on_progress: Called four times a second, and at the end. If it raises, the run stops
                and raises the same.

        Returns:
            What became of all rows; its ``reason`` says why the run stopped, if it did.

        Raises:
            JournalError: The journal is not for this run, or cannot be written any more; or the
                file of the dead letters cannot, and then its ``summary`` says what was done.
            ConfigurationError: Mended rows have other columns or values than they had at first.
            InputError: The input cannot be read further, or a row without a key comes where the
                journal is gone; what was read is sent, and its ``summary`` says what became of it.
            LoyaltyError: The vendor does not say whose the credentials are.
        """
        return await self._go(None, on_progress)

    async def events(self) -> AsyncGenerator[Event, None]:
        """The same as `run`, told as it happens; the `Summary` comes last.

        The run waits for a slow listener. Leaving the loop early ends the run at once, as if
        the process had been killed; `contextlib.aclosing` makes that happen in time.
        """
        heard = Heard(lambda: self._run)
        going = asyncio.ensure_future(self._go(heard.tell, heard.tell))
        going.add_done_callback(lambda _: heard.end())
        try:
            async for event in heard:
                yield event
            yield going.result()
        finally:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)

    def stop(self, reason: str = "it was asked to stop") -> None:
        """Begin no further row and finish those on their way; a second time, end at once.

        Both are safe: the next run goes on.
        """
        again, self._stop_wanted = self._stop_wanted is not None, self._stop_wanted or reason
        if self._run is not None:
            self._run.stop(reason)
            if again and self._working is not None:
                self._working.cancel()

    # ------------------------------------------------------------ one run

    async def _go(
        self,
        tell: Callable[[Event], None] | None,
        on_progress: Callable[[Progress], object] | None,
    ) -> Summary:
        if self._run is not None:
            raise ConfigurationError("a Backfill runs once", hint="Make another one to go on")
        mine = await belonging(self._client, self._source, self._options.operation)
        self._fingerprint = mine.fingerprint
        journal = await begin(
            self._path,
            mine,
            adopt=self._adopt,
            mends=self._options.mends,
            directory=self._directory,
        )
        whole = False
        try:
            if isinstance(self._source, MendedSource):
                self._source.check_mapping(journal.mapping)
            run = self._run = Run(
                self._client,
                self._source,
                journal,
                self._options,
                tell,
                repeats=bool(mine.fingerprint),
            )
            summary = await self._watched(run, on_progress)
            whole = True
        finally:
            await journal.aclose(whole=whole)
        return summary

    async def _watched(self, run: Run, on_progress: Callable[[Progress], object] | None) -> Summary:
        run.counts.update(await run.journal.counts())
        if self._stop_wanted is not None:
            run.stop(self._stop_wanted)
        watching = asyncio.ensure_future(_watch(run, on_progress))
        watching.add_done_callback(partial(_stop_unwatched, run))
        working = self._working = asyncio.ensure_future(_phases(run))
        # What is on its way can no longer be written down then: the next run looks it up.
        run.journal.on_failure(working.cancel)
        try:
            try:
                await self._worked(working)
            except InputError as error:
                try:
                    error.summary = await self._summary(run)
                except JournalError as unwritten:
                    error.summary = unwritten.summary
                    error.add_note(str(unwritten))
                raise
            except Exception as error:
                # An input that cannot be read further has dead letters all the same.
                await self._bury_beside(run, error)
                raise
            return await self._summary(run)
        finally:
            watching.cancel()
            [failed] = await asyncio.gather(watching, return_exceptions=True)
            run.phase = "done"
            if isinstance(failed, Exception):
                raise failed
            if on_progress is not None:
                on_progress(run.progress())

    async def _worked(self, working: asyncio.Task[None]) -> None:
        """Until all is done, or `stop` was called a second time."""
        try:
            await asyncio.wait({working})
        except asyncio.CancelledError:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            raise
        if not working.cancelled():
            working.result()

    async def _summary(self, run: Run) -> Summary:
        if (failure := run.journal.failure) is not None:
            raise failure
        counts, doubled = await run.journal.totals()
        dead = any(counts[state] for state in State if state.dead)
        summary = Summary(
            counts=counts,
            doubled=doubled,
            complete=run.complete and run.journal.complete,
            reason=run.reason,
            ended=run.ended,
            resent_unknown=run.resent_unknown,
            elapsed=time.monotonic() - run.began,
            journal=self._path,
            rejected=self._rejected if dead else None,
        )
        try:
            await self._bury(run)
        except JournalError as error:
            error.summary = attrs.evolve(summary, rejected=None)
            raise
        return summary

    async def _bury_beside(self, run: Run, error: Exception) -> None:
        """Write the dead letters; what keeps them from it must not hide ``error``."""
        try:
            await self._bury(run)
        except JournalError as unwritten:
            error.add_note(str(unwritten))

    async def _bury(self, run: Run) -> None:
        # What was mended and not played yet stands nowhere but in its file.
        if (run.complete and not run.stopping) or not run.options.mends:
            await run.journal.bury(self._rejected, played=await self._is_played())

    async def _is_played(self) -> bool:
        """Whether all that was mended in the file of the dead letters is in the journal by now."""
        played = self._source
        if not (self._options.mends and isinstance(played, MendedSource)):
            return False
        return await asyncio.to_thread(played.is_all_of, self._rejected, self._fingerprint)


async def _phases(run: Run) -> None:
    recovery = Recovery(run)
    await recovery.resume()
    run.phase = "sending"
    intake = Intake(run)
    failed: list[Exception] = []

    async def read() -> None:
        try:
            await intake.work()
        except JournalError:
            raise
        except Exception as exc:  # noqa: BLE001 - raised when what was read is finished
            failed.append(exc)

    first = recovery if run.journal.adopted_at is not None else None
    workers = [Worker(run, first) for _ in range(run.options.concurrency)]
    reading = asyncio.ensure_future(read())
    try:
        await together(worker.work() for worker in workers)
        if not run.stopping:
            await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    if run.complete and not run.stopping and not run.options.mends:
        await run.journal.completed()
    await run.journal.written()
    if not failed and not run.stopping:
        run.phase = "resolving"
        await recovery.finish()
    for exc in failed:
        raise exc


async def _watch(run: Run, on_progress: Callable[[Progress], object] | None) -> None:
    while on_progress is not None:
        on_progress(run.progress())
        await asyncio.sleep(_PROGRESS_EVERY)


def _stop_unwatched(run: Run, watching: asyncio.Task[None]) -> None:
    """Whoever watches and fails does not learn of it when all is done, hours later."""
    if not watching.cancelled() and (failed := watching.exception()) is not None:
        run.stop(f"on_progress raised {type(failed).__name__}")


def _source(rows: Any, operation: Any) -> Source:
    if hasattr(rows, "estimated_rows"):
        source: Source = rows
        return source
    return source_of(rows, Columns(operation=operation))


def _check(client: LoyaltyClient[Any], operation: str) -> None:
    if operation not in _OPERATIONS:
        raise ConfigurationError(
            f"backfill: unknown operation {operation!r}", hint=f"One of {', '.join(_OPERATIONS)}"
        )
    if not client.supports(operation):
        limitations = client.provider.limitations
        raise UnsupportedOperationError(
            f"{client.provider.title} has no {operation}", hint=limitations.get(operation)
        )


def _check_number(
    name: str, value: Any, kinds: Any, least: float, most: float = float("inf")
) -> None:
    right = isinstance(value, kinds) and not isinstance(value, bool)
    if right and least <= value <= most:
        return
    wanted = "a whole number" if kinds is int else "a number"
    bounds = f"of {least} or more" if most == float("inf") else f"from {least} to {most}"
    got = repr(value) if right else type(value).__name__
    raise ConfigurationError(f"backfill: {name}: wanted {wanted} {bounds}, got {got}")
