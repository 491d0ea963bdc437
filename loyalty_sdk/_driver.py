"""Drives flows: every try, look and wait of a call."""

from __future__ import annotations

import asyncio
from functools import partial
from logging import DEBUG
from typing import TYPE_CHECKING, TypeVar

import attrs

from ._announce import HookFailedError
from ._call import Call
from ._flow import Flow, Request, Response
from ._models import Outcome
from ._reconcile import Reconciler
from ._tries import send
from ._watch import Watch
from .errors import ClientClosedError, LoyaltyError, MalformedResponseError
from .logs import log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._account import Account
    from ._ahead import Peek
    from ._line import Line, Use
    from ._look import Sight, Trace, Window
    from ._models import Receipt, Transaction
    from ._options import Options

T = TypeVar("T")

# What a flow is sent when the vendor's records, not an answer, proved its write.
_PROVEN = Response(status=204)


@attrs.define(kw_only=True, eq=False)
class Driver:
    """Runs flows for one client."""

    line: Line
    options: Options
    use: Use
    _reconciles: Reconciler | None = attrs.field(init=False, default=None)

    def call(self, operation: str, *, writes: bool = False) -> Call:
        """A call that starts now."""
        o = self.options
        name = self.line.provider.name
        call = Call.begin(name, operation, o.deadline, o.settle, queue=o.queue, writes=writes)
        logged = log.isEnabledFor(DEBUG)
        if o.listeners or logged:
            call.watch = Watch(name, operation, o.listeners, logged)
        return call

    async def write(self, call: Call, run: Awaitable[Transaction | None]) -> Receipt:
        """What is known of a write after ``run``, which runs its flow."""
        if call.watch is not None and not call.watch.started:
            return await call.watch.over(call, self.write(call, run))
        transaction = None
        try:
            transaction = await run
        except MalformedResponseError:
            # The acknowledgement came: what cannot be read beside it changes nothing.
            if call.outcome is not Outcome.APPLIED:
                raise
        return call.receipt(transaction)

    async def resolve(self, receipt: Receipt) -> Receipt:
        """Look for the open write of ``receipt``; see the client's method."""
        self.check_open()
        call = self.call(receipt.operation)
        if call.watch is None:
            return await self._resolve(receipt, call)
        call.watch.operation = "resolve"
        return await call.watch.over(call, self._resolve(receipt, call))

    async def _resolve(self, receipt: Receipt, call: Call) -> Receipt:
        resolved = receipt
        try:
            call.granted()
            account = await self.line.credentials.open(call.deadline)
            resolved = await self._reconciler(account).resolve(receipt, call)
        except LoyaltyError as error:
            error.provider, error.operation = receipt.provider, receipt.operation
            resolved = error.receipt = error.receipt or receipt
            error.outcome = resolved.outcome
            raise
        finally:
            if resolved.outcome is not Outcome.UNKNOWN and self.line.credentials.account:
                self.line.credentials.account.settle(receipt)
        return resolved

    def check_open(self) -> None:
        """Refuse a client that was closed.

        Raises:
            ClientClosedError: It was.
        """
        if self.use.closed:
            raise ClientClosedError("the client is closed", hint="Make a new one")

    async def run(self, call: Call, start: Callable[[], Flow[T]], peek: Peek | None = None) -> T:
        """The result of the flow that ``start`` makes; ``peek`` sees what it is answered.

        Raises:
            LoyaltyError: It knows its call; that of a write has a receipt.
        """
        if call.watch is not None and not call.watch.started:
            return await call.watch.over(call, self.run(call, start, peek))
        try:
            self.check_open()
            keys = self.line.credentials
            account = keys.account or await keys.open(call.latest)
            account.budget.pay(self.options.retry.budget or 0.0)
            flow = start()
            del start  # a thousand calls wait for their answers with as little as they can
            return await self._follow(flow, call, peek)
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

    async def _follow(self, flow: Flow[T], call: Call, peek: Peek | None = None) -> T:
        try:
            request = next(flow)
            while True:
                try:
                    response = await self._exchange(request, call) or _PROVEN
                except LoyaltyError as error:
                    request = flow.throw(error)
                else:
                    if peek is not None:
                        await peek(request, response)
                    request = flow.send(response)
        except StopIteration as end:
            result: T = end.value
            return result
        except LoyaltyError as error:
            self.line.credentials.hide(error)
            raise
        finally:
            flow.close()

    def _exchange(self, request: Request, call: Call) -> Awaitable[Response | None]:
        """The answer; None where a look proved the write instead."""
        call.expect(request)
        if not request.is_looked_for:
            return send(self.line, self.options, request, call)
        return self._reconciler(self.account).write(request, call)

    def _may_repeat(self) -> bool:
        """Take a repeat out of the budget; True where there is none."""
        return self.options.retry.budget is None or self.account.budget.take()

    @property
    def account(self) -> Account:
        """What all clients of these credentials know together."""
        account = self.line.credentials.account
        assert account is not None  # noqa: S101 - for the type checker: `run` has opened it
        return account

    def _reconciler(self, account: Account) -> Reconciler:
        if self._reconciles is None:
            self._reconciles = Reconciler(
                account=account,
                settle=self.options.settle,
                send=partial(send, self.line, self.options),
                look=self._look,
                sends=self.options.retry.attempts,
                may_repeat=self._may_repeat,
                unmarked_hint=self.line.provider.unmarked_hint,
                scopes=self.line.provider.scopes,
            )
        return self._reconciles

    async def _look(self, trace: Trace, window: Window, call: Call) -> Sight:
        name, watch = self.line.provider.name, call.watch
        look = Call(name, "look", call.deadline, 0.0, looks=True, watch=watch)
        return await self._follow(self.line.provider.look(trace, window), look)
