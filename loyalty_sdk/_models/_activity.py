"""What shoppers do beside buying."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk import _checks
from loyalty_sdk._secrets import shown

from ._customer import Customer, check_customer, check_shopper
from ._value import Value, plain

if TYPE_CHECKING:
    from loyalty_sdk.errors import Problem


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
        check_customer(problems, self.customer)
        if self.id is not None:
            _checks.identifier(problems, "id", self.id)
        if self.occurred_at is not None:
            _checks.moment(problems, "occurred_at", self.occurred_at)
        if _checks.is_type(problems, "properties", self.properties, Mapping):
            _checks.json_value(problems, "properties", self.properties)
        check_shopper(problems, self)
        _checks.finish("the activity", problems)
        # A copy stays what was checked, whatever happens to the caller's mapping.
        object.__setattr__(self, "properties", plain(self.properties))
