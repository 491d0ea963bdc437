"""Units, read side by side into a spool."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from loyalty_sdk.errors import (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    ExportError,
    LoyaltyError,
    PermissionDeniedError,
    PlanError,
)

from ._queue import Queue
from ._walking import Listing, Walker

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._clock import Clock
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
_MOST_FAILURES = 20


class Reader:
    """Reads open units of a spool, some at a time.

    One that fails keeps none of the others from their end.

    Args:
        listing: How.
        spool: From where and whereto.
        do: Awaits a call of the spool.
        clock: The vendor's: what had not ended by then is read when it has.
        report: Called after every page.
    """

    def __init__(
        self, listing: Listing, spool: Spool, do: Do, *, clock: Clock, report: Callable[[], None]
    ) -> None:
        self._listing = listing
        self._spool = spool
        self._do = do
        self._report = report
        self._failures: list[tuple[Unit, LoyaltyError]] = []
        self._queue = Queue(spool, do, clock)

    async def read(self, count: int) -> None:
        """Read with ``count`` at a time until nothing is open.

        Raises:
            ExportError: Some failed; the rest is read.
        """
        splits = self._listing.by_window and count > 1
        waiting = asyncio.create_task(self._queue.wait())
        workers = [asyncio.create_task(self._work(splits=splits)) for _ in range(count)]
        try:
            await asyncio.gather(*workers)
        finally:
            for task in (waiting, *workers):
                task.cancel()
            await asyncio.gather(waiting, *workers, return_exceptions=True)
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

    async def _work(self, *, splits: bool) -> None:
        walker = Walker(self._listing, self._spool, self._do, splits=splits, report=self._report)
        try:
            while (unit := await self._queue.take()) is not None:
                await self._read(walker, unit)
            await walker.settle()
        finally:
            await walker.drop()

    async def _read(self, walker: Walker, unit: Unit) -> None:
        try:
            await walker.walk(unit)
        except LoyaltyError as error:
            if isinstance(error, ExportError):
                raise
            self._failures.append((unit, error))
            if isinstance(error, _HOPELESS) or len(self._failures) >= _MOST_FAILURES:
                self._queue.close()
        finally:
            await self._queue.release()
