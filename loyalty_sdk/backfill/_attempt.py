"""Sends one row, and says what became of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk._announce import before_rest
from loyalty_sdk._models import Outcome
from loyalty_sdk.errors import (
    APIError,
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    JournalError,
    LoyaltyError,
    PermissionDeniedError,
    PlanError,
    RateLimitedError,
    ReferenceConflictError,
    ServerError,
    UnsupportedOperationError,
    ValidationError,
)

from ._run import amount_of
from ._states import State

if TYPE_CHECKING:
    from datetime import datetime

    from loyalty_sdk._announce import Try
    from loyalty_sdk._models import Receipt

    from ._rows import Row
    from ._run import Run


@attrs.frozen(kw_only=True)
class Ended:
    """What became of one row.

    Attributes:
        state: ``WAITING`` where it is certain that nothing was applied, and it is not the
            row that is at fault.
        error: In words; an applied row has one if it stands there twice.
        receipt: Of a row in doubt.
        points: What the vendor said it changed.
        absent: Whether it was sent, and the vendor's records showed that it was not applied.
        retry_after: What the vendor asked for, in seconds.
        fatal: Whether any other row would fare the same.
        announced: Whether an intent stands in the journal.
        seconds: Since the last intent.
        marker: What the record of its last try carries.
    """

    state: State
    error: str | None = None
    receipt: Receipt | None = None
    points: int | None = None
    absent: bool = False
    retry_after: float | None = None
    fatal: bool = False
    announced: bool = False
    seconds: float | None = None
    marker: str | None = None


class Sender:
    """One row at a time; there are as many senders as rows may be on their way.

    Args:
        run: The run.
        deadline: Seconds for each row; the client's unless given.
    """

    def __init__(self, run: Run, deadline: float | None = None) -> None:
        self._run = run
        client = run.client
        self._before_send = client.before_send
        # The journal stands after the grant and before the first byte.
        self._client = client.with_options(before_send=self._announce)
        if deadline is not None:
            self._client = self._client.with_options(deadline=deadline)
        self._operation = getattr(self._client, run.options.operation)
        self._row: Any = None
        self._wait: Any = None
        self._amount = ""
        self._announced = False
        self._marker: str | None = None
        self._left_at = 0.0

    async def send(self, row: Row, *, replay: datetime | None = None) -> Ended:
        """Send ``row`` until something is known of it; again after failures not its own.

        Args:
            row: With a key.
            replay: When an earlier try can have been sent last; it is looked for first.

        Raises:
            JournalError: Its intent could not be written down, and it was not sent.
        """
        self._row, self._amount = row, amount_of(row.value)
        self._announced, self._marker = False, None
        run, ended = self._run, Ended(state=State.WAITING)
        for _ in range(_ROUNDS):
            if not await run.gate.passed():
                break
            ended = await self._once(row, replay)
            if ended.state is not State.WAITING or ended.absent or run.stopping:
                break
            if ended.fatal:
                run.stop(ended.error or "")
            elif not run.gate.failed(ended.error or "", ended.retry_after):
                run.stop(f"nothing got through for {run.options.patience:g} s: {ended.error}")
        return ended

    async def _once(self, row: Row, replay: datetime | None) -> Ended:
        self._run.in_flight += 1
        resting = before_rest.set(self._rest)
        try:
            with self._run.waits.wait() as self._wait:
                receipt = await self._called(row, replay)
        except asyncio.CancelledError as error:
            if not self._wait.is_ours():
                raise
            return self._given_up(getattr(error, "receipt", None))
        except JournalError:
            raise
        except LoyaltyError as error:
            ended = self._failed(error)
            return attrs.evolve(
                ended,
                announced=self._announced,
                seconds=self._seconds(),
                marker=self._marker,
            )
        finally:
            before_rest.reset(resting)
            self._run.in_flight -= 1
        return Ended(
            state=State.APPLIED,
            points=points_of(receipt),
            announced=self._announced,
            seconds=self._seconds(),
            marker=self._marker,
        )

    async def _called(self, row: Row, replay: datetime | None) -> Receipt:
        call: Any = self._operation
        if replay is None:
            receipt: Receipt = await call(row.value)
        else:
            receipt = await call(row.value, replay=True, tried_at=replay)
        return receipt

    def _rest(self) -> None:
        self._run.waits.let(self._wait)

    def _given_up(self, receipt: Receipt | None) -> Ended:
        """What is known of a call that was ended while none of its tries was on its way."""
        if not self._announced or (receipt is not None and receipt.outcome.not_applied):
            return Ended(state=State.WAITING, announced=self._announced)
        # Its last try may have come through at that moment.
        return Ended(state=State.UNKNOWN, receipt=receipt, announced=True)

    def _seconds(self) -> float | None:
        return time.monotonic() - self._left_at if self._announced else None

    async def _announce(self, about: Try) -> None:
        self._run.waits.keep(self._wait)
        if self._before_send is not None:
            await self._before_send(about)
        self._marker = about.marker
        await self._run.journal.intent(self._row, self._amount, time.time(), about.marker)
        self._left_at = time.monotonic()
        if not self._announced:
            self._announced = True
            self._run.on_disk(self._row)

    def _failed(self, error: LoyaltyError) -> Ended:
        if error.outcome is Outcome.APPLIED:
            # The one error of a write that was applied: it stands there twice.
            return Ended(state=State.APPLIED, error=str(error), points=points_of(error.receipt))
        if error.outcome is Outcome.UNKNOWN:
            return Ended(state=State.UNKNOWN, error=str(error), receipt=error.receipt)
        if isinstance(error, _HOPELESS):
            return Ended(state=State.WAITING, error=str(error), fatal=True)
        if error.outcome is Outcome.ABSENT:
            return Ended(state=State.WAITING, error=str(error), absent=True)
        if isinstance(error, RateLimitedError):
            return Ended(state=State.WAITING, error=str(error), retry_after=error.retry_after)
        return Ended(state=self._whose_fault(error), error=str(error))

    def _whose_fault(self, error: LoyaltyError) -> State:
        if isinstance(error, ValidationError | UnsupportedOperationError | ReferenceConflictError):
            return State.REJECTED if self._announced else State.INVALID
        refused = isinstance(error, APIError) and not isinstance(error, ServerError)
        return State.REJECTED if refused else State.WAITING


# How often one row is begun in a run, if it never gets through.
_ROUNDS = 10
# Nothing about a row makes these better.
_HOPELESS = (
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    PermissionDeniedError,
    PlanError,
)


def points_of(receipt: Receipt | None) -> int | None:
    """What the vendor said the write changed."""
    transaction = receipt and receipt.transaction
    return transaction.points if transaction else None
