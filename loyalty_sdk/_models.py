"""The neutral values: what goes into a vendor's API and what comes out, whichever vendor.

All of them are frozen, keyword-only, compare, hash and pickle. `Activity`, `Order` and
`PointsAdjustment` check themselves and all they hold when they are made, so that one
`ValidationError` lists every problem by its path (``customer.id``); what only one vendor
refuses is found by its adapter before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial, reduce
from operator import getitem
from typing import Any, Generic, Literal, TypeVar, cast, get_args

import attrs

from . import _checks
from ._secrets import shown, shown_text
from .errors import Problem

T = TypeVar("T")

PaymentStatus = Literal["not_paid", "partially_paid", "paid"]


class Outcome(StrEnum):
    """What is known of a write when its call ends."""

    APPLIED = "applied"
    """The vendor acknowledged it, or its records show it."""
    REJECTED = "rejected"
    """The vendor refused it, and nothing was applied."""
    NOT_SENT = "not_sent"
    """Nothing left this process."""
    ABSENT = "absent"
    """It left, and the vendor's records show that it was not applied."""
    UNKNOWN = "unknown"
    """It left and was not acknowledged: it may have been applied."""


class TransactionKind(StrEnum):
    """Why points changed; whatever a vendor adds later is ``OTHER``."""

    EARNED = "earned"
    REDEEMED = "redeemed"
    ADJUSTED = "adjusted"
    EXPIRED = "expired"
    OTHER = "other"


class Value:
    """What all neutral values can do."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The value as JSON would carry it: money and times as text, enums as their value."""
        return {
            field.name: plain(getattr(self, field.name))
            for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(self)))
            if not field.name.startswith("_")
        }

    def to_json(self) -> str:
        """`to_dict` as compact JSON text."""
        from .wire import encode  # noqa: PLC0415 - msgspec is imported when first needed

        return encode(self.to_dict()).decode()


_SCALARS = {str, int, bool, float, type(None)}


def plain(value: Any) -> Any:
    """``value`` in the types JSON has, without loss."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, Value):
        return value.to_dict()
    if _checks.is_mapping(value):
        return {key: item if type(item) in _SCALARS else plain(item) for key, item in value.items()}
    if _checks.is_list(value):
        return [plain(item) for item in value]
    return _plain_scalar(value)


def present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``fields`` that are not None, as `plain` has them."""
    return {
        name: value if type(value) in _SCALARS else plain(value)
        for name, value in fields.items()
        if value is not None
    }


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, Decimal):
        return amount(value)
    if isinstance(value, datetime):
        return timestamp(value)
    return value.value if isinstance(value, StrEnum) else value


def amount(money: Decimal) -> str:
    """``money`` without an exponent, every digit kept; a negative zero is a zero."""
    return format(money or money.copy_abs(), "f")


def timestamp(moment: datetime) -> str:
    """``moment`` as ISO 8601 in UTC with a ``Z``, to the microsecond where it has any."""
    # What vendors sent is in UTC already; converting it again costs more than printing it.
    shown = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return shown.isoformat()[: -len("+00:00")] + "Z"


@attrs.frozen(kw_only=True)
class Customer(Value):
    """A shopper, by the merchant's own id (for Joy: the Shopify customer id).

    Checked by the value that holds it.

    Args:
        id: Not empty, no control characters.
        email: LoyaltyLion needs one to track an activity.
    """

    id: str
    email: str | None = attrs.field(default=None, repr=shown)


@attrs.frozen(kw_only=True)
class DiscountCode(Value):
    """A discount code used on an order. Checked by the order that holds it.

    Args:
        code: As the shopper entered it.
        amount: Finite, in the order's currency.
    """

    code: str
    amount: Decimal


