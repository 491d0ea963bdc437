"""What the sandbox's LoyaltyLion tells by webhook.

https://developers.loyaltylion.com/api-reference/v2/webhooks/overview
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from loyalty_sdk.sandbox.vendor import Account, Entry, shapes

if TYPE_CHECKING:
    from datetime import datetime

    from ._sandbox_rows import Rows


def news(rows: Rows, account: Account, entry: Entry) -> list[tuple[str, dict[str, Any]]]:
    """The topics that a row of the history is told under, each with its content."""
    customer = rows.customer(account)
    told: list[tuple[str, dict[str, Any]]] = [("customers/update", {"customer": customer})]
    # Whether points that staff or a program gives count as earned is not documented.
    if entry.points > 0:
        transaction = rows.transaction(entry)
        earned: dict[str, Any] = {"customer": customer, "transaction": transaction}
        earned["available_rewards"] = []
        told.append(("program_events/customer.points_earned", earned))
    return told


def envelope(topic: str, content: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The body; where the content stands differs by topic."""
    if topic == "rewards/store_fulfilment":
        return content
    body = {"id": str(uuid4()), "topic": topic, "created_at": shapes.print_time(now)}
    if topic == "customers/update":
        return body | content
    place = "unsubscribe" if topic == "loyalty_emails/unsubscribe" else "properties"
    return body | {"payload": {place: content}}
