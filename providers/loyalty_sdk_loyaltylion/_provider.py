"""LoyaltyLion's Admin API v2: paths, cursors, credentials, flows."""

from __future__ import annotations

import inspect
import re
import warnings
from base64 import b64encode
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import attrs

from loyalty_sdk import _checks
from loyalty_sdk._flow import Flow, Request, Response, Safety, expand, get, pairs
from loyalty_sdk._models import (
    Activity,
    Identity,
    Order,
    Page,
    PaymentStatus,
    PointsAdjustment,
    Transaction,
    plain,
    timestamp,
)
from loyalty_sdk._provider import Credential, Key, Provider, Refusal, Setting, from_environment
from loyalty_sdk.errors import ConfigurationError, MalformedResponseError, Problem
from loyalty_sdk.wire import encode

from ._wire import (
    ActivityRecord,
    CustomerRecord,
    OrderRecord,
    Site,
    read_identity,
    read_order,
    read_records,
    read_refusal,
    read_transactions,
)

if TYPE_CHECKING:
    from decimal import Decimal

ActivityState = Literal["approved", "declined", "void"]
RefundStatus = Literal["not_refunded", "partially_refunded", "refunded"]
CancellationStatus = Literal["cancelled", "not_cancelled"]

_POINTS_AT_ONCE = 1_000_000
_ROWS_AT_ONCE = 500


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
    )
    limitations: ClassVar[Mapping[str, str]] = {
        "track_activity": "needs the customer's email; earns only where a rule applies",
        "list_transactions": "gives no balance",
        "adjust_points": "no staff note; adds at most 1,000,000 at once",
    }

    def __init__(
        self,
        *,
        api_key: Key | None = None,
        site_id: int | None = None,
        token: str | None = None,
        secret: str | None = None,
        base_url: str | None = None,
    ) -> None:
        origin = from_environment(base_url, "LOYALTYLION_BASE_URL")
        self.base_url = "https://api.loyaltylion.com" if origin is None else origin
        self.site_id = _site_id(from_environment(site_id, "LOYALTYLION_SITE_ID"))
        self.credentials = {"Authorization": _credential(api_key, token, secret)}

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
        fields = {
            "name": activity.name,
            "customer_id": activity.customer.id,
            "customer_email": activity.customer.email,
            "merchant_id": activity.id,
            "properties": activity.properties or None,
            "date": activity.occurred_at,
            **_shopper(activity),
        }
        yield _write("/v2/activities", fields, query=self._site(), reference=activity.id)

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
        yield _write("/v2/orders", fields, query=self._site(), reference=order.id)

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
        query = _query("list_transactions", _TRANSACTIONS, cursor, filters)
        if customer_id is None:
            response = yield get("/v2/transactions", query)
        else:
            template = "/v2/customers/{merchant_id}/transactions"
            response = yield get(template, query, merchant_id=customer_id)
        with _naming(cursor):
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
        _checks.finish("the adjustment", problems)
        action = "points" if adjustment.points > 0 else "remove_points"
        yield _write(
            "/v2/customers/{merchant_id}/" + action,
            {"points": abs(adjustment.points), "reason": adjustment.reason},
            reference=adjustment.reference,
            merchant_id=adjustment.customer_id,
        )

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
        _one_of(ActivityState)(problems, "state", state)
        _checks.finish("the activity's state", problems)
        yield _write(
            "/v2/activities/{name}/{merchant_id}",
            {"state": state},
            method="PUT",
            reference=merchant_id,
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
            method="PUT",
            safety=Safety.IDEMPOTENT,
            reference=merchant_id,
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
        response = yield get("/v2/orders", _query("list_orders", _ORDERS, cursor, filters))
        with _naming(cursor):
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
        query = _query("list_activities", _ACTIVITIES, cursor, filters)
        response = yield get("/v2/activities", query)
        with _naming(cursor):
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
        query = _query("list_customers", _CUSTOMERS, cursor, filters)
        response = yield get("/v2/customers", query)
        with _naming(cursor):
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


# ---------------------------------------------------------------- settings


def _site_id(given: object) -> int | None:
    if given is None:
        return None
    if isinstance(given, int | str) and re.fullmatch("[1-9][0-9]{0,17}", str(given)):
        return int(given)
    raise ConfigurationError("site_id (LOYALTYLION_SITE_ID) must be a whole number from 1 on")


def _credential(api_key: Key | None, token: str | None, secret: str | None) -> Credential:
    if token is not None or secret is not None:
        if api_key is not None:
            raise ConfigurationError("api_key excludes token and secret: give one kind")
        return _basic(token, secret)
    key = from_environment(api_key, "LOYALTYLION_API_KEY")
    if key is None:
        raise ConfigurationError(
            "api_key is missing",
            hint="Give it or set LOYALTYLION_API_KEY; keys are made under Manage > API keys",
        )
    return Credential(key if callable(key) else _printable("api_key", key), prefix="Bearer ")


def _basic(token: str | None, secret: str | None) -> Credential:
    pair = f"{_printable('token', token)}:{_printable('secret', secret)}"
    if ":" in str(token):  # it ends the user name: https://www.rfc-editor.org/rfc/rfc7617
        raise ConfigurationError("token must not contain a colon")
    warnings.warn(
        "LoyaltyLion ends token and secret on 2027-01-10: make an API key under"
        " Manage > API keys and give api_key instead",
        DeprecationWarning,
        stacklevel=_stacklevel(),
    )
    return Credential(b64encode(pair.encode()).decode(), prefix="Basic ")


def _printable(name: str, value: object) -> str:
    if isinstance(value, str) and value and value.isascii() and value.isprintable():
        return value
    raise ConfigurationError(f"{name} must be printable ASCII text and not empty")


def _stacklevel() -> int:
    """Of our caller's warning: the first frame that is not this library's."""
    ours = {"loyalty_sdk", __name__.partition(".")[0]}
    frame, level = inspect.currentframe(), 0
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in ours:
        frame, level = frame.f_back, level + 1
    return level


# ---------------------------------------------------------------- requests


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
    *,
    method: str = "POST",
    safety: Safety = Safety.ONCE,
    reference: str | None,
    query: Mapping[str, Any] | None = None,
    **segments: str,
) -> Request:
    """A write; its status acknowledges it, and fields that are None are left out.

    LoyaltyLion documents repeats as safe for one write only, see `update_order`.
    """
    body = {name: value for name, value in fields.items() if value is not None}
    return Request(
        method=method,
        template=template,
        path=expand(template, **segments),
        query=pairs(query or {}),
        body=encode(plain(body)),
        safety=safety,
        reference=reference,
    )


