"""A provider for the command line's tests, installed by putting its folder on ``sys.path``.

It remembers the values it was given, so that a test can see what the options became.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from loyalty_sdk import (
    Activity,
    Credential,
    Customer,
    Flow,
    Identity,
    Order,
    Page,
    PointsAdjustment,
    Provider,
    Refusal,
    Request,
    Response,
    Safety,
    Setting,
    Transaction,
    TransactionKind,
    get,
    wire,
)
from loyalty_sdk._provider import from_environment


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("wanted a whole number")
    return int(text)


def _row(said: dict[str, Any]) -> Transaction:
    customer = said.get("customer")
    return Transaction(
        id=said["id"],
        customer=None if customer is None else Customer(id=customer),
        points=said["points"],
        pending=said.get("pending", 0),
        balance=said.get("balance"),
        kind=TransactionKind.EARNED,
        created_at=datetime(2026, 5, 1, 8, 30, tzinfo=UTC),
        reason=said.get("reason"),
        order_id=said.get("order_id"),
    )


class Acme(Provider):
    """Everything, in the simplest way."""

    name: ClassVar[str] = "acme"
    title: ClassVar[str] = "Acme Points"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("key", "ACME_KEY", secret=True, help="the key"),
        Setting("base_url", "ACME_BASE_URL", help="origin of the API"),
        Setting("rate", help="points a unit", parse=_whole),
        Setting("rewards", help="points by name", parse=_whole, keyed=True),
    )
    limitations: ClassVar[Mapping[str, str]] = {"adjust_points": "not when it snows ☃"}
    made: ClassVar[list[dict[str, Any]]] = []
    seen: ClassVar[list[Any]] = []

    def __init__(self, **settings: Any) -> None:
        self.made.append(settings)
        self.base_url = from_environment(settings.get("base_url"), "ACME_BASE_URL")
        key = from_environment(settings.get("key"), "ACME_KEY") or ""
        if key.startswith("old-"):
            warnings.warn("old keys end soon", FutureWarning, stacklevel=2)
        self.credentials = {"X-Key": Credential(key)}

    def track_activity(self, activity: Activity, /) -> Flow[None]:
        """Remembered."""
        yield self._post(activity, activity.id)

    def create_order(self, order: Order, /) -> Flow[Transaction | None]:
        """Remembered."""
        said = (yield self._post(order, order.id)).json()
        return _row(said) if said else None

    def adjust_points(self, adjustment: PointsAdjustment, /) -> Flow[None]:
        """Remembered."""
        yield self._post(adjustment, adjustment.reference)

    def list_transactions(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[Transaction]]:
        """Remembered."""
        self.seen.append((cursor, dict(filters)))
        asked = get("/transactions", {"cursor": cursor})
        page = (yield asked._replace(next_cursor=lambda answer: answer.json().get("cursor"))).json()
        return Page(tuple(map(_row, page.get("rows", []))), page.get("cursor"))

    def whoami(self) -> Flow[Identity]:
        """Whatever the server says."""
        response = yield get("/whoami")
        identity: Identity = wire.decode(response.body, Identity)
        return identity

    def refusal(self, response: Response, /) -> Refusal:
        """The body is the message."""
        return Refusal(message=response.body.decode())

    def _post(self, value: Any, reference: str | None) -> Request:
        self.seen.append(value)
        return Request(
            method="POST",
            template="/writes",
            path="/writes",
            safety=Safety.ONCE,
            reference=reference,
        )
