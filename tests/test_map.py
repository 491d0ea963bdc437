"""client.map: many calls, bounded, each with a result of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from loyalty_sdk import ConfigurationError, LoyaltyClient, Outcome, Receipt, Result
from loyalty_sdk._map import map_calls


def receipt(item: object) -> Receipt:
    """Of a write that was applied."""
    return Receipt(
        operation="o", provider="p", reference=str(item), outcome=Outcome.APPLIED, attempts=1
    )


async def collect(results: AsyncIterator[Result[Any]]) -> list[Result[Any]]:
    """All of them."""
    return [result async for result in results]


async def test_every_item_has_one_result() -> None:
    """A failure is a result like any other and hides nobody's receipt."""

    async def call(item: int) -> Receipt:
        if item % 3 == 0:
            raise ValueError(item)
        return receipt(item)

    results = await collect(map_calls(call, range(20), 4))
    assert set(range(20)) == {result.item for result in results}
    assert {0, 3, 6, 9, 12, 15, 18} == {result.item for result in results if result.error}
    assert all((result.receipt is None) == (result.error is not None) for result in results)


@pytest.mark.usefixtures("skipping")
async def test_results_come_in_order_of_completion() -> None:
    """The quick does not wait for the slow."""

    async def call(item: float) -> Receipt:
        await asyncio.sleep(item)
        return receipt(item)

    results = await collect(map_calls(call, [0.1, 0.0, 0.05], 3))
    assert [0.0, 0.05, 0.1] == [result.item for result in results]


async def test_no_more_run_at_once_than_said() -> None:
    """Concurrency is bounded."""
    running = most = 0

    async def call(item: int) -> Receipt:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return receipt(item)

    await collect(map_calls(call, range(30), 5))
    assert 5 == most


async def test_a_slow_consumer_holds_the_calls_back() -> None:
    """Items are taken as they are needed, so any number of them takes the same memory."""
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for taken in range(1000):  # noqa: UP028 - the variable is what the test looks at
            yield taken

    async def call(item: int) -> Receipt:
        return receipt(item)

    async with aclosing(map_calls(call, items(), 4)) as results:
        async for _ in results:
            await asyncio.sleep(0.01)
            break
    assert taken <= 12


async def test_items_may_come_asynchronously() -> None:
    """An async iterable is as good, and is never asked twice at once."""

    async def items() -> AsyncIterator[int]:
        for item in range(5):
            await asyncio.sleep(0)
            yield item

    async def call(item: int) -> Receipt:
        return receipt(item)

    assert 5 == len(await collect(map_calls(call, items(), 3)))


async def test_a_source_that_breaks_is_not_silent() -> None:
    """Results of what was taken come first, then the source's own error."""

    def items() -> Iterator[int]:
        yield 1
        raise OSError("disk")

    async def call(item: int) -> Receipt:
        return receipt(item)

    results = []
    with pytest.raises(OSError, match="disk"):
        async for result in map_calls(call, items(), 2):
            results.append(result.item)  # noqa: PERF401 - the failure must not lose them
    assert [1] == results


async def test_leaving_early_leaves_no_task() -> None:
    """aclosing() ends what is in flight before the next line."""

    async def call(item: int) -> Receipt:
        if item:
            await asyncio.sleep(10)
        return receipt(item)

    before = asyncio.all_tasks()
    async with aclosing(map_calls(call, range(9), 3)) as results:
        async for _ in results:
            break
    assert before == asyncio.all_tasks()


async def test_concurrency_must_be_some() -> None:
    """Zero would wait for ever."""
    with pytest.raises(ConfigurationError, match="concurrency"):
        await collect(map_calls(asyncio.sleep, [1], 0))  # type: ignore[arg-type]


async def test_the_client_maps_its_own_operations(server: Any, client: LoyaltyClient) -> None:
    """map() takes a bound operation."""
    results = await collect(client.map(client.create_order, ["no order"]))
    assert ["no order"] == [result.item for result in results]
    assert results[0].error is not None


async def test_a_call_that_was_cancelled_from_inside_is_a_result_too() -> None:
    """It hides nobody's receipt, and the run does not wait for it for ever."""

    async def call(item: int) -> Receipt:
        if item == 1:
            raise asyncio.CancelledError
        return receipt(item)

    async with asyncio.timeout(5):
        results = await collect(map_calls(call, [1, 2, 3], 2))
    assert {1, 2, 3} == {result.item for result in results}
    assert [1] == [result.item for result in results if result.error is not None]
