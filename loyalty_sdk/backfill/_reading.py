"""Reads a journal without using it: for reports, `verify` and `undo`."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from loyalty_sdk._models import Activity, Customer, Order, PointsAdjustment
from loyalty_sdk.errors import JournalError

from ._keys import own_id
from ._lookup import trace_of
from ._opening import read_only
from ._rows import Row
from ._states import Entry, State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from loyalty_sdk._client import LoyaltyClient
    from loyalty_sdk._look import Trace

_AT_ONCE = 1000
_ENTRIES = """
SELECT ordinal, line, key, customer, state, amount, points, tries, tried, ended, error,
    marker
FROM rows WHERE customer IS NOT NULL AND key IS NOT NULL ORDER BY customer, ordinal
"""
# Only looked with, and no vendor's records are searched by it.
_NO_EMAIL = "nobody@example.invalid"


class Reading:
    """A journal that is only looked at; it may be in use meanwhile.

    Raises:
        JournalError: There is none, or it is another provider's or host's.
    """

    def __init__(self, path: Path, client: LoyaltyClient) -> None:
        self._database = read_only(path)
        self.facts: Mapping[str, str] = dict(
            self._database.execute("SELECT name, value FROM facts").fetchall()
        )
        mine = (client.provider.name, client.origin)
        if (self.facts["provider"], self.facts["host"]) != mine:
            self.close()
            raise JournalError(
                f"{path} is the journal of {self.facts['provider']} at {self.facts['host']},"
                f" not of {mine[0]} at {mine[1]}"
            )

    @property
    def operation(self) -> str:
        """What its rows were sent as."""
        return self.facts["operation"]

    def holds(self, key: str) -> bool:
        """Whether one of its rows has that key."""
        query = "SELECT EXISTS (SELECT 1 FROM rows WHERE key = ?)"
        return bool(self._database.execute(query, (key,)).fetchone()[0])

    def close(self) -> None:
        """Let it go."""
        self._database.close()

    async def customers(self) -> AsyncIterator[list[Entry]]:
        """Each customer's rows that can have been sent, in the order of the input."""
        cursor = await asyncio.to_thread(self._database.execute, _ENTRIES)
        mine: list[Entry] = []
        while some := await asyncio.to_thread(cursor.fetchmany, _AT_ONCE):
            for entry in map(_entry, some):
                if mine and mine[0].customer_id != entry.customer_id:
                    yield mine
                    mine = []
                mine.append(entry)
        if mine:
            yield mine


def _entry(found: tuple[Any, ...]) -> Entry:
    names = (
        "ordinal", "line", "key", "customer_id", "state", "amount", "points", "tries",
        "tried_at", "ended_at", "error", "marker",
    )  # fmt: skip
    fields: dict[str, Any] = dict(zip(names, found, strict=True))
    fields["state"] = State(fields["state"])
    return Entry(**fields)


async def trace_as_sent(client: LoyaltyClient[Any], operation: str, entry: Entry) -> Trace | None:
    """What ``entry`` left in the vendor's records, however this client would send it now.

    Raises:
        LoyaltyError: It cannot be sent, or what it depends on cannot be read.
    """
    trace = await trace_of(client, operation, _recalled(entry, operation))
    return trace._replace(marker=entry.marker) if trace and entry.tries else trace


def _recalled(entry: Entry, operation: str) -> Row:
    """``entry`` as far as it takes to find it in the vendor's records; never to be sent."""
    key, owner, amount = entry.key or "", entry.customer_id or "", entry.amount or ""
    value: Order | Activity | PointsAdjustment
    if operation == "adjust_points":
        value = PointsAdjustment(customer_id=owner, points=int(amount), reference=key)
    elif operation == "create_order":
        value = Order(id=key, customer=Customer(id=owner), total=Decimal(amount))
    else:
        customer = Customer(id=owner, email=_NO_EMAIL)
        value = Activity(name=amount, id=own_id(key, amount), customer=customer)
    return Row(entry.ordinal, None, entry.line, key, value, owner)
