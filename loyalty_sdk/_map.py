"""Many calls at once, each with a result of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Generic, TypeVar

import attrs

from ._models import Receipt
from .errors import ConfigurationError

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Result(Generic[T]):
    """What became of one item: either ``receipt`` or ``error``.

    Attributes:
        item: As it was given.
        receipt: What the call returned.
        error: What it raised; a `LoyaltyError` of a write has a receipt of its own.
    """

    item: T
    receipt: Receipt | None = None
    error: Exception | None = None


async def map_calls(
    operation: Callable[[T], Awaitable[Receipt]],
    items: Iterable[T] | AsyncIterable[T],
    concurrency: int,
) -> AsyncIterator[Result[T]]:
    """Results in order of completion; see `LoyaltyClient.map`."""
    if concurrency < 1:
        raise ConfigurationError("map: concurrency must be at least 1")
    source = _Source(items)
    # Bounded, so that a slow consumer holds the calls back.
    done: asyncio.Queue[Result[T] | None] = asyncio.Queue(concurrency)
    workers = [asyncio.create_task(_work(operation, source, done)) for _ in range(concurrency)]
    try:
        for _ in workers:
            while (result := await done.get()) is not None:
                yield result
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


class _Source(Generic[T]):
    """Any iterable, handed out one item at a time to whoever asks."""

    def __init__(self, items: Iterable[T] | AsyncIterable[T]) -> None:
        self._lock = asyncio.Lock()
        self._items: Any = aiter(items) if isinstance(items, AsyncIterable) else iter(items)

    async def next(self) -> T:
        # An async generator refuses to be asked twice at once.
        async with self._lock:
            try:
                item: T = (
                    await anext(self._items)
                    if isinstance(self._items, AsyncIterator)
                    else next(self._items)
                )
            except (StopIteration, StopAsyncIteration):
                raise _Exhausted from None
        return item


class _Exhausted(Exception):
    """No item is left. StopIteration itself cannot leave a coroutine."""


async def _work(
    operation: Callable[[T], Awaitable[Receipt]],
    source: _Source[T],
    done: asyncio.Queue[Result[T] | None],
) -> None:
    try:
        while True:
            try:
                item = await source.next()
            except _Exhausted:
                return
            await done.put(await _call(operation, item))
    finally:
        await done.put(None)


async def _call(operation: Callable[[T], Awaitable[Receipt]], item: T) -> Result[T]:
    try:
        return Result(item=item, receipt=await operation(item))
    except Exception as exc:  # noqa: BLE001 - one failure must not hide the others' receipts
        return Result(item=item, error=exc)
