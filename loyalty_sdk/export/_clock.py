"""The vendor's clock: rows carry its time, so it says where a run ends."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import attrs

from loyalty_sdk.errors import LoyaltyError, UnsupportedOperationError

if TYPE_CHECKING:
    from loyalty_sdk import Flow, LoyaltyClient

T = TypeVar("T")

_GRAIN = timedelta(seconds=1)
"""What the header ``Date`` leaves out: it has whole seconds."""

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""No clock shows it; nothing could be said to come after it."""


@attrs.frozen
class Clock:
    """What a vendor's clock showed.

    Attributes:
        now: It was that late, or later.
        end: It was earlier than that: what had been made by then lies before it.
        heard: `time.monotonic` of then.
    """

    now: datetime
    end: datetime
    heard: float

    async def passed(self) -> None:
        """Wait until ``end`` is over at the vendor, too."""
        await asyncio.sleep(self.heard + (self.end - self.now).total_seconds() - time.monotonic())


async def ask(client: LoyaltyClient) -> tuple[Clock, str | None]:
    """What time it is at the vendor, and the program that the credentials belong to.

    This machine's time where the vendor does not say.
    """
    heard: list[datetime] = []
    program = None
    with suppress(UnsupportedOperationError):
        program = (await client.run(whoami(client.provider.whoami(), heard))).program
    now = datetime.now(UTC)
    said, end = (heard[-1], heard[-1] + _GRAIN) if heard else (now, now)
    return Clock(said, end, time.monotonic()), program


def whoami(flow: Flow[T], heard: list[datetime]) -> Flow[T]:
    """``flow``, under its own name; what its answers say of the time goes into ``heard``."""
    try:
        request = next(flow)
        while True:
            try:
                response = yield request
            except LoyaltyError as error:
                request = flow.throw(error)
            else:
                if response.date is not None and response.date < _NEVER:
                    heard.append(response.date)
                request = flow.send(response)
    except StopIteration as end:
        result: T = end.value
        return result
