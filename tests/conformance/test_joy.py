"""Joy keeps the rules that every adapter keeps, whatever the merchant configured."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from loyalty_sdk.testing import ProviderConformance
from loyalty_sdk_joy import (
    AwardPoints,
    Joy,
    JoyCalculator,
    PointsPerUnit,
    Product,
    SocialInteraction,
)


class TestJoy(ProviderConformance):
    """Activities and orders that award points, and every flow of its own."""

    name = "joy"
    settings: ClassVar[dict[str, Any]] = {
        "activities": {"review": AwardPoints(50)},
        "orders": PointsPerUnit(Decimal(1)),
    }
    lists = ("list_transactions", "list_customers")

    def flows(self, provider: Joy, an_id: str) -> dict[str, Any]:
        """What only Joy has."""
        cart = [Product(id=an_id, quantity=2, price=Decimal("0.30"))]
        return {
            "get_transaction": lambda: provider.get_transaction(an_id),
            "award_points": lambda: provider.award_points(an_id, 5, note=an_id, reference=an_id),
            "deduct_points": lambda: provider.deduct_points(an_id, 5, reason=an_id),
            "reset_points": lambda: provider.reset_points(an_id, 0),
            "list_customers": lambda: provider.list_customers(None, {}),
            "get_customer": lambda: provider.get_customer(an_id),
            "get_customer_by_shopify_id": lambda: provider.get_customer_by_shopify_id(an_id),
            "calculate_points": lambda: provider.calculate_points(cart, customer_id=an_id),
            "social_interaction": lambda: provider.social_interaction(an_id, event="follow"),
        }


class TestJoyThatCalculates(ProviderConformance):
    """Activities that are social interactions, and orders that Joy's calculator values."""

    name = "joy"
    settings: ClassVar[dict[str, Any]] = {
        "activities": {"review": SocialInteraction("follow_instagram")},
        "orders": JoyCalculator(),
    }


class TestJoyUnconfigured(ProviderConformance):
    """Without settings activities and orders are refused, and the rest works."""

    name = "joy"
    settings: ClassVar[dict[str, Any]] = {}
