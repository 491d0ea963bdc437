"""What a cart holds, and what it would earn."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk import _checks

from ._settings import check_amount

if TYPE_CHECKING:
    from loyalty_sdk.errors import Problem


@attrs.frozen(kw_only=True)
class Product:
    """One line of a cart, for `Joy.calculate_points`, which checks it.

    Args:
        id: Shopify's product id.
        quantity: At least 1.
        price: Of one piece, in the currency of the shop; never a float.
    """

    id: str
    quantity: int
    price: Decimal


@attrs.frozen(kw_only=True)
class PointsCalculation:
    """What a cart would earn.

    Attributes:
        points: For the whole cart.
        products: Joy's word on each line, as plain JSON types; not documented further.
    """

    points: int
    products: tuple[Mapping[str, Any], ...] = attrs.field(default=(), eq=False)


def check_products(problems: list[Problem], products: object) -> None:
    """At least one `Product`, and what each holds."""
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
