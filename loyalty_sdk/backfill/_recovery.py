"""Goes on with rows that are not finished: after a kill, and at the end of a run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

from loyalty_sdk.errors import LoyaltyError, UnsupportedOperationError, ValidationError

from ._attempt import Ended, Sender
from ._lookup import Lookup, trace_of
from ._run import patient_deadline, together
from ._states import Held, State
from ._worker import doubted, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._rows import Row
    from ._run import Run

# How often one row is looked for and sent again before it is left as it is.
_MOST_SENDS = 3


class Recovery:
    """Customer by customer, and row by row in the order of the input."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lookup = Lookup(run)
        self._resends_unknown = False

    async def resume(self) -> None:
        """Rows that a dead process left: those in doubt, and those behind them.

        What one look does not decide is left for the end: nobody has to wait for it.
        """
        customers = await self._run.journal.customers(unknown=False)
        for customer in customers:
            self._run.parked[customer] = 0
        if customers:
            await self._all(customers, last=False)

    async def finish(self) -> None:
        """Rows that are still in doubt, for the last time in this run.

        Customers who had to be left have another turn, as long as that brings any row where
        it stays.
        """
        run, unknown, ended = self._run, True, -1
        self._resends_unknown = run.options.resend_unknown
        while ended != run.ended and not run.stopping:
            ended = run.ended
            await self._all(await run.journal.customers(unknown=unknown), last=True)
            # Those are sent again, or found undecidable, once in a run.
            self._resends_unknown = unknown = False

    async def before_first(self, row: Row) -> Ended | None:
        """For an adopted journal, which may have sent ``row``; None if it did not."""
        adopted_at = self._run.journal.adopted_at
        ended = await self._find(Held(row, State.WAITING, adopted_at, 0), wait=True)
        return None if ended.absent else ended

    async def _all(self, customers: list[str], *, last: bool) -> None:
        # It teaches the client besides that markers come back, without which nothing that
        # has one is believed to be absent.
        if customers:
            await self._lookup.believable()
        if customers and not self._run.stopping:
            ahead = iter(customers)
            # Whatever the run's deadline is: a row in doubt needs time.
            deadline = patient_deadline(self._run.client.settle)
            concurrency = self._run.options.concurrency
            senders = [Sender(self._run, deadline) for _ in range(concurrency)]
            await together(self._work(sender, ahead, last=last) for sender in senders)

    async def _work(self, sender: Sender, customers: Iterator[str], *, last: bool) -> None:
        for customer in customers:
            await self._run.heard.wait()
            await self._customer(sender, customer, last=last)

    async def _customer(self, sender: Sender, customer: str, *, last: bool) -> None:
        """All of a customer's rows, as long as each gets where it stays."""
        after = -1
        while rows := await self._run.journal.held(customer, after):
            for held in rows:
                if not await self._row(sender, held, last=last):
                    return
                after = held.row.ordinal
        self._run.parked.pop(customer, None)

    async def _row(self, sender: Sender, held: Held, *, last: bool) -> bool:
        """Whether ``held`` got where it stays, so that the next one may follow."""
        resend_unknown = self._resends_unknown
        ended = Ended(state=held.state)
        for _ in range(_MOST_SENDS):
            if self._run.stopping:
                return False
            ended = await self._found(held, last=last)
            unproven = ended.state is State.UNKNOWN and resend_unknown
            if not (ended.absent or unproven):
                return await self._keep(held, ended, last=last)
            ended = await sender.send(held.row, replay=await self._replay(held))
            if unproven:
                resend_unknown = False
                self._run.resent_unknown += ended.announced
                ended = _still_unknown(ended)
            if ended.state.final:
                return await self._keep(held, ended, last=last)
            if not ended.announced:
                return False
            held = await self._again(held, ended)
            if ended.state is State.WAITING and not ended.absent:
                return False
        if last and ended.absent:
            ended = attrs.evolve(ended, state=State.REJECTED)
        return await self._keep(held, ended, last=last)

    async def _found(self, held: Held, *, last: bool) -> Ended:
        """What became of it; absent where it was certainly never sent."""
        certain = held.state is State.WAITING and self._run.journal.adopted_at is None
        if certain:
            return Ended(state=State.WAITING, absent=True)
        return await self._find(held, wait=last, patient=last)

    async def _find(self, held: Held, *, wait: bool, patient: bool = False) -> Ended:
        try:
            receipt = await self._lookup.receipt(held)
        except (ValidationError, UnsupportedOperationError) as error:
            if held.left:
                return Ended(state=State.UNKNOWN, error=str(error))
            # What cannot be sent never was; sending it says what is wrong.
            return Ended(state=State.WAITING, absent=True)
        except LoyaltyError as error:
            return Ended(state=State.UNKNOWN, error=str(error))
        return await self._lookup.find(receipt, wait=wait, patient=patient)

    async def _replay(self, held: Held) -> datetime | None:
        """When an earlier try may have left, where the client can watch for it to land late."""
        if self._run.options.operation != "adjust_points":
            return None
        if held.state is State.WAITING or held.tried_at is None:
            return None
        trace = await trace_of(self._run.client, "adjust_points", held.row)
        if trace is None or trace.marker is None or trace.marker != held.marker:
            return None
        return datetime.fromtimestamp(self._lookup.tried_at(held), UTC)

    async def _again(self, held: Held, ended: Ended) -> Held:
        """``held`` after it was sent and is in doubt still, or was not applied."""
        ended = doubted(ended)
        await record(self._run, held.row, ended)
        self._run.counts[held.state] -= 1
        self._run.counts[ended.state] += 1
        now = datetime.now(UTC).timestamp()
        return attrs.evolve(
            held,
            state=ended.state,
            tried_at=now,
            tries=held.tries + 1,
            receipt=ended.receipt,
            marker=ended.marker,
        )

    async def _keep(self, held: Held, ended: Ended, *, last: bool) -> bool:
        """Write down where it stays; False where it does not stay there yet."""
        run, row = self._run, held.row
        unsettled = ended.state is State.UNKNOWN and (not last or run.stopping)
        if unsettled or ended.state is State.WAITING:
            return False
        # It was unknown before this run, and still is.
        old = ended.state is held.state and row.customer_id not in run.parked
        receipt = ended.receipt or held.receipt
        if not ended.announced:
            ended = attrs.evolve(ended, announced=held.tries > 0, marker=held.marker)
        await record(run, row, attrs.evolve(ended, receipt=receipt))
        if not old:
            run.end(row, ended.state, before=held.state, error=ended.error, seconds=ended.seconds)
        return True


def _still_unknown(ended: Ended) -> Ended:
    """That a row was refused now says nothing of the try that nobody could decide."""
    if ended.state is State.APPLIED:
        return ended
    return attrs.evolve(ended, state=State.UNKNOWN, absent=False)
