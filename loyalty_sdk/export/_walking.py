"""One unit after the other, each read page by page."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk._filters import keeper
from loyalty_sdk.errors import APIError, CursorError, NotFoundError

from ._windows import Window, cut, micros, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loyalty_sdk import LoyaltyClient, Page, Pages, Transaction

    from ._spool import Spool, Stamped, Unit
    from ._thread import Do

# How a vendor may say that it does not know a cursor any more; none documents it.
_FORGOTTEN = {400, 404, 410, 422}
_REWINDS = 2
# Vendors differ about whether a bound is inside: what is too much is left out here.
_MARGIN = timedelta(milliseconds=1)
_FIRST = micros(datetime.min.replace(tzinfo=UTC) + _MARGIN)


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
        # Where the calendar begins there is no bound to ask for.
        if window.low is not None and window.low >= _FIRST:
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


class Walker:
    """Reads units, and keeps each page while the next one is on its way.

    Never more than one page at a time, and none before the one in front of it was kept: a cursor
    that stands in the spool has every page before it there, too.

    Args:
        listing: How.
        spool: Whereto.
        do: Awaits a call of the spool.
        splits: Whether a window is cut when there is much in it.
        report: Called after every page that was kept.
    """

    def __init__(
        self, listing: Listing, spool: Spool, do: Do, *, splits: bool, report: Callable[[], None]
    ) -> None:
        self._listing = listing
        self._spool = spool
        self._do = do
        self._splits = splits
        self._report = report
        self._wanted = keeper(listing.filters)
        self._keeping: asyncio.Task[None] | None = None

    async def walk(self, unit: Unit) -> None:
        """Read ``unit`` to its end; its last page may not be kept yet: see `settle`."""
        rewinds = 0
        while True:
            try:
                return await self._follow(unit)
            except APIError as error:
                # Of one who is gone in the middle there are rows already.
                if unit.filters and not unit.pages and isinstance(error, NotFoundError):
                    return await self._do(self._spool.forgo, unit)
                if unit.cursor is None or error.status not in _FORGOTTEN or rewinds == _REWINDS:
                    raise
            rewinds += 1
            await self._rewind(unit)

    async def settle(self) -> None:
        """Wait until every page that was read is kept.

        Raises:
            ExportError: One cannot be.
        """
        task, self._keeping = self._keeping, None
        if task is not None:
            await task

    async def drop(self) -> None:
        """Do not wait for the disk; what is not kept is read again."""
        task, self._keeping = self._keeping, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _follow(self, unit: Unit) -> None:
        async with aclosing((await self._pages(unit)).by_page()) as pages:
            async for page in pages:
                found = _inside(unit.window, page)
                windows = self._cut(unit, found) if page.cursor is not None else ()
                rows = self._asked_for(found)
                if windows:
                    # Nothing was awaited since the page came: a first one's next, which would
                    # be of no use, was not asked for.
                    await pages.aclose()
                    await self.settle()
                    await self._do(self._spool.divide, unit, rows, windows)
                    self._report()
                    return
                await self._take(unit, rows, page.cursor)

    async def _pages(self, unit: Unit) -> Pages[Transaction]:
        try:
            return self._listing.pages(unit)
        except CursorError:
            # Another version of this library kept it.
            await self._rewind(unit)
            return self._listing.pages(unit)

    async def _rewind(self, unit: Unit) -> None:
        await self.settle()
        await self._do(self._spool.rewind, unit)
        unit.cursor = None

    def _asked_for(self, found: Sequence[Stamped]) -> Sequence[Stamped]:
        wanted = self._wanted
        return found if wanted is None else [(at, row) for at, row in found if wanted(row)]

    def _cut(self, unit: Unit, found: Sequence[Stamped]) -> tuple[Window, ...]:
        """What to read instead of the rest of ``unit``, if it is better not read on."""
        if not self._splits:
            return ()
        return cut(unit.window, [at for at, _ in found], unit.pages + 1)

    async def _take(self, unit: Unit, rows: Sequence[Stamped], cursor: str | None) -> None:
        """Begin to keep a page, once the one before it is kept."""
        await self.settle()
        self._keeping = asyncio.create_task(self._keep(unit, rows, cursor))
        unit.cursor = cursor
        unit.pages += 1

    async def _keep(self, unit: Unit, rows: Sequence[Stamped], cursor: str | None) -> None:
        await self._do(self._spool.keep, unit, rows, cursor)
        self._report()


def _inside(window: Window, page: Page[Transaction]) -> list[Stamped]:
    """The rows of a page that belong there; vendors may send more."""
    return [(at, row) for row in page.items if window.holds(at := micros(row.created_at))]