def _query(
    operation: str, known: Mapping[str, _Filter], cursor: str | None, filters: Mapping[str, Any]
) -> dict[str, Any]:
    """The vendor's parameters for one page.

    A cursor carries the filters: those sent beside it would be ignored
    (https://developers.loyaltylion.com/api-reference/pagination).
    """
    given = {name: value for name, value in filters.items() if value is not None}
    problems: list[Problem] = []
    for name, value in given.items():
        if name in known:
            known[name].rule(problems, name, value)
        else:
            problems.append(Problem(name, f"is no filter; there are {', '.join(sorted(known))}"))
    if {"customer_id", "loyaltylion_customer_id"} <= given.keys():
        problems.append(Problem("loyaltylion_customer_id", "excludes customer_id"))
    _checks.finish(f"the filter of {operation}", problems)
    if cursor is not None:
        return {"cursor": cursor, "limit": given.get("page_size")}
    named = ((known[name].parameter, value) for name, value in given.items())
    return {parameter: _parameter(value) for parameter, value in named if parameter}


def _parameter(value: Any) -> Any:
    return timestamp(value) if isinstance(value, datetime) else value


@contextmanager
def _naming(cursor: str | None) -> Generator[None, None, None]:
    """Let an unreadable page say which one it is."""
    try:
        yield
    except MalformedResponseError as error:
        error.hint = "It was the first page" if cursor is None else f"It was at cursor {cursor!r}"
        raise


# ---------------------------------------------------------------- rules

_Rule = Callable[[list[Problem], str, Any], object]


@attrs.frozen
class _Filter:
    """A filter's name at the vendor, None if it has none there, and what it may be."""

    parameter: str | None
    rule: _Rule


def _one_of(literal: Any) -> _Rule:
    wanted = get_args(literal)

    def rule(problems: list[Problem], path: str, value: object) -> None:
        if value not in wanted:
            _checks.complain(problems, path, f"one of {', '.join(wanted)}", value)

    return rule


def _page_size(problems: list[Problem], path: str, value: Any) -> None:
    if _checks.is_type(problems, path, value, int) and not 1 <= value <= _ROWS_AT_ONCE:
        problems.append(Problem(path, f"must be between 1 and {_ROWS_AT_ONCE}"))


def _own_id(problems: list[Problem], path: str, value: object) -> None:
    if not (isinstance(value, str) and value.isascii() and value.isdigit()):
        _checks.integer(problems, path, value)


def _anything(problems: list[Problem], path: str, value: object) -> None:
    """The vendor never sees it."""


_ACTIVITIES = {
    "created_from": _Filter("created_at_min", _checks.moment),
    "created_until": _Filter("created_at_max", _checks.moment),
    "page_size": _Filter("limit", _page_size),
}
_TRANSACTIONS = {
    **_ACTIVITIES,
    "customer_id": _Filter(None, _checks.identifier),
    "kinds": _Filter(None, _anything),
    "loyaltylion_customer_id": _Filter("customer_id", _own_id),
}
_ORDERS = {
    **_ACTIVITIES,
    "updated_from": _Filter("updated_at_min", _checks.moment),
    "updated_until": _Filter("updated_at_max", _checks.moment),
}
_CUSTOMERS = {
    **_ORDERS,
    "email": _Filter("email", _checks.identifier),
    "sort_field": _Filter("sort_field", _one_of(Literal["id", "updated_at"])),
    "sort_direction": _Filter("sort_direction", _one_of(Literal["asc", "desc"])),
}
_ORDER_STATE: Mapping[str, _Rule] = {
    "payment_status": _one_of(PaymentStatus),
    "refund_status": _one_of(RefundStatus),
    "cancellation_status": _one_of(CancellationStatus),
    "total_paid": _checks.money,
    "total_refunded": _checks.money,
}
