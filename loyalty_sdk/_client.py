"""The client: drives flows, nothing else."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
)
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast

from . import _checks, _cursor
from ._account import account_of
from ._call import Call
from ._endpoint import call as endpoint
from ._filters import keeper, transaction_filters
from ._flow import Flow, Request, Response, Safety
from ._joined import Joined
from ._map import Result, map_calls
from ._models import (
    Activity,
    Order,
    Outcome,
    Page,
    PointsAdjustment,
    Receipt,
    Transaction,
    TransactionKind,
)
from ._origin import check_origin
from ._paging import Pages, Source
from ._pool import SessionPool
from ._provider import Provider
from ._reconcile import Reconciler
from ._registry import load
from ._retry import RetryPolicy, Verdict, exchange
from ._secrets import masked
from .errors import (
    ClientClosedError,
    ConfigurationError,
    DeadlineExceededError,
    LoyaltyError,
    MalformedResponseError,
    ReferenceConflictError,
)

if TYPE_CHECKING:
    from types import TracebackType

    # Type checkers know this one; with it `LoyaltyClient` alone means any provider.
    from typing_extensions import TypeVar as DefaultingTypeVar

    from ._look import Sight, Trace, Window

    P = DefaultingTypeVar("P", bound=Provider, default=Any)
else:
    P = TypeVar("P")

T = TypeVar("T")

PageFlow = Callable[[str | None, Mapping[str, Any]], Flow[Page[T]]]
"""A list operation: the vendor's cursor and the filters in, a flow for one page out."""

BeforeSend = Callable[["Try"], Awaitable[None]]
"""Awaited before the first byte of a try; see `connect`."""

_UNCHANGED: Any = object()
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


def connect(  # noqa: PLR0913 - each is one thing a deployment decides
    provider: str | P,
    *,
    pool: SessionPool | None = None,
    retry: RetryPolicy | None = None,
    deadline: float | None = 30.0,
    settle: float = 60.0,
    before_send: BeforeSend | None = None,
    allow_http: bool = False,
    **settings: Any,
) -> LoyaltyClient[P]:
    """A client for one account at one vendor. Nothing connects until the first call.

    Args:
        provider: A registered name, or a `Provider` (the way type checkers can follow).
        pool: Connections to share; the client makes and closes its own unless given.
        retry: How often and how long to try.
        deadline: Seconds one call may take with all its tries and waits; for lists, one
            page. None waits for ever.
        settle: Seconds after which a write that was given up on takes no effect any more.
            You say this about the vendor; gateways give up after 30 to 60 s. Too short a
            time may double a write, which is then reported.
        before_send: Awaited before the first byte of every try of a write that must not be
            repeated, and within the deadline; what it raises keeps the try from being sent.
        allow_http: Whether plain http may go to other machines than this one.
        **settings: The provider's own, such as ``api_key``; those not given come from the
            environment.

    Raises:
        ConfigurationError: A setting is missing, unknown or wrong; the message names it.
    """
    made: Any = provider
    if isinstance(provider, str):
        kind = load(provider)
        settings = _masked(kind, settings)
        made = _make(kind, provider, settings)
    elif settings:
        names = ", ".join(sorted(settings))
        raise ConfigurationError(
            f"settings beside a Provider object: {names}", hint="Give them to its class"
        )
    if not isinstance(made, Provider):
        wanted = "a registered name or a Provider object"
        raise ConfigurationError(f"provider: wanted {wanted}, got {_checks.kind(made)}")
    _expect("pool", pool, SessionPool)
    _expect("retry", retry, RetryPolicy)
    _positive("deadline", deadline)
    _positive("settle", settle)
    return LoyaltyClient(
        cast("P", made),
        origin=check_origin(made.base_url, allow_http=allow_http),
        pool=pool,
        retry=retry or RetryPolicy(),
        deadline=deadline,
        settle=settle,
        before_send=before_send,
    )


def _expect(name: str, value: object, wanted: type) -> None:
    if value is not None and not isinstance(value, wanted):
        raise ConfigurationError(f"{name}: wanted a {wanted.__name__}, got {_checks.kind(value)}")


