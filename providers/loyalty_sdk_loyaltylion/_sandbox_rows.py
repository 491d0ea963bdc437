"""What the sandbox's LoyaltyLion prints: rows, as the vendor's pages show them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from loyalty_sdk.sandbox.vendor import Account, Entry, Ledger, Record, shapes

_RESOURCES = {"adjusted": "adjustment", "redeemed": "claimed_reward", "expired": "expiry"}

_when = shapes.print_time


def identifier(value: str | float) -> str:
    """A merchant's id, which may be sent as a number."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def amount(value: str | float) -> Decimal:
    """Money, as a string or a number."""
    return Decimal(str(value))


def order_data(key: str | None, body: dict[str, Any], site: str | None) -> dict[str, Any]:
    """What is kept of an order, with what the vendor takes for missing fields."""
    total = str(body.get("total", "0.00"))
    status = body.get("payment_status", "not_paid")
    discounts = (amount(code["amount"]) for code in body.get("discount_codes", ()))
    return {
        "merchant_id": key,
        "merchant_number": body.get("merchant_number"),
        "site_id": site,
        "total": total,
        "total_shipping": str(body.get("total_shipping", "0.00")),
        "total_discounts": format(sum(discounts, Decimal("0.00")), "f"),
        "total_paid": body.get("total_paid", total if status == "paid" else "0.00"),
        "total_refunded": "0.00",
        "payment_status": status,
        "refund_status": "not_refunded",
        "cancellation_status": "not_cancelled",
        "guest": body.get("guest", False),
        "refunds": [],
    }


class Rows:
    """Prints what a ledger holds."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rules: dict[str, int] = {}

    def reference(self, account: Account) -> dict[str, Any]:
        """The customer as it appears in other rows: its state now."""
        return {
            "id": account.number,
            "merchant_id": account.id,
            "email": account.email,
            "points_pending": account.pending,
            "points_approved": account.balance,
            "points_spent": account.spent,
        }

    def customer(self, account: Account) -> dict[str, Any]:
        """One row of the customers list."""
        enrolled = not account.guest
        return self.reference(account) | {
            "properties": {},
            "metadata": {},
            "rewards_claimed": 0,
            "blocked": account.data.get("blocked", False),
            "guest": account.guest,
            "enrolled": enrolled,
            "enrolled_at": _when(account.time) if enrolled else None,
            "referral_id": None,
            "referred_by": None,
            "loyalty_tier_membership": None,
            "insights_segment": None,
            "birthday": account.data.get("birthday"),
            "referral_url": None,
            "linked_merchant_ids": [],
            "created_at": _when(account.time),
            "updated_at": _when(account.updated),
        }

    def activity(self, record: Record) -> dict[str, Any]:
        """One row of the activities list."""
        name = record.data["rule"]
        number = self._rules.setdefault(name, 31 + len(self._rules)) if name else None
        title = name.lstrip("$").replace("_", " ").capitalize() if name else None
        return {
            "id": record.number,
            "merchant_id": record.data["merchant_id"],
            "value": record.data["value"],
            "state": record.data["state"],
            "customer": self.reference(record.customer),
            "created_at": _when(record.time),
            "rule": {"id": number, "name": name, "title": title},
        }

    def transaction(self, entry: Entry) -> dict[str, Any]:
        """One row of a transactions list, with the sub-object that belongs to it."""
        row: dict[str, Any] = {
            "id": entry.number,
            "customer": self.reference(self._ledger.customers[entry.customer_id]),
            "points_approved": entry.points,
            "points_pending": entry.pending,
            "created_at": _when(entry.time),
        }
        if entry.detail is not None:
            return row | {"resource": "activity", "activity": self._cause(entry.detail)}
        resource = _RESOURCES[entry.kind]
        return row | {"resource": resource, resource: {"note": entry.reason}}

    def _cause(self, activity: Record) -> dict[str, Any]:
        order = activity.data.get("order")
        if order is None:
            return self.activity(activity) | {"resource": None}
        known = {"id": order.number, "merchant_id": order.data["merchant_id"]}
        return self.activity(activity) | {"resource": "order", "order": known}

    def order(self, record: Record) -> dict[str, Any]:
        """One row of the orders list."""
        data = record.data
        return {
            "id": record.number,
            "merchant_id": data["merchant_id"] or "",
            "merchant_number": data["merchant_number"],
            "total": data["total"],
            "total_tax": "0.00",
            "total_shipping": data["total_shipping"],
            "total_discounts": data["total_discounts"],
            "total_paid": data["total_paid"],
            "total_refunded": data["total_refunded"],
            "payment_status": data["payment_status"],
            "fulfillment_status": "not_fulfilled",
            "refund_status": data["refund_status"],
            "cancellation_status": data["cancellation_status"],
            "metadata": {},
            "created_at": _when(record.time),
            "updated_at": _when(record.updated),
            "customer": self.reference(record.customer),
        }

    def order_detail(self, record: Record) -> dict[str, Any]:
        """The bare object that reading one order returns."""
        data, names = record.data, ("payment_status", "refund_status", "cancellation_status")
        payment = {"amount": data["total_paid"], "created_at": _when(record.time), "gateway": None}
        return {
            "merchant_id": data["merchant_id"],
            **{name: data[name] for name in names},
            "total": data["total"],
            "total_shipping": data["total_shipping"],
            "total_paid": data["total_paid"],
            "merchant_created_at": _when(record.time),
            "merchant_updated_at": _when(record.updated),
            "payments": [payment] if amount(data["total_paid"]) else [],
            "refunds": [
                {"amount": value, "created_at": _when(time)} for value, time in data["refunds"]
            ],
        }
