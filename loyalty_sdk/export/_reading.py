"""Units, read side by side into a spool."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk._filters import keeper
from loyalty_sdk.errors import (
    APIError,
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    CursorError,
    ExportError,
    LoyaltyError,
    NotFoundError,
    PermissionDeniedError,
    PlanError,
)

from ._windows import Window, cut, micros, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loyalty_sdk import LoyaltyClient, Page, Pages, Transaction

    from ._spool import Spool, Unit
    from ._thread import Do

# What every other unit would meet too.
_HOPELESS = (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    PermissionDeniedError,
    PlanError,
)
# How a vendor may say that it does not know a cursor any more; none documents it.
_FORGOTTEN = {400, 404, 410, 422}
_REWINDS = 2
_MOST_FAILURES = 20
# Vendors differ about whether a bound is inside: what is too much is left out here.
_MARGIN = timedelta(milliseconds=1)
_AHEAD = 100


@attrs.frozen(kw_only=True)
class Listing:
    """How the rows of any unit are listed.

    Attributes:
        client: Reads them.
        filters: Of all units, in neutral words: ``kinds``.
        page_size: Rows at once.
        by_window: Whether units are stretches of time.
        until: Whether the vendor is asked to end where a unit does.
    """

    client: LoyaltyClient
    filters: Mapping[str, Any]
    page_size: int | None
    by_window: bool
    until: bool

    def pages(self, unit: Unit) -> Pages[Transaction]:
        """The pages of ``unit`` that were not read yet."""
        window = unit.window
        bounds: dict[str, Any] = {}
        if window.low is not None:
            bounds["created_from"] = moment(window.low) - _MARGIN
        if self.until:
            bounds["created_until"] = moment(window.high) + _MARGIN
        return self.client.pages(
            self.client.provider.list_transactions,
            cursor=unit.cursor,
            page_size=self.page_size,
            **unit.filters,
            **self.filters,
            **bounds,
        )


class Reader:
    """Reads open units of a spool, some at a time.

    One that fails keeps none of the others from their end.

    Args:
        listing: How.
        spool: From where and whereto.
        do: Awaits a call of the spool.
        over: Only units that end by then, in microseconds since 1970.
        report: Called after every page.
    """

    def __init__(
        self, listing: Listing, spool: Spool, do: Do, *, over: int, report: Callable[[], None]
    ) -> None:
        self._listing = listing
        self._spool = spool
        self._do = do
        self._report = report
        self._keep = keeper(listing.filters)
        self._failures: list[tuple[Unit, LoyaltyError]] = []
        self._queue = _Queue(spool, do, over)
        self._splits = False

    async def read(self, count: int) -> None:
        """Read with ``count`` at a time until nothing of it is open.

        Raises:
            ExportError: Some failed; the rest is read.
        """
        self._splits = self._listing.by_window and count > 1
        workers = [asyncio.create_task(self._work()) for _ in range(count)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        if self._failures:
            raise self._failed()

    def _failed(self) -> ExportError:
        unit, first = self._failures[0]
        count = len(self._failures)
        error = ExportError(
            f"{count} {'part' if count == 1 else 'parts'} could not be read. {unit.name}: {first}",
            hint="What was read is kept; the same export again goes on from there",
        )
        error.__cause__ = first
        return error

    async def _work(self) -> None:
        while (unit := await self._queue.take()) is not None:
            try:
                await self._walk(unit)
            except LoyaltyError as error:
                if isinstance(error, ExportError):
                    raise
                self._failures.append((unit, error))
                if isinstance(error, _HOPELESS) or len(self._failures) >= _MOST_FAILURES:
                    self._queue.close()
            finally:
                await self._queue.release()

    async def _walk(self, unit: Unit) -> None:
        rewinds = 0
        while True:
            try:
                return await self._follow(unit)
            except APIError as error:
                if unit.filters and unit.cursor is None and isinstance(error, NotFoundError):
                    return await self._do(self._spool.forgo, unit)
                if unit.cursor is None or error.status not in _FORGOTTEN or rewinds == _REWINDS:
                    raise
            rewinds += 1
            await self._rewind(unit)

    async def _follow(self, unit: Unit) -> None:
        # The first page comes alone: what would be fetched ahead is of no use when the window
        # is cut.
        if self._splits and unit.cursor is None:
            page = await (await self._pages(unit)).first_page()
            if await self._take(unit, page):
                return
        async with aclosing((await self._pages(unit)).by_page()) as pages:
            async for page in pages:
                if await self._take(unit, page):
                    return

    async def _pages(self, unit: Unit) -> Pages[Transaction]:
        try:
            return self._listing.pages(unit)
        except CursorError:
            # Another version of this library kept it.
            await self._rewind(unit)
            return self._listing.pages(unit)

    async def _rewind(self, unit: Unit) -> None:
        await self._do(self._spool.rewind, unit)
        unit.cursor = None

    async def _take(self, unit: Unit, page: Page[Transaction]) -> bool:
        """Keep a page; whether the unit has come to its end."""
        holds, keep = unit.window.holds, self._keep
        found = [(at, row) for row in page.items if holds(at := micros(row.created_at))]
        rows = found if keep is None else [(at, row) for at, row in found if keep(row)]
        windows: tuple[Window, ...] = ()
        if self._splits and page.cursor is not None:
            windows = cut(unit.window, [at for at, _ in found], unit.pages + 1)
        if windows:
            await self._do(self._spool.divide, unit, rows, windows)
        else:
            await self._do(self._spool.keep, unit, rows, page.cursor)
        unit.cursor = page.cursor
        unit.pages += 1
        self._report()
        return page.cursor is None or bool(windows)


class _Queue:
    """Hands out the open units of a spool, those that are added meanwhile too."""

    def __init__(self, spool: Spool, do: Do, over: int) -> None:
        self._spool = spool
        self._do = do
        self._over = over
        self._ready: deque[Unit] = deque()
        self._last = 0
        self._taken = 0
        self._closed = False
        self._change = asyncio.Condition()

    async def take(self) -> Unit | None:
        """The next unit; None when nothing is open and nobody can add anything."""
        async with self._change:
            while not self._closed:
                await self._fill()
                if self._ready:
                    self._taken += 1
                    return self._ready.popleft()
                if not self._taken:
                    return None
                await self._change.wait()
            return None

    async def _fill(self) -> None:
        if not self._ready:
            found = await self._do(self._spool.open_units, self._over, self._last, _AHEAD)
            self._ready.extend(found)
            self._last = self._ready[-1].id if self._ready else self._last

    async def release(self) -> None:
        """A unit that was taken is done, divided or failed."""
        async with self._change:
            self._taken -= 1
            self._change.notify_all()

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True
