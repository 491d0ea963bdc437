"""Calls, faults, cancellations and the clock in any order, with the ledger as the model."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from loyalty_sdk import LoyaltyError, Outcome, PointsAdjustment, Receipt
from loyalty_sdk.errors import ConflictError

from . import clock, faults
from .deeds import OPERATIONS, Deed, Deeds
from .stage import FLAVOURS, Stage, World

_DENIED = {Outcome.REJECTED, Outcome.NOT_SENT, Outcome.ABSENT}
_CUSTOMERS = ("1", "11", "111")


@attrs.define(eq=False)
class _Running:
    """A call that was begun, and whether it was cancelled."""

    deed: Deed
    task: asyncio.Task[Receipt]
    receipt: Receipt | None = None

    def finish(self) -> None:
        """Take note of what the caller was told."""
        if self.receipt is not None or not self.task.done():
            return
        if self.task.cancelled():
            self.receipt = self.deed.cancelled
        elif error := self.task.exception():
            assert isinstance(error, LoyaltyError)
            self.receipt = error.receipt
        else:
            self.receipt = self.task.result()


class Machine(RuleBasedStateMachine):
    """A caller, an operator who cancels, and a vendor that keeps its promises."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[_Running] = []
        self.closing = ExitStack()
        self.clock = self.closing.enter_context(clock.skipped())

    @initialize(flavour=st.sampled_from(FLAVOURS), seed=st.integers(0, 2**16))
    def open(self, flavour: str, seed: int) -> None:
        """A shop with three customers."""
        self.runner = self.closing.enter_context(clock.runner(self.clock))
        world = World(seed=seed, flavour=flavour, customers=_CUSTOMERS, deadline=300.0)
        self.stage = Stage(world)
        self.do(self.stage.__aenter__())
        self.deeds = Deeds(self.stage.draw, self.stage.sandbox.clock.now(), _CUSTOMERS)

    def do(self, coroutine: Any) -> Any:
        """Let the loop run until ``coroutine`` ends."""
        return self.runner.run(coroutine)

    @rule(
        operation=st.sampled_from(OPERATIONS),
        met=st.lists(st.sampled_from(faults.NAMES), max_size=3),
    )
    def call(self, operation: str, met: list[str]) -> None:
        """Begin a write whose sends meet ``met``."""
        self.deeds.operations = (operation,)
        deed = self.deeds.make(len(self.stage.deeds))
        deed.faults = tuple(met)
        self.begin(deed, deed.do(self.stage.client))

    def begin(self, deed: Deed, call: Any) -> None:
        """Count ``call`` among those that were begun."""
        self.stage.deeds[deed.key] = deed

        async def start() -> asyncio.Task[Receipt]:
            task = asyncio.ensure_future(_keeping(deed, call))
            await asyncio.sleep(0)
            return task

        self.calls.append(_Running(deed, self.do(start())))

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.3, 2.0, 61.0, 400.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.do(asyncio.sleep(seconds))

    @rule(turns=st.integers(1, 12))
    def step(self, turns: int) -> None:
        """Let the loop turn a few times, to stop in the middle of something."""

        async def turn() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.do(turn())

    # What is drawn must not depend on how far the calls are: sockets have their own pace.

    @rule(index=st.integers(0, 99))
    def cancel(self, index: int) -> None:
        """Take one of the calls back."""
        running = [call for call in self.calls if not call.task.done()]
        for call in running[index % len(running) :][:1] if running else ():
            call.task.cancel()
            self.do(asyncio.wait([call.task]))

    @rule()
    def resolve(self) -> None:
        """Ask what became of every write that is in doubt."""
        for receipt in self.stage.client.unresolved:
            try:
                resolved = self.do(self.stage.client.resolve(receipt))
            except ConflictError:
                continue
            for call in self.calls:
                if call.receipt is receipt and resolved.outcome is not Outcome.UNKNOWN:
                    call.receipt = resolved

    @rule(index=st.integers(0, 99))
    def replay(self, index: int) -> None:
        """Do an adjustment that is in doubt again, as after a crash."""
        marked = self.stage.world.marked
        doubtful = [call for call in self.calls if marked and _replayable(call)]
        for call in doubtful[index % len(doubtful) :][:1] if doubtful else ():
            again = self.stage.client.adjust_points(call.deed.value, replay=True)  # type: ignore[arg-type]
            self.calls.remove(call)
            self.begin(call.deed, again)

    @invariant()
    def what_was_told_is_so(self) -> None:
        """Applied is applied, denied is not, and nothing lands twice."""
        if not hasattr(self, "stage"):
            return
        landed, _ = self.stage.landed()
        assert [] == [key for key, times in landed.items() if times > 1]
        for call in self.calls:
            call.finish()
            if call.receipt and call.receipt.outcome is Outcome.APPLIED:
                assert 1 == landed[call.deed.key], call
            if call.receipt and call.receipt.outcome in _DENIED:
                assert 0 == landed[call.deed.key], call

    @invariant()
    def every_doubt_is_listed(self) -> None:
        """What ended UNKNOWN, cancelled or not, stands in `unresolved`, and nothing else."""
        if hasattr(self, "stage"):
            held = {c.receipt for c in self.calls if c.receipt and c.receipt.outcome == "unknown"}
            listed = set(self.stage.client.unresolved)
            assert held <= listed

    def teardown(self) -> None:
        """Let everything arrive that is under way, and look once more."""
        with self.closing:
            if hasattr(self, "stage"):
                try:
                    self.end()
                finally:
                    self.do(self.stage.__aexit__(None, None, None))

    def end(self) -> None:
        """What is true when nothing moves any more."""
        self.do(asyncio.sleep(2000))
        assert all(call.task.done() for call in self.calls)
        self.what_was_told_is_so()
        self.resolve()
        self.what_was_told_is_so()
        assert 0 == self.stage.in_use


async def _keeping(deed: Deed, call: Any) -> Receipt:
    """``call``, whose cancellation leaves its receipt with ``deed``."""
    try:
        return await call  # type: ignore[no-any-return]
    except asyncio.CancelledError as error:
        deed.cancelled = error.receipt  # type: ignore[attr-defined]
        raise


def _replayable(call: _Running) -> bool:
    adjusts = isinstance(call.deed.value, PointsAdjustment) and call.deed.value.reference
    return bool(adjusts and call.receipt and call.receipt.outcome is Outcome.UNKNOWN)


def test_no_order_of_events_breaks_the_promise() -> None:
    """Calls, faults, cancellations, replays and waits: the ledger agrees with what was told."""
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
