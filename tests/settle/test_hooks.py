"""What listeners hear while a write whose answer was lost is looked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from loyalty_sdk import LoyaltyClient, Outcome, OutcomeUnknownError, PointsAdjustment, connect
from loyalty_sdk.hooks import CallEnded, CallStarted, Event, Retrying, TryStarted
from loyalty_sdk.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("skipping")

FIVE = PointsAdjustment(customer_id="1", points=5, reference="r-1")


@pytest.fixture
def heard() -> list[Event]:
    """Every event, in order."""
    return []


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Where answers get lost."""
    async with Sandbox() as made:
        yield made


@pytest.fixture(params=["joy", "loyaltylion"])
async def client(
    request: pytest.FixtureRequest, sandbox: Sandbox, heard: list[Event]
) -> AsyncIterator[LoyaltyClient]:
    """A client that has time to settle its writes."""
    more = {"reference_in_reason": True} if request.param == "loyaltylion" else {}
    settings = sandbox.settings(request.param) | more
    async with connect(
        request.param, settle=0.2, deadline=10.0, listeners=[heard.append], **settings
    ) as made:
        yield made


def steps(heard: list[Event]) -> Iterator[str]:
    """Sends, looks and repeats, in order; looks one after the other count as one."""
    last = ""
    for event in heard:
        step = ""
        if isinstance(event, TryStarted):
            step = "look" if event.looks else f"send {event.resends}"
        elif isinstance(event, Retrying):
            step = event.reason
        if step and not step == last == "look":
            yield step
        last = step or last


async def test_a_write_that_a_look_proves(
    client: LoyaltyClient, sandbox: Sandbox, heard: list[Event]
) -> None:
    """It was sent once, and its end says that the records decided."""
    sandbox.faults.add("drop", match="POST", times=1, applied=True)
    await client.adjust_points(FIVE)

    end = heard[-1]
    assert isinstance(end, CallEnded)
    assert (Outcome.APPLIED, True, 1, None) == (end.outcome, end.reconciled, end.tries, end.error)
    assert ["send 0", "look"] == list(steps(heard))
    assert 1 == len({event.call for event in heard})


async def test_a_write_that_is_sent_again(
    client: LoyaltyClient, sandbox: Sandbox, heard: list[Event]
) -> None:
    """The repeat has its reason: the records show that it was not applied."""
    sandbox.faults.add("drop", match="POST", times=1, applied=False)
    await client.adjust_points(FIVE)

    assert ["send 0", "look", "absent", "send 1", "look"] == list(steps(heard))
    end = heard[-1]
    assert isinstance(end, CallEnded)
    assert (Outcome.APPLIED, 2) == (end.outcome, end.tries)


async def test_resolving_is_a_call(
    client: LoyaltyClient, sandbox: Sandbox, heard: list[Event]
) -> None:
    """It is named for what it does, only looks, and ends with what it found."""
    sandbox.faults.add("drop", match="POST", times=1, applied=True)
    sandbox.faults.add("drop", match="GET", applied=True)
    with pytest.raises(OutcomeUnknownError) as caught:
        await client.with_options(deadline=1.5).adjust_points(FIVE)
    sandbox.faults.clear()
    heard.clear()
    assert caught.value.receipt is not None
    await client.resolve(caught.value.receipt)

    start, end = heard[0], heard[-1]
    assert isinstance(start, CallStarted)
    assert isinstance(end, CallEnded)
    assert "resolve" == start.operation == end.operation
    assert (Outcome.APPLIED, True, 0) == (end.outcome, end.reconciled, end.tries)
    assert ["look"] == list(steps(heard))


async def test_resolving_without_listeners_is_silent(
    client: LoyaltyClient, sandbox: Sandbox, heard: list[Event]
) -> None:
    """Nobody is told who did not ask."""
    sandbox.faults.add("drop", match="POST", times=1, applied=True)
    sandbox.faults.add("drop", match="GET", applied=True)
    silent = client.with_options(deadline=1.5, listeners=())
    with pytest.raises(OutcomeUnknownError) as caught:
        await silent.adjust_points(FIVE)
    sandbox.faults.clear()
    assert caught.value.receipt is not None

    assert Outcome.APPLIED is (await silent.resolve(caught.value.receipt)).outcome
    assert [] == heard
