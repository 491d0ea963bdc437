"""A run that is to stop does not wait for what has not left."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from loyalty_sdk import Outcome, PointsAdjustment, RateLimit, Receipt, connect
from loyalty_sdk.backfill import Backfill, Position, Row, State, Waiting
from loyalty_sdk.backfill._attempt import Sender


async def _stop(backfill: Backfill, when: Callable[[], object]) -> None:
    """Ask it to stop a moment after ``when`` came true."""
    while not when():
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.1)
    backfill.stop()


async def test_rows_that_wait_for_a_grant_are_given_up(shop: Any, adjustments: Any) -> None:
    """Only what left is finished, however many rows stand in line; the next run sends the rest."""
    given = shop.sandbox.settings("loyaltylion") | {"reference_in_reason": True}
    limit = RateLimit.fixed(5)
    slow = connect("loyaltylion", settle=0.2, rate_limit=limit, account="slow", **given)
    async with slow:
        backfill = shop.backfill(adjustments(60, customers=60), client=slow, concurrency=60)
        stopping = asyncio.ensure_future(_stop(backfill, lambda: len(shop.writes()) > 1))
        waits = [each async for each in backfill.events() if isinstance(each, Waiting)]
        await stopping

    assert [] == waits
    sent = len(shop.writes())
    assert 60 > sent == len(shop.states())
    assert {State.APPLIED.name} == set(shop.states().values())
    assert 60 == (await shop.run(adjustments(60, customers=60))).applied
    assert 60 == len(shop.writes())


async def test_looks_are_given_up_too(shop: Any, adjustments: Any) -> None:
    """Rows in doubt stay in doubt, for the next run."""
    shop.sandbox.faults.add("hang", match="POST", applied=True, times=3)
    killed = asyncio.ensure_future(shop.run(adjustments(3), deadline=60.0))
    while len(shop.writes()) < 3:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    hang = shop.sandbox.faults.add("hang", match="GET /v2/customers/**")
    backfill = shop.backfill(adjustments(3), deadline=60.0)
    stopping = asyncio.ensure_future(_stop(backfill, lambda: hang.struck))

    began = time.monotonic()
    stopped = await backfill.run()
    await stopping

    assert time.monotonic() - began < 20
    assert 3 == stopped.unfinished
    hang.times = 0
    assert 3 == (await shop.run(adjustments(3))).applied
    assert [1, 2, 3] == [shop.points(f"c{n}")[0] for n in range(3)]


@pytest.mark.parametrize(
    ("kind", "given"),
    [("error", {"status": 400}), ("error", {"status": 401}), ("rate_limit", {"retry_after": 9e4})],
)
async def test_a_refusal_does_not_make_an_unknown_row_known(
    shop: Any, kind: Any, given: dict[str, Any]
) -> None:
    """What was sent again and refused may have been applied the first time: it stays in doubt."""
    shop.sandbox.add_customer("loyaltylion", "1")
    settings = shop.sandbox.settings("loyaltylion")
    row = PointsAdjustment(customer_id="1", points=5, reference="a")
    async with connect("loyaltylion", settle=0.02, **settings) as unmarked:
        await unmarked.adjust_points(PointsAdjustment(customer_id="1", points=5))
        shop.sandbox.faults.add("drop", match="POST", applied=True, times=1)
        await shop.run([row], client=unmarked)
        assert {"a": "UNKNOWN"} == shop.states()
        fault = shop.sandbox.faults.add(kind, match="POST", **given)
        backfill = shop.backfill([row], client=unmarked, resend_unknown=True)
        stopping = asyncio.ensure_future(_stop(backfill, lambda: fault.struck))
        again = await backfill.run()
        await stopping

        in_doubt = again.counts[State.SENT if again.reason else State.UNKNOWN]
        assert (1, 1) == (in_doubt, again.resent_unknown)
        fault.times = 0
        last = await shop.run([row], client=unmarked)
    assert 1 == last.unknown
    assert [5, 5] == shop.points("1")


async def test_dead_letters_wait_for_whoever_listens(shop: Any) -> None:
    """A slow listener holds the reading back, so that memory stays bounded."""
    taken = 0

    def rows() -> Any:
        nonlocal taken
        for taken in range(4_000):
            yield {"customer_id": "1", "points": "five", "reference": f"r-{taken}"}

    told = 0
    async with contextlib.aclosing(shop.backfill(rows()).events()) as events:
        async for _ in events:
            told += 1
            if told == 1100:
                break
            await asyncio.sleep(0.0002)

    assert taken < 3_000


async def test_a_second_stop_ends_looks_for_good(shop: Any, adjustments: Any) -> None:
    """The run ends by the cancellation that was meant for all of it."""
    shop.sandbox.faults.add("hang", match="POST", applied=True, times=1)
    killed = asyncio.ensure_future(shop.run(adjustments(1), deadline=60.0))
    while not shop.writes():
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    hang = shop.sandbox.faults.add("hang", match="GET /v2/customers/**")

    running = asyncio.ensure_future(shop.run(adjustments(1)))
    while not hang.struck:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert {"r-0": "SENT"} == shop.states()


async def test_a_source_need_not_be_a_generator(shop: Any, adjustments: Any) -> None:
    """Whatever gives rows is an input; there may be nothing to close."""

    class Given:
        name, mapping, fingerprint = "given", "", None

        def __init__(self) -> None:
            self._rows = iter(
                Row(number, None, None, each.reference, each, each.customer_id)
                for number, each in enumerate(adjustments(3))
            )

        def estimated_rows(self) -> None:
            return None

        def rows(self, _: Position | None = None, /) -> Any:
            return self

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> Row:
            try:
                return next(self._rows)
            except StopIteration:
                raise StopAsyncIteration from None

    assert 3 == (await shop.run(Given())).applied


async def test_a_listener_that_fails_stops_the_run(shop: Any, adjustments: Any) -> None:
    """What left is finished, and whoever failed is told at once; another run goes on."""
    shop.sandbox.faults.add("latency", match="POST", seconds=0.05)
    called = 0

    def fail(_: Any) -> None:
        nonlocal called
        called += 1
        raise ValueError("no terminal")

    with pytest.raises(ValueError, match="no terminal"):
        await shop.backfill(adjustments(300), concurrency=2).run(fail)
    assert 1 == called
    assert len(shop.writes()) < 300
    assert set(shop.states().values()) <= {"APPLIED"}


@pytest.mark.parametrize("answered_after", [0.0, 0.4])
async def test_a_row_that_sleeps_before_a_further_try_is_given_up(
    shop: Any, adjustments: Any, answered_after: float
) -> None:
    """A 429 is no try on its way: the next run begins with the row, however long that lasts."""
    fault = shop.sandbox.faults.add("rate_limit", match="POST", retry_after=30)
    shop.sandbox.faults.add("latency", match="POST", seconds=answered_after)
    backfill = shop.backfill(adjustments(1), deadline=60.0)
    stopping = asyncio.ensure_future(_stop(backfill, lambda: fault.struck))

    began = time.monotonic()
    stopped = await backfill.run()
    await stopping

    assert time.monotonic() - began < 20
    assert (1, 1, {"r-0": "WAITING"}) == (stopped.unfinished, len(shop.writes()), shop.states())
    fault.times = 0
    # One that was not asked to wait.
    given = shop.sandbox.settings("loyaltylion") | {"reference_in_reason": True}
    async with connect("loyaltylion", settle=0.2, account="fresh", **given) as fresh:
        assert 1 == (await shop.run(adjustments(1), client=fresh)).applied
    assert [1] == shop.points("c0")


async def test_a_row_in_doubt_is_seen_through_while_its_look_sleeps(
    shop: Any, adjustments: Any
) -> None:
    """What may have been applied is on its way, and is not given up for a 429 to a look."""
    shop.sandbox.faults.add("drop", match="POST", applied=True, times=1)
    asked = shop.sandbox.faults.add("rate_limit", match="GET /v2/cust**", retry_after=1, times=1)
    backfill = shop.backfill(adjustments(1))
    stopping = asyncio.ensure_future(_stop(backfill, lambda: asked.struck))

    stopped = await backfill.run()
    await stopping

    assert (1, 1, 1) == (asked.struck, stopped.applied, len(shop.writes()))


@pytest.mark.parametrize(
    ("announced", "outcome", "state"),
    [
        (False, None, State.WAITING),
        (True, Outcome.REJECTED, State.WAITING),
        (True, Outcome.APPLIED, State.UNKNOWN),
        (True, None, State.UNKNOWN),
    ],
)
def test_a_row_that_was_given_up_waits_only_if_it_is_certain(
    *, announced: bool, outcome: Outcome | None, state: State
) -> None:
    """Joined calls end in a task of their own, which may have come through meanwhile."""
    sender = Sender.__new__(Sender)
    sender._announced = announced
    receipt = None
    if outcome is not None:
        receipt = Receipt(
            operation="adjust_points", provider="p", reference="r", outcome=outcome, attempts=1
        )
    assert state is sender._given_up(receipt).state
