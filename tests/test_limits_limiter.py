"""Limiter: grants for many callers, on a clock that does not wait; threads on a real one."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_sdk import RateLimit, RateWaitTimeoutError
from loyalty_sdk._lanes import LaneName
from loyalty_sdk._limiter import Limiter
from loyalty_sdk._waiting import Queue
from tests.settle import clock

EVER = float("inf")
INTERVAL = 1.03 / 20


def fixed(rate: int = 20) -> Limiter:
    """A fixed limit of its own."""
    return RateLimit.fixed(rate).limiter(["test"])


def on_virtual_clock(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run ``test`` in a loop whose time is skipped."""

    def run() -> None:
        async def main() -> None:
            await test()

        clock.run(main())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def late(seconds: float) -> float:
    """A deadline."""
    return time.monotonic() + seconds


def pass_time(seconds: float) -> None:
    """Let the virtual clock go on while the loop does nothing."""
    passing: Any = time.monotonic
    passing.__self__.advance(seconds)


async def granted(
    limiter: Limiter, lane: LaneName = "interactive", key: object = None, deadline: float = EVER
) -> float:
    """When the grant came."""
    await limiter.grant(lane, deadline, key)
    return time.monotonic()


# ------------------------------------------------------------ grants in time


@on_virtual_clock
async def test_a_grant_that_is_due_takes_no_time() -> None:
    """The first comes at once, and nothing of it remains but a count."""
    limiter = fixed()
    assert 0.0 == await limiter.grant("interactive", EVER)
    assert (1, 0, 0) == (
        limiter.interactive.grants,
        limiter.interactive.waits,
        limiter.bulk.grants,
    )
    assert {} == limiter._desks


@on_virtual_clock
async def test_a_grant_says_how_long_it_took() -> None:
    """And so does the lane, for all together."""
    limiter = fixed()
    waited = [await limiter.grant("bulk", EVER) for _ in range(5)]

    assert [0.0] + [pytest.approx(INTERVAL, abs=1e-3)] * 4 == waited
    assert (5, 4, 0) == (limiter.bulk.grants, limiter.bulk.waits, limiter.bulk.waiting)
    assert pytest.approx(4 * INTERVAL, abs=4e-3) == limiter.bulk.waited
    assert "<Limiter rate=20 throttles=0 interactive=<Lane grants=0" in repr(limiter)


@on_virtual_clock
async def test_two_hundred_callers_use_the_whole_rate_and_no_more() -> None:
    """Over twenty seconds, and at every rate; no second holds more."""
    for rate in (20, 500):
        limiter = fixed(rate)
        times: list[float] = []

        async def call(limiter: Limiter = limiter, times: list[float] = times) -> None:
            while True:
                times.append(await granted(limiter, "bulk"))

        callers = [asyncio.create_task(call()) for _ in range(200)]
        await asyncio.sleep(5)
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        assert len(times) / 5 / rate >= 0.97
        assert all(after - before > 1 for before, after in zip(times, times[rate:], strict=False))


@on_virtual_clock
async def test_one_timer_serves_everybody() -> None:
    """A thousand callers with deadlines, and the loop holds one timer, set for the next turn."""
    limiter = fixed(1000)
    callers = [asyncio.create_task(granted(limiter, deadline=late(60))) for _ in range(1000)]
    await asyncio.sleep(0)
    (desk,) = limiter._desks.values()
    timers: list[Any] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    assert [desk._timer] == [timer for timer in timers if not timer.cancelled()]
    await asyncio.gather(*callers)
    assert {} == limiter._desks


# ------------------------------------------------------------ lanes and customers


@on_virtual_clock
async def test_nobody_overtakes_who_waits() -> None:
    """A turn that is due while its timer has not rung yet is not for somebody new."""
    limiter = fixed()
    await limiter.grant("interactive", EVER)
    first = asyncio.create_task(granted(limiter))
    await asyncio.sleep(0)
    pass_time(INTERVAL)
    second = await granted(limiter)
    assert pytest.approx(second - INTERVAL, abs=2e-3) == await first


