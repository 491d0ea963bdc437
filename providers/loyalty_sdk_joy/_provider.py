"""Joy Loyalty's REST API v2 as flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar
from uuid import uuid4

import attrs

from loyalty_sdk import _checks, _marker
from loyalty_sdk._filters import keeper
from loyalty_sdk._flow import Acknowledgement, Flow, Request, Response, Safety, get
from loyalty_sdk._look import Sight, Trace, Window
from loyalty_sdk._models import Activity, Identity, Order, Page, PointsAdjustment, Transaction
from loyalty_sdk._provider import (
    Credential,
    Key,
    Provider,
    Refusal,
    Setting,
    from_environment,
    read_key,
)
from loyalty_sdk._secrets import MaskedDict
from loyalty_sdk.errors import Problem, UnsupportedOperationError
from loyalty_sdk.wire import encode, located, malformed

from . import _wire
from ._awards import activity_award, check_earned, check_guest, check_order, order_award
from ._filters import CUSTOMERS, MOST_ROWS, TRANSACTIONS, query
from ._look import look_for_marker
from ._models import CountedPage, CustomerRecord, PointsCalculation, Product
from ._settings import (
    Activities,
    AwardPoints,
    JoyCalculator,
    Orders,
    PointsPerUnit,
    check_amount,
    check_keys,
    check_settings,
)
from ._texts import parse_activity, parse_orders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loyalty_sdk.webhooks import WebhookFormat

PRODUCTION = "https://api.joy.so"
STAGING = "https://dev-api.joy.so"

_ROOT = "/rest_api/v2"

Row = TypeVar("Row", Transaction, CustomerRecord)


class Joy(Provider):
    """Joy Loyalty for Shopify shops, through its REST API v2.

    Overview: https://devdocs.joy.so/joy-rest-api-v2/rest-api-v2
    Points and transactions: https://devdocs.joy.so/joy-rest-api-v2/api-references/activities
    Keys: Joy app in the Shopify admin, Settings > Developers > Manage keys.

    Limitations and quirks:

    - Joy has no call for activities and none for orders: Shopify feeds it. Both are supported
      only as configured by ``activities`` and ``orders``. **An order that the shop sends to
      Joy as well earns twice**: ``orders`` is for those that never reach the shop, such as
      marketplaces and tills.
    - Points are awarded at once, and Joy gives the row its own time. So an order that is
      said to be unpaid is refused, so is what a guest did, and the time of an order or
      activity goes into the staff note. What does not bear on the points (discounts,
      numbers, IP address, properties and so on) is not sent.
    - Customers are known by their Shopify customer id. Transactions are listed for one of
      them; there is no list for the whole shop.
    - An adjustment's ``reason`` becomes Joy's ``reason`` and ``userNote``, which the shopper
      sees; its ``note`` becomes ``adminNote``, behind a marker made of the reference,
      ``[ref:ticket-8812] ...``, by which a write in doubt is found again.
    - No write has an idempotency key, and Joy does not say what becomes of a removal below
      zero. Success is a 2xx with ``success: true``, nothing less.
    - Whether the ends of a time window are inclusive is not documented. The window asked of
      Joy is a millisecond wider, and rows outside the one you asked for are left out here.
    - Rows waiting for their order count as ``pending``, as far as the balance does not show
      them. What a refund takes back from those (``refundPendingPoint``) is in ``raw`` only.
    - Which of the two hosts serves a shop's keys is not documented: some live shops are on
      `STAGING`.

    Args:
        app_key: The App ID, or a callable that gives it (may be async).
        secret_key: The secret key, likewise; a read-only one (``ro_``) can't write.
        base_url: `PRODUCTION` unless given; `STAGING` or any other origin.
        activities: What each activity name means, ``{"signup": AwardPoints(50)}``.
        orders: What an order earns, ``PointsPerUnit(Decimal("1"))`` or ``JoyCalculator()``.

    Raises:
        ConfigurationError: A setting is missing or wrong; each is named.
    """

    name: ClassVar[str] = "joy"
    title: ClassVar[str] = "Joy"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("app_key", "JOY_APP_KEY", secret=True, help="App ID"),
        Setting("secret_key", "JOY_SECRET_KEY", secret=True, help="secret key"),
        Setting("base_url", "JOY_BASE_URL", help=f"origin of the API; {PRODUCTION} unless given"),
        Setting(
            "activities",
            help="what each activity means: points, event:NAME or program:ID",
            parse=parse_activity,
            keyed=True,
        ),
        Setting(
            "orders",
            help="what an order earns: points for each unit of money, or calculator",
            parse=parse_orders,
        ),
    )
    limitations: ClassVar[Mapping[str, str]] = {
        "track_activity": "Joy has no call for it; activities={'signup': AwardPoints(50)} or"
        " {'follow': SocialInteraction('follow_instagram')} says what a name means",
        "create_order": "Joy has no call for it; orders=PointsPerUnit(Decimal('1')) or"
        " JoyCalculator() awards points for orders that never reach the shop",
        "list_transactions": "one customer's only",
        "adjust_points": "below zero is not documented",
    }
    largest_page: ClassVar[int | None] = MOST_ROWS

    @classmethod
    def webhook_format(cls) -> WebhookFormat:
        """See `Provider`."""
        from ._webhooks import JoyWebhooks  # noqa: PLC0415 - many classes, which few programs need

        return JoyWebhooks()

    def __init__(
        self,
        *,
        app_key: Key | None = None,
        secret_key: Key | None = None,
        base_url: str | None = None,
        activities: Activities | None = None,
        orders: Orders | None = None,
    ) -> None:
        origin = from_environment(base_url, "JOY_BASE_URL")
        self.base_url = PRODUCTION if origin is None else origin
        app_key = read_key(app_key, "JOY_APP_KEY")
        secret_key = read_key(secret_key, "JOY_SECRET_KEY")
        check_keys(app_key=app_key, secret_key=secret_key)
        check_settings(activities, orders)
        self.credentials = {
            "X-Joy-Loyalty-App-Key": Credential(app_key),
            "X-Joy-Loyalty-Secret-Key": Credential(secret_key),
        }
        self._activities = dict(activities or {})
        self._orders = orders

    def __repr__(self) -> str:
        return f"Joy(base_url={self.base_url!r})"

    # ------------------------------------------------------------ the neutral operations

    def track_activity(self, activity: Activity, /) -> Flow[Transaction | None]:
        """What ``activities`` says: an award of points, or a social interaction.

        Raises:
            UnsupportedOperationError: ``activities`` does not name it.
            ValidationError: The activity is a guest's.
        """
        meaning = self._activities.get(activity.name)
        if meaning is None:
            self._unsupported_activity(activity.name)
        check_guest("the activity", activity)
        if isinstance(meaning, AwardPoints):
            body = activity_award(activity, meaning)
            reference = activity.id or uuid4().hex
            key = f"activity:{activity.name}:{reference}"
            return (yield from self._change_points("award", body, reference, key))
        return (
            yield from self.social_interaction(
                activity.customer.id,
                event=meaning.event,
                earning_id=meaning.earning_id,
                reference=activity.id,
            )
        )

    def create_order(self, order: Order, /) -> Flow[Transaction | None]:
        """Award what ``orders`` says the order's ``total`` earns.

        `JoyCalculator` asks Joy for the points first; that request changes nothing.

        Raises:
            UnsupportedOperationError: ``orders`` is not configured.
            ValidationError: It is a guest's, not paid, or earns no points; nothing was
                awarded.
        """
        meaning = self._orders
        if meaning is None:
            self._unsupported("create_order")
        check_order(order)
        if isinstance(meaning, PointsPerUnit):
            points = meaning.points(order.total)
        else:
            points = yield from self._calculated(order, meaning)
        check_earned(points)
        body = order_award(order, points, meaning.reason)
        return (yield from self._change_points("award", body, order.id, f"order:{order.id}"))

    def list_transactions(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[Transaction]]:
        """One page of a customer's transactions, newest first unless ``order`` says else.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/activities

        Filters (``customer_id`` or ``joy_customer_id`` is required):
            customer_id: The Shopify customer id.
            joy_customer_id: Joy's own id.
            kinds: Neutral kinds; Joy is asked for one at most, the rest is left out here.
            type: ``earn_point``, ``redeem_point`` or ``adjust_point``.
            event: Joy's name of what happened, ``sign_up``; not listed by Joy.
            source: ``admin``, ``user``, ``rest_api`` or ``webhook``.
            created_from, created_until: Aware; the first inclusive, the second not.
            order: ``createdAt_desc`` or ``createdAt_asc``.
            page_size: 1 to 1000; 100 unless given.
            after: Id of the row to start after.
            before: Id of the row to end before; the pages then lead back from there.
            has_count: Whether the page is to be a `CountedPage`; slower.

        Raises:
            ValidationError: Lists every unknown name and every bad value.
            APIError: Joy refused, by status or in the body.
            MalformedResponseError: The page can't be read; the error names path and cursor.
        """
        asked = query(_placed(filters, cursor), TRANSACTIONS)
        response = yield get(f"{_ROOT}/transactions", asked)
        with located(cursor):
            rows, pagination = _wire.read_transactions(response)
            page = _page(rows, pagination, asked)
        keep = keeper(filters)
        return page if keep is None else attrs.evolve(page, items=tuple(filter(keep, rows)))

    def list_histories(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[Mapping[str, Any]]]:
        """One page of the shop's customers, by Joy's own ids: a guest may have no other.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/customers

        Raises:
            ValidationError: A filter beyond ``page_size``.
        """
        page = yield from self.list_customers(cursor, filters)
        rows = tuple({"joy_customer_id": customer.id} for customer in page.items)
        return Page(rows, page.cursor)

    def adjust_points(self, adjustment: PointsAdjustment, /) -> Flow[Transaction | None]:
        """Change the balance by a signed number of points.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/activities

        Raises:
            ValidationError: ``points`` is beyond what JSON carries (2**53 - 1 either way).
        """
        return (
            yield from self._point_call(
                "adjust",
                adjustment.customer_id,
                adjustment.points,
                least=None,
                reason=adjustment.reason,
                note=adjustment.note,
                reference=adjustment.reference,
            )
        )

    def look(self, trace: Trace, window: Window, /) -> Flow[Sight]:
        """What Joy's records say of a write."""
        return look_for_marker(self, trace, window)

    def whoami(self) -> Flow[Identity]:
        """The shop that the keys belong to; Joy does not say what they may do.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/shop
        """
        return _wire.read_identity((yield get(f"{_ROOT}/whoami")))

    # ------------------------------------------------------------ Joy's own flows

    def get_transaction(self, transaction_id: str) -> Flow[Transaction]:
        """One transaction by its id.

        Raises:
            NotFoundError: There is none.
        """
        template = f"{_ROOT}/transactions/{{transaction_id}}"
        return _wire.read_transaction((yield get(template, transaction_id=transaction_id)))

    def award_points(
        self,
        customer_id: str,
        points: int,
        *,
        reason: str | None = None,
        note: str | None = None,
        reference: str | None = None,
    ) -> Flow[Transaction | None]:
        """Add points; returns the row that Joy sent back, if any.

        Args:
            customer_id: The Shopify customer id.
            points: 1 to 2**53 - 1.
            reason: May be shown to the shopper.
            note: For staff only.
            reference: Stands before the note as a marker, by which the row is found again;
                made up unless given.

        Raises:
            ValidationError: Lists every problem; nothing was sent.
            OutcomeUnknownError: It was sent and not acknowledged; so for every write.
        """
        return (
            yield from self._point_call(
                "award", customer_id, points, reason=reason, note=note, reference=reference
            )
        )

    def deduct_points(
        self,
        customer_id: str,
        points: int,
        *,
        reason: str | None = None,
        note: str | None = None,
        reference: str | None = None,
    ) -> Flow[Transaction | None]:
        """Like `award_points`, but takes them away; below zero is not documented."""
        return (
            yield from self._point_call(
                "deduct", customer_id, points, reason=reason, note=note, reference=reference
            )
        )

    def reset_points(
        self,
        customer_id: str,
        balance: int,
        *,
        reason: str | None = None,
        note: str | None = None,
        reference: str | None = None,
    ) -> Flow[Transaction | None]:
        """Like `award_points`, but sets what the customer has to ``balance``.

        Never looked for and never repeated: points that moved in between would be lost. The
        ``reference`` is not sent.
        """
        return (
            yield from self._point_call(
                "reset",
                customer_id,
                balance,
                least=None,
                reason=reason,
                note=note,
                reference=reference,
            )
        )

    def list_customers(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[CustomerRecord]]:
        """One page of the shop's customers, newest first unless ``order`` says else.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/customers

        Filters:
            email: A search; compare the addresses that come back.
            type: ``member``, ``guest`` or ``left``.
            tier_id: Of one tier.
            updated_from, updated_until, created_until: Aware; to a millisecond, since Joy
                does not document whether they are inclusive. There is no ``created_from``.
            order: ``createdAt``, ``updatedAt`` or ``point``, with ``_desc`` or ``_asc``.
            page_size, after, before, has_count: As in `list_transactions`.

        Raises:
            ValidationError: Lists every unknown name and every bad value.
        """
        asked = query(_placed(filters, cursor), CUSTOMERS)
        response = yield get(f"{_ROOT}/customers", asked)
        with located(cursor):
            return _page(*_wire.read_customers(response), asked)

    def get_customer(self, joy_customer_id: str) -> Flow[CustomerRecord]:
        """One customer by Joy's own id.

        Raises:
            NotFoundError: There is none.
        """
        template = f"{_ROOT}/customers/{{joy_customer_id}}"
        return _wire.read_customer((yield get(template, joy_customer_id=joy_customer_id)))

    def get_customer_by_shopify_id(self, customer_id: str) -> Flow[CustomerRecord]:
        """Like `get_customer`, but by the Shopify customer id."""
        template = f"{_ROOT}/customers/external/{{customer_id}}"
        return _wire.read_customer((yield get(template, customer_id=customer_id)))

    def calculate_points(
        self,
        products: Sequence[Product],
        *,
        customer_id: str | None = None,
        source_name: str | None = None,
    ) -> Flow[PointsCalculation]:
        """What a cart would earn; changes nothing.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/programs

        Args:
            products: At least one.
            customer_id: The Shopify customer id; tiers may earn more.
            source_name: Where the order came from; Joy takes ``web`` unless given.

        Raises:
            ValidationError: Lists every problem; nothing was sent.
        """
        problems: list[Problem] = []
        _check_products(problems, products)
        if customer_id is not None:
            _checks.identifier(problems, "customer_id", customer_id)
        _check_texts(problems, source_name=source_name)
        _checks.finish("the calculation", problems)
        body = _wire.cart(products, customer_id, source_name)
        response = yield _post(f"{_ROOT}/programs/earning/points/calculate", body, Safety.SAFE)
        return _wire.read_calculation(response)

    def social_interaction(
        self,
        customer_id: str,
        *,
        event: str | None = None,
        earning_id: str | None = None,
        reference: str | None = None,
    ) -> Flow[Transaction | None]:
        """Report a social action that one of the merchant's earning programs rewards.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/programs

        Args:
            customer_id: The Shopify customer id.
            event: Joy's name of it, ``follow_instagram``; accepted ones are not documented.
            earning_id: Id of the earning program; one of the two is needed.
            reference: What the write is known by in errors; not sent.

        Raises:
            ValidationError: Lists every problem; nothing was sent.
            APIError: Joy refused; clients have seen 400 and 404 for a customer who earned
                it before, and for an unknown program.
        """
        problems: list[Problem] = []
        _checks.identifier(problems, "customer_id", customer_id)
        _check_texts(problems, event=event, earning_id=earning_id)
        if not event and not earning_id:
            problems.append(Problem("event", "is required unless earning_id is given"))
        _check_reference(problems, reference)
        _checks.finish("the interaction", problems)
        body = _wire.interaction(customer_id, event, earning_id)
        path = f"{_ROOT}/programs/earning/social/interactions"
        response = yield _post(path, body, Safety.ONCE, reference)
        return _wire.read_acknowledged(response)

    # ------------------------------------------------------------ what answers mean

    def supports(self, operation: str) -> bool:
        """Whether ``operation`` works, as configured."""
        configured = {
            "track_activity": bool(self._activities),
            "create_order": self._orders is not None,
        }
        return configured.get(operation, True) and super().supports(operation)

    def refusal(self, response: Response, /) -> Refusal:
        """Joy's words in an answer that is no success; never raises."""
        return _wire.read_refusal(response)

    def acknowledges(self, response: Response, /) -> bool:
        """Whether the body says ``success: true``; never raises."""
        return _wire.acknowledges(response)

    # ------------------------------------------------------------ steps of several flows

    def _point_call(  # noqa: PLR0913 - the fields of Joy's body, and the reference
        self,
        verb: str,
        customer_id: str,
        points: int,
        *,
        least: int | None = 1,
        reason: str | None,
        note: str | None,
        reference: str | None,
    ) -> Flow[Transaction | None]:
        problems: list[Problem] = []
        _checks.identifier(problems, "customer_id", customer_id)
        check_amount(problems, "balance" if verb == "reset" else "points", points, least=least)
        _check_texts(problems, reason=reason, note=note)
        _check_reference(problems, reference)
        _checks.finish(f"the {verb}", problems)
        body = _wire.point_change(
            customer_id, points, reason=reason, user_note=reason, admin_note=note
        )
        del reason, note  # a traceback with locals must not show them
        if verb == "reset":
            # Never looked for and never sent again: it says nothing of what it changed.
            return (yield from self._send_points(verb, body, reference))
        reference = reference or uuid4().hex
        return (yield from self._change_points(verb, body, reference, reference))

    def _change_points(
        self, verb: str, body: Mapping[str, Any], reference: str, key: str
    ) -> Flow[Transaction | None]:
        """Change points under the marker of ``key``, by which the row is found again."""
        note = _marker.mark(key, body.get("adminNote"))
        problems: list[Problem] = []
        _marker.check(problems, "note", note)
        _checks.finish(f"the {verb}", problems)
        trace = Trace(
            operation=verb,
            customer_id=body["shopifyCustomerId"],
            reference=reference,
            marker=_marker.token(key),
            points=-body["point"] if verb == "deduct" else body["point"],
            adjusts=True,
        )
        body = MaskedDict(body, adminNote=note)
        del note  # a traceback with locals must not show it
        return (yield from self._send_points(verb, body, reference, trace))

    def _send_points(
        self,
        verb: str,
        body: Mapping[str, Any],
        reference: str | None,
        trace: Trace | None = None,
    ) -> Flow[Transaction | None]:
        path = f"{_ROOT}/transactions/points/{verb}"
        response = yield _post(path, body, Safety.ONCE, reference, trace)
        return _wire.read_acknowledged(response)

    def _calculated(self, order: Order, meaning: JoyCalculator) -> Flow[int]:
        calculation = yield from self.calculate_points(
            [Product(id=order.id, quantity=1, price=order.total)],
            customer_id=order.customer.id,
            source_name=meaning.source_name,
        )
        return calculation.points

    def _unsupported_activity(self, name: str) -> NoReturn:
        if not self._activities:
            self._unsupported("track_activity")
        raise UnsupportedOperationError(
            f"Joy has no meaning configured for the activity {name!r}",
            hint=f"Add it: activities={{{name!r}: AwardPoints(50)}} or SocialInteraction(...);"
            f" configured are {', '.join(map(repr, self._activities))}",
        )


