"""What the sandbox's Joy prints: rows as the vendor's answers show them."""

from __future__ import annotations

from typing import Any

import attrs

from loyalty_sdk.sandbox.vendor import Account, Entry, Ledger, shapes

_NEUTRAL = {"earn_point": "earned", "redeem_point": "redeemed", "adjust_point": "adjusted"}

# Of the largest id; Python refuses to read numbers of thousands of digits.
_DIGITS = 19

_when = shapes.print_time


@attrs.frozen
class Kind:
    """How Joy files a row, and the texts it came with."""

    type: str
    event: str
    source: str = "rest_api"
    user_note: str | None = None
    reason: str | None = None

    @property
    def neutral(self) -> str:
        """`Entry.kind`."""
        return _NEUTRAL[self.type]

    def saying(self, **texts: str | None) -> Kind:
        """The same with ``userNote`` and ``reason``."""
        return attrs.evolve(self, user_note=texts["userNote"], reason=texts["reason"])


def shopify_id(customer_id: str, *, as_text: bool = False) -> int | str:
    """Shopify's id, which schemas call an integer and examples show as a string, too."""
    number = whole(customer_id)
    fits = number is not None and number < 2**63 and str(number) == customer_id
    return customer_id if as_text or not fits else int(customer_id)


def whole(digits: str) -> int | None:
    """The number that ``digits`` are, None when they are none or too many for an id."""
    fits = digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS
    return int(digits) if fits else None


class Rows:
    """Prints what a ledger holds; fields that are null are left out."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def activity(self, entry: Entry) -> dict[str, Any]:
        """One row of the transactions list."""
        account, kind, points = (
            self._ledger.customers[entry.customer_id],
            entry.detail,
            entry.points,
        )
        row: dict[str, Any] = {
            "id": entry.id,
            "shopId": "shop_1",
            "customerId": f"cust_{account.number}",
            # Both forms occur on one page of the vendor's examples.
            "shopifyCustomerId": shopify_id(account.id, as_text=kind.type == "redeem_point"),
            "type": kind.type,
            "event": kind.event,
            "source": kind.source,
            "oldPoint": entry.balance - points,
            "newPoint": entry.balance,
            "createdAt": _when(entry.time),
            "updatedAt": _when(entry.time),
            ("spendPoint" if points < 0 else "earnPoint"): abs(points),
        }
        texts = {
            "adminNote": entry.note,
            "userNote": kind.user_note,
            "reason": kind.reason,
            "email": account.email,
        }
        return row | {name: text for name, text in texts.items() if text is not None}

    def customer(self, account: Account) -> dict[str, Any]:
        """One row of the customers list."""
        row: dict[str, Any] = {
            "id": f"cust_{account.number}",
            "shopifyCustomerId": shopify_id(account.id),
            "type": "guest" if account.guest else "member",
            "point": account.balance,
            "tierPoint": account.earned,
            "totalEarnedPoints": account.earned,
            "hasPoint": account.balance > 0,
            "createdAt": _when(account.time),
            "updatedAt": _when(account.updated),
        }
        return row | ({"email": account.email} if account.email else {})
