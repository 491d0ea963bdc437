"""The rows that were read and are not finished: one lane for each customer."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._rows import BadRow, Row


class Lanes:
    """Hands out rows so that those of one customer follow each other.

    Args:
        most: Rows held at once; whoever brings more waits.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lanes: dict[str, deque[Row]] = {}
        self._ready: deque[str] = deque()
        self._keys: dict[str, int] = {}
        self._wanted: deque[asyncio.Future[None]] = deque()
        self._space = asyncio.Event()
        self._space.set()
        self._held = 0
        self._ended = False
        self._closed = False

    def ordinal_of(self, key: str) -> int | None:
        """The row that is here under ``key``."""
        return self._keys.get(key)

    async def space(self) -> None:
        """Wait until there is room for more."""
        while self._held >= self._most:
            self._space.clear()
            await self._space.wait()

    def add(self, row: Row) -> None:
        """The customer's last row so far."""
        self._held += 1
        self._keys[row.key or ""] = row.ordinal
        lane = self._lanes.get(row.customer_id)
        if lane is not None:
            lane.append(row)
            return
        self._lanes[row.customer_id] = deque((row,))
        self._offer(row.customer_id)

    def end(self) -> None:
        """Nothing more is added: whoever takes gets None once nothing is left."""
        self._ended = True
        self._wake_all()

    def close(self) -> None:
        """Whoever takes gets None from now on."""
        self._closed = True
        self._wake_all()

    async def take(self) -> Row | None:
        """The next row whose customer has none on its way; None at the end."""
        while not (self._closed or self._ready):
            if self._ended and not self._lanes:
                return None
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._wanted.append(future)
            await future
        return None if self._closed else self._lanes[self._ready.popleft()][0]

    def finish(self, row: Row) -> None:
        """The row that was taken is done with; the customer's next one may be taken."""
        lane = self._lanes[row.customer_id]
        self._leave(lane.popleft())
        if lane:
            self._offer(row.customer_id)
        else:
            del self._lanes[row.customer_id]
            self._wake_if_over()

    def clear(self, customer_id: str) -> list[Row]:
        """Take all rows of a customer away, the one that was taken first."""
        rows = list(self._lanes.pop(customer_id))
        for row in rows:
            self._leave(row)
        self._wake_if_over()
        return rows

    def _leave(self, row: Row) -> None:
        self._held -= 1
        self._keys.pop(row.key or "", None)
        # Bringing many rows at once is cheaper than one at a time.
        if self._held <= self._most // 2:
            self._space.set()

    def _offer(self, customer_id: str) -> None:
        self._ready.append(customer_id)
        while self._wanted and not self._wake():
            pass

    def _wake_if_over(self) -> None:
        if self._ended and not self._lanes:
            self._wake_all()

    def _wake_all(self) -> None:
        while self._wanted:
            self._wake()

    def _wake(self) -> bool:
        """Whether the first of those who wait was still there to be woken."""
        future = self._wanted.popleft()
        if future.done():
            return False
        future.set_result(None)
        return True


class Frontier:
    """The first row that the journal does not hold yet: there reading begins again."""

    def __init__(self) -> None:
        self._missing: OrderedDict[int, Row | BadRow] = OrderedDict()
        self._last: Row | BadRow | None = None

    def read(self, row: Row | BadRow) -> None:
        """It was read; rows are read in order."""
        self._missing[row.ordinal] = self._last = row

    def journaled(self, ordinal: int) -> Row | BadRow | None:
        """It is on the disk; returns the place to begin at."""
        self._missing.pop(ordinal, None)
        for row in self._missing.values():
            return row
        return self._last
