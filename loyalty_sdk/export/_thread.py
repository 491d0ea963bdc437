"""The one thread that touches checkpoint and files, so that the loop never waits for a disk."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Do(Protocol):
    """Awaits a call that blocks."""

    async def __call__(self, call: Callable[..., T], /, *arguments: Any) -> T:
        """What ``call`` returns."""
        ...


class Thread:
    """Does one thing after the other."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "loyalty-export")

    async def do(self, call: Callable[..., T], /, *arguments: Any) -> T:
        """Await ``call``; once begun it is done to its end, whoever is cancelled."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(call, *arguments))

    def close(self) -> None:
        """Wait for what was begun."""
        self._pool.shutdown()
