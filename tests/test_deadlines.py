"""Deadlines: many tasks of one loop, one timer."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from loyalty_sdk._pool._deadlines import Deadlines


async def wait(deadlines: Deadlines, allowed: float | None, takes: float) -> float:
    """Sleep under a limit; the seconds it took."""
    began = time.monotonic()
    with deadlines.within(allowed):
        await asyncio.sleep(takes)
    return time.monotonic() - began


async def test_each_ends_at_its_own_time(skipping: Any) -> None:
    """However they were begun, and whichever timer was set before."""
    deadlines = Deadlines()
    ends = await asyncio.gather(
        wait(deadlines, 30, 99),
        wait(deadlines, 10, 99),
        wait(deadlines, 20, 5),
        wait(deadlines, None, 60),
        return_exceptions=True,
    )
    assert [TimeoutError, TimeoutError, float, float] == [type(end) for end in ends]
    assert [5, 60] == [pytest.approx(end, abs=0.1) for end in ends[2:]]


async def test_it_is_kept_to_a_few_milliseconds(skipping: Any) -> None:
    """Those that are nearly due together are ended together, not one by one."""
    deadlines, began = Deadlines(), skipping.now
    ends = await asyncio.gather(
        *(wait(deadlines, 10 + n / 10_000, 99) for n in range(50)), return_exceptions=True
    )
    assert {TimeoutError} == {type(end) for end in ends}
    assert 10 <= skipping.now - began < 10.05


async def test_what_ends_in_time_is_left_alone() -> None:
    """The timer may ring all the same, and finds nobody."""
    deadlines = Deadlines()
    await wait(deadlines, 0.01, 0)
    await asyncio.sleep(0.03)
    with pytest.raises(TimeoutError):
        await wait(deadlines, 0.01, 1)


async def test_somebody_else_s_cancellation_passes_through() -> None:
    """A task that is cancelled and late at once was cancelled."""
    deadlines = Deadlines()
    task = asyncio.create_task(wait(deadlines, 0.01, 1))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.01, task.cancel)
    time.sleep(0.03)  # noqa: ASYNC251 - both are due when the loop comes to it
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_closing_forgets_the_timer() -> None:
    """With one set or none."""
    Deadlines().close()
    deadlines = Deadlines()
    await wait(deadlines, 60, 0)
    timer = deadlines._timer
    assert timer is not None
    deadlines.close()
    assert timer.cancelled()


async def test_a_limit_outlasts_the_closing() -> None:
    """Who runs under one would else never end."""
    deadlines = Deadlines()
    task = asyncio.create_task(wait(deadlines, 0.01, 9))
    await asyncio.sleep(0)
    deadlines.close()
    with pytest.raises(TimeoutError):
        await task
