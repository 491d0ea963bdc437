"""A write that is cancelled, wherever it waits, leaks nothing and says what is known of it."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from loyalty_sdk import LoyaltyClient, LoyaltyError, Outcome, PointsAdjustment, Receipt

from .clock import run
from .deeds import Deed
from .stage import Stage, World

_DENIED = {Outcome.REJECTED, Outcome.NOT_SENT, Outcome.ABSENT}

Start = Callable[[LoyaltyClient[Any], PointsAdjustment], Coroutine[Any, Any, Receipt]]


@types.coroutine
def _cancelled_at(point: int, coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run ``coroutine`` and cancel it where it waits for the ``point``-th time."""
    task = asyncio.current_task()
    assert task is not None
    waited = 0
    failure: BaseException | None = None
    while True:
        try:
            awaited = coroutine.throw(failure) if failure else coroutine.send(None)
        except StopIteration as end:
            return end.value
        waited += 1
        if waited == point:
            task.cancel()
        failure = None
        try:
            yield awaited
        except BaseException as error:  # noqa: BLE001 - whatever it is, it goes on to the write
            failure = error


def _adjust(client: LoyaltyClient[Any], adjustment: PointsAdjustment) -> Any:
    return client.adjust_points(adjustment)


def _replay(client: LoyaltyClient[Any], adjustment: PointsAdjustment) -> Any:
    long_ago = datetime.now(UTC) - timedelta(days=1)
    return client.adjust_points(adjustment, replay=True, tried_at=long_ago)


def _hooked(client: LoyaltyClient[Any], adjustment: PointsAdjustment) -> Any:
    return client.with_options(before_send=_journal).adjust_points(adjustment)


async def _journal(_: Any) -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0.1)


class _Case:
    """One write again and again, each time cancelled one wait later."""

    def __init__(self, stage: Stage, met: tuple[str, ...], start: Start) -> None:
        self.stage = stage
        self.met = met
        self.start = start
        self.points = 0

    async def every_point(self) -> set[Outcome]:
        """Cancel at every wait there is; what was known each time."""
        outcomes: set[Outcome] = set()
        while receipt := await self.one(self.points + 1):
            self.points += 1
            outcomes.add(receipt.outcome)
            assert self.points < 500
        return outcomes

    async def one(self, point: int) -> Receipt | None:
        """Cancel at ``point``; None when it was never reached."""
        call = asyncio.ensure_future(_task(point, self.begin(point)))
        await asyncio.wait([call])
        receipt = await self.check(point, call)
        return receipt if call.cancelled() else None

    async def after(self, moment: int) -> Outcome:
        """Cancel at a moment: some turns of the loop later, or tenths of a second."""
        call = asyncio.ensure_future(self.begin(moment))
        for turn in range(moment):
            await asyncio.sleep(0 if turn < 40 else 0.1)
        call.cancel()
        await asyncio.wait([call])
        return (await self.check(moment, call)).outcome

    def begin(self, number: int) -> Coroutine[Any, Any, Receipt]:
        """The write, with a number of its own."""
        key = f"k{number}k"
        adjustment = PointsAdjustment(
            customer_id="1", points=number, reason=f"{key} x", reference=f"r{number}"
        )
        self.stage.deeds[key] = Deed(key, "up", "1", adjustment, self.met)
        self.held = set(self.stage.client.unresolved)
        return self.start(self.stage.client, adjustment)

    async def check(self, number: int, call: asyncio.Future[Receipt]) -> Receipt:
        """What the call left behind, cancelled or not."""
        stage = self.stage
        assert 0 == stage.in_use
        receipt = await _receipt(call)
        await asyncio.sleep(3 * stage.world.settle)
        landed = stage.landed()[0][f"k{number}k"]
        assert landed <= 1
        assert not (landed and receipt.outcome in _DENIED)
        assert landed or receipt.outcome is not Outcome.APPLIED
        left = set(stage.client.unresolved) - self.held
        assert left == ({receipt} if receipt.outcome is Outcome.UNKNOWN else set())
        await self.works_on()
        return receipt

    async def works_on(self) -> None:
        """The next call gets its own answer."""
        rows = await self.stage.client.list_transactions(customer_id="1").first_page()
        assert {"1"} >= {row.customer.id for row in rows.items if row.customer}


async def _task(point: int, coroutine: Coroutine[Any, Any, Receipt]) -> Receipt:
    return await _cancelled_at(point, coroutine)  # type: ignore[no-any-return]


async def _receipt(call: asyncio.Future[Receipt]) -> Receipt:
    try:
        return await call
    except (asyncio.CancelledError, LoyaltyError) as error:
        receipt: Receipt | None = error.receipt  # type: ignore[union-attr]
        assert receipt is not None
        return receipt


_CASES: dict[str, tuple[tuple[str, ...], Start, set[Outcome]]] = {
    "plain": ((), _adjust, {Outcome.UNKNOWN}),
    "hook": ((), _hooked, {Outcome.NOT_SENT, Outcome.UNKNOWN}),
    "429": (("429 in a second",), _adjust, {Outcome.REJECTED, Outcome.UNKNOWN}),
    "applied": (("500 applied",), _adjust, {Outcome.UNKNOWN}),
    "twice": (("reset before", "reset after"), _adjust, {Outcome.UNKNOWN, Outcome.APPLIED}),
}


@pytest.mark.parametrize("connecting", ["fine", "closing"])
@pytest.mark.parametrize("name", _CASES)
def test_cancelling_at_any_wait_leaves_nothing_behind(connecting: str, name: str) -> None:
    """No connection stays in use, a receipt comes along, and only what may have left is open."""
    met, start, seen = _CASES[name]

    async def main() -> set[Outcome]:
        async with _stage(connecting) as stage:
            return await _Case(stage, met, start).every_point()

    outcomes = run(main())
    assert seen <= outcomes
    assert connecting == "fine" or Outcome.NOT_SENT in outcomes


def test_cancelling_a_replay_at_any_time_leaves_nothing_behind() -> None:
    """A replay runs in a task of its own, which ends with the last caller who waits for it."""

    async def main() -> set[Outcome]:
        async with _stage("closing") as stage:
            case = _Case(stage, ("reset before",), _replay)
            return {await case.after(moment) for moment in range(1, 80)}

    assert {Outcome.UNKNOWN, Outcome.APPLIED, Outcome.ABSENT} >= run(main())


@asynccontextmanager
async def _stage(connecting: str) -> AsyncIterator[Stage]:
    """A vendor that settles within two seconds and has kept a marker before."""
    world = World(connecting=connecting, customers=("1",), settle=2.0, deadline=60.0)
    async with Stage(world) as stage:
        await stage.client.adjust_points(
            PointsAdjustment(customer_id="1", points=7, reference="first")
        )
        yield stage
