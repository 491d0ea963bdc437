"""Each event is handled once, and never lost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from loyalty_sdk import ConfigurationError, WebhookInProgressError
from loyalty_sdk.webhooks import MemoryStore, UnknownEvent, once

EVENT = UnknownEvent(provider="tiny", topic="x", id="e-1")


class Clock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """In place of `time.monotonic`."""
        return self.now


async def test_the_second_delivery_is_not_the_first() -> None:
    """What was handled well is not handled again; another event, or another vendor's, is."""
    store = MemoryStore()
    firsts = []
    for event in (EVENT, EVENT, UnknownEvent(provider="tiny", topic="x", id="e-2")):
        async with once(event, store) as first:
            firsts.append(first)
    async with once(UnknownEvent(provider="other", topic="x", id="e-1"), store) as first:
        firsts.append(first)

    assert [True, False, True, True] == firsts


async def test_a_failure_frees_the_event() -> None:
    """The vendor sends again what was not taken, and that try is a first one again."""
    store = MemoryStore()
    with pytest.raises(ZeroDivisionError):
        async with once(EVENT, store) as first:
            assert first
            _ = 1 / 0
    async with once(EVENT, store) as first:
        assert first


async def test_a_cancellation_frees_the_event() -> None:
    """A handler whose caller hung up has not handled it."""
    store = MemoryStore()

    async def handle() -> None:
        async with once(EVENT, store):
            await asyncio.sleep(60)

    task = asyncio.create_task(handle())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with once(EVENT, store) as first:
        assert first


async def test_two_at_once_are_not_both_first() -> None:
    """While one is being handled, the other is told to come again, and nobody says it is done."""
    store = MemoryStore()
    handled: list[str] = []
    refused: list[int] = []

    async def handle(name: str) -> None:
        try:
            async with once(EVENT, store) as first:
                await asyncio.sleep(0.01)
                if first:
                    handled.append(name)
        except WebhookInProgressError as error:
            refused.append(error.status)

    await asyncio.gather(*(handle(str(number)) for number in range(20)))

    assert 1 == len(handled)
    assert [503] * 19 == refused


async def test_threads_do_not_share_an_event() -> None:
    """Of many threads that take one event at the same moment, one is first."""

    def slow() -> float:
        # Whoever holds no lock loses its turn here.
        time.sleep(0.001)
        return 0.0

    store = MemoryStore(clock=slow)
    gate = threading.Barrier(8)
    firsts: list[str | None] = []

    def take() -> None:
        gate.wait()
        firsts.append(asyncio.run(store.add("key", "held", 60)))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1 == firsts.count(None)


async def test_a_dead_handler_holds_an_event_for_its_lease_only() -> None:
    """A process that died inside the block leaves the event to the next try after ``lease``."""
    clock = Clock()
    store = MemoryStore(clock=clock)
    await once(EVENT, store, lease=60).__aenter__()  # and nobody ever leaves

    with pytest.raises(WebhookInProgressError):
        await once(EVENT, store).__aenter__()
    clock.now = 60
    async with once(EVENT, store) as first:
        assert first


async def test_done_outlives_the_lease() -> None:
    """What is done stays done for ``keep``, and is forgotten then."""
    clock = Clock()
    store = MemoryStore(clock=clock)
    async with once(EVENT, store, lease=60, keep=1000):
        pass
    clock.now = 999.9
    async with once(EVENT, store) as first:
        assert not first
    clock.now = 1000
    async with once(EVENT, store) as first:
        assert first


async def test_one_that_overstays_its_lease_frees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its lease the event may be in other hands, whose hold a failure must not end."""
    clock = Clock()
    store = MemoryStore(clock=clock)
    monkeypatch.setattr(time, "monotonic", clock)
    slow, other = once(EVENT, store, lease=60), once(EVENT, store, lease=60)
    await slow.__aenter__()
    clock.now = 61
    assert await other.__aenter__()
    assert not await slow.__aexit__(ValueError, ValueError("late"), None)

    with pytest.raises(WebhookInProgressError):
        await once(EVENT, store).__aenter__()


async def test_an_event_without_id_is_always_first() -> None:
    """Nothing tells it from another one like it, and to drop a claim would be worse."""
    store = MemoryStore()
    for _ in range(2):
        async with once(UnknownEvent(provider="tiny", topic="x"), store) as first:
            assert first
    assert 0 == len(store)


async def test_a_store_may_answer_in_bytes() -> None:
    """Redis hands bytes back unless it is told otherwise."""

    class Bytes(MemoryStore):
        async def add(self, key: str, state: str, seconds: float, /) -> Any:
            before = await super().add(key, state, seconds)
            return before and before.encode()

    store = Bytes()
    async with once(EVENT, store):
        with pytest.raises(WebhookInProgressError):
            await once(EVENT, store).__aenter__()
    async with once(EVENT, store) as first:
        assert not first


async def test_memory_is_bounded() -> None:
    """The oldest makes room, and what has expired at the front goes first."""
    clock = Clock()
    store = MemoryStore(3, clock=clock)
    for number in range(5):
        await store.add(str(number), "done", 10)
    assert 3 == len(store)
    assert None is await store.add("0", "again", 10)  # forgotten
    assert "done" == await store.add("4", "again", 10)
    clock.now = 10
    await store.add("new", "done", 10)
    assert 1 == len(store)


def test_a_store_without_room_is_refused() -> None:
    """A capacity of nothing would remember nothing."""
    with pytest.raises(ConfigurationError, match="capacity"):
        MemoryStore(0)


class Remembering(RuleBasedStateMachine):
    """`MemoryStore`, beside a dict that never forgets too early."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)
        self.model: dict[str, tuple[str, float]] = {}

    @rule(
        key=st.sampled_from("abc"),
        state=st.sampled_from(["held", "done"]),
        seconds=st.integers(1, 9),
    )
    def add(self, key: str, state: str, seconds: int) -> None:
        """What is there stays and is told."""
        before, until = self.model.get(key, (None, 0.0))
        live = before if self.clock.now < until else None
        assert live == run(lambda: self.store.add(key, state, seconds))
        if live is None:
            self.model[key] = state, self.clock.now + seconds

    @rule(key=st.sampled_from("abc"), seconds=st.integers(1, 9))
    def replace(self, key: str, seconds: int) -> None:
        """Whatever is there is overwritten."""
        run(lambda: self.store.replace(key, "done", seconds))
        self.model[key] = "done", self.clock.now + seconds

    @rule(key=st.sampled_from("abc"))
    def remove(self, key: str) -> None:
        """Forgotten, or never known."""
        run(lambda: self.store.remove(key))
        self.model.pop(key, None)

    @rule(seconds=st.integers(1, 5))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.clock.now += seconds

    @invariant()
    def holds_no_more_than_it_was_given(self) -> None:
        """It does not grow by itself."""
        assert 3 >= len(self.store)


def run(start: Callable[[], Any]) -> Any:
    """The result of a coroutine that waits for nothing."""
    coroutine = start()
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


TestRemembering = Remembering.TestCase
TestRemembering.settings = settings(deadline=None)
