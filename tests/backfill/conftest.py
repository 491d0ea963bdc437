"""Fixtures of a backfill's tests: a vendor, a client that knows it, and runs of one journal."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from loyalty_sdk import LoyaltyClient, Order, PointsAdjustment, connect
from loyalty_sdk.backfill import Backfill, State, Summary
from loyalty_sdk.sandbox import Sandbox

SETTLE = 0.2


@attrs.define
class Shop:
    """One vendor's sandbox, and backfills with one journal.

    Attributes:
        provider: Registered name.
        options: For every `Backfill` that is made.
    """

    sandbox: Sandbox
    folder: Path
    provider: str
    client: LoyaltyClient
    options: dict[str, Any]

    @property
    def journal(self) -> Path:
        """Where it lies."""
        return self.folder / "journal"

    def backfill(self, rows: Any, **options: Any) -> Backfill:
        """One run, not begun."""
        given = {
            "journal": self.journal,
            "operation": "adjust_points",
            "state_directory": self.folder / "state",
            **self.options,
            **options,
        }
        return Backfill(given.pop("client", self.client), rows, **given)

    async def run(self, rows: Any, **options: Any) -> Summary:
        """One run, to its end."""
        return await self.backfill(rows, **options).run()

    def asked(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the journal says."""
        with closing(sqlite3.connect(self.journal)) as database:
            return database.execute(query, values).fetchall()

    def changed(self, statement: str) -> None:
        """Change the journal."""
        with closing(sqlite3.connect(self.journal)) as database, database:
            database.execute(statement)

    def states(self) -> dict[str, str]:
        """The name of each row's state, by key."""
        found = self.asked("SELECT key, state FROM rows ORDER BY ordinal")
        return {key: State(state).name for key, state in found}

    def writes(self) -> list[str]:
        """Paths of the writes that arrived."""
        return [each.path for each in self.sandbox.arrivals if each.method == "POST"]

    def points(self, customer_id: str) -> list[int]:
        """A customer's changes, oldest first."""
        return [row.points for row in self.sandbox.ledger(self.provider, customer_id)]


@pytest.fixture(params=["loyaltylion"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    """A vendor that settles within 0.2 s; LoyaltyLion's rows carry their reference."""
    provider: str = request.param
    marked = {"reference_in_reason": True} if provider == "loyaltylion" else {}
    async with Sandbox() as sandbox:
        given = sandbox.settings(provider) | marked
        async with connect(provider, settle=SETTLE, **given) as client:
            yield Shop(sandbox, tmp_path, provider, client, {"concurrency": 8, "deadline": 3.0})


@pytest.fixture
def adjustments() -> Any:
    """Makes so many adjustments of 1, 2, 3... points, for so many customers in turn."""

    def make(count: int, customers: int = 3, first: int = 0) -> list[PointsAdjustment]:
        return [
            PointsAdjustment(customer_id=f"c{n % customers}", points=n + 1, reference=f"r-{n}")
            for n in range(first, first + count)
        ]

    return make


@pytest.fixture
def orders() -> Any:
    """Makes so many orders of 1, 2, 3... euros, for so many customers in turn."""
    from decimal import Decimal

    from loyalty_sdk import Customer

    def make(count: int, customers: int = 3) -> list[Order]:
        return [
            Order(
                id=f"o-{n}",
                customer=Customer(id=f"c{n % customers}"),
                total=Decimal(n + 1),
                payment_status="paid",
            )
            for n in range(count)
        ]

    return make
