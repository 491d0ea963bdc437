"""Finds out from the vendor's records what became of a row."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk._call import Sent
from loyalty_sdk._flow import Flow, Request, Response, Safety
from loyalty_sdk._fork import process
from loyalty_sdk._look import Finding, Trace, Window
from loyalty_sdk._models import Outcome, Receipt
from loyalty_sdk.errors import ConflictError, DoubledWriteError, LoyaltyError

from ._attempt import Ended, points_of
from ._states import State

if TYPE_CHECKING:
    from collections.abc import Generator

    from loyalty_sdk._client import LoyaltyClient

    from ._rows import Row
    from ._run import Run
    from ._states import Held

# Applied rows that must still be there before one in doubt is believed to be absent.
_EXAMPLES = 3
_GONE = (
    "row {} ({}) was applied and is no longer in the vendor's records, so nothing that is absent"
    " there can be believed"
)
_PERHAPS_UNMARKED = "; it may have been sent without a reference"
# Seconds, `settle` at most, between looks at a row that is still not decided after `settle`.
_AGAIN = (1.0, 4.0)


def tracing(flow: Flow[Any]) -> Generator[Request, Response, Trace | None]:
    """What the write that ``flow`` is about to send would leave behind; it is not sent."""
    try:
        request = next(flow)
        while request.safety is Safety.SAFE:
            request = flow.send((yield request))
        return request.trace
    finally:
        flow.close()


async def trace_of(client: LoyaltyClient[Any], operation: str, row: Row) -> Trace | None:
    """What ``row`` leaves in the vendor's records; None where it leaves nothing.

    Raises:
        LoyaltyError: It cannot be sent, or what it depends on cannot be read.
    """
    flow = getattr(client.provider, operation)(row.value)
    return await client.run(tracing(flow))


class Lookup:
    """Looks rows up whose sender is dead, or whose call ended in doubt."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen_at = float("-inf")
        self._seeing = asyncio.Lock()

    async def receipt(self, held: Held) -> Receipt:
        """A receipt in doubt for a row: its own, else one by what its record carries.

        Raises:
            LoyaltyError: This client cannot send it.
        """
        client, operation = self._run.client, self._run.options.operation
        # Whoever had the journal may have connected in another way.
        older = held.is_older(self._run.journal.adopted_at)
        left = self._left(held)
        after = datetime.now(UTC) + timedelta(seconds=left)
        if held.receipt is not None and not older:
            return held.receipt if held.is_ours else attrs.evolve(held.receipt, resolve_after=after)
        trace = await trace_of(client, operation, held.row)
        if trace is not None and held.left:
            # However this client would send it now.
            trace = trace._replace(marker=held.marker)
        perhaps_unmarked = older and client.provider.unmarked_hint is not None
        # Another run in this process may have sent it: the same write, not another one.
        until = time.monotonic() + left
        sent = Sent(process(), None, until, 0, replayed=True, perhaps_unmarked=perhaps_unmarked)
        return Receipt(
            operation=operation,
            provider=client.provider.name,
            reference=held.row.key,
            outcome=Outcome.UNKNOWN,
            attempts=1,
            resolve_after=after,
            trace=trace,
            sent=sent,
        )

    def tried_at(self, held: Held) -> float:
        """When it was tried at the latest, here or by whoever had the journal; in Unix time."""
        tried_at = max(held.tried_at or 0.0, self._run.journal.adopted_at or 0.0)
        if held.state is State.SENT and not held.is_ours:
            # The clock may have been set since: it does not say how long a process is dead.
            began = time.time() - (time.monotonic() - self._run.began)
            tried_at = max(tried_at, began)
        return tried_at

    def _left(self, held: Held) -> float:
        """Seconds in which its last try may still land."""
        settle = self._run.client.settle
        # A clock that was set back meanwhile must not make anybody wait for hours.
        return min(max(self.tried_at(held) + settle - time.time(), 0.0), settle)

    async def find(self, receipt: Receipt, *, wait: bool, patient: bool) -> Ended:
        """What became of the write: APPLIED, absent, or UNKNOWN.

        Args:
            receipt: In doubt.
            wait: Whether to wait until it is too late for the write to land.
            patient: Whether to look again where a look after that decides nothing.
        """
        if receipt.trace is None:
            return Ended(state=State.UNKNOWN, error="it leaves nothing to find it by")
        left, settle = _until(receipt), self._run.client.settle
        found = await self._look(receipt)
        pauses = [left] if wait and left else []
        pauses += [min(pause, settle) for pause in _AGAIN] if patient else []
        for pause in pauses:
            if found.state is State.APPLIED or found.absent:
                break
            if not await self._run.gate.sleep(pause):
                break
            found = await self._look(receipt)
        return found

    async def _look(self, receipt: Receipt) -> Ended:
        waits = self._run.waits
        wait = None
        try:
            with waits.wait() as wait:
                found = await self._run.client.resolve(receipt)
        except asyncio.CancelledError:
            if wait is None or not wait.is_ours():
                raise
            return Ended(state=State.UNKNOWN, error="nobody waited for the vendor's records")
        except DoubledWriteError as error:
            return Ended(state=State.APPLIED, error=str(error), points=points_of(error.receipt))
        except LoyaltyError as error:
            return Ended(state=State.UNKNOWN, error=str(error))
        if found.outcome is Outcome.APPLIED:
            return Ended(state=State.APPLIED, points=points_of(found))
        if found.outcome is Outcome.ABSENT and await self.believable():
            return Ended(state=State.WAITING, absent=True, error="shown absent")
        sent: Sent | None = found.sent  # of a call that gave no try up there is none
        may_be = _PERHAPS_UNMARKED if sent is not None and sent.perhaps_unmarked else ""
        return Ended(state=State.UNKNOWN, error=f"the vendor's records do not decide it{may_be}")

    async def believable(self) -> bool:
        """Whether rows that were applied are still visible; else the run stops.

        A vendor that lost them, or whose lists lag, would show everything absent.
        """
        async with self._seeing:
            if time.monotonic() - self._seen_at > self._run.client.settle and await self._see():
                self._seen_at = time.monotonic()
            seen = self._seen_at > float("-inf")
        return seen and not self._run.stopping

    async def _see(self) -> bool:
        """Look at the examples; whether one of them could be looked at, if there are any."""
        examples = (await self._run.journal.examples())[:_EXAMPLES]
        findings = [await self._now(held) for held in examples]
        for held, finding in zip(examples, findings, strict=True):
            if finding is Finding.ABSENT:
                self._run.stop(_GONE.format(held.row.ordinal, held.row.key))
        self._seen_at = float("-inf")
        return not findings or any(findings)

    async def _now(self, held: Held) -> Finding | None:
        try:
            receipt = await self.receipt(held)
        except LoyaltyError:
            return None
        if receipt.trace is None:
            return Finding.UNDECIDED
        finding = await self._finding(receipt)
        if finding is Finding.ABSENT and (left := _until(receipt)):
            # Applied just now: a list may lag for as long as `settle`.
            await self._run.gate.sleep(left)
            finding = await self._finding(receipt)
        return finding

    async def _finding(self, receipt: Receipt) -> Finding | None:
        """What one look says, whether or not its absence may be believed; None if it failed."""
        client = self._run.client
        try:
            # For what it teaches the client besides: that markers come back.
            found = await client.resolve(receipt)
            if found.outcome is Outcome.APPLIED:
                return Finding.PROVEN
            sight = await client.run(client.provider.look(receipt.trace, Window(sent_at=None)))
        except ConflictError:
            return Finding.UNDECIDED
        except LoyaltyError:
            return None
        finding: Finding = sight.finding
        return finding


def _until(receipt: Receipt) -> float:
    """Seconds until a look can show that it is absent."""
    now = datetime.now(UTC)
    return max(0.0, ((receipt.resolve_after or now) - now).total_seconds())
