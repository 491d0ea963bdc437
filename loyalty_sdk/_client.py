"""The client: the operations, and what they return."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from ._line import Use

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Awaitable,
        Callable,
        Collection,
        Iterable,
        Mapping,
    )
    from datetime import datetime
    from types import TracebackType

    # Type checkers know this one; with it `LoyaltyClient` alone means any provider.
    from typing_extensions import TypeVar as DefaultingTypeVar

    from ._announce import BeforeSend
    from ._calls import Calls, PageFlow
    from ._flow import Flow, Response, Safety
    from ._lanes import LaneName
    from ._limiter import Limiter
    from ._line import Line
    from ._map import Result
    from ._models import Activity, Order, PointsAdjustment, Receipt, Transaction, TransactionKind
    from ._options import Options
    from ._paging import Pages
    from ._policy import RetryPolicy
    from ._provider import Provider
    from .hooks import Listener

    P = DefaultingTypeVar("P", bound=Provider, default=Any)
else:
    P = TypeVar("P")

T = TypeVar("T")

_UNCHANGED: Any = object()


class LoyaltyClient(Generic[P]):
    """One account at one vendor; made by `connect`.

    Any number of calls may run at once. A client closes the pool it made and no other, and
    may be used from several event loops, one after the other or side by side.
    """

    def __init__(self, provider: P, line: Line, options: Options, *, owns_pool: bool) -> None:
        self._provider = provider
        self._line = line
        self._options = options
        self._owns_pool = owns_pool
        self._use = Use()

    @cached_property
    def _calls(self) -> Calls:
        # What a call takes is most of this package, and many clients are made long before.
        from ._calls import Calls  # noqa: PLC0415

        return Calls(self._line, self._options, self._use)

    @property
    def provider(self) -> P:
        """The adapter; its extra flows go through `run` and `pages`."""
        return self._provider

    @property
    def limiter(self) -> Limiter | None:
        """What keeps the rate of these credentials, and what it is doing, as plain attributes.

        All clients of one account share it. None where there is no limit, and where a key is a
        callable that was not asked yet.
        """
        account = self._line.credentials.account
        return account.limiter if account else None

    @property
    def origin(self) -> str:
        """Scheme, host and port of the API."""
        return self._line.origin

    @property
    def settle(self) -> float:
        """Seconds after which a write that was given up on takes no effect any more."""
        return self._options.settle

    @property
    def before_send(self) -> BeforeSend | None:
        """What is awaited before every try of a write that must not be repeated."""
        return self._options.before_send

    def __repr__(self) -> str:
        return f"<LoyaltyClient {self._provider.name} {self._line.origin}>"

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
        return await self._calls.track_activity(activity)

    async def create_order(self, order: Order) -> Receipt:
        """Report a purchase. Raises like `track_activity`."""
        return await self._calls.create_order(order)

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
            return await self._calls.replay(adjustment, tried_at, replay=replay)
        return await self._calls.adjust_points(adjustment)

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
        return await self._calls.resolve(receipt)

    @property
    def unresolved(self) -> tuple[Receipt, ...]:
        """Writes of this process in doubt, with these credentials; cancelled ones included.

        Oldest first. `resolve` takes them off the list.
        """
        account = self._line.credentials.account
        return account.unresolved if account else ()

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
            prefetch: Whether to fetch the next page while one is consumed; a loop that stops
                early may leave a request unused.

        Raises:
            ValidationError: A filter is wrong; all problems are listed.
            CursorError: ``cursor`` belongs to another provider, host or list.
        """
        narrowed = (customer_id, created_from, created_until, kinds, page_size)
        return self._calls.list_transactions(*narrowed, cursor=cursor, prefetch=prefetch)

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
        return self._calls.map(operation, items, concurrency)

    async def run(self, flow: Flow[T]) -> T:
        """Drive any flow of the provider, ``client.provider.update_order(...)``."""
        return await self._calls.run(flow)

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
        return self._calls.pages(flow_factory, filters, cursor=cursor, prefetch=prefetch)

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
        answer = self._calls.request(
            method, path, segments=segments, query=query, json=json, safety=safety
        )
        # A traceback with locals must not show what is sent.
        del segments, query, json
        return await answer

    def with_options(
        self,
        *,
        deadline: float | None = _UNCHANGED,
        retry: RetryPolicy = _UNCHANGED,
        lane: LaneName = _UNCHANGED,
        before_send: BeforeSend | None = _UNCHANGED,
        listeners: Iterable[Listener] = _UNCHANGED,
    ) -> LoyaltyClient[P]:
        """A copy with other options; it shares pool and limits, and never closes the pool.

        Args:
            deadline: As for `connect`.
            retry: As for `connect`.
            lane: ``"interactive"``, as clients are at first, or ``"bulk"``: its calls take what
                interactive ones leave of connections and rate, and at least one grant in ten.
                Their deadline begins to count with their first grant.
            before_send: As for `connect`.
            listeners: As for `connect`; in place of those there are.
        """
        given: dict[str, Any] = {
            "deadline": deadline,
            "retry": retry,
            "lane": lane,
            "before_send": before_send,
            "listeners": listeners,
        }
        changed = {name: value for name, value in given.items() if value is not _UNCHANGED}
        options = attrs.evolve(self._options, **changed)
        copy = LoyaltyClient(self._provider, self._line, options, owns_pool=False)
        copy._use.closed = self._use.closed
        return copy

    def supports(self, operation: str) -> bool:
        """Whether the provider can do ``operation``, as configured."""
        return self._provider.supports(operation)

    async def aclose(self) -> None:
        """Close the client, and its pool if it made one. A second time does nothing."""
        self._use.closed = True
        self._line.credentials.part()
        if self._owns_pool:
            await self._line.pool.aclose()

    async def __aenter__(self) -> LoyaltyClient[P]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()
