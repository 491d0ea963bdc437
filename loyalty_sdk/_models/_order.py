"""What shoppers buy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

import attrs

from loyalty_sdk import _checks
from loyalty_sdk._secrets import shown

from ._customer import Customer, check_customer, check_shopper
from ._value import Value
from ._words import PaymentStatus

if TYPE_CHECKING:
    from loyalty_sdk.errors import Problem

_PAYMENT_STATES = (None, *get_args(PaymentStatus))


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
        check_customer(problems, self.customer)
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
        check_shopper(problems, self)
        _check_parts(problems, self)
        _checks.finish("the order", problems)


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
