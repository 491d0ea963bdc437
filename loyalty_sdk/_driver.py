"""Drives flows: every try, look and wait of a call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import attrs

from . import _checks
from ._call import Call
from ._flow import Flow, Request, Response, Safety
from ._models import Outcome
from ._pool import SessionPool
from ._reconcile import Reconciler
from ._retry import RetryPolicy, Verdict, exchange
from .errors import (
    ClientClosedError,
    ConfigurationError,
    DeadlineExceededError,
    LoyaltyError,
    MalformedResponseError,
)

if TYPE_CHECKING:
    from ._account import Account
    from ._look import Sight, Trace, Window
    from ._models import Receipt, Transaction
    from ._provider import Provider

T = TypeVar("T")

BeforeSend = Callable[["Try"], Awaitable[None]]
"""Awaited before the first byte of a try; see `connect`."""

# What a flow is sent when the vendor's records, not an answer, proved its write.
_PROVEN = Response(status=204)


class Try(NamedTuple):
    """One try of a write that is about to leave.

    Attributes:
        reference: The key the write is known by.
        number: 1 for the first of this call; tries that then never left count.
        at: When, by this machine's clock.
    """

    reference: str | None
    number: int
    at: datetime


def _seconds(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise ConfigurationError(f"{field.name} must be a number of seconds, more than 0")


def _a(wanted: type) -> Callable[[object, attrs.Attribute[Any], object], None]:
    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, wanted):
            got = _checks.kind(value)
            raise ConfigurationError(f"{field.name}: wanted a {wanted.__name__}, got {got}")

    return check


@attrs.define(kw_only=True, eq=False)
class Driver:
    """Everything between one client's flows and the pool; its options are `connect`'s."""

    provider: Provider
    origin: str
    pool: SessionPool = attrs.field(validator=_a(SessionPool))
    account: Account
    retry: RetryPolicy = attrs.field(validator=_a(RetryPolicy))
    deadline: float | None = attrs.field(validator=attrs.validators.optional(_seconds))
    settle: float = attrs.field(validator=_seconds)
    before_send: BeforeSend | None
    closed: bool = False

    def call(self, operation: str, *, writes: bool = False) -> Call:
        """A call that starts now."""
        return Call.begin(self.provider.name, operation, self.deadline, self.settle, writes=writes)

    async def write(self, call: Call, start: Callable[[], Flow[Transaction | None]]) -> Receipt:
        """Run the flow of a write."""
        transaction = None
        try:
            transaction = await self.run(call, start)
        except MalformedResponseError:
            # The acknowledgement came: what cannot be read beside it changes nothing.
            if call.outcome is not Outcome.APPLIED:
                raise
        return call.receipt(transaction)

    async def resolve(self, receipt: Receipt) -> Receipt:
        """Look for the open write of ``receipt``; see the client's method."""
        self.check_open()
        call = Call.begin(receipt.provider, receipt.operation, self.deadline)
        resolved = receipt
        try:
            resolved = await self._reconciler(call).resolve(receipt, call)
        except LoyaltyError as error:
            error.provider, error.operation = receipt.provider, receipt.operation
            resolved = error.receipt = error.receipt or receipt
            error.outcome = resolved.outcome
            raise
        finally:
            if resolved.outcome is not Outcome.UNKNOWN:
                self.account.settle(receipt)
        return resolved

    def check_open(self) -> None:
        """Refuse a client that was closed.

        Raises:
            ClientClosedError: It was.
        """
        if self.closed:
            raise ClientClosedError("the client is closed", hint="Make a new one")

    async def run(self, call: Call, start: Callable[[], Flow[T]]) -> T:
        """The result of the flow that ``start`` makes.

        Raises:
            LoyaltyError: It knows its call; that of a write has a receipt.
        """
        try:
            self.check_open()
            self.account.budget.pay(self.retry.budget or 0.0)
            return await self._follow(start(), call)
        except LoyaltyError as error:
            concluded = call.conclude(error)
            self._remember(concluded.receipt)
            if concluded is error:
                raise
            raise concluded from error
        except asyncio.CancelledError as error:
            if call.writes:
                error.receipt = call.receipt()  # type: ignore[attr-defined]  # documented there
                self._remember(error.receipt)  # type: ignore[attr-defined]  # documented there
            raise

    def _remember(self, receipt: Receipt | None) -> None:
        if receipt is not None and receipt.outcome is Outcome.UNKNOWN:
            self.account.leave_open(receipt)

    async def _follow(self, flow: Flow[T], call: Call) -> T:
        try:
            request = next(flow)
            while True:
                try:
                    response = await self._exchange(request, call)
                except LoyaltyError as error:
                    request = flow.throw(error)
                else:
                    request = flow.send(response)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            flow.close()

    async def _exchange(self, request: Request, call: Call) -> Response:
        call.expect(request)
        if not _is_looked_for(request):
            return await self._tries(request, call)
        return await self._reconciler(call).write(request, call) or _PROVEN

    async def _tries(self, request: Request, call: Call) -> Response:
        """Send until it is accepted or may not be repeated."""
        url = self.origin + request.target
        write = call.write if _is_looked_for(request) else None

        async def send(timeout: float) -> Response:
            until = time.monotonic() + timeout
            if write is not None:
                await self.account.turn(write, call.deadline)
            headers = await self._headers(until)
            if request.safety is Safety.ONCE:
                await self._announce(request, call, until)
                # Lets the loop see which idle connections their peers have closed meanwhile.
                await asyncio.sleep(0)
            if write is not None:
                write.depart()
            try:
                return await self.pool.send(url, request, headers, until - time.monotonic())
            except asyncio.CancelledError as error:
                left = getattr(error, "bytes_left", True)
                note(request, Verdict.OPEN if left else Verdict.NOT_SENT)
                raise

        def note(request: Request, verdict: Verdict) -> None:
            call.note(request, verdict)
            if write is not None:
                write.land(verdict is Verdict.OPEN)
                self.account.changed()

        return await exchange(
            self.provider,
            request,
            self.retry,
            call.deadline,
            send,
            note,
            may_repeat=self._spender(call),
            tried=write.tries if write else 0,
        )

    def _spender(self, call: Call) -> Callable[[], bool]:
        """Takes a repeat out of the budget, except for looks and where there is none."""
        if call.looks or self.retry.budget is None:
            return lambda: True
        return self.account.budget.take

    async def _announce(self, request: Request, call: Call, until: float) -> None:
        if self.before_send is None:
            return
        limit = asyncio.timeout(until - time.monotonic())
        try:
            async with limit:
                about = Try(request.reference, call.tries + 1, datetime.now(UTC))
                await self.before_send(about)
        except TimeoutError as exc:
            if not limit.expired():
                raise
            raise _not_sent("before_send did not end in time") from exc

    def _reconciler(self, call: Call) -> Reconciler:
        return Reconciler(
            account=self.account,
            settle=self.settle,
            send=self._tries,
            look=self._look,
            sends=self.retry.attempts,
            may_repeat=self._spender(call),
            unmarked_hint=self.provider.unmarked_hint,
            scopes=self.provider.scopes,
        )

    async def _look(self, trace: Trace, window: Window, deadline: float) -> Sight:
        call = Call(self.provider.name, "look", deadline, 0.0, looks=True)
        return await self._follow(self.provider.look(trace, window), call)

    async def _headers(self, until: float) -> dict[str, str]:
        """The credentials for one try; a callable key is asked each time."""
        try:
            async with asyncio.timeout(until - time.monotonic()):
                return {
                    name: await credential.header()
                    for name, credential in self.provider.credentials.items()
                }
        except TimeoutError as exc:
            raise _not_sent("no credentials in time", hint="Their callable is slow") from exc
        except LoyaltyError:
            raise
        except Exception as exc:
            hint = "Its own error is the cause of this one; nothing was sent"
            raise ConfigurationError("the callable for a key failed", hint=hint) from exc


def _is_looked_for(request: Request) -> bool:
    return request.trace is not None and request.safety is Safety.ONCE


def _not_sent(message: str, hint: str | None = None) -> DeadlineExceededError:
    error = DeadlineExceededError(message, hint=hint)
    error.bytes_left = False
    return error
