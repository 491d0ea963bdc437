"""What the sandbox's LoyaltyLion makes of what it was told: who earns what, and when."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from loyalty_sdk.sandbox.vendor import Call, Ledger, Record, shapes

from ._sandbox_rows import amount, identifier, order_data

if TYPE_CHECKING:
    from datetime import datetime

    from ._sandbox import LoyaltyLionSandbox

ORDER_STATE = (
    "payment_status",
    "refund_status",
    "cancellation_status",
    "total_paid",
    "total_refunded",
)
"""What an order's update has to hold, all of it."""

# From state to state: the change of what can be spent, and of what is pending.
_CHANGES = {
    ("pending", "approved"): (1, -1),
    ("pending", "declined"): (0, -1),
    ("pending", "void"): (0, -1),
    ("approved", "void"): (-1, 0),
    ("approved", "declined"): (-1, 0),
}


class Effects:
    """Changes the ledger."""

    def __init__(self, vendor: LoyaltyLionSandbox) -> None:
        self._vendor = vendor
        self._ledger = vendor.ledger
        self._switches = vendor.switches

    def _track(self, call: Call, body: dict[str, Any], existing: Record | None) -> None:
        name, guest = body["name"], body.get("guest") is not False
        account = self.ledger.open_account(
            identifier(body["customer_id"]), email=body["customer_email"], guest=guest
        )
        if name == "$signup":
            account.guest = False
        if existing is not None:
            existing.updated = self.clock.now()
            return
        rule = None if guest else self.switches.rule(name)
        earned: Counter[str] = account.data.setdefault("earned", Counter())
        if rule is not None and rule.limit is not None and earned[name] >= rule.limit:
            rule = None
        if rule is None and self.switches.unmatched_activities == "no_row":
            return
        key = body.get("merchant_id")
        record = self.ledger.record(
            self.ledger.activities,
            (name, key) if key else None,
            account,
            time=self._time(body),
            data={
                "merchant_id": key,
                "value": rule.points if rule else 0,
                "state": "pending" if rule and rule.pending else "approved",
                "rule": name if rule else None,
            },
        )
        if rule is not None:
            earned[name] += 1
            self._earn(call, record, rule.points, pending=rule.pending)

    def _earn(
        self,
        call: Call | None,
        record: Record,
        points: int,
        *,
        pending: bool = False,
        order: str | None = None,
    ) -> None:
        if points:
            self.ledger.write(
                record.customer,
                0 if pending else points,
                pending=points if pending else 0,
                kind="earned",
                time=record.time if call else None,
                activity_id=record.data["merchant_id"],
                order_id=order,
                detail=record,
            )

    def _change_state(self, record: Record, wanted: str) -> None:
        """Pending can be approved or declined, approved can be voided; the rest changes nothing."""
        value, state = record.data["value"], record.data["state"]
        changes = {
            ("pending", "approved"): (value, -value),
            ("pending", "declined"): (0, -value),
            ("pending", "void"): (0, -value),
            ("approved", "void"): (-value, 0),
            ("approved", "declined"): (-value, 0),
        }
        if (state, wanted) not in changes:
            return
        points, pending = changes[state, wanted]
        # Documented: "declined" voids an activity that was approved.
        record.data["state"] = "void" if state == "approved" else wanted
        record.updated = self.clock.now()
        if value:
            self.ledger.write(
                record.customer,
                points,
                pending=pending,
                kind="earned",
                activity_id=record.data["merchant_id"],
                detail=record,
            )

    def _place(
        self, call: Call, key: str | None, body: dict[str, Any], existing: Record | None
    ) -> None:
        account = self.ledger.open_account(
            body["customer_id"], email=body.get("customer_email"), guest=body.get("guest", False)
        )
        record = existing or self.ledger.record(
            self.ledger.orders, key, account, time=self._time(body), data={"given": 0}
        )
        record.updated = self.clock.now()
        record.data |= self.rows.order_data(key, body, call.query.get("site_id"))
        self._settle(call, record)

    def _update(self, record: Record, body: dict[str, Any]) -> None:
        record.updated = self.clock.now()
        refunded = amount(body["total_refunded"]) - amount(record.data["total_refunded"])
        if refunded > 0:
            record.data["refunds"].append((format(refunded, "f"), record.updated))
        record.data |= {name: body[name] for name in _ORDER_STATE_REQUIRED}
        self._settle(None, record)

    def _settle(self, call: Call | None, record: Record) -> None:
        """Give what the order is worth, less what it gave before.

        One point for each whole unit of a paid order's total, less what was refunded.
        """
        data = record.data
        void = data["cancellation_status"] == "cancelled" or data["refund_status"] == "refunded"
        counts = data["payment_status"] == "paid" and not void and not data["guest"]
        worth = amount(data["total"]) - amount(data["total_refunded"]) if counts else Decimal(0)
        change = max(int(worth), 0) - data["given"]
        if not change:
            return
        data["given"] += change
        if "activity" not in data:
            purchase = {
                "merchant_id": data["merchant_id"],
                "value": change,
                "state": "approved",
                "rule": "$purchase",
                "order": record,
            }
            data["activity"] = self.ledger.record(
                self.ledger.activities, None, record.customer, time=record.time, data=purchase
            )
        self._earn(call, data["activity"], change, order=data["merchant_id"])

    def _adjust(
        self, call: Call, customer_id: str, body: dict[str, Any], *, remove: bool = False
    ) -> None:
        account = self.ledger.open_account(customer_id)
        points = body["points"]
        self.ledger.write(
            account,
            -self.removable(account, points) if remove else points,
            kind="adjusted",
            reason=self.note(call, body.get("reason")),
            origin=self.origin(call),
        )

    def _time(self, body: dict[str, Any]) -> Any:
        date = body.get("date")
        return shapes.parse_time(date) if date and self.switches.activity_time == "date" else None


