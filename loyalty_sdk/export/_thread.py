"""The one thread that touches checkpoint and files, so that the loop never waits for a disk."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

T = TypeVar("T")


class Closes(Protocol):
    """What has to be closed."""

    def close(self) -> None:
        """Let go of it."""
        ...


C = TypeVar("C", bound=Closes)


class Do(Protocol):
    """Awaits a call that blocks."""

    async def __call__(self, call: Callable[..., T], /, *arguments: Any) -> T:
        """What ``call`` returns."""
        ...


class Thread:
    """Does one thing after the other, and closes at last what it opened.

    Args:
        around: Entered around each of them, in this thread: what goes wrong elsewhere, in a
            consumer, is none of its business.
    """

    def __init__(self, around: Callable[[], AbstractContextManager[None]]) -> None:
        self._around = around
        self._pool = ThreadPoolExecutor(1, "loyalty-export")
        self._opened = ExitStack()

    async def open(self, make: Callable[..., C], /, *arguments: Any) -> C:
        """Await ``make``; what it returns is closed with this."""
        return await self.do(self._open, make, *arguments)

    def _open(self, make: Callable[..., C], *arguments: Any) -> C:
        return self._opened.enter_context(closing(make(*arguments)))

    async def do(self, call: Callable[..., T], /, *arguments: Any) -> T:
        """Await ``call``; once begun it is done to its end, whoever is cancelled."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(self._do, call, *arguments))

    def _do(self, call: Callable[..., T], *arguments: Any) -> T:
        with self._around():
            return call(*arguments)

    async def close(self) -> None:
        """Wait for what was begun, then close what was opened; if cancelled, without waiting."""
        # Submitted before anything is awaited: a cancellation comes too late to prevent it.
        closed = asyncio.get_running_loop().run_in_executor(
            self._pool, self._do, self._opened.close
        )
        self._pool.shutdown(wait=False)
        await asyncio.shield(closed)
