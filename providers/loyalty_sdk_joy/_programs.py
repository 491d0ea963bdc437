"""Joy's earning programs: what they would give, and social actions that they reward.

https://devdocs.joy.so/joy-rest-api-v2/api-references/programs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loyalty_sdk import _checks
from loyalty_sdk._flow import Flow, Safety
from loyalty_sdk._provider import Provider
from loyalty_sdk.errors import Problem

from . import _wire
from ._products import check_products
from ._requests import ROOT, check_reference, check_texts, post

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loyalty_sdk._models import Transaction

    from ._products import PointsCalculation, Product


class ProgramFlows(Provider):
    """The flows of Joy's earning programs."""

    def calculate_points(
        self,
        products: Sequence[Product],
        *,
        customer_id: str | None = None,
        source_name: str | None = None,
    ) -> Flow[PointsCalculation]:
        """What a cart would earn; changes nothing.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/programs

        Args:
            products: At least one.
            customer_id: The Shopify customer id; tiers may earn more.
            source_name: Where the order came from; Joy takes ``web`` unless given.

        Raises:
            ValidationError: Lists every problem; nothing was sent.
        """
        problems: list[Problem] = []
        check_products(problems, products)
        if customer_id is not None:
            _checks.identifier(problems, "customer_id", customer_id)
        check_texts(problems, source_name=source_name)
        _checks.finish("the calculation", problems)
        body = _wire.cart(products, customer_id, source_name)
        response = yield post(f"{ROOT}/programs/earning/points/calculate", body, Safety.SAFE)
        return _wire.read_calculation(response)

    def social_interaction(
        self,
        customer_id: str,
        *,
        event: str | None = None,
        earning_id: str | None = None,
        reference: str | None = None,
    ) -> Flow[Transaction | None]:
        """Report a social action that one of the merchant's earning programs rewards.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/programs

        Args:
            customer_id: The Shopify customer id.
            event: Joy's name of it, ``follow_instagram``; accepted ones are not documented.
            earning_id: Id of the earning program; one of the two is needed.
            reference: What the write is known by in errors; not sent.

        Raises:
            ValidationError: Lists every problem; nothing was sent.
            APIError: Joy refused; clients have seen 400 and 404 for a customer who earned
                it before, and for an unknown program.
        """
        problems: list[Problem] = []
        _checks.identifier(problems, "customer_id", customer_id)
        check_texts(problems, event=event, earning_id=earning_id)
        if not event and not earning_id:
            problems.append(Problem("event", "is required unless earning_id is given"))
        check_reference(problems, reference)
        _checks.finish("the interaction", problems)
        body = _wire.interaction(customer_id, event, earning_id)
        path = f"{ROOT}/programs/earning/social/interactions"
        response = yield post(path, body, Safety.ONCE, reference)
        return _wire.read_acknowledged(response)
