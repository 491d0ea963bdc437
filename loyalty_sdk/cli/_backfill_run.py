"""One run of ``loyalty backfill run``: what is said before, while and after it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Literal

import attrs
import click

from loyalty_sdk.backfill import Backfill, BadRow, Columns, FileSource, Summary
from loyalty_sdk.backfill._plan import first_request, is_unmarked
from loyalty_sdk.backfill._report_data import count_unknown
from loyalty_sdk.backfill._sources_mended import MendedSource
from loyalty_sdk.errors import InputError, JournalError, LoyaltyError

from ._backfill_view import view_for
from ._backfill_words import code_of_summary, resend_words, sentences, unmarked_words
from ._failures import DONE, FAILED, INTERRUPTED
from ._output import complain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator
    from pathlib import Path

    from loyalty_sdk import LoyaltyClient, RateLimit
    from loyalty_sdk.backfill import Event, Row

    from ._backfill_view import View


def limit_of(client: LoyaltyClient, given: RateLimit | Literal[False] | None) -> float | None:
    """Requests a second that were asked for or that the vendor documents; None without."""
    if given is not None:
        return getattr(given, "rate", None)
    limiter = client.limiter
    return limiter.rate if limiter and client.provider.rate else None


@attrs.define(kw_only=True)
class Sending:
    """A backfill, and how it is shown."""

    backfill: Backfill
    client: LoyaltyClient
    source: FileSource
    columns: Columns
    journal: Path
    resends: bool
    concurrency: int
    limit: float | None
    as_json: bool
    _interrupts: int = 0
    _broken: InputError | JournalError | None = None
    _view: View | None = None

    async def run(self) -> int:
        """Run it and return the exit code."""
        async with self.client:
            await self._warn()
            summary = await self._watched()
        if not self.as_json:
            mended = isinstance(self.source, MendedSource)
            unreadable = isinstance(self._broken, InputError)
            lines = sentences(summary, mended=mended, unreadable=unreadable)
            click.echo("\n".join(lines))
        if self._broken is not None:
            said = [str(self._broken), *getattr(self._broken, "__notes__", ())]
            return complain("; ".join(said), max(FAILED, code_of_summary(summary)))
        return INTERRUPTED if self._interrupts else code_of_summary(summary)

    async def _warn(self) -> None:
        """Say what may be in doubt afterwards, while nothing was sent yet."""
        if self.resends and (unknown := await asyncio.to_thread(count_unknown, self.journal)):
            complain(resend_words(unknown), DONE)
        provider = self.client.provider
        row = await self._first()
        with contextlib.suppress(LoyaltyError):
            request = row and first_request(provider, self.columns.operation, row)
            if request and is_unmarked(provider, request):
                rows = self.source.estimated_rows() or 0
                words = unmarked_words(rows, provider.unmarked_hint, self.concurrency)
                complain(f"warning: {words}", DONE)

    async def _first(self) -> Row | None:
        # Where the first rows are all bad, the first of many thousands is not worth the wait.
        count = 0
        async with contextlib.aclosing(self.source.rows()) as rows:
            async for row in rows:
                count += 1
                if not isinstance(row, BadRow):
                    return row
                if count == 1000:
                    break
        return None

    async def _watched(self) -> Summary:
        view = self._view = view_for(self.source.name, self.limit, as_json=self.as_json)
        with contextlib.ExitStack() as stack:
            stack.callback(view.close)
            async with contextlib.aclosing(self.backfill.events()) as events:
                # Before the first event nothing was sent: an interrupt just ends it.
                event: Event = await anext(events)
                stack.enter_context(self._interruptible())
                summary = await self._shown(view, event, events)
            view.show(summary)
        return summary

    async def _shown(self, view: View, event: Event, events: AsyncIterator[Event]) -> Summary:
        """Show what happens until it ends, or until a file fails that it reads or leaves."""
        try:
            while not isinstance(event, Summary):
                view.show(event)
                event = await anext(events)
        except (InputError, JournalError) as error:
            if error.summary is None:  # of a journal nothing can be told
                raise
            self._broken = error
            summary: Summary = error.summary
            return summary
        return event

    @contextlib.contextmanager
    def _interruptible(self) -> Generator[None]:
        """Let the first interrupt finish what is on its way, and the second end at once."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM)
        # Another thread's loop, and Windows, have no such handlers.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            for number in numbers:
                loop.add_signal_handler(number, self._interrupt)
        try:
            yield
        finally:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                for number in numbers:
                    loop.remove_signal_handler(number)

    def _interrupt(self) -> None:
        self._interrupts += 1
        if self._interrupts == 1 and self._view is not None:
            self._view.note("interrupted; once more stops at once, and is as safe")
        self.backfill.stop("interrupted")
