"""What the sandbox's LoyaltyLion makes of what it was told: who earns what, and when."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from loyalty_sdk.sandbox.vendor import shapes

from ._sandbox_rows import amount, identifier, order_data

if TYPE_CHECKING:
    from datetime import datetime

    from loyalty_sdk.sandbox.vendor import Account, Call, Record, Rule

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

    def track(self, body: dict[str, Any], existing: Record | None) -> None:
        """Take in an activity; ``existing`` is the one it overwrites, whose points stay."""
        # Documented: guests are the default, and they earn nothing.
        name, guest = body["name"], body.get("guest") is not False
        account = self._ledger.open_account(
            identifier(body["customer_id"]), email=body["customer_email"], guest=guest
        )
        if name == "$signup":
            account.guest = False
        if existing is not None:
            existing.updated = self._ledger.clock.now()
            return
        rule = None if guest else self._matching(account, name)
        if rule is None and self._switches.unmatched_activities == "no_row":
            return
        record = self._activity(account, body, rule)
        if rule is not None:
            self._earn(record, rule.points, pending=rule.pending, time=record.time)

    def _matching(self, account: Account, name: str) -> Rule | None:
        """The rule that fires, None when there is none or it is capped; counts it."""
        rule = self._switches.rule(name)
        earned: Counter[str] = account.data.setdefault("earned", Counter())
        if rule is None or (rule.limit is not None and earned[name] >= rule.limit):
            return None
        earned[name] += 1
        return rule

    def _activity(self, account: Account, body: dict[str, Any], rule: Rule | None) -> Record:
        key = body.get("merchant_id")
        data = {
            "merchant_id": key,
            "value": rule.points if rule else 0,
            "state": "pending" if rule and rule.pending else "approved",
            "rule": body["name"] if rule else None,
        }
        identity = (body["name"], key) if key else None
        return self._ledger.record(
            self._ledger.activities, identity, account, time=self._time(body), data=data
        )

    def change_state(self, record: Record, wanted: str) -> None:
        """Pending can be approved or declined, approved can be voided; the rest changes nothing."""
        value, state = record.data["value"], record.data["state"]
        if (state, wanted) not in _CHANGES:
            return
        points, pending = _CHANGES[state, wanted]
        # Documented: "declined" voids an activity that was approved.
        record.data["state"] = "void" if state == "approved" else wanted
        record.updated = self._ledger.clock.now()
        if value:
            self._write(record, points * value, pending=pending * value)

    def place(
        self, key: str | None, body: dict[str, Any], site: str | None, existing: Record | None
    ) -> None:
        """Take in an order; ``existing`` is the one it overwrites."""
        account = self._ledger.open_account(
            body["customer_id"], email=body.get("customer_email"), guest=body.get("guest", False)
        )
        record = existing or self._ledger.record(
            self._ledger.orders, key, account, time=self._time(body), data={"given": 0}
        )
        record.updated = self._ledger.clock.now()
        record.data |= order_data(key, body, site)
        self._settle(record, time=record.time)

    def update(self, record: Record, body: dict[str, Any]) -> None:
        """Take in the full state of an order."""
        record.updated = self._ledger.clock.now()
        refunded = amount(body["total_refunded"]) - amount(record.data["total_refunded"])
        if refunded > 0:
            record.data["refunds"].append((format(refunded, "f"), record.updated))
        record.data |= {name: body[name] for name in ORDER_STATE}
        self._settle(record)

    def _settle(self, record: Record, *, time: datetime | None = None) -> None:
        """Give what the order is worth, less what it gave before."""
        data = record.data
        change = worth(data) - data["given"]
        if not change:
            return
        data["given"] += change
        if "activity" not in data:
            data["activity"] = self._purchase(record)
        data["activity"].data |= {
            "value": data["given"],
            "state": "approved" if data["given"] else "void",
        }
        self._write(data["activity"], change, time=time, order_id=data["merchant_id"])

    def _purchase(self, order: Record) -> Record:
        data = {"merchant_id": order.data["merchant_id"], "rule": "$purchase", "order": order}
        return self._ledger.record(
            self._ledger.activities, None, order.customer, time=order.time, data=data
        )

    def adjust(self, call: Call, customer_id: str, points: int, reason: str | None) -> None:
        """Give ``points``, or take them when they are negative."""
        account = self._ledger.open_account(customer_id)
        self._ledger.write(
            account,
            points if points > 0 else -self._vendor.removable(account, -points),
            kind="adjusted",
            reason=self._vendor.note(call, reason),
            origin=self._vendor.author(call),
        )

    def _earn(self, record: Record, points: int, *, pending: bool, time: datetime) -> None:
        if points:
            waiting = points if pending else 0
            self._write(record, points - waiting, pending=waiting, time=time)

    def _write(self, record: Record, points: int, **facts: Any) -> None:
        self._ledger.write(
            record.customer,
            points,
            kind="earned",
            activity_id=record.data["merchant_id"],
            detail=record,
            **facts,
        )

    def _time(self, body: dict[str, Any]) -> datetime | None:
        date = body.get("date")
        return shapes.parse_time(date) if date and self._switches.activity_time == "date" else None


def worth(order: dict[str, Any]) -> int:
    """One point for each whole unit of a paid order's total, less what was refunded."""
    void = order["cancellation_status"] == "cancelled" or order["refund_status"] == "refunded"
    if order["payment_status"] != "paid" or void or order["guest"]:
        return 0
    return max(int(amount(order["total"]) - amount(order["total_refunded"])), 0)