@attrs.frozen(kw_only=True)
class Activity(Value):
    """Something a shopper did that may earn points. Purchases are orders, not activities.

    Args:
        name: The vendor's rule name; LoyaltyLion's built-in ones start with ``$``.
        customer: Who did it.
        id: The merchant's id of this occurrence.
        occurred_at: Aware; the vendor's receipt time unless given.
        properties: JSON values that the rule wants; copied.
        guest: Whether the shopper is no member; guests earn nothing.
        ip_address, user_agent: Of the shopper; used together to track referrals.
        referral_id, tracking_id: As the vendor handed them out.

    Raises:
        ValidationError: Lists every problem by path.
    """

    name: str
    customer: Customer
    id: str | None = None
    occurred_at: datetime | None = None
    # Outside the hash only: equal activities still have equal hashes.
    properties: Mapping[str, Any] = attrs.field(factory=dict[str, Any], hash=False, repr=shown)
    guest: bool = False
    ip_address: str | None = attrs.field(default=None, repr=shown)
    user_agent: str | None = attrs.field(default=None, repr=shown)
    referral_id: str | None = None
    tracking_id: str | None = None

    def __attrs_post_init__(self) -> None:
        problems: list[Problem] = []
        _checks.identifier(problems, "name", self.name)
        _check_customer(problems, self.customer)
        if self.id is not None:
            _checks.identifier(problems, "id", self.id)
        if self.occurred_at is not None:
            _checks.moment(problems, "occurred_at", self.occurred_at)
        if _checks.is_type(problems, "properties", self.properties, Mapping):
            _checks.json_value(problems, "properties", self.properties)
        _check_shopper(problems, self)
        _checks.finish("the activity", problems)
        # A copy stays what was checked, whatever happens to the caller's mapping.
        object.__setattr__(self, "properties", plain(self.properties))


_PAYMENT_STATES = (None, *get_args(PaymentStatus))


@attrs.frozen(kw_only=True)
class Order(Value):
    """A purchase.

    Args:
        id: The merchant's order id.
        customer: Who bought.
        total: The order's total; money is finite, not negative and never a float.
        total_shipping, total_paid: Parts of it, in the same currency.
        payment_status: ``not_paid``, ``partially_paid`` or ``paid``.
        number: The order number as the shop counts it.
        merchant_number: The order number as people quote it.
        discount_codes: Every code used.
        claimed_reward_ids: The vendor's ids of the rewards used.
        placed_at: Aware; the vendor's receipt time unless given.
        guest: Whether the shopper is no member.
        ip_address, user_agent, referral_id, tracking_id: As in `Activity`.

    Raises:
        ValidationError: Lists every problem by path.
    """

    id: str
    customer: Customer
    total: Decimal
    total_shipping: Decimal | None = None
    total_paid: Decimal | None = None
    payment_status: PaymentStatus | None = None
    number: str | None = None
    merchant_number: str | None = None
    discount_codes: Sequence[DiscountCode] = attrs.field(default=())
    claimed_reward_ids: Sequence[int] = attrs.field(default=())
    placed_at: datetime | None = None
    guest: bool = False
    ip_address: str | None = attrs.field(default=None, repr=shown)
    user_agent: str | None = attrs.field(default=None, repr=shown)
    referral_id: str | None = None
    tracking_id: str | None = None

    def __attrs_post_init__(self) -> None:
        problems: list[Problem] = []
        _checks.identifier(problems, "id", self.id)
        _check_customer(problems, self.customer)
        _checks.money(problems, "total", self.total)
        if self.total_shipping is not None:
            _checks.money(problems, "total_shipping", self.total_shipping)
        if self.total_paid is not None:
            _checks.money(problems, "total_paid", self.total_paid)
        # A tuple, since a set would fail on a value that cannot be hashed.
        if self.payment_status not in _PAYMENT_STATES:
            wanted = "one of not_paid, partially_paid, paid"
            _checks.complain(problems, "payment_status", wanted, self.payment_status)
        if self.number is not None:
            _checks.text(problems, "number", self.number)
        if self.merchant_number is not None:
            _checks.text(problems, "merchant_number", self.merchant_number)
        if self.placed_at is not None:
            _checks.moment(problems, "placed_at", self.placed_at)
        _check_shopper(problems, self)
        _check_parts(problems, self)
        _checks.finish("the order", problems)


