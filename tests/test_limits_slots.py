"""Slots: how many requests are under way at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_sdk import RateLimit, RateWaitTimeoutError
from loyalty_sdk._lanes import LaneName
from loyalty_sdk._slots import Slots
from tests.settle import clock

EVER = float("inf")


async def hold(slots: Slots, lane: LaneName, seconds: float, key: object = None) -> float:
    """Hold a slot for some time; when it was got."""
    async with slots.slot(lane, EVER, key):
        got = time.monotonic()
        await asyncio.sleep(seconds)
    return got


async def test_a_slot_that_is_free_takes_no_time() -> None:
    """And is counted, to whom it belongs, until it is given back."""
    slots = Slots(2)
    async with slots.slot("bulk", EVER) as waited:
        assert (0.0, 1, 1) == (waited, slots.taken, slots.taken_by_bulk)
        async with slots.slot("interactive", EVER):
            assert (2, 1) == (slots.taken, slots.taken_by_bulk)
    assert (0, 0) == (slots.taken, slots.taken_by_bulk)
    assert (1, 1) == (slots.bulk.grants, slots.interactive.grants)


async def test_what_fails_gives_its_slot_back() -> None:
    """An error inside leaves no slot behind."""
    slots = Slots(1)
    with pytest.raises(ZeroDivisionError):
        async with slots.slot("bulk", EVER):
            _ = 1 // 0
    assert 0 == slots.taken


def test_never_more_than_the_limit_and_always_that_many() -> None:
    """A hundred calls of a second each through ten slots take ten seconds."""

    async def main() -> None:
        slots, most, began = Slots(10), 0, time.monotonic()

        async def call() -> None:
            nonlocal most
            async with slots.slot("interactive", EVER):
                most = max(most, slots.taken)
                await asyncio.sleep(1)

        await asyncio.gather(*(call() for _ in range(100)))
        assert 10 == most
        assert pytest.approx(10, abs=0.1) == time.monotonic() - began

    clock.run(main())


@pytest.mark.parametrize(("limit", "bulk"), [(1, 1), (2, 1), (5, 4), (20, 18), (100, 90)])
async def test_bulk_leaves_some_slots_to_others(limit: int, bulk: int) -> None:
    """One in ten, at least one where there are two: an interactive call need not wait."""
    slots = Slots(limit)
    tasks = [asyncio.create_task(hold(slots, "bulk", 60)) for _ in range(limit + 5)]
    await asyncio.sleep(0)
    assert (bulk, bulk) == (slots.taken, slots.taken_by_bulk)
    if limit > 1:
        assert 0.0 <= await slots.take("interactive", EVER) < 0.05
        slots.give("interactive")
    assert bulk == slots.taken_by_bulk
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert 0 == slots.taken == slots.taken_by_bulk == slots.bulk.waiting


def test_interactive_goes_first_and_customers_take_turns() -> None:
    """With one slot: who holds it goes on, then interactive, then bulk, customers in turn."""

    async def main() -> None:
        slots, order = Slots(1), list[str]()

        async def call(name: str, lane: LaneName, key: object = None) -> None:
            await hold(slots, lane, 1, key)
            order.append(name)

        calls = [call("first", "bulk")]
        calls += [call(f"big {number}", "bulk", "big") for number in range(3)]
        calls += [call("small", "bulk", "small"), call("urgent", "interactive")]
        await asyncio.gather(*calls)
        assert ["first", "urgent", "big 0", "small", "big 1", "big 2"] == order

    clock.run(main())


def test_no_slot_in_time_is_an_error_that_proves_that_nothing_was_sent() -> None:
    """At the deadline, and nobody waits any more."""

    async def main() -> None:
        slots = Slots(1)
        holder = asyncio.create_task(hold(slots, "bulk", 10))
        await asyncio.sleep(0)
        began = time.monotonic()
        with pytest.raises(RateWaitTimeoutError, match="did not come before") as caught:
            await slots.take("interactive", began + 2)
        assert pytest.approx(began + 2, abs=0.01) == time.monotonic()
        assert not caught.value.bytes_left
        assert 0 == slots.interactive.waiting
        with pytest.raises(RateWaitTimeoutError):
            await slots.take("interactive", began)
        await holder

    clock.run(main())


@settings(max_examples=30, deadline=None)
@given(
    limit=st.integers(1, 4),
    callers=st.lists(
        st.tuples(
            st.sampled_from(["interactive", "bulk"]),
            st.sampled_from([None, "a", "b"]),
            st.floats(0, 2),
            st.floats(0, 2),
            st.none() | st.floats(0, 4),
        ),
        min_size=1,
        max_size=40,
    ),
)
def test_no_slot_is_lost(limit: int, callers: list[tuple[Any, ...]]) -> None:
    """However many are cancelled, waiting or holding: never too many, and in the end none."""

    async def main() -> None:
        slots, overfull = Slots(limit), False

        async def call(lane: LaneName, key: str | None, after: float, takes: float) -> None:
            nonlocal overfull
            await asyncio.sleep(after)
            async with slots.slot(lane, EVER, key):
                overfull |= slots.taken > limit or slots.taken_by_bulk > slots.taken
                await asyncio.sleep(takes)

        loop, tasks = asyncio.get_running_loop(), list[asyncio.Task[None]]()
        for lane, key, after, takes, cancelled in callers:
            tasks.append(asyncio.create_task(call(lane, key, after, takes)))
            if cancelled is not None:
                loop.call_later(cancelled, tasks[-1].cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not overfull
        assert (0, 0, 0) == (slots.taken, slots.taken_by_bulk, len(slots._lanes.everybody()))

    clock.run(main())


def test_a_slot_and_then_a_grant_never_waits_twice_for_the_same() -> None:
    """Bulk that waits for its rate leaves slots: an interactive call waits two turns at most."""

    async def main() -> None:
        slots, limiter = Slots(10), RateLimit.fixed(20).limiter(["test"])

        async def send(lane: LaneName) -> float:
            began = time.monotonic()
            async with slots.slot(lane, EVER):
                await limiter.grant(lane, EVER)
                waited = time.monotonic() - began
                await asyncio.sleep(0.03)
            return waited

        bulk = [asyncio.create_task(send("bulk")) for _ in range(500)]
        await asyncio.sleep(2)
        waits: list[float] = []
        for _ in range(20):
            await asyncio.sleep(0.23)
            waits.append(await send("interactive"))
        for task in bulk:
            task.cancel()
        assert max(waits) <= 2 * 1.03 / 20

    clock.run(main())
