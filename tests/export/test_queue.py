"""Which unit is read next, and what waits until it has ended at the vendor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk.export import _queue
from loyalty_sdk.export._checkpoint import Checkpoint
from loyalty_sdk.export._clock import Clock
from loyalty_sdk.export._queue import Queue
from loyalty_sdk.export._rows import json_row
from loyalty_sdk.export._spool import Spool
from loyalty_sdk.export._windows import Window, micros

NOW = datetime(2026, 5, 1, tzinfo=UTC)
AT = micros(NOW)
LATE = Window(AT, AT + 1_000_000)
OVER = (Window(AT - 10, AT), Window(AT - 20, AT - 10))


async def do(call: Callable[..., Any], /, *arguments: Any) -> Any:
    """Here it may block."""
    return call(*arguments)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool without units."""
    with closing(Checkpoint(tmp_path / "checkpoint")) as base:
        with base.change():
            base.note("run", {})
        yield Spool(base, json_row)


def queue_of(spool: Spool, *windows: Window, seconds: float = 0.0) -> Queue:
    """A queue of these; the vendor's clock passes its second after so many of ours."""
    spool.add_windows(windows)
    return Queue(spool, do, Clock(NOW, NOW + timedelta(seconds=seconds), time.monotonic()))


async def taken(queue: Queue) -> Window:
    """The next one's window."""
    unit = await queue.take()
    assert unit is not None
    return unit.window


async def test_what_has_not_ended_is_read_beside_the_others_once_it_has(spool: Spool) -> None:
    """Not before, or rows that are made in it would be lost; and not after all others."""
    queue = queue_of(spool, LATE, *OVER)
    assert OVER[0] == await taken(queue)
    await queue.wait()
    assert [LATE, OVER[1]] == [await taken(queue), await taken(queue)]


async def test_when_nothing_else_is_open_it_is_waited_for(spool: Spool) -> None:
    """Nobody is told that all is read while a second is not over."""
    queue = queue_of(spool, LATE, seconds=0.05)
    waiting = asyncio.create_task(queue.wait())
    begun = time.monotonic()
    assert LATE == await taken(queue)
    assert 0.045 < time.monotonic() - begun
    await waiting


async def test_without_anything_open_nobody_waits(spool: Spool) -> None:
    """A vendor's second that nothing is read of is of no interest."""
    queue = queue_of(spool, OVER[0], seconds=60.0)
    await queue.take()
    await queue.release()
    assert None is await asyncio.wait_for(queue.take(), 1.0)


async def test_what_is_cut_after_the_second_passed_waits_no_more(spool: Spool) -> None:
    """Parts of the last second are as much over as the whole."""
    queue = queue_of(spool, LATE)
    await queue.wait()
    await queue.take()
    spool.add_windows([LATE])
    assert LATE == await taken(queue)


async def test_units_that_wait_are_bounded_too(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Customers all wait: a million of them do not stand in memory."""
    monkeypatch.setattr(_queue, "_AHEAD", 3)
    queue = queue_of(spool, *[LATE] * 10)
    asked = [asyncio.create_task(queue.take()) for _ in range(10)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert 3 == len(queue._late)
    await queue.wait()
    ids = [unit and unit.id for unit in await asyncio.gather(*asked)]
    assert list(range(1, 11)) == ids


async def test_who_waits_is_told_that_the_queue_was_closed(spool: Spool) -> None:
    """Nothing new is begun, whatever is open."""
    queue = queue_of(spool, LATE, OVER[0], seconds=60.0)
    await queue.take()
    waiting = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.close()
    await queue.release()
    assert None is await asyncio.wait_for(waiting, 1.0)
