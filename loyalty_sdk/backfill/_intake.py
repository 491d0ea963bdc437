"""Reads the input, leaves out what is done, and hands the rest to the lanes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from itertools import takewhile
from typing import TYPE_CHECKING

import attrs

from loyalty_sdk.errors import InputError, JournalError

from ._again import digest_of
from ._keys import by_place, named, without_key
from ._rows import BadRow, Row
from ._run import amount_of, settle_on
from ._sources_mended import MendedSource
from ._states import State
from ._worker import set_aside

if TYPE_CHECKING:
    from ._again import Again
    from ._run import Run

_CHUNK = 256


class Intake:
    """Everything between the input and the rows that are sent."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._repeats = run.repeats
        self._had_letters = False
        self._read: deque[Row | BadRow] = deque()
        self._there = asyncio.Event()
        self._room = asyncio.Event()
        self._over = False
        self._done = bytearray()
        self._start = 0
        self._next = 0

    async def work(self) -> None:
        """Until the input ends; whoever takes rows is told so.

        Raises:
            InputError: It cannot be read further, or a row of a lost journal's cannot be looked
                up. What was read before goes on.
        """
        run = self._run
        await self._prepare()
        reading = asyncio.ensure_future(self._fill())
        try:
            while await self._some():
                await self._take([self._read.popleft() for _ in range(len(self._read))])
                self._room.set()
                await run.heard.wait()
                await run.lanes.space()
            await reading
            run.complete = True
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            run.lanes.end()

    async def _prepare(self) -> None:
        journal, source = self._run.journal, self._run.source
        if isinstance(source, MendedSource):
            source.only_of(journal.lineage)
        if self._repeats and not self._run.options.mends:
            # Rows behind the mark may be done too; and a kill can come before there is one.
            self._start = journal.mark.ordinal if journal.mark else 0
            self._done = await journal.journaled(self._start)
        # Only a row without a place can be one of those; and to ask is not for nothing.
        self._had_letters = not self._repeats and await journal.has_letters()
        self._next = await journal.next_ordinal()

    async def _fill(self) -> None:
        """Read ahead, so that the journal can be asked about many rows at once."""
        rows = self._run.source.rows(self._run.journal.mark if self._start else None)
        try:
            async for row in rows:
                self._read.append(row)
                self._there.set()
                if len(self._read) >= _CHUNK:
                    self._room.clear()
                    await self._room.wait()
        finally:
            self._over = True
            self._there.set()
            # Here and now, and not whenever memory is tidied up.
            if isinstance(rows, AsyncGenerator):
                await rows.aclose()

    async def _some(self) -> bool:
        while not self._read:
            if self._over:
                return False
            self._there.clear()
            await self._there.wait()
        return True

    # ------------------------------------------------------------ rows

    async def _take(self, rows: list[Row | BadRow]) -> None:
        if self._run.options.mends:
            rows = await self._dead(rows)
        elif self._repeats:
            rows = [row for row in rows if not self._is_done(row.ordinal)]
        found = [*takewhile(self._can_be_found, rows)]
        await self._sort_out([*map(self._keyed, found)])
        if len(found) < len(rows):
            raise InputError(
                f"row {rows[len(found)].ordinal} of {self._run.source.name} has no key of its own,"
                " so nobody can find what a journal that is gone has sent of it",
                hint="Where certainly nothing was sent, begin with a new journal and do not adopt",
            )

    async def _sort_out(self, rows: list[Row | BadRow]) -> None:
        keys = [row.key for row in rows if isinstance(row, Row) and row.key is not None]
        digests = [*map(digest_of, rows)] if self._had_letters else []
        # Asked before the journal is: whatever ends meanwhile stands in one of the two. What is
        # sorted below stands in neither yet, and is added.
        here = {key: self._run.lanes.ordinal_of(key) for key in keys}
        again = await self._run.journal.again(keys, digests)
        written = [future for row in rows if (future := self._sort(row, again, here)) is not None]
        if written:
            await asyncio.gather(*written)

    def _is_done(self, ordinal: int) -> bool:
        place = ordinal - self._start
        return place < len(self._done) and bool(self._done[place])

    async def _dead(self, rows: list[Row | BadRow]) -> list[Row | BadRow]:
        """The mended rows that are dead letters still, each for the first time in this run."""
        run, name = self._run, self._run.source.name
        met = await run.journal.met([row.ordinal for row in rows])
        dead: dict[int, Row | BadRow] = {}
        for row in rows:
            if row.ordinal not in met:
                raise JournalError(
                    f"{name} has a row {row.ordinal} that the journal does not",
                    hint="`ordinal` says which row is mended, and must stay as it is",
                )
            state, met_by = met[row.ordinal]
            # The first of the two may be on its way already, and both would land.
            if row.ordinal in dead or met_by == run.journal.run:
                raise InputError(
                    f"{name} mends row {row.ordinal} twice", hint="Leave one of the two"
                )
            if state.dead:
                dead[row.ordinal] = row
        for ordinal in dead:
            run.counts[met[ordinal][0]] -= 1
        await asyncio.gather(*(run.journal.seen(ordinal) for ordinal in dead))
        return [*dead.values()]

    def _can_be_found(self, row: Row | BadRow) -> bool:
        """Whether a lost journal called ``row`` as this one does: not by a place in itself."""
        journal = self._run.journal
        by_its_place = journal.repeats and isinstance(row, Row) and row.key is None
        return not (by_its_place and journal.lost)

    def _keyed(self, row: Row | BadRow) -> Row | BadRow:
        """``row`` under its key, or by its place; a dead letter where nothing else knows it."""
        if isinstance(row, BadRow):
            return row
        if row.key is not None:
            return named(row)
        # As in the run before: that the letters in it are a file makes no file of an iterable.
        journal = self._run.journal
        return named(by_place(row, journal.lineage)) if journal.repeats else without_key(row)

    def _sort(
        self, row: Row | BadRow, again: Again, here: dict[str, int | None]
    ) -> asyncio.Future[None] | None:
        """Send ``row``, put it aside, bury it, or leave it out."""
        run = self._run
        if not self._repeats:
            if (before := again.same(row)) is not None:
                return run.journal.seen(before)
            row = self._placed(row, again)
        elif not run.options.mends:
            run.frontier.read(row)
        if isinstance(row, BadRow):
            return self._bury(row)
        other = self._other(row, again, here)
        if other is not None:
            return self._refuse(row, f"its key is that of row {other} already")
        here[row.key or ""] = row.ordinal
        if row.customer_id in run.parked:
            # What a stop took out of the lane comes before it, and stands nowhere.
            return None if run.stopping else set_aside(run, row)
        run.lanes.add(row)
        return None

    def _placed(self, row: Row | BadRow, again: Again) -> Row | BadRow:
        """``row`` of an iterable in its place: that of its dead letter, or a new one."""
        letter = again.repaired(row) if isinstance(row, Row) else None
        if letter is None:
            self._next += 1
            return attrs.evolve(row, ordinal=self._next - 1)
        counts, state = self._run.counts, letter.state
        seen = self._run.journal.seen(letter.ordinal)
        settle_on(seen, lambda: counts.subtract([state]))
        return attrs.evolve(row, ordinal=letter.ordinal)

    def _other(self, row: Row, again: Again, here: dict[str, int | None]) -> int | None:
        """The ordinal of another row with the key of ``row``."""
        key = row.key or ""
        found = again.by_key.get(key)
        ordinals = (here[key], found.ordinal if found else None, again.other(row))
        return next((each for each in ordinals if each is not None and each != row.ordinal), None)

    def _bury(self, row: BadRow) -> asyncio.Future[None]:
        error = "; ".join(row.problems)
        written = self._run.journal.buried(row, error)
        settle_on(written, lambda: self._ended(row, error))
        return written

    def _refuse(self, row: Row, error: str) -> asyncio.Future[None]:
        journal, amount = self._run.journal, amount_of(row.value)
        written = journal.placed(row, State.INVALID, amount, error, key_taken=True)
        settle_on(written, lambda: self._ended(row, error))
        return written

    def _ended(self, row: Row | BadRow, error: str) -> None:
        self._run.on_disk(row)
        self._run.end(row, State.INVALID, error=error)
