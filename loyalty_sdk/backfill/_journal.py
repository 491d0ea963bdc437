"""The journal of one backfill: what is about to leave, and what became of it."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from loyalty_sdk.errors import JournalError

from . import _schema as sql
from ._again import Again, digest_of, look
from ._letters import fields_of, text_of
from ._pickles import freeze, freeze_row, thaw, thaw_row
from ._rejected import write_rejected
from ._rows import BadRow
from ._states import Held, State
from ._writer import Step, Writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from loyalty_sdk._models import Receipt

    from ._opening import Opened
    from ._rows import Row

T = TypeVar("T")

_EXAMPLES = 5
# Seconds between two rows that are kept to see later whether they are still there.
_EXAMPLE_EVERY = 0.5


class Journal:
    """Every change is a future that is done once the change is on the disk."""

    def __init__(self, opened: Opened) -> None:
        self.path = opened.path
        self.lineage = opened.lineage
        self.run = opened.at.runs
        self.mark = opened.mark
        self.adopted_at = opened.adopted_at
        self.lost = opened.lost
        self.complete = opened.complete
        self.new = opened.new
        self.mapping = opened.mapping
        self.repeats = opened.repeats
        self._operation = opened.operation
        self._opened = opened
        self._writer = Writer(opened.database, opened.witness, opened.at, opened.path)
        self._examples = 0
        self._example_at = 0.0

    @property
    def failure(self) -> JournalError | None:
        """Why nothing can be written any more; None while it can."""
        return self._writer.failure

    def on_failure(self, tell: Callable[[], object]) -> None:
        """Call ``tell`` when nothing can be written any more."""
        self._writer.on_failure = tell

    async def written(self) -> None:
        """Wait until everything so far is on the disk, and whoever waited for it knows."""
        await self._writer.ask(lambda _: None)

    def advance(self, mark: Row | BadRow) -> None:
        """Reading can begin with the row ``mark``; written with the next group."""
        self._writer.mark = mark

    def completed(self) -> asyncio.Future[None]:
        """All of the input was read, and every row of it stands here or is at hand."""
        self.complete = True
        return self._writer.write(((sql.FACT, ("complete", "1")),))

    async def aclose(self, *, whole: bool = True) -> None:
        """Commit what is left and let the journal go."""
        await asyncio.to_thread(self._close, whole)

    def _close(self, whole: bool) -> None:  # noqa: FBT001 - handed to a thread
        self._writer.close()
        self._opened.close(whole=whole and self._writer.failure is None)

    # ------------------------------------------------------------ one row

    def intent(
        self, row: Row, amount: str, tried_at: float, marker: str | None = None
    ) -> asyncio.Future[None]:
        """``row`` is about to leave, and its record will carry ``marker``."""
        return self._writer.write(
            (
                (
                    sql.INTENT,
                    (
                        row.ordinal,
                        State.SENT.value,
                        self.run,
                        row.line,
                        row.key,
                        row.customer_id,
                        amount,
                        tried_at,
                        marker,
                    ),
                ),
                (sql.HOLD, (row.ordinal, row.customer_id, freeze_row(row))),
            )
        )

    def applied(
        self, row: Row, points: int | None, error: str | None, marker: str | None
    ) -> asyncio.Future[None]:
        """``row``, of which an intent stands, was applied."""
        steps: list[Step] = [
            (sql.OUTCOME, (State.APPLIED.value, time.time(), points, error, row.ordinal)),
            (sql.RELEASE, (row.ordinal,)),
        ]
        now = time.monotonic()
        if now - self._example_at > _EXAMPLE_EVERY:
            self._example_at, self._examples = now, self._examples + 1
            slot = self._examples % _EXAMPLES
            steps.append((sql.EXAMPLE, (slot, time.time(), freeze_row(row), marker)))
        return self._writer.write(steps)

    def rejected(self, row: Row, error: str) -> asyncio.Future[None]:
        """``row``, of which an intent stands, was refused or is shown absent."""
        return self._writer.write(
            (
                (sql.OUTCOME, (State.REJECTED.value, time.time(), None, error, row.ordinal)),
                (sql.RELEASE, (row.ordinal,)),
                *self._letter(row, row.key),
            )
        )

    def in_doubt(
        self, row: Row, state: State, receipt: Receipt | None, error: str
    ) -> asyncio.Future[None]:
        """Nobody can say what became of ``row``, of which an intent stands, or not yet."""
        ended = time.time() if state is State.UNKNOWN else None
        return self._writer.write(
            (
                (sql.OUTCOME, (state.value, ended, None, error, row.ordinal)),
                (sql.DOUBT, (receipt and freeze(receipt), row.ordinal)),
            )
        )

    def placed(  # noqa: PLR0913 - all that is known of the row
        self,
        row: Row,
        state: State,
        amount: str,
        error: str | None = None,
        points: int | None = None,
        *,
        key_taken: bool = False,
    ) -> asyncio.Future[None]:
        """``row`` is put aside, cannot be sent, or is looked for: without an intent."""
        ended = None if state in {State.WAITING, State.SENT} else time.time()
        key = None if key_taken else row.key
        place = (row.line, key, row.customer_id, amount, ended, points, error)
        steps: list[Step] = [(sql.PLACE, (row.ordinal, state.value, self.run, *place))]
        if not state.final:
            steps.append((sql.HOLD, (row.ordinal, row.customer_id, freeze_row(row))))
        else:
            steps.append((sql.RELEASE, (row.ordinal,)))
        if state.dead:
            steps += self._letter(row, key)
        return self._writer.write(steps)

    def buried(self, row: BadRow, error: str) -> asyncio.Future[None]:
        """A row that is none; its own key stays free for another."""
        place = (row.line, None, None, None, time.time(), None, error)
        return self._writer.write(
            (
                (sql.PLACE, (row.ordinal, State.INVALID.value, self.run, *place)),
                *self._letter(row, row.key),
            )
        )

    def _letter(self, row: Row | BadRow, key: str | None) -> list[Step]:
        """The dead letter of ``row``, and what tells that it comes again."""
        if isinstance(row, BadRow):
            # An activity's id is its own only together with the name, which may not be readable.
            unnamed = self._operation == "track_activity"
            form, raw, own = row.form, row.raw, None if unnamed else key
        else:
            form, raw, own = "fields", fields_of(row.value), key
        text = text_of({"key": key, "raw": raw})
        if self.repeats:
            return [(sql.BURY, (row.ordinal, form, text, None))]  # its place tells
        known = (sql.KNOW, (digest_of(row), row.ordinal))
        return [(sql.BURY, (row.ordinal, form, text, own)), known]

    def seen(self, ordinal: int) -> asyncio.Future[None]:
        """A row of an earlier run came again, in this one."""
        return self._writer.write(((sql.SEEN, (self.run, ordinal)),))

    # ------------------------------------------------------------ many rows

    async def again(self, keys: Sequence[str], digests: Sequence[str]) -> Again:
        """What stands under these keys, and under the digests of an iterable's rows."""
        return await self._writer.ask(partial(look, keys=keys, digests=digests, run=self.run))

    async def has_letters(self) -> bool:
        """Whether any row is a dead letter, or was."""
        query = "SELECT EXISTS (SELECT 1 FROM dead)"
        [found] = await self._writer.ask(lambda it: it.execute(query).fetchone())
        return bool(found)

    async def met(self, ordinals: Sequence[int]) -> dict[int, tuple[State, int]]:
        """Where these rows stand, and the run that last met each; those never seen are left out."""
        query = "SELECT state, run FROM rows WHERE ordinal = ?"

        def look(database: sqlite3.Connection) -> dict[int, tuple[State, int]]:
            rows = ((each, database.execute(query, (each,)).fetchone()) for each in ordinals)
            return {each: (State(row[0]), row[1]) for each, row in rows if row is not None}

        return await self._writer.ask(look)

    async def counts(self) -> dict[State, int]:
        """How many rows are in each state."""
        counts, _ = await self.totals()
        return counts

    async def totals(self) -> tuple[dict[State, int], int]:
        """The same, and how many applied rows stand more than once."""
        # Not grouped: that would sort a million rows to make six sums.
        asked = [f"state = {state.value}" for state in State]
        asked.append(f"state = {State.APPLIED.value} AND error IS NOT NULL")
        sums = ", ".join(f"count(*) FILTER (WHERE {each})" for each in asked)
        query = f"SELECT {sums} FROM rows"  # noqa: S608 - numbers of ours
        found = await self._writer.ask(lambda database: database.execute(query).fetchone())
        *counts, doubled = found
        return dict(zip(State, counts, strict=True)), doubled

    async def journaled(self, start: int) -> bytearray:
        """For each ordinal from ``start`` on, whether it stands in the journal."""
        query = "SELECT ordinal FROM rows WHERE ordinal >= ?"

        def look(database: sqlite3.Connection) -> bytearray:
            found = bytearray()
            for (ordinal,) in database.execute(query, (start,)):
                found.extend(bytes(max(0, ordinal - start - len(found) + 1)))
                found[ordinal - start] = 1
            return found

        return await self._writer.ask(look)

    async def next_ordinal(self) -> int:
        """The first ordinal that no row has."""
        query = "SELECT coalesce(max(ordinal) + 1, 0) FROM rows"
        [ordinal] = await self._writer.ask(lambda it: it.execute(query).fetchone())
        return int(ordinal)

    async def customers(self, *, unknown: bool) -> list[str]:
        """Whoever has rows that are not finished, in the order of the rows.

        Args:
            unknown: Whether rows that an earlier run left as unknown count.
        """
        query = (
            "SELECT held.customer FROM held JOIN rows USING (ordinal)"
            " WHERE ? OR rows.state <> ? GROUP BY held.customer ORDER BY min(held.ordinal)"
        )
        asked = (unknown, State.UNKNOWN.value)
        found = await self._writer.ask(lambda it: it.execute(query, asked).fetchall())
        return [customer for (customer,) in found]

    async def held(self, customer_id: str, after: int, limit: int = 50) -> list[Held]:
        """A customer's rows that are not finished, in order.

        Raises:
            JournalError: One of them cannot be read.
        """
        query = (
            "SELECT held.row, rows.state, rows.tried, rows.tries, held.receipt, rows.marker"
            " FROM held JOIN rows USING (ordinal)"
            " WHERE held.customer = ? AND held.ordinal > ? ORDER BY held.ordinal LIMIT ?"
        )
        asked = (customer_id, after, limit)
        found = await self._writer.ask(lambda it: it.execute(query, asked).fetchall())
        return [
            Held(
                self._thawed(thaw_row, row),
                State(state),
                tried,
                tries,
                receipt and self._thawed(thaw, receipt),
                marker,
            )
            for row, state, tried, tries, receipt, marker in found
        ]

    async def examples(self) -> list[Held]:
        """The latest few applied rows, one for each half second; newest first."""
        query = "SELECT at, row, marker FROM examples ORDER BY at DESC"
        found = await self._writer.ask(lambda it: it.execute(query).fetchall())
        return [
            Held(self._thawed(thaw_row, row), State.APPLIED, at, 1, None, marker)
            for at, row, marker in found
        ]

    async def bury(self, path: Path, *, played: bool) -> int:
        """Write the dead letters to ``path``; returns how many.

        Args:
            path: The file. One that somebody changed is kept under another name.
            played: Whether what was changed in it stands in the journal by now.

        Raises:
            JournalError: The file cannot be written.
        """
        written = await self._writer.ask(partial(write_rejected, path=path, played=played))
        if isinstance(written, OSError):
            raise JournalError(f"{path}: {written.strerror}") from written
        return written

    def _thawed(self, how: Callable[[bytes], T], data: bytes) -> T:
        try:
            return how(data)
        except Exception as exc:  # whatever damaged bytes make of it
            raise JournalError(f"{self.path} is damaged: {exc}") from exc
