"""What a client's methods do; imported with the first of them that sends something."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from . import _checks, _cursor, _joined
from ._driver import Driver
from ._endpoint import call as endpoint
from ._filters import keeper, transaction_filters
from ._flow import Flow
from ._map import map_calls
from ._models import Activity, Order, Outcome, Page, PointsAdjustment, Receipt, Transaction
from ._paging import Pages, Source
from .errors import ConfigurationError, LoyaltyError

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import datetime

    from ._ahead import Peek
    from ._flow import Response
    from ._line import Line, Use
    from ._options import Options

T = TypeVar("T")

PageFlow = Callable[[str | None, Mapping[str, Any]], Flow[Page[T]]]
"""A list operation: the vendor's cursor and the filters in, a flow for one page out."""


class Calls:
    """The calls of one client; `LoyaltyClient` documents them."""

    map = staticmethod(map_calls)

    def __init__(self, line: Line, options: Options, use: Use) -> None:
        self.driver = Driver(line=line, options=options, use=use)
        self._provider = line.provider
        self._origin = line.origin

    # ------------------------------------------------------------ writes

    def track_activity(self, activity: Activity) -> Coroutine[Any, Any, Receipt]:
        """See the client."""
        return self._write(self._provider.track_activity, Activity, activity)

    def create_order(self, order: Order) -> Coroutine[Any, Any, Receipt]:
        """See the client."""
        return self._write(self._provider.create_order, Order, order)

    def adjust_points(self, adjustment: PointsAdjustment) -> Coroutine[Any, Any, Receipt]:
        """See the client; for one that may have been sent before there is `replay`."""
        return self._write(self._provider.adjust_points, PointsAdjustment, adjustment)

    def _write(
        self, flow: Callable[[T], Flow[Transaction | None]], kind: type[T], value: T
    ) -> Coroutine[Any, Any, Receipt]:
        call = self.driver.call(_name(flow), writes=True)
        start = partial(_begin, flow, kind, value)
        return self.driver.write(call, self.driver.run(call, start))

    async def replay(
        self, adjustment: PointsAdjustment, tried_at: datetime | None, *, replay: bool
    ) -> Receipt:
        """Adjust points that may have been adjusted before."""
        flow = self._provider.adjust_points
        call = self.driver.call(_name(flow), writes=True)
        try:
            call.replay(_checks.replayable(adjustment, tried_at, replay=replay))
            account = await self.driver.line.credentials.open(call.latest)
            joined = _joined.join(
                account.replays,
                adjustment,
                call,
                lambda: self.driver.write(call, self.driver.run(call, lambda: flow(adjustment))),
            )
        except LoyaltyError as error:
            call.conclude(error)
            raise
        return await joined.receipt(call.deadline)

    async def resolve(self, receipt: Receipt) -> Receipt:
        """See the client."""
        _checks.expect(Receipt, receipt)
        if receipt.provider != self._provider.name:
            raise ConfigurationError(f"the receipt is {receipt.provider}'s, not this provider's")
        if receipt.outcome is not Outcome.UNKNOWN or receipt.trace is None:
            return receipt
        return await self.driver.resolve(receipt)

    # ------------------------------------------------------------ lists

    def list_transactions(
        self, *narrowed: Any, cursor: str | None, prefetch: bool
    ) -> Pages[Transaction]:
        """See the client; ``narrowed`` is what `transaction_filters` takes."""
        filters = transaction_filters(*narrowed)
        listing = self._provider.list_transactions
        return self._pages(listing, filters, cursor, prefetch=prefetch, keep=keeper)

    def pages(
        self,
        flow_factory: PageFlow[T],
        filters: Mapping[str, Any],
        *,
        cursor: str | None,
        prefetch: bool,
    ) -> Pages[T]:
        """See the client."""
        given = {key: value for key, value in filters.items() if value is not None}
        return self._pages(flow_factory, given, cursor, prefetch=prefetch)

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

        async def fetch(at: str | None, peek: Peek | None) -> Page[T]:
            call = self.driver.call(listing.name)
            return await self.driver.run(call, lambda: flow_factory(at, listing.filters), peek)

        kept = keep(listing.filters)
        return Pages(
            Source(fetch=fetch, listing=listing, start=start, keep=kept, prefetch=prefetch)
        )

    # ------------------------------------------------------------ anything else

    def run(self, flow: Flow[T]) -> Coroutine[Any, Any, T]:
        """See the client."""
        return self.driver.run(self.driver.call(_name(flow)), lambda: flow)

    def request(self, method: str, path: str, **parts: Any) -> Coroutine[Any, Any, Response]:
        """See the client."""
        flow = endpoint(method, path, **parts)
        # A traceback with locals must not show what is sent.
        del parts
        return self.driver.run(self.driver.call("request"), lambda: flow)


def _begin(
    flow: Callable[[T], Flow[Transaction | None]], kind: type[T], value: T
) -> Flow[Transaction | None]:
    return flow(_checks.expect(kind, value))


def _name(flow: object) -> str:
    """What a flow, or what makes one, is called."""
    return getattr(flow, "__name__", "flow")