@attrs.frozen(kw_only=True)
class PointsAdjustment(Value):
    """Points given or taken by hand.

    Args:
        customer_id: The merchant's own customer id.
        points: Not 0; negative takes points away. Vendors have bounds of their own.
        reason: May be shown to the shopper.
        note: For staff only; a vendor without such a field refuses it.
        reference: The caller's own key for this adjustment; where the vendor's rows carry it,
            the adjustment is found again by it. It does not keep a second call from being sent.

    Raises:
        ValidationError: Lists every problem by path.
    """

    customer_id: str
    points: int
    reason: str | None = attrs.field(default=None, repr=shown_text)
    note: str | None = attrs.field(default=None, repr=shown_text)
    reference: str | None = None

    def __attrs_post_init__(self) -> None:
        problems: list[Problem] = []
        _checks.identifier(problems, "customer_id", self.customer_id)
        if _checks.integer(problems, "points", self.points) and not self.points:
            problems.append(Problem("points", "must not be 0"))
        for name in ("reason", "note"):
            if getattr(self, name) is not None:
                _checks.text(problems, name, getattr(self, name))
        if self.reference is not None:
            _checks.identifier(problems, "reference", self.reference)
        _checks.finish("the adjustment", problems)


def _check_customer(problems: list[Problem], customer: object) -> None:
    if not isinstance(customer, Customer):
        _checks.complain(problems, "customer", "a Customer", customer)
        return
    _checks.identifier(problems, "customer.id", customer.id)
    if customer.email is not None:
        _checks.identifier(problems, "customer.email", customer.email)


def _check_shopper(problems: list[Problem], value: Activity | Order) -> None:
    _checks.is_type(problems, "guest", value.guest, bool)
    for name in ("ip_address", "user_agent", "referral_id", "tracking_id"):
        if getattr(value, name) is not None:
            _checks.text(problems, name, getattr(value, name))


def _check_parts(problems: list[Problem], order: Order) -> None:
    for index, code in enumerate(_check_sequence(problems, order, "discount_codes")):
        path = f"discount_codes[{index}]"
        if isinstance(code, DiscountCode):
            _checks.identifier(problems, f"{path}.code", code.code)
            _checks.money(problems, f"{path}.amount", code.amount)
        else:
            _checks.complain(problems, path, "a DiscountCode", code)
    for index, reward in enumerate(_check_sequence(problems, order, "claimed_reward_ids")):
        _checks.integer(problems, f"claimed_reward_ids[{index}]", reward)


def _check_sequence(problems: list[Problem], order: Order, name: str) -> tuple[Any, ...]:
    given = getattr(order, name)
    if not _checks.is_list(given):
        _checks.complain(problems, name, "a list or tuple", given)
        return ()
    values = tuple(given)
    # A tuple keeps the order hashable and out of reach of later changes.
    object.__setattr__(order, name, values)
    return values


class RawPage:
    """The bytes a page came in, decoded once, when somebody first asks for a row.

    Rows share it, so that keeping every vendor field costs nothing until it is read.
    """

    __slots__ = ("_body", "_path", "_rows")

    def __init__(self, body: bytes, *path: str) -> None:
        self._body = body
        self._path = path
        self._rows: Any = None

    def row(self, index: int) -> Any:
        """Row ``index`` as plain JSON types."""
        if self._rows is None:
            from .wire import decode_leniently  # noqa: PLC0415 - imported when first needed

            body = decode_leniently(self._body)
            # Assigned once it is whole: another thread may be reading the same page.
            self._rows = reduce(getitem, self._path, body)
        return self._rows[index]