@on_virtual_clock
async def test_interactive_passes_a_thousand_of_bulk() -> None:
    """It waits for at most two intervals, although bulk takes all it can get."""
    limiter = fixed()
    bulk = [asyncio.create_task(granted(limiter, "bulk")) for _ in range(1000)]
    waits: list[float] = []
    for number in range(20):
        await asyncio.sleep(0.25 + number / 100)
        waits.append(await limiter.grant("interactive", EVER))
    for task in bulk:
        task.cancel()

    assert max(waits) <= 2 * INTERVAL
    assert limiter.bulk.grants > 60


@on_virtual_clock
async def test_bulk_is_not_starved() -> None:
    """While interactive calls alone would use the whole budget, bulk has one grant in ten."""
    limiter = fixed()
    tasks = [asyncio.create_task(granted(limiter)) for _ in range(500)]
    tasks += [asyncio.create_task(granted(limiter, "bulk")) for _ in range(500)]
    await asyncio.sleep(10)
    share = limiter.bulk.grants / (limiter.bulk.grants + limiter.interactive.grants)
    for task in tasks:
        task.cancel()
    assert pytest.approx(0.1, abs=0.01) == share


@on_virtual_clock
async def test_customers_take_turns() -> None:
    """One with a thousand writes does not hold up another with two."""
    limiter = fixed()
    big = [asyncio.create_task(granted(limiter, "bulk", "big")) for _ in range(1000)]
    await asyncio.sleep(0.01)
    began = time.monotonic()
    small = await asyncio.gather(*(granted(limiter, "bulk", "small") for _ in range(2)))
    for task in big:
        task.cancel()
    assert max(small) - began <= 5 * INTERVAL


# ------------------------------------------------------------ deadlines


@on_virtual_clock
async def test_a_deadline_that_cannot_be_met_fails_at_once() -> None:
    """Those ahead are counted: whoever would come after its deadline need not wait for it."""
    limiter = fixed()
    tasks = [asyncio.create_task(granted(limiter)) for _ in range(100)]
    await asyncio.sleep(0)
    began = time.monotonic()
    with pytest.raises(RateWaitTimeoutError, match="would come after the deadline") as caught:
        await limiter.grant("interactive", late(3))
    assert began == time.monotonic()
    assert not caught.value.bytes_left
    assert 99 == limiter.interactive.waiting
    await granted(limiter, deadline=late(100 * INTERVAL + 0.1))
    await asyncio.gather(*tasks)


@on_virtual_clock
async def test_a_deadline_in_the_past_gets_nothing() -> None:
    """Even where a grant is free."""
    limiter = fixed()
    with pytest.raises(RateWaitTimeoutError, match="did not come before the deadline"):
        await limiter.grant("interactive", late(-1))
    assert 0 == limiter.interactive.grants


@on_virtual_clock
async def test_a_deadline_passes_while_others_go_first() -> None:
    """A bulk call whose turn was taken by interactive ones fails when its next turn is too late."""
    limiter = fixed()
    await limiter.grant("bulk", EVER)
    began = time.monotonic()
    bulk = asyncio.create_task(limiter.grant("bulk", late(0.2)))
    await asyncio.sleep(0)
    others = [asyncio.create_task(granted(limiter)) for _ in range(9)]
    with pytest.raises(RateWaitTimeoutError, match="would come after the deadline"):
        await bulk
    assert 0.1 <= time.monotonic() - began <= 0.2
    assert 0 == limiter.bulk.waiting
    await asyncio.gather(*others)


@on_virtual_clock
async def test_a_pause_beyond_the_deadline_fails_at_once() -> None:
    """Retry-After pauses the whole credential: who waits and cannot wait so long is told."""
    limiter = fixed()
    await limiter.grant("interactive", EVER)
    waiting = asyncio.create_task(limiter.grant("interactive", late(5)))
    patient = asyncio.create_task(granted(limiter))
    await asyncio.sleep(0.001)
    began = time.monotonic()
    limiter.throttled(began, 30)
    with pytest.raises(RateWaitTimeoutError):
        await waiting
    assert began + 2 * INTERVAL >= time.monotonic()
    with pytest.raises(RateWaitTimeoutError):
        await limiter.grant("bulk", late(29))
    assert 1 == limiter.throttles
    assert pytest.approx(began + 30) == limiter.paused_until
    assert pytest.approx(began + 30, abs=0.01) == await patient


