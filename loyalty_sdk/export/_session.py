"""One process's part of a run: read what is open, then hand it out."""

from __future__ import annotations

from contextlib import aclosing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from loyalty_sdk.errors import APIError, CursorError, ExportError, LoyaltyError

from . import _run
from ._consumer import take
from ._files import Draft
from ._reading import Reader
from ._rows import restore
from ._values import Batch, Progress, Summary
from ._windows import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    from loyalty_sdk import Page

    from ._checkpoint import Checkpoint
    from ._clock import Clock
    from ._files import Format
    from ._run import Run
    from ._spool import Spool
    from ._thread import Do
    from ._values import Consumer, Phase
    from ._walking import Listing

T = TypeVar("T")

BATCH = 1000
"""Rows of a consumer's batch."""

_CHUNK = 5000
_ON = "What was read is kept; the same export again goes on from there"


class Session:
    """Brings ``run`` to its end.

    Args:
        clock: The vendor's.
        listing: How rows are listed.
        base: Its checkpoint.
        spool: The rows in there.
        do: Awaits what blocks.
        on_progress: Told after every page and every chunk.

    Attributes:
        run: How far it has come by now.
    """

    def __init__(  # noqa: PLR0913 - what a run is made of
        self,
        run: Run,
        *,
        clock: Clock,
        listing: Listing,
        base: Checkpoint,
        spool: Spool,
        do: Do,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._clock = clock
        self._listing = listing
        self._base = base
        self._spool = spool
        self.run = run
        self._do = do
        self._on_progress = on_progress

    async def read(self, count: int) -> None:
        """Read what is open, ``count`` units at a time.

        Raises:
            ExportError: Some could not be read; the rest is.
        """
        if self.run.phase == "asking":
            await self._ask()
        if self.run.phase == "reading":
            self._tell("reading", self._spool.rows)
            await self._reader().read(count)
        await self._do(self._end_reading)

    def _reader(self) -> Reader:
        return Reader(self._listing, self._spool, self._do, clock=self._clock, report=self._read_on)

    async def _ask(self) -> None:
        """Make a unit of every customer whom the vendor lists."""
        try:
            try:
                await self._ask_on()
            except (APIError, CursorError):
                if self.run.cursor is None:
                    raise
                # It may have forgotten the cursor; who is known already is not added again.
                self.run = attrs.evolve(self.run, cursor=None)
                await self._ask_on()
        except LoyaltyError as error:
            raise ExportError(f"the customers could not be listed: {error}", hint=_ON) from error

    async def _ask_on(self) -> None:
        client, size = self._listing.client, self._listing.page_size
        pages = client.pages(client.provider.list_histories, cursor=self.run.cursor, page_size=size)
        async with aclosing(pages.by_page()) as found:
            async for page in found:
                await self._do(self._add_customers, page)
                self._tell("asking", self._spool.rows)

    def _add_customers(self, page: Page[Mapping[str, Any]]) -> None:
        with self._base.change():
            _run.add_customers(self._spool, self.run, page.items)
            phase = "reading" if page.cursor is None else "asking"
            self.run = _run.note(self._base, self.run, cursor=page.cursor, phase=phase)

    def _read_on(self) -> None:
        self._tell("reading", self._spool.rows)

    def _end_reading(self) -> None:
        """From now on nothing is read again, and what is noted outlasts a loss of power."""
        self._base.harden()
        with self._base.change():
            self.run = _run.note(self._base, self.run, phase="writing")

    async def write_file(self, place: Path, form: Format, *, overwrite: bool) -> Summary:
        """Make the file; see `Draft`.

        Raises:
            ConfigurationError: Another one has come to stand there, which is not to be replaced.
            ExportError: It cannot be written.
        """
        token = await self._do(self._base.fact, "token")
        draft = await self._make(place, Draft, place, token, form)
        try:
            await self._write(draft, overwrite=overwrite)
        finally:
            await self._make(place, draft.discard)
        return await self._do(self._finish, place)

    async def _make(self, place: Path, call: Callable[..., T], /, *arguments: Any) -> T:
        """Await what makes the file; not what is told meanwhile, whose errors are its own."""
        with _on_disk(place):
            return await self._do(call, *arguments)

    async def _write(self, draft: Draft, *, overwrite: bool) -> None:
        written = 0
        lines = self._spool.lines(_CHUNK, known=not self.run.incremental)
        while chunk := await self._do(_next, lines):
            await self._make(draft.path, draft.write, chunk)
            written += len(chunk)
            self._tell("writing", written)
        await self._make(draft.path, partial(draft.publish, overwrite=overwrite))

    async def hand_over(self, consumer: Consumer) -> Summary:
        """Give the consumer the batches it has not taken; what it raises goes through."""
        number = self.run.delivered
        lines = self._spool.lines(BATCH, skip=number * BATCH, known=not self.run.incremental)
        while chunk := await self._do(_next, lines):
            number += 1
            await take(consumer, Batch(number, self.run.number, tuple(map(restore, chunk))))
            await self._do(self._delivered, number)
            self._tell("writing", (number - 1) * BATCH + len(chunk))
        return await self._do(self._finish, None)

    def _delivered(self, number: int) -> None:
        with self._base.change():
            self.run = _run.note(self._base, self.run, delivered=number)

    def _finish(self, place: Path | None) -> Summary:
        run, spool = self.run, self._spool
        repeated = spool.repeated() if run.incremental else 0
        unknown, names = spool.unknown()
        summary = Summary(
            run=run.number,
            incremental=run.incremental,
            path=place,
            rows=spool.rows - repeated,
            repeated=repeated,
            pages=spool.pages,
            created_until=moment(run.until),
            unknown=unknown,
            unknown_customers=names,
        )
        with self._base.change():
            if not run.incremental:
                spool.forget()
            spool.finish(run.until, run.overlap)
            self.run = _run.note(self._base, run, phase="done", delivered=0)
        self._base.shrink()
        return summary

    def _tell(self, phase: Phase, rows: int) -> None:
        spool = self._spool
        if self._on_progress is not None:
            self._on_progress(
                Progress(
                    phase=phase, rows=rows, pages=spool.pages, done=spool.done, total=spool.total
                )
            )


def _next(lines: Iterator[list[bytes]]) -> list[bytes]:
    return next(lines, list[bytes]())


@contextmanager
def _on_disk(place: Path) -> Generator[None]:
    """What keeps a file from being written, in our words."""
    try:
        yield
    except (OSError, ValueError, OverflowError) as exc:
        raise ExportError(
            f"cannot write {place}: {exc}",
            hint=_ON,
        ) from exc
