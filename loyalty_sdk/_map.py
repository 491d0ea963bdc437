"""Many calls at once, each with a result of its own."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
)
from typing import Generic, TypeVar

import attrs

from ._models import Receipt  # noqa: TC001 - attrs resolves it
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
    error: BaseException | None = None


async def map_calls(
    operation: Callable[[T], Awaitable[Receipt]],
    items: Iterable[T] | AsyncIterable[T],
    concurrency: int,
) -> AsyncGenerator[Result[T], None]:
    """Results in order of completion; see `LoyaltyClient.map`."""
    if concurrency < 1:
        raise ConfigurationError("map: concurrency must be at least 1")
    source = _Source(items)
    # Bounded, so that a slow consumer holds the calls back.
    done: asyncio.Queue[Result[T] | _End] = asyncio.Queue(concurrency)
    workers = [asyncio.create_task(_work(operation, source, done)) for _ in range(concurrency)]
    failure = None
    try:
        for _ in workers:
            while not isinstance(result := await done.get(), _End):
                yield result
            failure = failure or result.failure
        if failure is not None:
            raise failure
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


@attrs.frozen
class _End:
    """A worker has nothing left to do, or the items could not be read on."""

    failure: Exception | None = None


async def _one_by_one(items: Iterable[T]) -> AsyncIterator[T]:
    for item in items:
        yield item


class _Source(Generic[T]):
    """Any iterable, handed out one item at a time to whoever asks."""

    def __init__(self, items: Iterable[T] | AsyncIterable[T]) -> None:
        self._items = aiter(items if isinstance(items, AsyncIterable) else _one_by_one(items))
        self._lock = asyncio.Lock()

    async def take(self) -> T:
        # An async generator refuses to be asked twice at once.
        async with self._lock:
            return await anext(self._items)


async def _work(
    operation: Callable[[T], Awaitable[Receipt]],
    source: _Source[T],
    done: asyncio.Queue[Result[T] | _End],
) -> None:
    end = _End()
    try:
        while True:
            await done.put(await _call(operation, await source.take()))
    except StopAsyncIteration:
        pass
    except Exception as exc:  # noqa: BLE001 - raised again where the results are read
        end = _End(exc)
    await done.put(end)


async def _call(operation: Callable[[T], Awaitable[Receipt]], item: T) -> Result[T]:
    try:
        return Result(item=item, receipt=await operation(item))
    except asyncio.CancelledError as exc:
        # Somebody cancelled the call from inside; our own end is another matter.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return Result(item=item, error=exc)
    except Exception as exc:  # noqa: BLE001 - one failure must not hide the others' receipts
        return Result(item=item, error=exc)