@attrs.frozen(kw_only=True, weakref_slot=False)
class Transaction(Value):
    """One row of a customer's points history.

    Attributes:
        id: The vendor's id of the row.
        customer: None where the vendor does not say.
        points: Signed change of what the customer can spend.
        pending: Signed change of what is not yet approved.
        balance: What can be spent after this row; None where the vendor gives none.
        kind: Why the points changed.
        created_at: Aware, UTC.
        reason: Text the vendor keeps with the row, if any.
        order_id: The order behind the row, if any.
        raw: The vendor's own row as plain JSON types; outside equality and `to_dict`.
    """

    id: str
    customer: Customer | None
    points: int
    pending: int
    balance: int | None
    kind: TransactionKind
    created_at: datetime
    reason: str | None = attrs.field(default=None, repr=shown_text)
    order_id: str | None = None
    _raw: tuple[RawPage, int] | Mapping[str, Any] = attrs.field(
        factory=dict[str, Any], eq=False, repr=False, alias="raw"
    )

    @property
    def raw(self) -> Mapping[str, Any]:
        """The vendor's own row; decoded on first use."""
        raw = self._raw
        return raw[0].row(raw[1]) if isinstance(raw, tuple) else raw

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickled row takes its own fields along, not the page it came in.
        fields = {field.alias: getattr(self, field.name) for field in attrs.fields(Transaction)}
        return partial(Transaction, **fields | {"raw": self.raw}), ()


# A frozen class sets each attribute through `object.__setattr__`, which takes half of the time
# that a row takes. This one has the same slots, so that its instances can become transactions.
_Draft: Any = attrs.make_class(
    "_Draft",
    {
        field.name: attrs.field(default=field.default, alias=field.alias)
        for field in attrs.fields(Transaction)
    },
    bases=(Value,),
    kw_only=True,
    eq=False,
    slots=True,
    weakref_slot=False,
)


def transaction(**fields: Any) -> Transaction:
    """A `Transaction`, made faster than by its class."""
    made = _Draft(**fields)
    made.__class__ = Transaction
    return cast("Transaction", made)


@attrs.frozen(kw_only=True)
class Receipt(Value):
    """What is known of one write.

    Attributes:
        operation: ``"create_order"``.
        provider: Registered name of the provider.
        reference: The key the write is known by, None when it has none.
        outcome: What is known.
        attempts: How many times the write itself left or may have left this process;
            lookups do not count.
        transaction: Its row in the vendor's records, where the vendor returned or showed it.
        reconciled: Whether the vendor's records decided, not its answer.
        resolve_after: When looking can decide a write that is UNKNOWN; None for any other.
    """

    operation: str
    provider: str
    reference: str | None
    outcome: Outcome
    attempts: int
    transaction: Transaction | None = None
    reconciled: bool = False
    resolve_after: datetime | None = None
    _trace: Any = attrs.field(default=None, eq=False, repr=False, alias="trace")
    _sent: Any = attrs.field(default=None, eq=False, repr=False, alias="sent")

    @property
    def trace(self) -> Any:
        """What the write left behind; for `LoyaltyClient.resolve`."""
        return self._trace

    @property
    def sent(self) -> Any:
        """When it left, by its process's own clock; for `LoyaltyClient.resolve`."""
        return self._sent


@attrs.frozen(kw_only=True)
class Identity(Value):
    """Whom the credentials belong to.

    Attributes:
        program: The vendor's id of the program or shop.
        name: The shop's name, None where the vendor gives none.
        scopes: What the credentials may do; None where the vendor does not say.
        raw: The vendor's answer as plain JSON types; outside equality.
    """

    program: str
    name: str | None = None
    scopes: tuple[str, ...] | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], eq=False, repr=False)


@attrs.frozen
class Page(Generic[T]):
    """One page of a list.

    Attributes:
        items: Newest first; may be empty although more pages follow.
        cursor: Fetches the page after this one; None on the last.
    """

    items: tuple[T, ...]
    cursor: str | None = None
