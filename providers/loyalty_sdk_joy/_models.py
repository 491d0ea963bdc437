"""What Joy's own flows take and return, beyond the neutral values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import attrs

from loyalty_sdk._models import Page

T = TypeVar("T")


@attrs.frozen
class CountedPage(Page[T]):
    """A page of a list that was asked with ``has_count=True``.

    Attributes:
        total: Rows that match the filters; None where Joy does not say.
        total_pages: ``total`` divided by the page size, rounded up.
    """

    total: int | None = attrs.field(default=None, kw_only=True)
    total_pages: int | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(kw_only=True)
class CustomerRecord:
    """A shopper as Joy knows them. Joy leaves out what is empty: all but ``id`` may be None.

    https://devdocs.joy.so/joy-rest-api-v2/api-references/customers

    Attributes:
        id: Joy's own id; ``joy_customer_id`` in filters.
        customer_id: The Shopify customer id, which is what the neutral operations take.
        type: ``member``, ``guest`` or ``left``; open to more.
        points: What can be spent.
        pending_points: What is not approved yet.
        tier_points: What counts for tiers.
        total_earned_points: Earned so far, spent or not.
        total_spent: Money, in the currency of the shop; Joy has it as a JSON number, which is
            exact to 15 digits.
        raw: Joy's own row as plain JSON types; outside equality.
    """

    id: str
    customer_id: str | None = None
    email: str | None = None
    name: str | None = None
    type: str | None = None
    points: int | None = None
    pending_points: int | None = None
    tier_points: int | None = None
    total_earned_points: int | None = None
    total_spent: Decimal | None = None
    order_count: int | None = None
    tier_id: str | None = None
    tier_name: str | None = None
    referral_code: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], eq=False, repr=False)
