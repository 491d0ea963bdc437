"""Drives flows: every try, look and wait of a call."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from . import _checks
from ._announce import HookFailedError, announce
from ._call import Call
from ._flow import Flow, Request, Response, Safety
from ._models import Outcome
from ._pool import SessionPool
from ._reconcile import Reconciler
from ._retry import RetryPolicy, Verdict, exchange
from .errors import (
    ClientClosedError,
    ConfigurationError,
    LoyaltyError,
    MalformedResponseError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._account import Account
    from ._announce import BeforeSend
    from ._credentials import Credentials
    from ._look import Sight, Trace, Window
    from ._models import Receipt, Transaction
    from ._provider import Provider

T = TypeVar("T")

# What a flow is sent when the vendor's records, not an answer, proved its write.
_PROVEN = Response(status=204)


# Nobody waits longer for a request to take effect; beyond it, times cannot be told.
_LONGEST_SETTLE = 86_400.0


def _seconds(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise ConfigurationError(f"{field.name} must be a number of seconds, more than 0")


def _at_most_a_day(_: object, field: attrs.Attribute[Any], value: float) -> None:
    if value > _LONGEST_SETTLE:
        raise ConfigurationError(f"{field.name} must be at most {_LONGEST_SETTLE:g} seconds")


def _a(wanted: type) -> Callable[[object, attrs.Attribute[Any], object], None]:
    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, wanted):
            got = _checks.kind(value)
            raise ConfigurationError(f"{field.name}: wanted a {wanted.__name__}, got {got}")

    return check


def _hook(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        got = _checks.kind(value)
        raise ConfigurationError(f"{field.name}: wanted an async function, got {got}")


@attrs.define(kw_only=True, eq=False)
class Driver:
    """Everything between one client's flows and the pool; its options are `connect`'s."""

    provider: Provider
    origin: str
    credentials: Credentials
    pool: SessionPool = attrs.field(validator=_a(SessionPool))
    retry: RetryPolicy = attrs.field(validator=_a(RetryPolicy))
    deadline: float | None = attrs.field(validator=attrs.validators.optional(_seconds))
    settle: float = attrs.field(validator=[_seconds, _at_most_a_day])
    before_send: BeforeSend | None = attrs.field(validator=_hook)
    closed: bool = False
    _reconciles: Reconciler | None = attrs.field(init=False, default=None)

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
            account = await self.credentials.open(call.deadline)
            resolved = await self._reconciler(account).resolve(receipt, call)
        except LoyaltyError as error:
            error.provider, error.operation = receipt.provider, receipt.operation
            resolved = error.receipt = error.receipt or receipt
            error.outcome = resolved.outcome
            raise
        finally:
            if resolved.outcome is not Outcome.UNKNOWN and self.credentials.account:
                self.credentials.account.settle(receipt)
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
            account = await self.credentials.open(call.deadline)
            account.budget.pay(self.retry.budget or 0.0)
            return await self._follow(start(), call)
        except LoyaltyError as error:
            concluded = call.conclude(error)
            self._remember(concluded.receipt)
            if concluded is error:
                raise
            raise concluded from error
        except HookFailedError as failed:
            self._told(failed.error, call)
            raise failed.error from failed.error.__cause__
        except asyncio.CancelledError as error:
            self._told(error, call)
            raise

    def _told(self, error: BaseException, call: Call) -> None:
        """Let an error that is none of ours say what is known of the write."""
        if call.writes:
            receipt = call.receipt()
            error.receipt = receipt  # type: ignore[attr-defined]  # documented at the client
            error.outcome = receipt.outcome  # type: ignore[attr-defined]  # the same
            self._remember(receipt)

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
        return await self._reconciler(self.account).write(request, call) or _PROVEN

    async def _tries(self, request: Request, call: Call) -> Response:
        """Send until it is accepted or may not be repeated."""
        write = call.write if _is_looked_for(request) else None

        async def send(timeout: float) -> Response:
            until = time.monotonic() + timeout
            if write is not None:
                await self.account.turn(write, call.deadline)
            headers = await self.credentials.headers(until)
            if request.safety is Safety.ONCE and self.before_send is not None:
                await announce(self.before_send, request.reference, call.tries + 1, until)
            if write is not None:
                write.depart()
            try:
                left = until - time.monotonic()
                return await self.pool.send(self.origin, request, headers, left)
            except asyncio.CancelledError as error:
                left = getattr(error, "bytes_left", True)
                note(request, Verdict.OPEN if left else Verdict.NOT_SENT)
                raise

        def note(request: Request, verdict: Verdict) -> None:
            call.note(request, verdict)
            if write is not None:
                write.land(verdict is Verdict.OPEN)
                self.account.changed(write)

        return await exchange(
            self.provider,
            request,
            self.retry,
            call.deadline,
            send,
            note,
            # Looks never draw on the budget.
            may_repeat=_always if call.looks else self._may_repeat,
            tried=write.tries if write else 0,
            settle=call.settle,
        )

    def _may_repeat(self) -> bool:
        """Take a repeat out of the budget; True where there is none."""
        return self.retry.budget is None or self.account.budget.take()

    @property
    def account(self) -> Account:
        """What all clients of these credentials know together."""
        account = self.credentials.account
        assert account is not None  # noqa: S101 - for the type checker: `run` has opened it
        return account

    def _reconciler(self, account: Account) -> Reconciler:
        if self._reconciles is None:
            self._reconciles = Reconciler(
                account=account,
                settle=self.settle,
                send=self._tries,
                look=self._look,
                sends=self.retry.attempts,
                may_repeat=self._may_repeat,
                unmarked_hint=self.provider.unmarked_hint,
                scopes=self.provider.scopes,
            )
        return self._reconciles

    async def _look(self, trace: Trace, window: Window, deadline: float) -> Sight:
        call = Call(self.provider.name, "look", deadline, 0.0, looks=True)
        return await self._follow(self.provider.look(trace, window), call)


def _always() -> bool:
    return True


def _is_looked_for(request: Request) -> bool:
    return request.trace is not None and request.safety is Safety.ONCE
