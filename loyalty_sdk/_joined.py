"""One write that several callers wait for, in whichever threads they are."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING

import attrs

from ._models import Outcome
from .errors import OutcomeUnknownError, ReferenceConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ._call import Call
    from ._models import PointsAdjustment, Receipt

Key = tuple[str, "str | None"]
"""Customer and reference."""

_lock = Lock()


@attrs.define(eq=False)
class Joined:
    """A replay on its way, and how many wait for it.

    It goes on as long as one of them does; the last one to be cancelled cancels it.
    """

    call: Call
    points: int
    task: asyncio.Task[Receipt]
    callers: int = 0
    _ended: Future[Receipt] = attrs.field(factory=Future["Receipt"])

    @property
    def is_dead(self) -> bool:
        """Whether its event loop was closed under it."""
        return self.task.get_loop().is_closed()

    def end(self) -> None:
        """Hand out what the task ended with."""
        try:
            self._ended.set_result(self.task.result())
        except asyncio.CancelledError as error:
            receipt: Receipt | None = getattr(error, "receipt", None)
            self._ended.set_exception(self._doubt("the caller who was at it gave up", receipt))
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait get it
            self._ended.set_exception(error)

    async def receipt(self, deadline: float) -> Receipt:
        """What it ends with.

        Raises:
            OutcomeUnknownError: ``deadline``, on `time.monotonic`, passed first.
            LoyaltyError: As the write itself.
        """
        left = deadline - time.monotonic()
        limit = asyncio.timeout(None if left == float("inf") else left)
        ended = asyncio.wrap_future(self._ended)
        # Else the loop complains of an error that a caller who left did not take.
        ended.add_done_callback(lambda it: it.cancelled() or it.exception())
        try:
            async with limit:
                return await asyncio.shield(ended)
        except TimeoutError as exc:
            if not limit.expired():
                raise
            raise self._doubt("another caller is still at it") from exc
        except asyncio.CancelledError as error:
            error.receipt = await self._leave()  # type: ignore[attr-defined]  # documented there
            raise
        finally:
            with _lock:
                self.callers -= 1

    def _doubt(self, why: str, receipt: Receipt | None = None) -> OutcomeUnknownError:
        error = OutcomeUnknownError(why, hint="Wait for its answer, or resolve() it later")
        error.provider, error.operation = self.call.provider, self.call.operation
        error.receipt = receipt or self._meanwhile()
        error.outcome = error.receipt.outcome
        return error

    async def _leave(self) -> Receipt:
        """Stop waiting; the last one takes the write along."""
        if self.callers > 1:
            return self._meanwhile()
        loop = self.task.get_loop()
        if loop is not asyncio.get_running_loop():
            loop.call_soon_threadsafe(self.task.cancel)
            return self._meanwhile()
        self.task.cancel()
        await asyncio.wait([self.task])
        error = self._ended.exception()
        if error is None:
            return self._ended.result()
        receipt: Receipt | None = getattr(error, "receipt", None)
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
    key = (adjustment.customer_id, adjustment.reference)
    with _lock:
        joined = running.get(key)
        if joined is None or joined.is_dead:
            joined = running[key] = _started(running, key, adjustment, call, start)
        if joined.points != adjustment.points:
            raise ReferenceConflictError(
                f"the reference is on its way with {joined.points} points",
                hint="Nothing was sent; every adjustment needs a reference of its own",
            )
        joined.callers += 1
    return joined


def _started(
    running: dict[Key, Joined],
    key: Key,
    adjustment: PointsAdjustment,
    call: Call,
    start: Callable[[], Coroutine[None, None, Receipt]],
) -> Joined:
    joined = Joined(call, adjustment.points, asyncio.ensure_future(start()))

    def end(_: object) -> None:
        with _lock:
            del running[key]
        joined.end()

    joined.task.add_done_callback(end)
    return joined