def _positive(name: str, seconds: object) -> None:
    if seconds is None:
        return
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds > 0:
        raise ConfigurationError(f"{name} must be a number of seconds, more than 0")


def _masked(kind: type[Provider], settings: dict[str, Any]) -> dict[str, Any]:
    """Keys must not stand in the locals of a traceback, misspelt ones neither."""
    open_ = {setting.name for setting in kind.settings if not setting.secret}
    # A base_url may hold a password; it is refused, but stands in the traceback.
    return {
        name: value if name in open_ and "@" not in str(value) else masked(value)
        for name, value in settings.items()
    }


def _make(kind: type[Provider], name: str, settings: dict[str, Any]) -> Provider:
    known = [setting.name for setting in kind.settings]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ConfigurationError(
            f"{name} has no setting {', '.join(unknown)}", hint=f"It has {', '.join(known)}"
        )
    return kind(**settings)


class LoyaltyClient(Generic[P]):
    """One account at one vendor; made by `connect`.

    Any number of calls may run at once. A client closes the pool it made and no other, and
    may be used from several event loops, one after the other or side by side.
    """

    def __init__(  # noqa: PLR0913 - what `connect` was given
        self,
        provider: P,
        *,
        origin: str,
        pool: SessionPool | None,
        retry: RetryPolicy,
        deadline: float | None,
        settle: float,
        before_send: BeforeSend | None,
    ) -> None:
        self._provider = provider
        self._origin = origin
        self._own_pool = SessionPool() if pool is None else None
        self._pool = pool or self._own_pool or SessionPool()
        self._retry = retry
        self._deadline = deadline
        self._settle = settle
        self._before_send = before_send
        self._account = account_of(provider.name, origin, *_digest(provider))
        self._closed = False

    @property
    def provider(self) -> P:
        """The adapter; its extra flows go through `run` and `pages`."""
        return self._provider

    def __repr__(self) -> str:
        return f"<LoyaltyClient {self._provider.name} {self._origin}>"

    # ------------------------------------------------------------ the four operations

    async def track_activity(self, activity: Activity) -> Receipt:
        """Report that a shopper did something that may earn points.

        Raises:
            ValidationError: The vendor cannot take it; nothing was sent.
            UnsupportedOperationError: The vendor has no such thing, or not as configured.
            APIError: The vendor refused; outcome REJECTED.
            TransportError: Nothing was sent; outcome NOT_SENT.
            OutcomeUnknownError: It was sent and not acknowledged.
        """
        flow = self._provider.track_activity
        return await self._write(self._begin(flow), Activity, flow, activity)

    async def create_order(self, order: Order) -> Receipt:
        """Report a purchase. Raises like `track_activity`."""
        flow = self._provider.create_order
        return await self._write(self._begin(flow), Order, flow, order)

    async def adjust_points(
        self,
        adjustment: PointsAdjustment,
        *,
        replay: bool = False,
        tried_at: datetime | None = None,
    ) -> Receipt:
        """Give or take points. Raises like `track_activity`.

        Args:
            adjustment: Whose points, how many, and why.
            replay: An earlier try with this reference may exist, and its sender is dead:
                look for it, and send only when it is shown absent. Calls with one reference
                in one process join; between processes this is no lock.
            tried_at: Aware; when that try can have been sent last. Unless given, now: the
                call then waits for the whole of ``settle``.

        Raises:
            ReferenceConflictError: The reference stands there with other points.
            ConfigurationError: ``replay`` where the vendor's rows carry no reference.
        """
        if replay or tried_at is not None:
            return await self._replay(adjustment, tried_at, replay=replay)
        flow = self._provider.adjust_points
        return await self._write(self._begin(flow), PointsAdjustment, flow, adjustment)

    async def resolve(self, receipt: Receipt) -> Receipt:
        """Look for a write that ended UNKNOWN; only reads, in any process.

        Returns:
            APPLIED, ABSENT, or the same receipt while nobody can say. ABSENT is believed only
            after ``receipt.resolve_after``.

        Raises:
            ConfigurationError: The receipt is another provider's.
            DoubledWriteError: The write is there more than once.
            ConflictError: Something else is there in its place.
        """
        self._check_open()
        if receipt.provider != self._provider.name:
            raise ConfigurationError(f"the receipt is {receipt.provider}'s, not this provider's")
        if receipt.outcome is not Outcome.UNKNOWN or receipt.trace is None:
            return receipt
        call = Call.begin(receipt.provider, receipt.operation, self._deadline)
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
                self._account.settle(receipt)
        return resolved

    @property
    def unresolved(self) -> tuple[Receipt, ...]:
        """Writes of this process in doubt, with these credentials; cancelled ones included.

        Oldest first. `resolve` takes them off the list.
        """
        return self._account.unresolved

    def list_transactions(  # noqa: PLR0913 - one per documented way to narrow the list
        self,
        *,
        customer_id: str | None = None,
        created_from: datetime | None = None,
        created_until: datetime | None = None,
        kinds: Collection[TransactionKind | str] | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        prefetch: bool = True,
    ) -> Pages[Transaction]:
        """The points history, newest first. Nothing is sent until it is iterated.

        Args:
            customer_id: The merchant's own id; some vendors list nothing without one.
            created_from: Aware; rows of that moment are included.
            created_until: Aware; rows of that moment are not.
            kinds: Only these.
            page_size: Rows fetched at once; each vendor has bounds and a default.
            cursor: A `Page.cursor`, to go on after that page. It brings its filters along;
                repeating them makes sure that it is the list you mean, which matters when
                the cursor comes from somebody you do not trust.
            prefetch: Whether to fetch the next page while one is consumed.

        Raises:
            ValidationError: A filter is wrong; all problems are listed.
            CursorError: ``cursor`` belongs to another provider, host or list.
        """
        filters = transaction_filters(customer_id, created_from, created_until, kinds, page_size)
        listing = self._provider.list_transactions
        return self._pages(listing, filters, cursor, prefetch=prefetch, keep=keeper)

    # ------------------------------------------------------------ many, and anything else

    def map(
        self,
        operation: Callable[[T], Awaitable[Receipt]],
        items: Iterable[T] | AsyncIterable[T],
        *,
        concurrency: int = 64,
    ) -> AsyncGenerator[Result[T], None]:
        """Call ``operation`` for every item, at most ``concurrency`` at once.

        Results come in order of completion, one per item, and a failure is a result like any
        other. Items are taken as they are needed and calls wait for a slow consumer, so any
        number of items takes the same memory. Leaving the loop early cancels what is in
        flight; `contextlib.aclosing` makes that happen at once.

        Example::

            async for result in client.map(client.create_order, orders):
                print(result.item.id, result.receipt or result.error)
        """
        return map_calls(operation, items, concurrency)

    async def run(self, flow: Flow[T]) -> T:
        """Drive any flow of the provider, ``client.provider.update_order(...)``."""
        call = Call.begin(self._provider.name, _name(flow), self._deadline, self._settle)
        return await self._drive(call, lambda: flow)

    def pages(
        self,
        flow_factory: PageFlow[T],
        *,
        cursor: str | None = None,
        prefetch: bool = True,
        **filters: Any,
    ) -> Pages[T]:
        """The rows of any list operation of the provider, ``client.provider.list_orders``.

        Args:
            flow_factory: Makes the flow for one page.
            cursor: As in `list_transactions`.
            prefetch: As in `list_transactions`.
            **filters: What the operation documents; anything else is refused.
        """
        given = {key: value for key, value in filters.items() if value is not None}
        return self._pages(flow_factory, given, cursor, prefetch=prefetch)

    async def request(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        *,
        segments: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        safety: Safety | None = None,
    ) -> Response:
        """Call an endpoint that nobody wrapped, with this client's pool, retries and errors.

        Args:
            method: ``"GET"``, ``"POST"``, ...
            path: From the host on, ``/v2/customers/{id}/available_rewards``.
            segments: What stands for the names in braces; encoded here.
            query: Text, numbers and bools; None is left out.
            json: The body.
            safety: How safe a repeat is; unless said, ``SAFE`` for GET and ``ONCE`` else.

        Returns:
            The answer, which was a success.

        Raises:
            ValidationError: Lists every problem: a path that is none, a segment that is
                missing or cannot be one, a body that JSON cannot say without loss.
            LoyaltyError: As for every call.
        """
        call = Call.begin(self._provider.name, "request", self._deadline)
        flow = endpoint(method, path, segments=segments, query=query, json=json, safety=safety)
        return await self._drive(call, lambda: flow)

    def with_options(
        self,
        *,
        deadline: float | None = _UNCHANGED,
        retry: RetryPolicy = _UNCHANGED,
        before_send: BeforeSend | None = _UNCHANGED,
    ) -> LoyaltyClient[P]:
        """A copy with another deadline, policy or hook; it shares and never closes the pool."""
        other = copy.copy(self)
        other._own_pool = None  # noqa: SLF001 - the copy is of this very class
        if deadline is not _UNCHANGED:
            _positive("deadline", deadline)
            other._deadline = deadline  # noqa: SLF001 - as above
        if retry is not _UNCHANGED:
            _expect("retry", retry, RetryPolicy)
            other._retry = retry  # noqa: SLF001 - as above
        if before_send is not _UNCHANGED:
            other._before_send = before_send  # noqa: SLF001 - as above
        return other

    def supports(self, operation: str) -> bool:
        """Whether the provider can do ``operation``, as configured."""
        return self._provider.supports(operation)

    async def aclose(self) -> None:
        """Close the client, and its pool if it made one. A second time does nothing."""
        self._closed = True
        if self._own_pool is not None:
            await self._own_pool.aclose()

    async def __aenter__(self) -> LoyaltyClient[P]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    # ------------------------------------------------------------ the driver

    def _begin(self, flow: object) -> Call:
        """A write that starts now."""
        return Call.begin(
            self._provider.name, _name(flow), self._deadline, self._settle, writes=True
        )

    async def _write(
        self, call: Call, kind: type[T], flow: Callable[[T], Flow[Transaction | None]], value: T
    ) -> Receipt:
        transaction = None
        try:
            transaction = await self._drive(call, lambda: flow(_checks.expect(kind, value)))
        except MalformedResponseError:
            # The acknowledgement came: what cannot be read beside it changes nothing.
            if call.outcome is not Outcome.APPLIED:
                raise
        return call.receipt(transaction)

    def _pages(
        self,
        flow_factory: PageFlow[T],
        filters: Mapping[str, Any],
        cursor: str | None,
        *,
        prefetch: bool,
        keep: Callable[[Mapping[str, Any]], Callable[[T], bool] | None] = lambda _: None,
    ) -> Pages[T]:
        listing = _cursor.Listing(
            provider=self._provider.name,
            origin=self._origin,
            name=_name(flow_factory),
            filters=filters,
        )
        start = None
        if cursor is not None:
            listing, start = _cursor.resume(cursor, listing)

        async def fetch(at: str | None) -> Page[T]:
            call = Call.begin(listing.provider, listing.name, self._deadline)
            return await self._drive(call, lambda: flow_factory(at, listing.filters))

        kept = keep(listing.filters)
        return Pages(
            Source(fetch=fetch, listing=listing, start=start, keep=kept, prefetch=prefetch)
        )

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosedError("the client is closed", hint="Make a new one")

    async def _drive(self, call: Call, start: Callable[[], Flow[T]]) -> T:
        try:
            self._check_open()
            self._account.budget.pay(self._retry.budget or 0.0)
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
            self._account.leave_open(receipt)

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
        url = self._origin + request.target
        write = call.write if _is_looked_for(request) else None

        async def send(timeout: float) -> Response:
            until = time.monotonic() + timeout
            if write is not None:
                await self._account.turn(write, call.deadline)
            headers = await self._provider_headers(until)
            if request.safety is Safety.ONCE:
                await self._announce(request, call, until)
                # Lets the loop see which idle connections their peers have closed meanwhile.
                await asyncio.sleep(0)
            if write is not None:
                write.depart()
            try:
                return await self._pool.send(url, request, headers, until - time.monotonic())
            except asyncio.CancelledError as error:
                left = getattr(error, "bytes_left", True)
                note(request, Verdict.OPEN if left else Verdict.NOT_SENT)
                raise

        def note(request: Request, verdict: Verdict) -> None:
            call.note(request, verdict)
            if write is not None:
                write.land(verdict is Verdict.OPEN)
                self._account.changed()

        return await exchange(
            self._provider,
            request,
            self._retry,
            call.deadline,
            send,
            note,
            may_repeat=self._spender(call),
            tried=write.tries if write else 0,
        )

    def _spender(self, call: Call) -> Callable[[], bool]:
        """Takes a repeat out of the budget, except for looks and where there is none."""
        if call.looks or self._retry.budget is None:
            return lambda: True
        return self._account.budget.take

    async def _announce(self, request: Request, call: Call, until: float) -> None:
        if self._before_send is None:
            return
        limit = asyncio.timeout(until - time.monotonic())
        try:
            async with limit:
                about = Try(request.reference, call.tries + 1, datetime.now(UTC))
                await self._before_send(about)
        except TimeoutError as exc:
            if not limit.expired():
                raise
            raise _not_sent("before_send did not end in time") from exc

    def _reconciler(self, call: Call) -> Reconciler:
        return Reconciler(
            account=self._account,
            settle=self._settle,
            send=self._tries,
            look=self._look,
            sends=self._retry.attempts,
            may_repeat=self._spender(call),
            unmarked_hint=self._provider.unmarked_hint,
            scopes=self._provider.scopes,
        )

    async def _look(self, trace: Trace, window: Window, deadline: float) -> Sight:
        call = Call(self._provider.name, "look", deadline, 0.0, looks=True)
        return await self._follow(self._provider.look(trace, window), call)

    async def _replay(
        self, adjustment: PointsAdjustment, tried_at: datetime | None, *, replay: bool
    ) -> Receipt:
        call = self._begin(self._provider.adjust_points)
        try:
            call.replay(_checks.replayable(adjustment, tried_at, replay=replay))
            joined = self._join(call, adjustment)
        except LoyaltyError as error:
            call.conclude(error)
            raise
        return await joined.receipt(call.deadline)

    def _join(self, call: Call, adjustment: PointsAdjustment) -> Joined:
        """The replay of ``adjustment`` that is on its way, or else ``call`` as the first."""
        running = self._account.replays
        key = (asyncio.get_running_loop(), adjustment.customer_id, adjustment.reference)
        joined = running.get(key)
        if joined is None:
            flow = self._provider.adjust_points
            task = asyncio.ensure_future(self._write(call, PointsAdjustment, flow, adjustment))
            joined = running[key] = Joined(call, adjustment.points, task)
            task.add_done_callback(lambda _: running.pop(key))
        if joined.points != adjustment.points:
            raise ReferenceConflictError(
                f"the reference is on its way with {joined.points} points",
                hint="Nothing was sent; every adjustment needs a reference of its own",
            )
        return joined

    async def _provider_headers(self, until: float) -> dict[str, str]:
        """The credentials for one try; a callable key is asked each time."""
        try:
            async with asyncio.timeout(until - time.monotonic()):
                return {
                    name: await credential.header()
                    for name, credential in self._provider.credentials.items()
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


def _digest(provider: Provider) -> tuple[str, ...]:
    """The credentials as text that gives nothing of them away."""
    keys = (credential.key for credential in provider.credentials.values())
    return tuple(
        sha256(key.encode()).hexdigest() if isinstance(key, str) else str(id(key)) for key in keys
    )


def _name(flow: object) -> str:
    """What a flow, or what makes one, is called."""
    return getattr(flow, "__name__", "flow")
