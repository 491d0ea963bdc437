"""Orders: what shoppers bought, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from loyalty_sdk import _checks, wire
from loyalty_sdk._flow import Flow, Safety, get
from loyalty_sdk._look import Trace
from loyalty_sdk._models import PaymentStatus
from loyalty_sdk._provider import Provider

from . import _wire
from ._filters import ORDERS, query
from ._requests import page_of, shopper, write
from ._states import CancellationStatus, RefundStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from loyalty_sdk._models import Order, Page
    from loyalty_sdk.errors import Problem

    from ._models import OrderRecord

_STATE: Mapping[str, _checks.Rule] = {
    "payment_status": _checks.one_of(*get_args(PaymentStatus)),
    "refund_status": _checks.one_of(*get_args(RefundStatus)),
    "cancellation_status": _checks.one_of(*get_args(CancellationStatus)),
    "total_paid": _checks.money,
    "total_refunded": _checks.money,
}


class OrderFlows(Provider):
    """The flows of LoyaltyLion's orders."""

    site_id: int | None

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
            **shopper(order),
        }
        trace = Trace(
            operation="create_order",
            customer_id=order.customer.id,
            reference=order.id,
            total=order.total,
            at=order.placed_at,
        )
        request = write("/v2/orders", fields, trace, query={"site_id": self.site_id})
        del fields  # a traceback with locals must not show them
        yield request

    def get_order(self, merchant_id: str) -> Flow[OrderRecord]:
        """One order by the merchant's own id; `NotFoundError` where there is none.

        https://developers.loyaltylion.com/api-reference/v2/resources/orders/get-order
        """
        response = yield get("/v2/orders/{merchant_id}", merchant_id=merchant_id)
        return _wire.read_order(response.body)

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
        for name, check in _STATE.items():
            check(problems, name, state[name])
        _checks.finish("the order's state", problems)
        yield write(
            "/v2/orders/{merchant_id}",
            state,
            merchant_id,
            method="PUT",
            safety=Safety.IDEMPOTENT,
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
        response = yield page_of("/v2/orders", query("list_orders", filters, ORDERS, cursor))
        with wire.located(cursor):
            return _wire.read_orders(response.body)
