"""Joined: one write that several callers wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from loyalty_sdk import Outcome, Receipt
from loyalty_sdk._call import Call
from loyalty_sdk._joined import Joined

EVER = float("inf")
RECEIPT = Receipt(
    operation="adjust_points", provider="tiny", reference="r", outcome=Outcome.APPLIED, attempts=1
)


def joined(write: Coroutine[Any, Any, Receipt]) -> Joined:
    """Callers of ``write`` may come."""
    call = Call.begin("tiny", "adjust_points", None, writes=True)
    return Joined(call, 5, asyncio.ensure_future(write))


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
    write = joined(at_once())
    first, second = await asyncio.gather(write.receipt(EVER), write.receipt(EVER))
    assert RECEIPT is first is second
    assert 0 == write.callers


async def test_a_deadline_that_has_passed_waits_no_longer(skipping: Any) -> None:
    """The write itself goes on."""
    write = joined(never())
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
    together = joined(write())
    caller = asyncio.create_task(together.receipt(EVER))
    together.task.add_done_callback(lambda _: caller.cancel())
    with pytest.raises(asyncio.CancelledError) as caught:
        await caller
    receipt: Receipt = getattr(caught.value, "receipt")  # noqa: B009 - not declared there
    assert outcome is receipt.outcome


async def test_the_last_caller_cancels_the_write() -> None:
    """Nobody is left who wants it."""
    write = joined(never())
    first, second = (asyncio.create_task(write.receipt(EVER)) for _ in range(2))
    await asyncio.sleep(0)
    for caller, ended in ((first, False), (second, True)):
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert ended is write.task.done()
