"""One write that several callers wait for."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import attrs

from ._models import Outcome
from .errors import OutcomeUnknownError, ReferenceConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ._call import Call
    from ._models import PointsAdjustment, Receipt

Key = tuple[asyncio.AbstractEventLoop, str, "str | None"]


@attrs.define(eq=False)
class Joined:
    """A replay on its way, and how many wait for it.

    It goes on as long as one of them does; the last one to be cancelled cancels it.
    """

    call: Call
    points: int
    task: asyncio.Task[Receipt]
    callers: int = 0

    async def receipt(self, deadline: float) -> Receipt:
        """What it ends with.

        Raises:
            OutcomeUnknownError: ``deadline``, on `time.monotonic`, passed first.
            LoyaltyError: As the write itself.
        """
        self.callers += 1
        left = deadline - time.monotonic()
        limit = asyncio.timeout(None if left == float("inf") else left)
        try:
            async with limit:
                return await asyncio.shield(self.task)
        except TimeoutError as exc:
            if not limit.expired():
                raise
            raise self._late() from exc
        except asyncio.CancelledError as error:
            error.receipt = await self._leave()  # type: ignore[attr-defined]  # documented there
            raise
        finally:
            self.callers -= 1

    def _late(self) -> OutcomeUnknownError:
        error = OutcomeUnknownError("another caller is still at it", hint="Wait for its answer")
        error.provider, error.operation = self.call.provider, self.call.operation
        error.receipt, error.outcome = self._meanwhile(), Outcome.UNKNOWN
        return error

    async def _leave(self) -> Receipt:
        """Stop waiting; the last one takes the write along."""
        if self.callers > 1:
            return self._meanwhile()
        self.task.cancel()
        await asyncio.wait([self.task])
        try:
            return self.task.result()
        except BaseException as end:  # noqa: BLE001 - however it ended, the receipt tells
            receipt: Receipt | None = getattr(end, "receipt", None)
            return receipt or self.call.receipt()

    def _meanwhile(self) -> Receipt:
        return attrs.evolve(self.call.receipt(), outcome=Outcome.UNKNOWN)


def join(
    running: dict[Key, Joined],
    adjustment: PointsAdjustment,
    call: Call,
    start: Callable[[], Coroutine[None, None, Receipt]],
) -> Joined:
    """The replay of ``adjustment`` that is on its way, or else the one ``start`` makes.

    Raises:
        ReferenceConflictError: That one has other points.
    """
    key = (asyncio.get_running_loop(), adjustment.customer_id, adjustment.reference)
    joined = running.get(key)
    if joined is None:
        task = asyncio.ensure_future(start())
        joined = running[key] = Joined(call, adjustment.points, task)
        task.add_done_callback(lambda _: running.pop(key))
    if joined.points != adjustment.points:
        raise ReferenceConflictError(
            f"the reference is on its way with {joined.points} points",
            hint="Nothing was sent; every adjustment needs a reference of its own",
        )
    return joined
