"""What an adapter brings so that the sandbox can stand in for its vendor.

Subclass `VendorSandbox`, mark a method per endpoint with `route`, and register the class in
the entry-point group ``loyalty_sdk.sandboxes`` under the provider's name. Handlers are
plain functions from a `Call` to an `Answer`: they check the request as the vendor does, read
the `Ledger`, and wrap every change in `VendorSandbox.effect`. HTTP, faults, limits, arrivals and
delays are the sandbox's business.

    class AcmeSandbox(VendorSandbox):
        name = "acme"
        prefix = "/acme/"
        credential_headers = frozenset({"x-acme-key"})
        default_keys = ("sandbox",)

        def settings(self):
            return {"key": "sandbox"}

        def authenticate(self, call):
            return self.access(call.headers.get("X-Acme-Key"))

        def error(self, status, message, *, code=None, details=None):
            return json_answer(status, {"problem": message})

        @route("POST", "/acme/points/{customer}", points=True)
        def give(self, call):
            ...
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any, ClassVar

from . import _shapes as shapes
from ._calls import Access, Answer, Call, Route, json_answer, route
from ._clock import Clock
from ._ledger import Ledger
from ._rows import Account, Entry, Record, Records
from ._switches import Rule, Switches
from ._tables import Ordered, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from loyalty_sdk.webhooks import WebhookFormat

__all__ = [
    "Access",
    "Account",
    "Answer",
    "Call",
    "Clock",
    "Entry",
    "Ledger",
    "Ordered",
    "Record",
    "Records",
    "Route",
    "Rule",
    "Switches",
    "Table",
    "VendorSandbox",
    "json_answer",
    "route",
    "shapes",
]

_MARKER = re.compile(r"\[ref:[^\]]*\]\s*")


class VendorSandbox:
    """One vendor's half of the sandbox; see the module's text for how to write one.

    Attributes:
        name: The provider's registered name.
        prefix: What its paths begin with; no two vendors share one.
        row_prefix: What the ids of its ledger's rows begin with.
        default_keys: Credentials that are accepted, besides those tests add.
        scopes: Every scope a credential can have; empty when the vendor has none.
        credential_headers: Lower case; what `Arrival.headers` hides.
        documented_limit: Requests a second that the vendor documents, None for none.
        webhook_format: How it signs webhooks, None when it sends none.
        webhook_secret: What it signs them with unless told otherwise.
    """

    name: ClassVar[str]
    prefix: ClassVar[str]
    row_prefix: ClassVar[str] = ""
    default_keys: ClassVar[tuple[str, ...]] = ()
    scopes: ClassVar[tuple[str, ...]] = ()
    credential_headers: ClassVar[frozenset[str]] = frozenset({"authorization"})
    documented_limit: ClassVar[int | None] = None
    webhook_format: ClassVar[WebhookFormat | None] = None
    webhook_secret: ClassVar[str] = "sandbox"  # noqa: S105 - the sandbox's own

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self.clock = clock
        self.switches = switches
        self.ledger = Ledger(clock, switches, prefix=self.row_prefix)
        self.keys: dict[str, frozenset[str] | None] = dict.fromkeys(self.default_keys)

    @classmethod
    def routes(cls) -> list[Route]:
        """Every endpoint."""
        members = (getattr(cls, name) for name in dir(cls))
        return [
            found for m in members if isinstance(found := getattr(m, "sandbox_route", 0), Route)
        ]

    # What a vendor must say.

    def settings(self) -> dict[str, str]:
        """The adapter's keyword arguments for the default credentials, without ``base_url``."""
        raise NotImplementedError

    def authenticate(self, call: Call) -> Access | None:
        """Who calls, None when the credentials are missing or wrong; see `access`."""
        raise NotImplementedError

    def error(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> Answer:
        """An error in the vendor's shape."""
        raise NotImplementedError

    # What a vendor may say better.

    def demo_settings(self) -> dict[str, Any]:
        """More arguments for the adapter, so that the demo's activity and order earn points.

        The demo tracks the activity ``review`` and creates one paid order.
        """
        return {}

    def seed(self, account: Account, points: int, *, time: datetime | None = None) -> Entry:
        """Write a row of which no request is the cause."""
        return self.ledger.write(account, points, kind="adjusted", time=time, origin="seed")

    def rate_limited(self) -> Answer:
        """The vendor's 429."""
        return self.error(429, "Too many requests", code="rate_limited")

    def unsuccessful(self) -> Answer | None:
        """A 200 whose body says that nothing was done; None when bodies say no such thing."""
        return None

    def news(self, entry: Entry) -> list[tuple[str, dict[str, Any]]]:
        """The webhooks that a row causes: topics, each with its content."""
        return []

    def envelope(self, topic: str, content: dict[str, Any]) -> dict[str, Any]:
        """The body of a webhook: ``content`` with an id and whatever else stands around it."""
        return content

    # What handlers use.

    def access(self, key: str | None, scheme: str = "") -> Access | None:
        """The access that ``key`` gives, None when it is unknown."""
        return Access(key, self.keys[key], scheme) if key in self.keys and key else None

    def effect(self, call: Call, change: Callable[[], object]) -> None:
        """Do ``change``, which is what the call asks for, now or when the switch says."""
        if not call.stranger:
            call.arrival.applied = True
        self.ledger.effect(change)

    def note(self, call: Call, text: str | None) -> str | None:
        """``text`` as the vendor keeps it; a stranger does not know our marker."""
        if text is None or self.switches.notes == "dropped":
            return None
        return _kept(_MARKER.sub("", text, count=1) if call.stranger else text, self.switches.notes)

    def author(self, call: Call) -> str:
        """Who writes with ``call``: `Entry.origin`."""
        return "stranger" if call.stranger else "api"

    def refuses_customer(self, customer_id: str, *, nested: bool = False) -> bool:
        """Whether a request for that customer gets 404; ``nested``: the id is in the path."""
        mode = self.switches.unknown_customers
        refuses = mode == "404" or (mode == "404_nested" and nested)
        return refuses and self.ledger.account(customer_id) is None

    def refuses_removal(self, customer_id: str, points: int) -> bool:
        """Whether taking ``points`` (positive) is refused for want of points."""
        account = self.ledger.account(customer_id)
        return self.switches.below_zero == "refuse" and points > (account.balance if account else 0)

    def removable(self, account: Account, points: int) -> int:
        """How many of ``points`` (positive) can be taken."""
        if self.switches.below_zero == "negative":
            return points
        return min(points, max(account.balance, 0))

    def check(
        self, body: object, shape: shapes.Shape, required: Collection[str], *, closed: bool = False
    ) -> Answer | None:
        """A 400 that names all that is wrong with ``body``, None when nothing is."""
        closed = closed and self.switches.unknown_fields == "refuse"
        wrong = shapes.problems(body, shape, required=required, closed=closed)
        return self.error(400, "Invalid request", details=wrong) if wrong else None


def _kept(text: str, how: str) -> str:
    match how:
        case "cut_50" | "cut_255":
            return text[: int(how.removeprefix("cut_"))]
        case "trimmed":
            return " ".join(text.split())
        case "escaped":
            return html.escape(text)
        case _:
            return text
