"""Whatever a vendor or somebody in between answers, only our own errors come out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from multidict import CIMultiDict

from loyalty_sdk import LoyaltyError, Outcome, PointsAdjustment
from loyalty_sdk._flow import Request, Response
from loyalty_sdk._look import Window
from loyalty_sdk._retry import Verdict, refused, verdict
from loyalty_sdk.testing import replay

from .clock import run
from .deeds import OPERATIONS, Deeds
from .mutation import mutated
from .proxy import Exchange, Fault
from .stage import FLAVOURS, Stage, World

pytestmark = pytest.mark.unmeasured

_STATUSES = (
    200,
    200,
    200,
    201,
    202,
    204,
    206,
    301,
    400,
    401,
    402,
    403,
    404,
    408,
    409,
    422,
    429,
    500,
)
_HEADERS: dict[str, tuple[str, ...]] = {
    "Retry-After": ("1", "-1", "1e3", "soon", "Wed, 99 Foo 2026", "9" * 40, "\u0663"),
    "Date": ("now", "Thu, 01 Jan 0000 00:00:00 GMT", "Sun, 22 Nov 2026 00:00:00 GMT"),
    "Content-Type": ("text/html", "application/json; charset=utf-16", ";;;"),
    "Age": ("0", "x"),
}


async def _recorded(flavour: str) -> tuple[list[bytes], list[bytes]]:
    """What the vendor truly answers to writes and looks: whole answers, and bodies."""
    answers: list[bytes] = []

    class Recording(Stage):
        def _fault_for(self, exchange: Exchange) -> Fault:
            async def record(x: Exchange) -> None:
                answers.append(await x.ask())
                x.write(answers[-1])

            return record

    async with Recording(World(flavour=flavour)) as stage:
        deeds = Deeds(Random(1), stage.sandbox.clock.now(), ("1", "2"))
        for number in range(20):
            with suppress(LoyaltyError):
                await deeds.make(number).do(stage.client)
        await stage.client.list_transactions(customer_id="1").first_page()
        await stage.client.run(stage.client.provider.whoami())
        for name in ("list_orders", "list_activities", "list_customers"):
            if hasattr(stage.client.provider, name):
                await stage.client.pages(getattr(stage.client.provider, name)).first_page()
    return answers, [answer.partition(b"\r\n\r\n")[2] for answer in answers]


def _flows(flavour: str, deeds: Deeds) -> Callable[[int], Any]:
    """By number, a flow of the adapter: every write, every look, every read."""
    provider: Any = World(flavour=flavour).adapter("https://vendor.test")
    methods = {"activity": provider.track_activity, "order": provider.create_order}
    lists = [
        getattr(provider, name)
        for name in ("list_transactions", "list_orders", "list_activities", "list_customers")
        if hasattr(provider, name)
    ]

    def flow(number: int) -> Any:
        if number % 3 == 0:
            listing = lists[number % len(lists)]
            given = {"customer_id": "1"} if listing.__name__ == "list_transactions" else {}
            return provider, listing(None, given)
        if number % 10 == 1:
            return provider, provider.whoami()
        deed = deeds.make(number)
        write = methods.get(deed.operation.rpartition(" ")[2], provider.adjust_points)(deed.value)
        if number % 3 == 1:
            return provider, write
        window = Window(sent_at=None if number % 2 else 0.0, resent=number % 4 == 0)
        return provider, provider.look(next(write).trace, window)

    return flow


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_3000_mutated_answers_end_in_a_result_or_an_error_of_ours(flavour: str) -> None:
    """Each flow takes a damaged answer to each of its requests, 3,000 times for each adapter."""
    _, bodies = run(_recorded(flavour))
    draw = Random(flavour)
    flow = _flows(flavour, Deeds(draw, datetime.now(UTC) - timedelta(days=1), ("1", "2")))
    ended: list[str] = []
    for number in range(3000):
        provider, started = flow(number)

        def answer(request: Request, provider: Any = provider) -> Response | Exception:
            headers = {k: draw.choice(v) for k, v in _HEADERS.items() if draw.random() < 0.2}
            response = Response(
                status=draw.choice(_STATUSES),
                headers=CIMultiDict(headers),
                body=mutated(draw, bodies),
                received_at=draw.uniform(0, 1e6),
            )
            accepted = verdict(provider, request, response) is Verdict.ACCEPTED
            return response if accepted else refused(provider, response)

        try:
            replay(started, answer)
            ended.append("result")
        except LoyaltyError as error:
            ended.append(type(error).__name__)
            assert str(error)
    assert {"result", "MalformedResponseError", "ServerError"} <= set(ended)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_answers_damaged_on_the_wire_end_in_a_receipt_or_an_error_of_ours(flavour: str) -> None:
    """Heads and all: a write whose every answer is damaged still says what is known of it."""
    answers, _ = run(_recorded(flavour))

    class Damaging(Stage):
        def _fault_for(self, exchange: Exchange) -> Fault:
            async def damage(x: Exchange) -> None:
                await x.ask()
                x.cut(mutated(self.draw, answers))

            return damage

    async def writes() -> set[Outcome]:
        world = World(flavour=flavour, deadline=20.0, settle=2.0, operations=OPERATIONS)
        async with Damaging(world) as stage:
            deeds = Deeds(stage.draw, stage.sandbox.clock.now(), ("1", "2"))
            outcomes: set[Outcome] = set()
            for number in range(30):
                try:
                    outcomes.add((await deeds.make(number).do(stage.client)).outcome)
                except LoyaltyError as error:
                    assert error.receipt is not None
                    outcomes.add(error.receipt.outcome)
                with suppress(LoyaltyError):
                    await stage.client.list_transactions(customer_id="1").first_page()
            assert 0 == stage.in_use
            return outcomes

    assert Outcome.UNKNOWN in run(writes())


def test_an_answer_beyond_reason_changes_nothing_that_was_acknowledged() -> None:
    """LoyaltyLion's 201 is enough: whatever its body says, the points were added."""

    async def add() -> Outcome:
        async with Stage(World()) as stage:
            adjustment = PointsAdjustment(customer_id="1", points=5, reference="r")
            stage.sandbox.faults.add("garble", match="POST")
            return (await stage.client.adjust_points(adjustment)).outcome

    assert Outcome.APPLIED is run(add())
