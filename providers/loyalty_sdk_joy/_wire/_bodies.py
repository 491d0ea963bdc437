"""The bodies of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loyalty_sdk._secrets import MaskedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loyalty_sdk_joy._products import Product


def point_change(
    customer_id: str,
    points: int,
    *,
    reason: str | None,
    user_note: str | None,
    admin_note: str | None,
) -> dict[str, Any]:
    """The body of award, deduct, adjust and reset."""
    return _given(
        shopifyCustomerId=customer_id,
        point=points,
        reason=reason,
        userNote=user_note,
        adminNote=admin_note,
    )


def interaction(customer_id: str, event: str | None, earning_id: str | None) -> dict[str, Any]:
    """The body of social/interactions."""
    return _given(shopifyCustomerId=customer_id, event=event, earningId=earning_id)


def cart(
    products: Sequence[Product], customer_id: str | None, source_name: str | None
) -> dict[str, Any]:
    """The body of points/calculate."""
    lines = [{"id": one.id, "quantity": one.quantity, "price": one.price} for one in products]
    return _given(products=lines, shopifyCustomerId=customer_id, sourceName=source_name)


def _given(**members: Any) -> dict[str, Any]:
    return MaskedDict({name: value for name, value in members.items() if value is not None})
