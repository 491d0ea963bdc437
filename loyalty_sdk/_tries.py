"""The tries of one request: each in its turn, with a slot and a grant of its own."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import attrs

from ._announce import announce
from ._flow import Safety
from ._retry import Verdict, exchange, patience, retry_after

if TYPE_CHECKING:
    from ._account import Account, Write
    from ._call import Call
    from ._flow import Request, Response
    from ._line import Line
    from ._options import Options
    from ._watch import Watch


async def send(line: Line, options: Options, request: Request, call: Call) -> Response:
    """Send ``request`` until it is accepted or may not be repeated.

    Raises:
        LoyaltyError: The last try's failure.
    """
    account = line.credentials.account or await line.credentials.open(call.latest)
    write = call.write if request.is_looked_for else None
    tries = _Tries(line, options, account, request, call, write, write.tries if write else 0)
    if call.watch is not None and write is not None and write.resends:
        call.watch.resend()
    policy = options.retry
    return await exchange(
        line.provider,
        request,
        policy,
        call,
        tries.send,
        tries.note,
        # Looks never draw on the budget.
        may_repeat=_always if call.looks or policy.budget is None else account.budget.take,
        retrying=None if call.watch is None else call.watch.retry,
        tried=tries.tried,
    )


def _always() -> bool:
    return True


@attrs.define
class _Tries:
    line: Line
    options: Options
    account: Account
    request: Request
    call: Call
    write: Write | None
    tried: int

    async def send(self) -> Response:
        """One try. A slot comes before the grant: a granted request never waits again."""
        call, trace = self.call, self.request.trace
        # What is under way is brought to its end before anything new is begun.
        lane = "interactive" if call.under_way else self.options.lane
        customer = trace and trace.customer_id
        if self.write is not None and self.write.can_be_confused:
            await self.account.turn(self.write, call.deadline)
        pool, origin, watch = self.line.pool, self.line.origin, call.watch
        hold = pool.hold(origin, lane, call.deadline, customer)
        await (hold if watch is None else watch.wait("connection", hold))
        try:
            headers = await self.line.credentials.headers(call.latest)
            await pool.prepare(origin)
            self.account.used()
            limiter = self.account.limiter
            if limiter is None:
                call.granted()
                return await self._depart(headers)
            grant = limiter.grant(lane, call.deadline, customer)
            await (grant if watch is None else watch.wait("rate", grant))
            call.granted()
            sent_at = time.monotonic()
            response = await self._depart(headers)
        finally:
            pool.let_go(origin, lane)
        if response.status == 429:
            limiter.throttled(sent_at, retry_after(response))
        else:
            limiter.answered(sent_at)
        return response

    async def _depart(self, headers: dict[str, str]) -> Response:
        options, request, call = self.options, self.request, self.call
        until = time.monotonic() + patience(request, options.retry, call.deadline, call.settle)
        if request.safety is Safety.ONCE and options.before_send is not None:
            await announce(options.before_send, request.reference, call.tries + 1, until)
        if self.write is not None:
            self.write.depart()
        try:
            if call.watch is not None:
                return await self._watched(call.watch, headers, until)
            left = until - time.monotonic()
            return await self.line.pool.send(self.line.origin, request, headers, left)
        except asyncio.CancelledError as error:
            sent = getattr(error, "bytes_left", True)
            self.note(request, Verdict.OPEN if sent else Verdict.NOT_SENT)
            raise

    async def _watched(self, watch: Watch, headers: dict[str, str], until: float) -> Response:
        """Send, and tell those who listen."""
        pool, origin, request = self.line.pool, self.line.origin, self.request
        looks, resends = self.call.looks, self.tried
        self.tried += 1
        sent = watch.depart(origin, request, headers, resends, looks=looks)
        try:
            response = await pool.send(origin, request, sent, until - time.monotonic())
        except BaseException as error:
            watch.lose(error, looks=looks)
            raise
        watch.arrive(response, looks=looks)
        return response

    def note(self, request: Request, verdict: Verdict) -> None:
        """Account for what a try proved."""
        self.call.note(request, verdict)
        if self.write is not None:
            self.write.land(verdict is Verdict.OPEN)
            self.account.changed(self.write)
