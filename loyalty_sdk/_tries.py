"""The tries of one request: each in its turn, with a slot and a grant of its own."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Literal

import attrs

from ._announce import announce, before_rest
from ._flow import Safety
from ._retry import Verdict, exchange, patience, retry_after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

    from ._account import Account, Write
    from ._call import Call
    from ._flow import Request, Response
    from ._line import Line
    from ._options import Options
    from ._watch import Watch
    from .errors import LoyaltyError


def send(
    line: Line, options: Options, request: Request, call: Call
) -> Coroutine[Any, Any, Response]:
    """Send ``request`` until it is accepted or may not be repeated.

    Raises:
        LoyaltyError: The last try's failure.
    """
    account = line.credentials.account
    assert account is not None  # noqa: S101 - for the type checker: the driver has opened it
    write = call.write if request.is_looked_for else None
    tries = _Tries(line, options, account, request, call, write, write.tries if write else 0)
    if call.watch is not None and write is not None and write.resends:
        call.watch.resend()
    return exchange(line.provider, request, options.retry, tries)


@attrs.define
class _Tries:
    """See `_retry.Tries`. There is one for each call that waits, so it makes no closures."""

    line: Line
    options: Options
    account: Account
    request: Request
    call: Call
    write: Write | None
    tried: int

    @property
    def deadline(self) -> float:
        return self.call.deadline

    def may_repeat(self) -> bool:
        # Looks never draw on the budget.
        free = self.call.looks or self.options.retry.budget is None
        return free or self.account.budget.take()

    def retrying(self, wait: float, failure: LoyaltyError) -> None:
        if self.call.watch is not None:
            self.call.watch.retry(wait, failure)
        tell = before_rest.get()
        if tell is not None and not self.call.looks and self.call.outcome.not_applied:
            tell()

    async def send(self) -> Response:
        """One try. A slot comes before the grant: a granted request never waits again."""
        call, trace = self.call, self.request.trace
        # What is under way is brought to its end before anything new is begun.
        lane = "interactive" if call.under_way else self.options.lane
        customer = trace and trace.customer_id
        if self.write is not None and self.write.can_be_confused:
            await self.account.turn(self.write, call.deadline)
        pool, origin = self.line.pool, self.line.origin
        await self._turn("connection", pool.hold(origin, lane, call.deadline, customer))
        try:
            headers = await self.line.credentials.headers(call.latest)
            await pool.prepare(origin)
            self.account.used()
            limiter = self.account.limiter
            if limiter is not None:
                await self._turn("rate", limiter.grant(lane, call.deadline, customer))
            call.granted()
            granted_at = time.monotonic()
            response = await self._depart(headers, granted_at)
        finally:
            pool.let_go(origin, lane)
        if limiter is not None and response.status == 429:
            limiter.throttled(granted_at, retry_after(response))
        elif limiter is not None:
            limiter.answered(granted_at)
        return response

    def _turn(
        self, reason: Literal["connection", "rate"], turn: Awaitable[float]
    ) -> Awaitable[float | None]:
        return turn if self.call.watch is None else self.call.watch.wait(reason, turn)

    async def _depart(self, headers: dict[str, str], granted_at: float) -> Response:
        options, request, call = self.options, self.request, self.call
        until = granted_at + patience(request, options.retry, call.deadline, call.settle)
        if request.safety is Safety.ONCE and options.before_send is not None:
            limit = await self.line.pool.within(until - time.monotonic())
            await announce(options.before_send, request, call.tries + 1, limit)
            if self.account.limiter is not None:
                self.account.limiter.held_up(granted_at)
        if self.write is not None:
            self.write.depart()
        try:
            if call.watch is not None:
                return await self._watched(call.watch, headers, until)
            left = until - time.monotonic()
            return await self.line.pool.send(self.line.origin, request, headers, left)
        except asyncio.CancelledError as error:
            sent = getattr(error, "bytes_left", True)
            self.note(Verdict.OPEN if sent else Verdict.NOT_SENT)
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
        watch.arrive(response, self.line.credentials.secrets, looks=looks)
        return response

    def note(self, verdict: Verdict) -> None:
        """Account for what a try proved."""
        self.call.note(self.request, verdict)
        if self.write is not None:
            self.write.land(verdict is Verdict.OPEN)
            self.account.changed(self.write)
