"""The corner shop's half of the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from loyalty_sdk.sandbox.vendor import (
    Access,
    Account,
    Answer,
    Call,
    Entry,
    Table,
    VendorSandbox,
    json_answer,
    route,
    shapes,
)

_POINTS = "/corner/customers/{id}/points"


class CornerShopSandbox(VendorSandbox):
    """Its four endpoints."""

    name = "cornershop"
    prefix = "/corner/"
    default_keys = ("sandbox",)
    credential_headers = frozenset({"x-corner-key"})

    def settings(self) -> dict[str, str]:
        """The key it knows."""
        return {"key": "sandbox"}

    def authenticate(self, call: Call) -> Access | None:
        """One header."""
        return self.access(call.headers.get("X-Corner-Key"))

    def error(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> Answer:
        """``{"problem": ...}``."""
        return json_answer(status, {"problem": message, **(details or {})})

    @route("GET", "/corner/me")
    def me(self, call: Call) -> Answer:
        """The shop."""
        return json_answer(200, {"shop": "corner-1"})

    @route("PUT", "/corner/orders/{id}")
    def put_order(self, call: Call) -> Answer:
        """An order earns a point for each whole unit, once."""
        body, shape = call.json(), {"customer": shapes.text, "total": shapes.decimal}
        if wrong := self.check(body, shape, ("customer", "total"), closed=True):
            return wrong
        self.effect(call, lambda: self._order(call.path["id"], body))
        return Answer(204)

    def _order(self, order_id: str, body: dict[str, Any]) -> None:
        if self.ledger.orders.find(order_id) is None:
            account = self.ledger.open_account(body["customer"])
            self.ledger.record(self.ledger.orders, order_id, account, data=body)
            points = int(Decimal(body["total"]))
            self.ledger.write(account, points, kind="earned", order_id=order_id)

    @route("POST", _POINTS, points=True)
    def give(self, call: Call) -> Answer:
        """Points are given and taken."""
        body = call.json()
        shape = {"points": shapes.integer(), "why": shapes.optional(shapes.text)}
        if wrong := self.check(body, shape, ("points",), closed=True):
            return wrong
        written: list[Entry] = []
        self.effect(call, lambda: written.append(self._give(call, body)))
        return json_answer(201, _row(written[0]))

    def _give(self, call: Call, body: dict[str, Any]) -> Entry:
        account = self.ledger.open_account(call.path["id"])
        return self.ledger.write(account, body["points"], kind="adjusted", reason=body["why"])

    @route("GET", _POINTS, listing=True)
    def list(self, call: Call) -> Answer:
        """Newest first; ``after`` is the last row's id, and the one before it for faults."""
        account: Account | None = self.ledger.account(call.path["id"])
        table: Table[Entry] = account.entries if account else Table()
        last, _, back = call.query.get("after", "").partition("-")
        rows, more = table.page(int(call.query["limit"]), anchor=int(last) if last else None)
        following = f"{rows[-1].number}-{last}" if more else None
        if call.paging == "repeat" and last:
            following = call.query["after"]
        elif call.paging == "cycle" and back:
            following = f"{back}-"
        return json_answer(200, {"rows": [_row(row) for row in rows], "more": following})


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.number,
        "points": entry.points,
        "balance": entry.balance,
        "at": shapes.print_time(entry.time),
        "kind": "order" if entry.order_id else "given",
        "why": entry.reason,
        "order": entry.order_id,
    }