@on_virtual_clock
async def test_answers_reach_the_pace() -> None:
    """An adaptive limit that keeps callers waiting grows with what is accepted."""
    limiter = RateLimit.adaptive(start=10).limiter(["test"])
    for _ in range(30):
        sent_at = await granted(limiter)
        await asyncio.sleep(0.001)
        limiter.answered(sent_at)
    assert limiter.rate > 15


@on_virtual_clock
async def test_deadlines_of_those_who_were_served_are_not_kept() -> None:
    """A day of calls does not fill the memory with them."""
    limiter = fixed(1000)
    for _ in range(500):
        await asyncio.gather(*(limiter.grant("bulk", late(60)) for _ in range(3)))
        held = [len(desk._deadlines) for desk in limiter._desks.values()]
        assert held <= [80]

    async def one() -> None:
        await limiter.grant("bulk", late(60))

    keeper = [asyncio.create_task(granted(limiter, deadline=late(30))) for _ in range(100)]
    await asyncio.sleep(0)
    (desk,) = limiter._desks.values()
    for _ in range(1000):
        task = asyncio.create_task(one())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(desk._deadlines) <= 2 * desk.waiting + 65
    for each in keeper:
        each.cancel()


# ------------------------------------------------------------ cancelling


@on_virtual_clock
async def test_who_is_cancelled_leaves_its_turn_to_the_next() -> None:
    """The next comes one interval earlier than it would have."""
    limiter = fixed()
    await limiter.grant("interactive", EVER)
    began = time.monotonic()
    first, second = (asyncio.create_task(granted(limiter)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert pytest.approx(began + INTERVAL, abs=2e-3) == await second
    assert first.cancelled()
    assert 2 == limiter.interactive.grants


@on_virtual_clock
async def test_a_turn_is_handed_on_within_its_own_moment() -> None:
    """One who is served and cancelled in one breath: the next gets that very grant."""
    limiter = fixed()
    await limiter.grant("interactive", EVER)
    began = time.monotonic()
    first = asyncio.create_task(granted(limiter))
    second = asyncio.create_task(granted(limiter))
    await asyncio.sleep(0)
    pass_time(INTERVAL)
    limiter.look()
    first.cancel()
    assert pytest.approx(began + INTERVAL, abs=2e-3) == await second
    assert first.cancelled()
    assert 2 == limiter.interactive.grants


@on_virtual_clock
async def test_a_future_cancelled_by_another_is_passed_over() -> None:
    """Whoever does not listen any more takes no turn."""
    limiter = fixed()
    await limiter.grant("interactive", EVER)
    began = time.monotonic()
    first = asyncio.create_task(granted(limiter))
    await asyncio.sleep(0)
    second = asyncio.create_task(granted(limiter))
    await asyncio.sleep(0)
    waiter = limiter.interactive.everybody()[0]
    pass_time(INTERVAL)
    waiter.future.cancel()
    limiter.look()
    assert (0, 2) == (limiter.interactive.waiting, limiter.interactive.grants)
    assert pytest.approx(began + INTERVAL, abs=2e-3) == await second
    with pytest.raises(asyncio.CancelledError):
        await first


@on_virtual_clock
async def test_a_coroutine_that_is_thrown_away_leaves_its_turn_too() -> None:
    """Nobody awaits it: the next is served when its turn would have come."""
    limiter = fixed()
    await limiter.grant("interactive", EVER)
    began = time.monotonic()
    forgotten = limiter.grant("interactive", EVER)
    forgotten.send(None)
    forgotten.close()
    assert 1 == limiter.interactive.waiting
    assert pytest.approx(began + INTERVAL, abs=2e-3) == await granted(limiter)


@settings(max_examples=25, deadline=None)
@given(
    callers=st.lists(
        st.tuples(
            st.sampled_from(["interactive", "bulk"]),
            st.sampled_from([None, None, "a", "b"]),
            st.floats(0, 0.5),
            st.none() | st.floats(0, 1.5),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_no_grant_is_lost_and_no_second_overfull(callers: list[tuple[Any, ...]]) -> None:
    """Whoever comes, goes or is cancelled when: all others are served, as early as may be."""

    async def main() -> None:
        limiter = fixed()
        times: list[float] = []

        async def call(lane: LaneName, key: str | None, after: float) -> None:
            await asyncio.sleep(after)
            times.append(await granted(limiter, lane, key))

        began, loop = time.monotonic(), asyncio.get_running_loop()
        tasks: list[asyncio.Task[None]] = []
        for lane, key, after, cancelled in callers:
            tasks.append(asyncio.create_task(call(lane, key, after)))
            if cancelled is not None:
                loop.call_later(cancelled, tasks[-1].cancel)
        await asyncio.gather(*tasks, return_exceptions=True)

        served = [task for task in tasks if not task.cancelled()]
        times.sort()
        assert len(served) == len(times)
        assert len(times) == limiter.interactive.grants + limiter.bulk.grants
        assert all(after - before > 1 for before, after in zip(times, times[20:], strict=False))
        # The last came at most 0.5 s after the beginning; then all that were left were in line.
        last = times[-1] - began if times else 0.0
        assert last <= 0.5 + (len(times) + 2) * INTERVAL
        assert 0 == limiter.interactive.waiting + limiter.bulk.waiting

    clock.run(main())


# ------------------------------------------------------------ threads and loops


def in_thread(main: Callable[[], Awaitable[Any]]) -> tuple[threading.Thread, list[Any]]:
    """Run ``main`` in a loop and a thread of its own; its result comes into the list."""
    results: list[Any] = []

    async def run() -> Any:
        return await main()

    thread = threading.Thread(target=lambda: results.append(asyncio.run(run())))
    thread.start()
    return thread, results


def put_off(limiter: Limiter, seconds: float) -> None:
    """Nothing is due for so long: how long a thread takes to start decides nothing."""
    with limiter._lock:
        limiter._pace._next = time.monotonic() + seconds  # type: ignore[attr-defined]


def test_loops_in_threads_share_one_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four loops, each with many callers: together they get the rate, and each a share."""
    limiter = fixed(500)
    counts, times = [0] * 4, list[float]()
    take = limiter._pace.take

    def taken(now: float, *, waited: bool) -> float:
        times.append(now)
        return take(now, waited=waited)

    def enough() -> bool:
        return sum(counts) >= 550 and min(counts) >= 20

    def sender(number: int) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            while not enough():
                await granted(limiter)
                counts[number] += 1

        async def main() -> None:
            async with asyncio.timeout(20):
                await asyncio.gather(*(call() for _ in range(10)))

        return main

    # When a grant is given, not when its caller hears of it: that a busy machine delays.
    monkeypatch.setattr(limiter._pace, "take", taken)
    for thread, _ in [in_thread(sender(number)) for number in range(4)]:
        thread.join()

    assert enough()
    assert all(b - a > 1 for a, b in zip(times, times[500:], strict=False))
    assert {} == limiter._desks


async def test_a_loop_that_is_busy_does_not_hold_up_another() -> None:
    """Each has a timer of its own, so nobody waits for somebody else's loop."""
    limiter = fixed(100)
    ready, served = threading.Event(), threading.Event()

    async def blocks() -> bool:
        task = asyncio.create_task(granted(limiter))
        await asyncio.sleep(0)
        ready.set()
        meanwhile = served.wait(20)  # it is what a loop must not do
        await task
        return meanwhile

    await limiter.grant("interactive", EVER)
    thread, results = in_thread(blocks)
    await asyncio.to_thread(ready.wait)
    for _ in range(5):
        await limiter.grant("interactive", EVER)
    served.set()
    await asyncio.to_thread(thread.join)
    assert [True] == results


async def test_a_loop_is_woken_when_something_is_due_sooner_than_its_timer_says() -> None:
    """What another thread gives back may be for somebody here."""
    limiter = fixed(1)
    await limiter.grant("interactive", EVER)
    began = time.monotonic()
    put_off(limiter, 60)
    waiting = asyncio.create_task(limiter.grant("interactive", EVER))
    await asyncio.sleep(0)

    async def give_back() -> None:
        with limiter._lock:
            limiter._pace.give_back(limiter._pace._slots[-1])  # type: ignore[attr-defined]
            limiter._pace._next = began + 0.1  # type: ignore[attr-defined]
            limiter.serve()
            limiter.serve()  # it was called already

    thread, _ = in_thread(give_back)
    await waiting
    assert time.monotonic() - began < 30
    await asyncio.to_thread(thread.join)


async def test_a_turn_that_another_thread_gives_may_come_too_late() -> None:
    """Who was cancelled meanwhile gives it back, and the next one gets it."""
    limiter = fixed(20)
    ready, given = threading.Event(), threading.Event()

    async def leaves() -> None:
        task = asyncio.create_task(granted(limiter))
        await asyncio.sleep(0)
        ready.set()
        given.wait(20)  # its turn comes while its loop does nothing
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await limiter.grant("interactive", EVER)
    put_off(limiter, 60)
    thread, _ = in_thread(leaves)
    await asyncio.to_thread(ready.wait)
    put_off(limiter, 0)
    limiter.look()
    assert 2 == limiter.interactive.grants
    given.set()
    await asyncio.to_thread(thread.join)
    assert 1 == limiter.interactive.grants
    assert 0.0 == await limiter.grant("interactive", EVER)


async def test_a_dead_loop_takes_no_turn() -> None:
    """Whoever waited in a loop that was closed is passed over, and forgotten."""
    limiter = fixed(100)
    await limiter.grant("interactive", EVER)

    async def waits() -> None:
        await limiter.grant("interactive", EVER)

    def abandon() -> None:
        dead = asyncio.new_event_loop()
        task = dead.create_task(waits())
        dead.run_until_complete(asyncio.sleep(0))
        dead.close()
        task._log_destroy_pending = False  # type: ignore[attr-defined]

    while not limiter.interactive.waiting:  # on a busy machine its slot may have come already
        await asyncio.to_thread(abandon)
    assert 1 == limiter.interactive.waiting
    began = time.monotonic()
    await limiter.grant("interactive", EVER)
    assert time.monotonic() - began < 10
    assert 0 == limiter.interactive.waiting
    gc.collect()


def test_a_limiter_serves_one_loop_after_the_other() -> None:
    """`asyncio.run` twice with one limit works, and the second run knows of the first."""
    limiter = fixed()

    async def main() -> list[float]:
        return [await limiter.grant("interactive", EVER) for _ in range(2)]

    with clock.skipped() as skipped:
        with clock.runner(skipped) as loop:
            first = loop.run(main())
        with clock.runner(skipped) as loop:
            second = loop.run(main())
    assert 0 == first[0]
    assert all(wait > 0 for wait in [first[1], *second])


def test_a_limit_may_be_told_of_answers_where_no_loop_runs() -> None:
    """As when somebody looks at what a thread pool sent."""
    limiter = fixed()
    limiter.answered(time.monotonic())
    limiter.throttled(time.monotonic())
    limiter.look()
    assert 19 == pytest.approx(limiter.rate, abs=0.1)


def test_a_queue_leaves_the_rules_to_its_kinds() -> None:
    """What is handed out when is theirs to say."""
    queue = Queue()
    nobody: Any = None
    asked: list[Callable[[Any], object]] = [queue.due, queue.next, queue.take_back]
    for ask in asked:
        with pytest.raises(NotImplementedError):
            ask(nobody)
    assert queue.refusal(nobody, 0.0) is None
