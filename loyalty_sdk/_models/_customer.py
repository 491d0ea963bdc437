"""Who earns: a shopper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from loyalty_sdk import _checks
from loyalty_sdk._secrets import shown

from ._value import Value

if TYPE_CHECKING:
    from loyalty_sdk.errors import Problem

    from ._activity import Activity
    from ._order import Order


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


def check_customer(problems: list[Problem], customer: object) -> None:
    """A `Customer` whose parts can be sent."""
    if not isinstance(customer, Customer):
        _checks.complain(problems, "customer", "a Customer", customer)
        return
    _checks.identifier(problems, "customer.id", customer.id)
    if customer.email is not None:
        _checks.identifier(problems, "customer.email", customer.email)


def check_shopper(problems: list[Problem], value: Activity | Order) -> None:
    """What activities and orders say alike of who did it."""
    _checks.is_type(problems, "guest", value.guest, bool)
    for name in ("ip_address", "user_agent", "referral_id", "tracking_id"):
        if getattr(value, name) is not None:
            _checks.text(problems, name, getattr(value, name))
