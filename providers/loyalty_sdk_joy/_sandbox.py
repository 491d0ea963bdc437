"""Joy's half of the sandbox: the REST API v2 as documented.

https://devdocs.joy.so/joy-rest-api-v2/rest-api-v2

Where the vendor documents nothing and no switch exists, a comment says so.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from loyalty_sdk.sandbox.vendor import (
    Access,
    Account,
    Answer,
    Call,
    Clock,
    Entry,
    Switches,
    VendorSandbox,
    json_answer,
    route,
    shapes,
)

from ._sandbox_lists import Listing
from ._sandbox_rows import Kind, Rows
from ._settings import AwardPoints, PointsPerUnit
from ._webhooks import JoyWebhooks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_text = shapes.text

_POINT_CHANGE: shapes.Shape = {
    "shopifyCustomerId": _text,
    "point": shapes.integer(-shapes.MOST, shapes.MOST),
    "adminNote": _text,
    "userNote": _text,
    "reason": _text,
}
_INTERACTION: shapes.Shape = {"shopifyCustomerId": _text, "event": _text, "earningId": _text}


def _product(value: object) -> str | None:
    shape = {"id": _text, "quantity": shapes.integer(), "price": shapes.number}
    wrong = shapes.problems(value, shape)
    return "; ".join(f"{name} {text}" for name, text in wrong.items()) or None


_CALCULATION: shapes.Shape = {
    "products": shapes.array(_product),
    "shopifyCustomerId": _text,
    "sourceName": _text,
}

_TOPICS = {"redeemed": "points/redeemed", "expired": "points/expired"}

_CODES = {status.value: status.name for status in HTTPStatus}

# The events other than "earn_point_rest_api" are not documented.
_AWARD = Kind("earn_point", "earn_point_rest_api")
_DEDUCT = Kind("redeem_point", "spend_point_rest_api")
_ADJUST = Kind("adjust_point", "adjust_point_rest_api")
_RESET = Kind("adjust_point", "reset_point_rest_api")


class JoySandbox(VendorSandbox):
    """Joy's endpoints, one method each."""

    name = "joy"
    prefix = "/rest_api/v2/"
    row_prefix = "act_"
    default_keys = ("sandbox",)
    scopes = ("read", "write")
    credential_headers = frozenset({"x-joy-loyalty-app-key", "x-joy-loyalty-secret-key"})
    webhook_format = JoyWebhooks()

    def __init__(self, clock: Clock, switches: Switches) -> None:
        super().__init__(clock, switches)
        # A key with this prefix may only read, as documented.
        self.keys["ro_sandbox"] = frozenset({"read"})
        self.rows = Rows(self.ledger)
        self.lists = Listing(self)

    def settings(self) -> dict[str, str]:
        """The default pair of keys."""
        return {"app_key": "sandbox", "secret_key": "sandbox"}

    def demo_settings(self) -> dict[str, Any]:
        """What an activity and an order mean: Joy has no call for either."""
        return {"activities": {"review": AwardPoints(50)}, "orders": PointsPerUnit(Decimal(1))}

    def authenticate(self, call: Call) -> Access | None:
        """Both headers are required on every call."""
        if call.headers.get("X-Joy-Loyalty-App-Key") != "sandbox":
            return None
        return self.access(call.headers.get("X-Joy-Loyalty-Secret-Key"))

    def error(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> Answer:
        """The documented form; codes but ``NOT_FOUND`` are made up."""
        said: dict[str, Any] = {
            "message": message,
            "code": code or _CODES.get(status, "ERROR"),
            "statusCode": status,
        }
        if details:
            said["details"] = details
        return self._envelope(status, success=False, error=said)

    def unsuccessful(self) -> Answer:
        """The guard that merchants' code was seen to have."""
        said = {"message": "Something went wrong", "code": "INTERNAL_ERROR", "statusCode": 500}
        return self._envelope(200, success=False, error=said)

    def seed(self, account: Account, points: int, *, time: datetime | None = None) -> Entry:
        """An adjustment that staff made."""
        kind = Kind("adjust_point", "adjust_point_admin", source="admin")
        return self.ledger.write(
            account, points, kind="adjusted", time=time, origin="seed", detail=kind
        )

    def news(self, entry: Entry) -> list[tuple[str, dict[str, Any]]]:
        """Points that came, were spent or ran out; nothing is documented of those staff takes."""
        topic = "points/earned" if entry.points > 0 else _TOPICS.get(entry.kind)
        if topic is None:
            return []
        customer = self.rows.customer(self.ledger.customers[entry.customer_id])
        old = entry.balance - entry.points
        return [(topic, {"customer": customer, "oldPoint": old, "newPoint": entry.balance})]

    def envelope(self, topic: str, content: dict[str, Any]) -> dict[str, Any]:
        """With an id; the topic is in the address alone."""
        return {"webhookId": uuid4().hex, **content}

    def succeed(self, data: Any, **more: Any) -> Answer:
        """The success envelope."""
        return self._envelope(200, success=True, data=data, **more)

    def _envelope(self, status: int, **fields: Any) -> Answer:
        return json_answer(status, fields | {"timestamp": shapes.print_time(self.clock.now())})

    # Transactions.

    @route("GET", "/rest_api/v2/transactions", scope="read", listing=True)
    def list_transactions(self, call: Call) -> Answer:
        """Of one customer, who must be named."""
        return self.lists.transactions(call)

    @route("GET", "/rest_api/v2/transactions/{transactionId}", scope="read")
    def get_transaction(self, call: Call) -> Answer:
        """One row."""
        entry = self.lists.entry(call.path["transactionId"])
        if entry is None:
            return self.error(404, "Transaction not found", code="NOT_FOUND")
        return self.succeed(self.rows.activity(entry))

    @route("POST", "/rest_api/v2/transactions/points/award", scope="write", points=True)
    def award(self, call: Call) -> Answer:
        """Give points."""
        return self._change(call, _AWARD)

    @route("POST", "/rest_api/v2/transactions/points/deduct", scope="write", points=True)
    def deduct(self, call: Call) -> Answer:
        """Take points."""
        return self._change(call, _DEDUCT)

    @route("POST", "/rest_api/v2/transactions/points/adjust", scope="write", points=True)
    def adjust(self, call: Call) -> Answer:
        """Give or take, by the sign."""
        return self._change(call, _ADJUST)

    @route("POST", "/rest_api/v2/transactions/points/reset", scope="write", points=True)
    def reset(self, call: Call) -> Answer:
        """Set the balance."""
        return self._change(call, _RESET)

    def _change(self, call: Call, kind: Kind) -> Answer:
        body = call.json()
        if wrong := self.check(body, _POINT_CHANGE, ("shopifyCustomerId", "point")):
            return wrong
        if wrong := self._refused(body["shopifyCustomerId"], body["point"], kind):
            return wrong
        written: list[Entry] = []
        self.effect(call, lambda: written.append(self._write(call, body, kind)))
        if not written or self.switches.point_data == "empty":
            return self.succeed({})
        return self.succeed(self.rows.activity(written[0]))

    def _refused(self, customer_id: str, point: int, kind: Kind) -> Answer | None:
        """The bounds of ``point`` are not documented; these are the ones that make sense."""
        if not customer_id:
            return self.error(400, "shopifyCustomerId is required")
        if point <= 0 and kind in {_AWARD, _DEDUCT}:
            return self.error(400, "point must be positive")
        if kind is _RESET and point < 0 and self.switches.below_zero != "negative":
            return self.error(400, "point must not be negative")
        if self.refuses_customer(customer_id):
            return self.error(404, "Customer not found", code="NOT_FOUND")
        taken = point if kind is _DEDUCT else -point if kind is _ADJUST else 0
        if taken > 0 and self.refuses_removal(customer_id, taken):
            return self.error(400, "Not enough points")
        return None

    def _write(self, call: Call, body: dict[str, Any], kind: Kind) -> Entry:
        account = self.ledger.open_account(body["shopifyCustomerId"])
        point = body["point"] - account.balance if kind is _RESET else body["point"]
        if kind is _DEDUCT or (kind is _ADJUST and point < 0):
            point = -self.removable(account, abs(point))
        texts = {name: self.note(call, body.get(name)) for name in ("userNote", "reason")}
        return self.ledger.write(
            account,
            point,
            kind=kind.neutral,
            reason=texts["userNote"] or texts["reason"],
            note=self.note(call, body.get("adminNote")),
            origin=self.author(call),
            detail=kind.saying(**texts),
        )

    # Programs.

    @route("POST", "/rest_api/v2/programs/earning/social/interactions", scope="write")
    def interact(self, call: Call) -> Answer:
        """A social action earns what the rule of its event says.

        404 where there is no rule and 400 beyond its limit were seen in the field.
        """
        body = call.json()
        if wrong := self.check(body, _INTERACTION, ("shopifyCustomerId",)):
            return wrong
        event, customer_id = body.get("event") or body.get("earningId"), body["shopifyCustomerId"]
        if not event or not customer_id:
            return self.error(400, "event or earningId is required")
        rule = self.switches.rule(event)
        if rule is None:
            return self.error(404, "Program not found", code="NOT_FOUND")
        if self.refuses_customer(customer_id):
            return self.error(404, "Customer not found", code="NOT_FOUND")
        account = self.ledger.account(customer_id)
        earned: Counter[str] = account.data.get("earned", Counter()) if account else Counter()
        if rule.limit is not None and earned[event] >= rule.limit:
            return self.error(400, "Already earned")
        self.effect(call, lambda: self._interacted(customer_id, event, rule.points))
        return self.succeed({})

    def _interacted(self, customer_id: str, event: str, points: int) -> None:
        account = self.ledger.open_account(customer_id)
        account.data.setdefault("earned", Counter())[event] += 1
        self.ledger.write(account, points, kind="earned", detail=Kind("earn_point", event))

    @route("POST", "/rest_api/v2/programs/earning/points/calculate", scope="read")
    def calculate(self, call: Call) -> Answer:
        """One point per whole unit of the products' price; changes nothing."""
        body = call.json()
        if wrong := self.check(body, _CALCULATION, ("products",)):
            return wrong
        prices = [
            Decimal(str(product.get("price", 0))) * product.get("quantity", 1)
            for product in body["products"]
        ]
        products = [
            {"id": product.get("id", ""), "pointsEarn": int(price)}
            for product, price in zip(body["products"], prices, strict=True)
        ]
        return self.succeed({"pointsEarn": int(sum(prices)), "products": products})

    # Shop and customers.

    @route("GET", "/rest_api/v2/whoami", scope="read")
    def whoami(self, _call: Call) -> Answer:
        """The shop."""
        return self.succeed(
            {
                "id": "shop_1",
                "name": "Sandbox store",
                "domain": "store.example.com",
                "email": "owner@example.com",
                "plan": "ultimate",
                "currency": "USD",
                "timezone": "Etc/UTC",
                "countryCode": "US",
                "isInstalled": True,
                "createdAt": "2025-03-03T00:00:00.000Z",
                "updatedAt": "2025-03-03T00:00:00.000Z",
            }
        )

    @route("GET", "/rest_api/v2/customers", scope="read", listing=True)
    def list_customers(self, call: Call) -> Answer:
        """Of the shop."""
        return self.lists.customers(call)

    @route("GET", "/rest_api/v2/customers/{customerId}", scope="read")
    def get_customer(self, call: Call) -> Answer:
        """By Joy's own id."""
        account = self.lists.account(call.path["customerId"])
        if account is None:
            return self.error(404, "Customer not found", code="NOT_FOUND")
        return self.succeed(self.rows.customer(account))

    @route("GET", "/rest_api/v2/customers/external/{shopifyCustomerId}", scope="read")
    def get_external_customer(self, call: Call) -> Answer:
        """By Shopify's id; the 404 has the third form of envelope, seen in examples."""
        account = self.ledger.account(call.path["shopifyCustomerId"])
        if account is None:
            said = {"success": False, "error": "Customer not found", "data": None}
            return json_answer(404, said)
        return self.succeed(self.rows.customer(account))