# ---------------------------------------------------------------------- requests and pages


def _post(
    path: str,
    body: Mapping[str, Any],
    safety: Safety,
    reference: str | None = None,
    trace: Trace | None = None,
) -> Request:
    return Request(
        method="POST",
        template=path,
        path=path,
        body=encode(body, decimals="number"),
        safety=safety,
        acknowledged_by=Acknowledgement.BODY,
        reference=reference,
        trace=trace,
    )


def _placed(filters: Mapping[str, Any], cursor: str | None) -> Mapping[str, Any]:
    """``filters`` for the page that ``cursor`` leads to; Joy's cursors carry no filters."""
    if cursor is None:
        return filters
    return {**filters, "after" if filters.get("before") is None else "before": cursor}


def _page(
    rows: tuple[Row, ...], pagination: _wire.Pagination, asked: Mapping[str, Any]
) -> Page[Row]:
    cursor = _cursor(rows, pagination, backwards="before" in asked)
    if not asked.get("hasCount"):
        return Page(rows, cursor)
    return CountedPage(rows, cursor, total=pagination.total, total_pages=pagination.totalPage)


def _cursor(
    rows: Sequence[Transaction | CustomerRecord], pagination: _wire.Pagination, *, backwards: bool
) -> str | None:
    """Where to go on: Joy wants the id of the last row, or of the first when going back.

    Without its flag only a page without rows is the end, so that no row is lost.
    """
    flag = "hasPre" if backwards else "hasNext"
    more: bool | None = getattr(pagination, flag)
    if rows and more is not False:
        return rows[0 if backwards else -1].id
    if more:
        why = "more rows are said to follow, but there is none to go on from"
        raise malformed(f"$.meta.pagination.{flag}", why)
    return None


# ---------------------------------------------------------------------- checks


def _check_texts(problems: list[Problem], **texts: object) -> None:
    for name, text in texts.items():
        if text is not None:
            _checks.text(problems, name, text)


def _check_reference(problems: list[Problem], reference: object) -> None:
    if reference is not None:
        _checks.identifier(problems, "reference", reference)


def _check_products(problems: list[Problem], products: object) -> None:
    if not _checks.is_list(products) or not products:
        _checks.complain(problems, "products", "at least one Product", products)
        return
    for index, product in enumerate(products):
        path = f"products[{index}]"
        if isinstance(product, Product):
            _checks.identifier(problems, f"{path}.id", product.id)
            check_amount(problems, f"{path}.quantity", product.quantity)
            _checks.money(problems, f"{path}.price", product.price)
        else:
            _checks.complain(problems, path, "a Product", product)
