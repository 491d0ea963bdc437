"""LoyaltyLion's half of the sandbox: the Admin API v2 as documented.

https://developers.loyaltylion.com/api-reference/introduction

Where the vendor documents nothing and no switch exists, a comment says so.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from loyalty_sdk.sandbox.vendor import (
    Access,
    Answer,
    Call,
    Clock,
    Entry,
    Record,
    Switches,
    VendorSandbox,
    json_answer,
    route,
    shapes,
)

from ._sandbox_effects import ORDER_STATE, Effects
from ._sandbox_lists import Listing
from ._sandbox_rows import Rows, identifier
from ._sandbox_webhooks import envelope, news
from ._webhooks import LoyaltyLionWebhooks

if TYPE_CHECKING:
    from collections.abc import Mapping

_text = shapes.text
_id = shapes.either(_text, shapes.number)
_maybe = shapes.optional(_text)

_PAYMENT = shapes.choice("not_paid", "partially_paid", "paid")

_ACTIVITY: shapes.Shape = {
    "name": _text,
    "customer_id": _id,
    "customer_email": _text,
    "merchant_id": _maybe,
    "properties": shapes.mapping,
    "ip_address": _maybe,
    "user_agent": _maybe,
    "date": shapes.optional(_text),
    "referral_id": _maybe,
    "tracking_id": _maybe,
    "guest": shapes.optional(shapes.boolean),
    "state": _maybe,
}


def _discount(value: object) -> str | None:
    wrong = shapes.problems(value, {"code": _text, "amount": _text}, required=("code", "amount"))
    return "; ".join(f"{name} {text}" for name, text in wrong.items()) or None


_ORDER: shapes.Shape = {
    "customer_id": _text,
    "customer_email": _text,
    "merchant_id": _id,
    "total": shapes.money,
    "total_shipping": shapes.money,
    "total_paid": shapes.decimal,
    "payment_status": _PAYMENT,
    "merchant_number": _text,
    "number": shapes.optional(_id),
    "discount_codes": shapes.array(_discount),
    "claimed_reward_ids": shapes.array(shapes.number),
    "date": shapes.moment,
    "ip_address": _text,
    "user_agent": _text,
    "referral_id": _text,
    "tracking_id": _text,
    "guest": shapes.boolean,
}

_ORDER_STATE: shapes.Shape = {
    "payment_status": _PAYMENT,
    "refund_status": shapes.choice("not_refunded", "partially_refunded", "refunded"),
    "cancellation_status": shapes.choice("cancelled", "not_cancelled"),
    "total_paid": shapes.decimal,
    "total_refunded": shapes.decimal,
    "$magento_payload": shapes.anything,
}

_POINTS: shapes.Shape = {"points": shapes.integer(1, 1_000_000), "reason": _maybe}
_REMOVAL: shapes.Shape = {"points": shapes.integer(1, shapes.MOST), "reason": _maybe}
_ACTIVITY_STATE: shapes.Shape = {"state": shapes.choice("approved", "declined", "void")}
_CUSTOMER: shapes.Shape = {"birthday": _text, "blocked": shapes.boolean}

_CREATED = Answer(201, b'""')


class LoyaltyLionSandbox(VendorSandbox):
    """LoyaltyLion's endpoints, one method each."""

    name = "loyaltylion"
    prefix = "/v2/"
    default_keys = ("pat_sandbox", "sandbox:sandbox")
    scopes = (
        "read_customers",
        "write_customers",
        "read_orders",
        "write_orders",
        "read_unsubscribes",
        "write_unsubscribes",
        "write_reviews",
        "write_configuration",
    )
    documented_limit = 20
    webhook_format = LoyaltyLionWebhooks()

    def __init__(self, clock: Clock, switches: Switches) -> None:
        super().__init__(clock, switches)
        self.rows = Rows(self.ledger)
        self.effects = Effects(self)
        self.lists = Listing(self)

    def settings(self) -> dict[str, str]:
        """The default API key."""
        return {"api_key": "pat_sandbox"}

    def authenticate(self, call: Call) -> Access | None:
        """Bearer keys, and Basic with token and secret, which has every scope."""
        scheme, _, value = call.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.access(value)
        if scheme.lower() != "basic":
            return None
        try:
            pair = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return Access(pair, scheme="basic") if pair in self.keys else None

    def error(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> Answer:
        """An object under ``error``; only what the contract has, so no code."""
        said: dict[str, Any] = {"message": message}
        return json_answer(status, {"error": said | ({"details": details} if details else {})})

    def rate_limited(self) -> Answer:
        """The shape that the vendor's Headless API has; this API's is not documented."""
        return json_answer(429, {"error": {"code": "rate_limited"}})

    def news(self, entry: Entry) -> list[tuple[str, dict[str, Any]]]:
        """What earns points, and that the customer changed; at once, not after five minutes."""
        return news(self.rows, self.ledger.customers[entry.customer_id], entry)

    def envelope(self, topic: str, content: dict[str, Any]) -> dict[str, Any]:
        """As each topic's page has it."""
        return envelope(topic, content, self.clock.now())

    # Identity.

    @route("GET", "/v2/identity/whoami")
    def whoami(self, call: Call) -> Answer:
        """Kind and scopes of the credentials; kinds but ``api_key`` are not documented."""
        granted = call.access.scopes
        identity = {
            "kind": "site" if call.access.scheme == "basic" else "api_key",
            "account_id": 11,
            "program_id": 22,
            "scopes": [scope for scope in self.scopes if granted is None or scope in granted],
            "integration": None,
        }
        return json_answer(200, {"identity": identity})

    @route("GET", "/v2/sites")
    def list_sites(self, call: Call) -> Answer:
        """One site; token and secret are refused, as documented."""
        if call.access.scheme == "basic":
            return self.error(403, "Forbidden")
        site = {
            "id": 501,
            "program_id": 22,
            "account_id": 11,
            "name": "Sandbox store",
            "url": "https://store.example.com",
            "platform": "custom",
            "currencies": ["usd"],
            "languages": ["en"],
            "created_at": "2025-03-03T00:00:00.000Z",
            "updated_at": "2025-03-03T00:00:00.000Z",
        }
        return json_answer(200, {"sites": [site]})

    # Activities.

    @route("GET", "/v2/activities", scope="read_customers", listing=True)
    def list_activities(self, call: Call) -> Answer:
        """Newest first."""
        return self.lists.activities(call)

    @route("POST", "/v2/activities", scope="write_customers")
    def create_activity(self, call: Call) -> Answer:
        """201 without a body; whether a rule fired does not show."""
        body = call.json()
        required = ("name", "customer_id", "customer_email")
        wrong = self.check(body, _ACTIVITY, required, closed=True) or _site(self, call)
        if wrong:
            return wrong
        if reason := _unprocessable(body):
            return _string_error(reason)
        customer_id = identifier(body["customer_id"])
        if self.refuses_customer(customer_id):
            return self.error(404, "Customer not found")
        key = (body["name"], body["merchant_id"]) if body.get("merchant_id") else None
        existing, how = self.ledger.activities.find(key), self.switches.duplicate_activities
        if existing and (answer := self._duplicate(how, Answer(201))):
            return answer
        overwritten = existing if how == "overwrite" else None
        self.effect(call, lambda: self.effects.track(body, overwritten))
        return Answer(201)

    @route("PUT", "/v2/activities/{name}/{merchant_id}", scope="write_customers")
    def update_activity(self, call: Call) -> Answer:
        """204; 404 for an activity nobody knows, which is not documented."""
        body = call.json()
        if wrong := self.check(body, _ACTIVITY_STATE, ("state",)):
            return wrong
        record = self.ledger.activities.find((call.path["name"], call.path["merchant_id"]))
        if record is None:
            return self.error(404, "Activity not found")
        self.effect(call, lambda: self.effects.change_state(record, body["state"]))
        return Answer(204)

    # Orders.

    @route("GET", "/v2/orders", scope="read_orders", listing=True)
    def list_orders(self, call: Call) -> Answer:
        """Newest first."""
        return self.lists.orders(call)

    @route("POST", "/v2/orders", scope="write_orders")
    def create_order(self, call: Call) -> Answer:
        """201 with an empty JSON string."""
        body = call.json()
        wrong = self.check(body, _ORDER, ("customer_id",), closed=True) or _site(self, call)
        if wrong:
            return wrong
        if self.refuses_customer(body["customer_id"]):
            return self.error(404, "Customer not found")
        key = identifier(body["merchant_id"]) if "merchant_id" in body else None
        site = call.query.get("site_id")
        existing, how = self.ledger.orders.find(key), self.switches.duplicate_orders
        if existing and (answer := self._duplicate(how, _CREATED)):
            return answer
        overwritten = existing if how == "overwrite" else None
        self.effect(call, lambda: self.effects.place(key, body, site, overwritten))
        return _CREATED

    @route("GET", "/v2/orders/{merchant_id}", scope="read_orders")
    def get_order(self, call: Call) -> Answer:
        """The bare object; no site can be named, so which site's order it is depends."""
        record = self._order(call.path["merchant_id"])
        if record is None:
            return self.error(404, "Order not found")
        return json_answer(200, self.rows.order_detail(record))

    @route("PUT", "/v2/orders/{merchant_id}", scope="write_orders")
    def update_order(self, call: Call) -> Answer:
        """204, full state; 404 for an order that was never created."""
        body = call.json()
        if wrong := self.check(body, _ORDER_STATE, ORDER_STATE):
            return wrong
        record = self._order(call.path["merchant_id"])
        if record is None:
            return self.error(404, "Order not found")
        self.effect(call, lambda: self.effects.update(record, body))
        return Answer(204)

    def _order(self, key: str) -> Record | None:
        return self.ledger.orders.find(key, oldest=self.switches.shared_order_ids)

    # Transactions.

    @route("GET", "/v2/transactions", scope="read_customers", listing=True)
    def list_transactions(self, call: Call) -> Answer:
        """The whole program's, newest first; ``customer_id`` is LoyaltyLion's own."""
        return self.lists.transactions(call)

    @route("GET", "/v2/customers/{merchant_id}/transactions", scope="read_customers", listing=True)
    def list_customer_transactions(self, call: Call) -> Answer:
        """One customer's, newest first; none for a customer nobody knows."""
        if self.refuses_customer(call.path["merchant_id"], nested=True):
            return self.error(404, "Customer not found")
        return self.lists.transactions(call, call.path["merchant_id"])

    # Customers.

    @route("GET", "/v2/customers", scope="read_customers", listing=True)
    def list_customers(self, call: Call) -> Answer:
        """Newest first, or by ``sort_field``."""
        return self.lists.customers(call)

    @route("PATCH", "/v2/customers/{merchant_id}", scope="write_customers")
    def update_customer(self, call: Call) -> Answer:
        """Birthday and the blocked flag."""
        customer_id, body = call.path["merchant_id"], call.json()
        wrong = self.check(body, {"customer": shapes.mapping}, ("customer",))
        if wrong := wrong or self.check(body["customer"], _CUSTOMER, ()):
            return wrong
        if self.refuses_customer(customer_id, nested=True):
            return self.error(404, "Customer not found")
        account = self.ledger.open_account(customer_id)
        self.effect(call, lambda: account.data.update(body["customer"]))
        return json_answer(200, {"customer": self.rows.customer(account)})

    @route("POST", "/v2/customers/{merchant_id}/points", scope="write_customers", points=True)
    def add_points(self, call: Call) -> Answer:
        """201 with an empty JSON string; 1 to 1,000,000 points."""
        customer_id, body = call.path["merchant_id"], call.json()
        if wrong := self.check(body, _POINTS, ("points",)):
            return wrong
        if self.refuses_customer(customer_id, nested=True):
            return self.error(404, "Customer not found")
        points, reason = body["points"], body.get("reason")
        self.effect(call, lambda: self.effects.adjust(call, customer_id, points, reason))
        return _CREATED

    @route(
        "POST", "/v2/customers/{merchant_id}/remove_points", scope="write_customers", points=True
    )
    def remove_points(self, call: Call) -> Answer:
        """204; no upper bound."""
        customer_id, body = call.path["merchant_id"], call.json()
        if wrong := self.check(body, _REMOVAL, ("points",)):
            return wrong
        if self.refuses_customer(customer_id, nested=True):
            return self.error(404, "Customer not found")
        points, reason = body["points"], body.get("reason")
        if self.refuses_removal(customer_id, points):
            return self.error(400, "Not enough points")
        self.effect(call, lambda: self.effects.adjust(call, customer_id, -points, reason))
        return Answer(204)

    # What activities and orders share.

    def _duplicate(self, how: str, done: Answer) -> Answer | None:
        """What a second one with an id that exists gets; None when it is written."""
        match how:
            case "409":
                return self.error(409, "Already exists")
            case "422":
                return _string_error("Already exists")
            case "ignore":
                return done
            case _:
                return None


def _site(vendor: LoyaltyLionSandbox, call: Call) -> Answer | None:
    site = call.query.get("site_id", "0")
    return None if site.isascii() and site.isdigit() else vendor.error(400, "Invalid site_id")


def _unprocessable(body: dict[str, Any]) -> str | None:
    """What passes the schema and still makes no sense; the vendor's list is not documented."""
    if not body["name"] or not identifier(body["customer_id"]):
        return "name and customer_id can't be blank"
    if body.get("date") is not None and shapes.parse_time(body["date"]) is None:
        return "date is invalid"
    return None


def _string_error(message: str) -> Answer:
    """A 422 as create activity declares it: ``error`` is a string."""
    return json_answer(422, {"error": message})
