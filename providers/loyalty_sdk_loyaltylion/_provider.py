"""LoyaltyLion's Admin API v2: paths, cursors, credentials, flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, get_args
from uuid import uuid4

from loyalty_sdk import _checks, _marker
from loyalty_sdk._flow import Flow, Request, Response, Safety, expand, get, pairs
from loyalty_sdk._look import Sight, Trace, Window
from loyalty_sdk._models import (
    Activity,
    Identity,
    Order,
    Page,
    PaymentStatus,
    PointsAdjustment,
    Transaction,
    present,
)
from loyalty_sdk._provider import Key, Provider, Refusal, Setting, from_environment
from loyalty_sdk._secrets import masked
from loyalty_sdk.errors import Problem
from loyalty_sdk.wire import encode, located

from ._filters import ACTIVITIES, CUSTOMERS, MOST_ROWS, ORDERS, TRANSACTIONS, query
from ._look import look_for_activity, look_for_adjustment, look_for_order
from ._models import (
    ActivityRecord,
    ActivityState,
    CancellationStatus,
    CustomerRecord,
    OrderRecord,
    RefundStatus,
    Site,
)
from ._settings import check_flag, credential, parse_flag, read_site
from ._wire import (
    read_identity,
    read_order,
    read_records,
    read_refusal,
    read_transactions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from loyalty_sdk.webhooks import WebhookFormat

_POINTS_AT_ONCE = 1_000_000


class LoyaltyLion(Provider):
    """LoyaltyLion's Admin API v2, https://developers.loyaltylion.com/api-reference/introduction.

    Args:
        api_key: ``pat_...``, made under Manage > API keys, or a callable that hands it out
            (https://developers.loyaltylion.com/api-reference/authentication/api-keys).
            From ``LOYALTYLION_API_KEY`` unless given.
        site_id: The site that activities and orders go to; needed only where a program has
            several. From ``LOYALTYLION_SITE_ID`` unless given.
        token, secret: A site's, instead of a key. Deprecated: the vendor ends them on
            2027-01-10, and `list_sites` refuses them already
            (https://developers.loyaltylion.com/api-reference/authentication/token-secret).
        base_url: Origin of the API. From ``LOYALTYLION_BASE_URL`` unless given.
        reference_in_reason: Whether every adjustment's reason begins with a marker made of
            its reference, ``[ref:ticket-8812] Returned item``. The shopper may see it; it is
            the only way to find an adjustment again for certain.
        sole_writer: Your statement that nobody else adjusts points in this program, which
            lets one row of the right size prove an adjustment without a marker.

    Raises:
        ConfigurationError: No credentials, two kinds of them, or a setting that is wrong.

    Limitations and quirks:
        - An activity needs the customer's email. An accepted one earns points only if a rule
          applies, and only for members: ``guest`` is always sent, since the vendor takes
          everybody for a guest who is not said to be none.
        - Points have no staff note: one is refused. At most 1,000,000 are added at once.
        - The vendor ignores a query parameter that it does not know, and returns everything.
          Unknown filters are therefore refused here.
        - A cursor carries the filters of the list's first page. ``kinds`` is none of the
          vendor's: `LoyaltyClient.list_transactions` picks the rows, a flow of its own does not.
        - The customer in a transaction, activity or order is the one of now.
        - No write returns a row, so receipts hold no transaction.
    """

    name: ClassVar[str] = "loyaltylion"
    title: ClassVar[str] = "LoyaltyLion"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("api_key", "LOYALTYLION_API_KEY", secret=True, help="API key, pat_..."),
        Setting("site_id", "LOYALTYLION_SITE_ID", help="site of a program that has several"),
        Setting("token", secret=True, help="site token, until 2027-01-10; needs secret"),
        Setting("secret", secret=True, help="site secret, until 2027-01-10; needs token"),
        Setting("base_url", "LOYALTYLION_BASE_URL", help="origin of the API"),
        Setting("reference_in_reason", help="mark reasons with the reference", parse=parse_flag),
        Setting("sole_writer", help="nobody else adjusts points here", parse=parse_flag),
    )
    # https://developers.loyaltylion.com/api-reference/introduction
    rate = 20
    limitations: ClassVar[Mapping[str, str]] = {
        "track_activity": "needs the customer's email; earns only where a rule applies",
        "list_transactions": "gives no balance",
        "adjust_points": "no staff note; adds at most 1,000,000 at once",
    }
    unmarked_hint: ClassVar[str | None] = "Connect with reference_in_reason=True"
    lists_program: ClassVar[bool] = True
    largest_page: ClassVar[int | None] = MOST_ROWS

    # Tracebacks that print locals print `self` too, even if `__init__` got no further.
    site_id: int | None = None

    # https://developers.loyaltylion.com/api-reference/authentication/api-keys
    scopes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "track_activity": ("write_customers", "read_customers"),
        "create_order": ("write_orders", "read_orders"),
        "list_transactions": ("read_customers",),
        "adjust_points": ("write_customers", "read_customers"),
    }

    @classmethod
    def webhook_format(cls) -> WebhookFormat:
        """See `Provider`."""
        from ._webhooks import LoyaltyLionWebhooks  # noqa: PLC0415 - many classes, which few programs need

        return LoyaltyLionWebhooks()

    def __init__(  # noqa: PLR0913 - each is one thing a merchant decides
        self,
        *,
        api_key: Key | None = None,
        site_id: int | None = None,
        token: str | None = None,
        secret: str | None = None,
        base_url: str | None = None,
        reference_in_reason: bool = False,
        sole_writer: bool = False,
    ) -> None:
        # Tracebacks that print locals must not print keys.
        api_key, token, secret = masked(api_key), masked(token), masked(secret)
        origin = from_environment(base_url, "LOYALTYLION_BASE_URL")
        self.base_url = "https://api.loyaltylion.com" if origin is None else origin
        self.site_id = read_site(from_environment(site_id, "LOYALTYLION_SITE_ID"))
        self.reference_in_reason = check_flag("reference_in_reason", reference_in_reason)
        self.sole_writer = check_flag("sole_writer", sole_writer)
        self.credentials = {"Authorization": credential(api_key, token, secret)}

    def __repr__(self) -> str:
        return f"LoyaltyLion(base_url={self.base_url!r}, site_id={self.site_id!r})"

    # ------------------------------------------------------------ the neutral operations

    def track_activity(self, activity: Activity, /) -> Flow[None]:
        """Track an activity; it earns points if a rule of that name applies.

        https://developers.loyaltylion.com/api-reference/v2/resources/activities/create-activity

        Raises:
            ValidationError: The customer has no email.
        """
        if activity.customer.email is None:
            problem = Problem("customer.email", "is missing: LoyaltyLion wants one for activities")
            _checks.finish("the activity", [problem])
        merchant_id = activity.id or uuid4().hex
        fields = {
            "name": activity.name,
            "customer_id": activity.customer.id,
            "customer_email": activity.customer.email,
            "merchant_id": merchant_id,
            "properties": activity.properties or None,
            "date": activity.occurred_at,
            **_shopper(activity),
        }
        trace = Trace(
            operation="track_activity",
            customer_id=activity.customer.id,
            reference=merchant_id,
            name=activity.name,
            at=activity.occurred_at,
        )
        request = _write("/v2/activities", fields, trace, query=self._site())
        del fields  # a traceback with locals must not show them
        yield request

    def create_order(self, order: Order, /) -> Flow[None]:
        """Add an order; it may earn points. Shops on a supported platform need not call this.

        https://developers.loyaltylion.com/api-reference/v2/resources/orders/create-order
        """
        fields = {
            "customer_id": order.customer.id,
            "customer_email": order.customer.email,
            "merchant_id": order.id,
            "total": order.total,
            "total_shipping": order.total_shipping,
            "total_paid": order.total_paid,
            "payment_status": order.payment_status,
            "number": order.number,
            "merchant_number": order.merchant_number,
            "discount_codes": order.discount_codes or None,
            "claimed_reward_ids": order.claimed_reward_ids or None,
            "date": order.placed_at,
            **_shopper(order),
        }
        trace = Trace(
            operation="create_order",
            customer_id=order.customer.id,
            reference=order.id,
            total=order.total,
            at=order.placed_at,
        )
        request = _write("/v2/orders", fields, trace, query=self._site())
        del fields  # a traceback with locals must not show them
        yield request

    def list_transactions(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[Transaction]]:
        """One page of a customer's points history, or of the whole program's.

        https://developers.loyaltylion.com/api-reference/v2/resources/customers/list-transactions
        and https://developers.loyaltylion.com/api-reference/v2/resources/transactions/list-transactions

        Args:
            cursor: The vendor's, from the page before.
            filters: ``customer_id`` (the merchant's) or ``loyaltylion_customer_id``;
                ``created_from`` (inclusive), ``created_until`` (exclusive); ``page_size``, 1
                to 500, 100 unless given; ``kinds``, which is not the vendor's.

        Raises:
            ValidationError: A filter is unknown or wrong; all problems are listed.
            MalformedResponseError: The page cannot be read; it names path and cursor.
        """
        customer_id = filters.get("customer_id")
        asked = query("list_transactions", filters, TRANSACTIONS, cursor)
        if customer_id is None:
            response = yield get("/v2/transactions", asked)
        else:
            template = "/v2/customers/{merchant_id}/transactions"
            response = yield get(template, asked, merchant_id=customer_id)
        with located(cursor):
            return read_transactions(response.body)

    def adjust_points(self, adjustment: PointsAdjustment, /) -> Flow[None]:
        """Add points, or remove them if they are negative; the shopper may see the reason.

        https://developers.loyaltylion.com/api-reference/v2/resources/customers/add-points and
        https://developers.loyaltylion.com/api-reference/v2/resources/customers/remove-points

        Raises:
            ValidationError: More than 1,000,000 points to add, or a note, which LoyaltyLion
                has no field for.
        """
        problems: list[Problem] = []
        if adjustment.points > _POINTS_AT_ONCE:
            problems.append(Problem("points", f"must be at most {_POINTS_AT_ONCE:,} to add"))
        if adjustment.note is not None:
            problems.append(Problem("note", "cannot be kept: LoyaltyLion has no note for staff"))
        reason, reference = adjustment.reason, adjustment.reference
        if self.reference_in_reason:
            reference = reference or uuid4().hex
            reason = _marker.mark(reference, reason)
            _marker.check(problems, "reason", reason)
        _checks.finish("the adjustment", problems)
        trace = Trace(
            operation="adjust_points",
            customer_id=adjustment.customer_id,
            reference=reference,
            marker=_marker.token(reference) if reference and self.reference_in_reason else None,
            points=adjustment.points,
            adjusts=True,
        )
        action = "points" if adjustment.points > 0 else "remove_points"
        request = _write(
            "/v2/customers/{merchant_id}/" + action,
            {"points": abs(adjustment.points), "reason": reason},
            trace,
            merchant_id=adjustment.customer_id,
        )
        del reason  # a traceback with locals must not show it
        yield request

    def look(self, trace: Trace, window: Window, /) -> Flow[Sight]:
        """What LoyaltyLion's records say of a write."""
        return _LOOKS[trace.operation](self, trace, window)

    def whoami(self) -> Flow[Identity]:
        """Program and scopes of the credentials.

        https://developers.loyaltylion.com/api-reference/v2/resources/whoami
        """
        response = yield get("/v2/identity/whoami")
        return read_identity(response.body)

    # ------------------------------------------------------------ LoyaltyLion's own

    def update_activity(self, name: str, merchant_id: str, state: ActivityState) -> Flow[None]:
        """Change the state of an activity that was tracked with an id.

        https://developers.loyaltylion.com/api-reference/v2/resources/activities/update-activity

        Args:
            name: The rule's name, as tracked.
            merchant_id: The activity's id, as tracked.
            state: A pending one can be declined, an approved one voided; ``declined`` does
                either.

        Raises:
            ValidationError: An id cannot be part of a URL, or the state is unknown.
        """
        problems: list[Problem] = []
        _checks.identifier(problems, "name", name)
        _checks.identifier(problems, "merchant_id", merchant_id)
        _checks.one_of(*get_args(ActivityState))(problems, "state", state)
        _checks.finish("the activity's state", problems)
        yield _write(
            "/v2/activities/{name}/{merchant_id}",
            {"state": state},
            merchant_id,
            method="PUT",
            name=name,
            merchant_id=merchant_id,
        )

    def get_order(self, merchant_id: str) -> Flow[OrderRecord]:
        """One order by the merchant's own id; `NotFoundError` where there is none.

        https://developers.loyaltylion.com/api-reference/v2/resources/orders/get-order
        """
        response = yield get("/v2/orders/{merchant_id}", merchant_id=merchant_id)
        return read_order(response.body)

    def update_order(  # noqa: PLR0913 - the vendor wants the full state every time
        self,
        merchant_id: str,
        *,
        payment_status: PaymentStatus,
        refund_status: RefundStatus,
        cancellation_status: CancellationStatus,
        total_paid: Decimal,
        total_refunded: Decimal,
    ) -> Flow[None]:
        """Send the whole payment, refund and cancellation state of an order; repeats are safe.

        https://developers.loyaltylion.com/api-reference/v2/resources/orders/update-order. An
        order that was never created is not created: `NotFoundError`.

        Args:
            merchant_id: The order's id, as created.
            payment_status: As it is now.
            refund_status: As it is now.
            cancellation_status: As it is now.
            total_paid: So far, in the order's currency.
            total_refunded: So far, in the order's currency.

        Raises:
            ValidationError: Lists every problem by path.
        """
        state = {
            "payment_status": payment_status,
            "refund_status": refund_status,
            "cancellation_status": cancellation_status,
            "total_paid": total_paid,
            "total_refunded": total_refunded,
        }
        problems: list[Problem] = []
        _checks.identifier(problems, "merchant_id", merchant_id)
        for name, check in _ORDER_STATE.items():
            check(problems, name, state[name])
        _checks.finish("the order's state", problems)
        yield _write(
            "/v2/orders/{merchant_id}",
            state,
            merchant_id,
            method="PUT",
            safety=Safety.IDEMPOTENT,
            merchant_id=merchant_id,
        )

    def list_orders(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[OrderRecord]]:
        """One page of the program's orders, newest first.

        https://developers.loyaltylion.com/api-reference/v2/resources/orders/list-orders

        Args:
            cursor: The vendor's, from the page before.
            filters: ``created_from``, ``created_until``, ``updated_from``, ``updated_until``,
                ``page_size`` as in `list_transactions`.

        Raises:
            ValidationError: A filter is unknown or wrong.
            MalformedResponseError: The page cannot be read.
        """
        response = yield get("/v2/orders", query("list_orders", filters, ORDERS, cursor))
        with located(cursor):
            return read_records(response.body, "orders", OrderRecord)

    def list_activities(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[ActivityRecord]]:
        """One page of the program's activities, newest first.

        https://developers.loyaltylion.com/api-reference/v2/resources/activities/list-activities

        Args:
            cursor: The vendor's, from the page before.
            filters: ``created_from``, ``created_until``, ``page_size`` as in
                `list_transactions`.

        Raises:
            ValidationError: A filter is unknown or wrong.
            MalformedResponseError: The page cannot be read.
        """
        asked = query("list_activities", filters, ACTIVITIES, cursor)
        response = yield get("/v2/activities", asked)
        with located(cursor):
            return read_records(response.body, "activities", ActivityRecord)

    def list_customers(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[CustomerRecord]]:
        """One page of the store's customers, members or not.

        https://developers.loyaltylion.com/api-reference/v2/resources/customers/list-customers

        Args:
            cursor: The vendor's, from the page before.
            filters: ``email`` (matches any part of it: compare exactly yourself),
                ``sort_field`` (``id`` or ``updated_at``), ``sort_direction`` (``asc`` or
                ``desc``), and those of `list_orders`.

        Raises:
            ValidationError: A filter is unknown or wrong.
            MalformedResponseError: The page cannot be read.
        """
        asked = query("list_customers", filters, CUSTOMERS, cursor)
        response = yield get("/v2/customers", asked)
        with located(cursor):
            return read_records(response.body, "customers", CustomerRecord)

    def list_sites(self) -> Flow[tuple[Site, ...]]:
        """Every site of the program, newest first. Needs an API key.

        https://developers.loyaltylion.com/api-reference/v2/resources/sites/list-sites
        """
        response = yield get("/v2/sites")
        return read_records(response.body, "sites", Site).items

    # ------------------------------------------------------------ the vendor's words

    def refusal(self, response: Response, /) -> Refusal:
        """Read ``error``, which is an object or a text; whatever else there is goes along.

        https://developers.loyaltylion.com/api-reference/v2/resources/activities/create-activity
        """
        return read_refusal(response.body)

    def _site(self) -> dict[str, int | None]:
        return {"site_id": self.site_id}


# ---------------------------------------------------------------- requests

_LOOKS = {
    "track_activity": look_for_activity,
    "create_order": look_for_order,
    "adjust_points": look_for_adjustment,
}
_ORDER_STATE: Mapping[str, _checks.Rule] = {
    "payment_status": _checks.one_of(*get_args(PaymentStatus)),
    "refund_status": _checks.one_of(*get_args(RefundStatus)),
    "cancellation_status": _checks.one_of(*get_args(CancellationStatus)),
    "total_paid": _checks.money,
    "total_refunded": _checks.money,
}


def _shopper(value: Activity | Order) -> dict[str, Any]:
    """What activities and orders say alike of who did it."""
    return {
        "guest": value.guest,
        "ip_address": value.ip_address,
        "user_agent": value.user_agent,
        "referral_id": value.referral_id,
        "tracking_id": value.tracking_id,
    }


def _write(  # noqa: PLR0913 - the parts of a request
    template: str,
    fields: Mapping[str, Any],
    known_by: Trace | str,
    *,
    method: str = "POST",
    safety: Safety = Safety.ONCE,
    query: Mapping[str, Any] | None = None,
    **segments: str,
) -> Request:
    """A write; its status acknowledges it, and fields that are None are left out.

    LoyaltyLion documents repeats as safe for one write only, see `update_order`.
    """
    return Request(
        method=method,
        template=template,
        path=expand(template, **segments),
        query=pairs(query or {}),
        body=encode(present(fields)),
        safety=safety,
        reference=known_by if isinstance(known_by, str) else known_by.reference,
        trace=None if isinstance(known_by, str) else known_by,
    )
