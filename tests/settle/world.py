"""One run: what the callers of many writes were told, beside what is true."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import attrs

from loyalty_sdk import LoyaltyError, Outcome, Receipt
from loyalty_sdk.errors import ConflictError, DoubledWriteError

from .deeds import Deed, Deeds
from .stage import Stage, World

IN_FLIGHT = 32


@attrs.define(eq=False, repr=False)
class Told:
    """What the caller of one deed was told, and what is true.

    Attributes:
        deed: What was asked for.
        outcome: As told.
        error: What was raised, if anything.
        receipt: What is known.
        overdue: Whether the call ended before a look could have decided.
        landed: How often it was applied.
        wiped: Whether the vendor forgot it, or takes another site's order for it.
        alike: Whether a row is there that could be its.
        strangers: Whether such a row is somebody else's, and nothing in it says so.
        resolved: What `resolve` said later of one that was UNKNOWN.
    """

    deed: Deed
    outcome: Outcome
    error: LoyaltyError | None
    receipt: Receipt
    overdue: bool
    landed: int = 0
    wiped: bool = False
    alike: bool = False
    strangers: bool = False
    resolved: Outcome | None = None

    def __repr__(self) -> str:
        """All there is to know of one that must not be."""
        deed = self.deed
        return (
            f"\n<{deed.operation} {deed.key} of {deed.customer_id}, {deed.points} points,"
            f" met {deed.faults} in {deed.tries} sends: told {self.outcome}, landed {self.landed}"
            f"{' and wiped' * self.wiped}, resolved {self.resolved}, {self.error!r}>"
        )

    @property
    def doubled(self) -> bool:
        """Whether the caller was told that it landed more than once."""
        return isinstance(self.error, DoubledWriteError)

    @property
    def conflict(self) -> bool:
        """Whether somebody else's record stands under its id."""
        return isinstance(self.error, ConflictError)


async def play(world: World) -> list[Told]:
    """Run ``world`` to its end, and compare."""
    async with Stage(world) as stage:
        stage.deeds = {deed.key: deed for deed in _deeds(stage)}
        if world.switches.get("shared_order_ids"):
            stage.sell_elsewhere(list(stage.deeds.values())[::3])
        told = await _all(stage)
        # Whatever is held back arrives, and lists catch up.
        await asyncio.sleep(20 * world.settle)
        _compare(stage, told)
        await _resolve(stage, told)
        assert 0 == stage.in_use
        return told


def _deeds(stage: Stage) -> Iterable[Deed]:
    world = stage.world
    deeds = Deeds(
        stage.draw,
        now=stage.sandbox.clock.now(),
        customers=world.customers,
        faulty=world.faulty,
        twice=world.twice,
        names=world.names,
        operations=world.operations,
    )
    return map(deeds.make, range(world.calls))


async def _all(stage: Stage) -> list[Told]:
    free = asyncio.Semaphore(IN_FLIGHT)

    async def one(number: int, deed: Deed) -> Told:
        async with free:
            if number == stage.world.calls // 2:
                _turn_of_the_tide(stage)
            return await _do(stage, deed)

    return await asyncio.gather(*(one(*pair) for pair in enumerate(stage.deeds.values())))


def _turn_of_the_tide(stage: Stage) -> None:
    if stage.world.reset:
        stage.forget_everything()
    if stage.world.forgetful:
        stage.forget_notes(stage.world.forgetful)


async def _do(stage: Stage, deed: Deed) -> Told:
    try:
        receipt = await deed.do(stage.client)
    except LoyaltyError as error:
        return _told(deed, error)
    return Told(deed, receipt.outcome, None, receipt, overdue=False)


def _told(deed: Deed, error: LoyaltyError) -> Told:
    receipt = error.receipt
    assert receipt is not None
    assert error.outcome is receipt.outcome
    assert "vendor.test" not in str(error), "URLs hold ids of customers"
    soon = datetime.now(UTC) - timedelta(seconds=2)
    overdue = receipt.resolve_after is not None and receipt.resolve_after > soon
    return Told(deed, receipt.outcome, error, receipt, overdue)


def _compare(stage: Stage, told: Iterable[Told]) -> None:
    landed, wiped = stage.landed()
    for one in told:
        one.landed, one.wiped = landed[one.deed.key], one.deed.key in wiped
        alike = stage.alike(one.deed)
        one.alike = bool(alike)
        stranger = any(row.origin == "stranger" for row in alike)
        one.strangers = stranger and not stage.world.marked


async def _resolve(stage: Stage, told: Iterable[Told]) -> None:
    """Ask again, of each write that was left open."""
    unknown = [one for one in told if one.outcome is Outcome.UNKNOWN]
    assert set(stage.client.unresolved) == {one.receipt for one in unknown}
    for one in unknown:
        try:
            one.resolved = (await stage.client.resolve(one.receipt)).outcome
        except ConflictError:
            one.resolved = Outcome.UNKNOWN
        except DoubledWriteError:
            one.resolved = Outcome.APPLIED
