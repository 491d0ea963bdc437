"""Transactions as the vendors print them, made up and always the same.

A page is a mix: two rows in three were earned by an order, the others adjusted or redeemed.
The fields are those of the vendors' own pages,
https://developers.loyaltylion.com/api-reference/v2/resources/transactions/list-transactions
and https://devdocs.joy.so/joy-rest-api-v2/api-references/activities.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

_NEWEST = datetime(2026, 6, 1, tzinfo=UTC)


def page(vendor: str, rows: int) -> bytes:
    """One page of ``rows`` transactions, the last of its list."""
    if vendor == "joy":
        pagination = {"hasNext": False, "hasPre": False}
        return _json(
            {
                "success": True,
                "data": [joy(number) for number in range(rows)],
                "meta": {"pagination": pagination},
            }
        )
    return _page(range(rows), None)


def pages(count: int, size: int) -> Iterator[bytes]:
    """LoyaltyLion's pages of ``count`` transactions, ``size`` in each."""
    for first in range(0, count, size):
        last = min(first + size, count)
        following = cursor(last // size) if last < count else None
        yield _page(range(first, last), following)


def cursor(page_number: int) -> str:
    """The cursor of a page, as long as a vendor's."""
    return f"eyJpZCI6{page_number:016d}fQ"


def _page(numbers: range, following: str | None) -> bytes:
    return _json(
        {
            "transactions": [loyaltylion(number) for number in numbers],
            "cursor": {"prev": None, "next": following},
        }
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _when(number: int) -> str:
    moment = _NEWEST - timedelta(seconds=37 * number, milliseconds=number % 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def loyaltylion(number: int) -> dict[str, Any]:
    """LoyaltyLion's row ``number``, 0 the newest."""
    row: dict[str, Any] = {
        "id": 90_000_000 - number,
        "customer": _customer(number),
        "points_approved": 10 + number % 90,
        "points_pending": 0,
        "created_at": _when(number),
    }
    if number % 3 < 2:
        return row | {"resource": "activity", "activity": _activity(number)}
    if number % 2:
        return row | {"resource": "adjustment", "adjustment": {"note": "Thank you"}}
    return row | {"resource": "claimed_reward", "claimed_reward": {"note": None}}


def _customer(number: int) -> dict[str, Any]:
    return {
        "id": 5_000_000 + number % 250,
        "merchant_id": str(1001 + number % 250),
        "email": f"shopper{number % 250}@example.com",
        "points_pending": 0,
        "points_approved": 300 + number % 40,
        "points_spent": 20,
    }


def _activity(number: int) -> dict[str, Any]:
    return {
        "id": 70_000_000 - number,
        "merchant_id": f"order-{number}",
        "value": "99.99",
        "state": "approved",
        "customer": _customer(number),
        "created_at": _when(number),
        "rule": {"id": 31, "name": "$purchase", "title": "Purchase"},
        "resource": "order",
        "order": {"id": 60_000_000 - number, "merchant_id": f"A-{number}"},
    }


def joy(number: int) -> dict[str, Any]:
    """Joy's row ``number``, 0 the newest; one customer's, as Joy lists them."""
    row: dict[str, Any] = {
        "id": f"act_{90_000_000 - number}",
        "shopId": "shop_1",
        "customerId": "cust_17",
        "shopifyCustomerId": 7_012_345_678,
        "source": "rest_api",
        "createdAt": _when(number),
        "updatedAt": _when(number),
        "email": "shopper17@example.com",
    }
    points, balance = 10 + number % 90, 1000 + number % 500
    change = {"oldPoint": balance - points, "newPoint": balance, "earnPoint": points}
    if number % 3 < 2:
        order = {"orderId": 60_000_000 - number, "reason": "Purchase"}
        return row | change | order | {"type": "earn_point", "event": "place_order"}
    if number % 2:
        texts = {"reason": "Thank you", "userNote": "Thank you", "adminNote": f"[ref:t-{number}]"}
        return row | change | texts | {"type": "adjust_point", "event": "adjust_point"}
    spent = {"oldPoint": balance + points, "newPoint": balance, "spendPoint": points}
    return row | spent | {"type": "redeem_point", "event": "redeem_reward"}
