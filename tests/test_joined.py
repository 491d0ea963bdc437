"""Joined: one write that several callers wait for."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from loyalty_sdk import Outcome, OutcomeUnknownError, PointsAdjustment, Receipt
from loyalty_sdk._call import Call
from loyalty_sdk._joined import Joined, Key, join

EVER = float("inf")
RECEIPT = Receipt(
    operation="adjust_points", provider="tiny", reference="r", outcome=Outcome.APPLIED, attempts=1
)


ADJUSTMENT = PointsAdjustment(customer_id="1", points=5, reference="r")

Start = Callable[[], Coroutine[Any, Any, Receipt]]


def callers(write: Start) -> Callable[[], Joined]:
    """Each time, another caller of one ``write``."""
    call = Call.begin("tiny", "adjust_points", None, writes=True)
    running: dict[Key, Joined] = {}
    return lambda: join(running, ADJUSTMENT, call, write)


async def at_once() -> Receipt:
    """A write that is accepted."""
    await asyncio.sleep(0)
    return RECEIPT


async def broken() -> Receipt:
    """A write whose hook fails."""
    await asyncio.sleep(0)
    raise OSError(28, "No space left on device")


async def never() -> Receipt:
    """A write that waits."""
    await asyncio.sleep(1000)
    return RECEIPT


async def test_every_caller_gets_the_receipt() -> None:
    """And is counted only as long as it waits."""
    another = callers(at_once)
    one, other = another(), another()
    assert one is other
    first, second = await asyncio.gather(one.receipt(EVER), other.receipt(EVER))
    assert RECEIPT is first is second
    assert 0 == one.callers


async def test_a_deadline_that_has_passed_waits_no_longer(skipping: Any) -> None:
    """The write itself goes on."""
    write = callers(never)()
    with pytest.raises(Exception, match="another caller is still at it"):
        await write.receipt(time.monotonic() - 1)
    assert not write.task.done()
    write.task.cancel()


@pytest.mark.parametrize(
    ("write", "outcome"), [(at_once, Outcome.APPLIED), (broken, Outcome.NOT_SENT)]
)
async def test_a_caller_cancelled_at_the_very_end_is_told_how_it_ended(
    write: Any, outcome: Outcome
) -> None:
    """What the write ended with is known then, and its receipt is the one on the error."""
    together = callers(write)()
    caller = asyncio.create_task(together.receipt(EVER))
    together.task.add_done_callback(lambda _: caller.cancel())
    with pytest.raises(asyncio.CancelledError) as caught:
        await caller
    receipt: Receipt = getattr(caught.value, "receipt")  # noqa: B009 - not declared there
    assert outcome is receipt.outcome


async def test_the_last_caller_cancels_the_write() -> None:
    """Nobody is left who wants it."""
    another = callers(never)
    write = another()
    first = asyncio.create_task(write.receipt(EVER))
    second = asyncio.create_task(another().receipt(EVER))
    await asyncio.sleep(0)
    for caller, ended in ((first, False), (second, True)):
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert ended is write.task.done()


async def test_nobody_hears_of_an_error_that_nobody_waits_for() -> None:
    """Whoever gave up was told by the cancellation; the loop has nothing to complain of."""
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    caller = asyncio.create_task(callers(never)().receipt(EVER))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    del caller
    await asyncio.sleep(0)
    gc.collect()
    assert [] == complaints


def in_a_thread(coroutine: Coroutine[Any, Any, Any]) -> tuple[threading.Thread, list[Any]]:
    """``coroutine`` in an event loop of its own, and what it ended with."""
    ended: list[Any] = []

    async def run() -> None:
        try:
            ended.append(await coroutine)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the test looks
            ended.append(error)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    return thread, ended


async def test_callers_in_other_threads_join_too() -> None:
    """One process sends a reference once, whichever loop asks for it."""
    go_on = asyncio.Event()

    async def write() -> Receipt:
        await go_on.wait()
        return RECEIPT

    another = callers(write)
    here = asyncio.create_task(another().receipt(EVER))
    thread, ended = in_a_thread(another().receipt(EVER))
    await asyncio.sleep(0.05)
    go_on.set()
    assert RECEIPT is await here
    await asyncio.to_thread(thread.join)
    assert [RECEIPT] == ended


async def test_the_last_caller_cancels_it_from_another_thread_as_well() -> None:
    """At once: it does not wait for the loop in which the write is."""
    another = callers(never)
    write = another()
    joined = another()
    first = asyncio.create_task(write.receipt(EVER))
    await asyncio.sleep(0)
    first.cancel()

    async def give_up() -> None:
        async with asyncio.timeout(0.01):
            await joined.receipt(EVER)

    thread, ended = in_a_thread(give_up())
    await asyncio.wait([write.task])
    await asyncio.to_thread(thread.join)
    assert write.task.cancelled()
    assert isinstance(ended[0], TimeoutError)


async def test_callers_elsewhere_are_told_when_the_write_was_cancelled() -> None:
    """By whom does not matter: its outcome is not known to them."""
    another = callers(never)
    write, joined = another(), another()
    thread, ended = in_a_thread(joined.receipt(EVER))
    await asyncio.sleep(0.05)
    write.task.cancel()
    await asyncio.to_thread(thread.join)
    assert isinstance(ended[0], OutcomeUnknownError)
    assert Outcome.UNKNOWN is ended[0].outcome


async def test_a_write_whose_loop_died_is_begun_again() -> None:
    """Nobody would ever hear of the first."""
    call = Call.begin("tiny", "adjust_points", None, writes=True)
    running: dict[Key, Joined] = {}
    dead = asyncio.new_event_loop()
    stuck = dead.create_task(never())
    running["1", "r"] = Joined(call, 5, stuck)
    stuck.cancel()
    await asyncio.to_thread(dead.run_until_complete, asyncio.wait([stuck]))
    dead.close()
    assert RECEIPT is await join(running, ADJUSTMENT, call, at_once).receipt(EVER)
