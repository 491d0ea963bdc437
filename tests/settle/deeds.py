"""Writes with a plan of what goes wrong, and the references they are known by."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import attrs

from loyalty_sdk import Activity, Customer, LoyaltyClient, Order, PointsAdjustment, Receipt

from . import faults

OPERATIONS = ("activity", "backdated activity", "order", "up", "down")
ACTIVITIES = ("review", "visit", "capped")

_KEY = re.compile(r"k\d+k")


@attrs.define(eq=False)
class Deed:
    """One write.

    Attributes:
        key: Tells it from every other, also in what arrives at the vendor.
        operation: One of `OPERATIONS`.
        customer_id: Whose points it moves.
        points: The change; None where the vendor decides it.
        faults: What its sends meet, in their order; nothing goes wrong after the last.
        tries: How many sends have met something.
        cancelled: The receipt of a call that was cancelled.
    """

    key: str
    operation: str
    customer_id: str
    value: Activity | Order | PointsAdjustment
    faults: tuple[str, ...] = ()
    tries: int = 0
    cancelled: Receipt | None = None

    @property
    def points(self) -> int | None:
        """The change that was asked for, None where the vendor decides it."""
        return self.value.points if isinstance(self.value, PointsAdjustment) else None

    def next_fault(self) -> str:
        """What the next send meets."""
        self.tries += 1
        return self.faults[self.tries - 1] if self.tries <= len(self.faults) else "none"

    async def do(self, client: LoyaltyClient[Any]) -> Receipt:
        """Send it."""
        match self.value:
            case Activity():
                return await client.track_activity(self.value)
            case Order():
                return await client.create_order(self.value)
            case PointsAdjustment():
                return await client.adjust_points(self.value)


def key_of(body: bytes) -> str | None:
    """The key of the write that ``body`` asks for, None where it is no write of ours."""
    if not body:
        return None
    # The id of an order may begin with another one's.
    found: list[str] = _KEY.findall(json.dumps(json.loads(body), ensure_ascii=False))
    return found[-1] if found else None


@attrs.define
class Deeds:
    """Makes deeds.

    Attributes:
        draw: Decides.
        now: What the vendor's clock says.
        customers: Whose points are moved; ids that are prefixes of one another.
        equal: Share of the adjustments that move the same number of points.
        faulty: Share of the first sends that meet a fault.
        twice: Share of the deeds whose second send would meet one.
        names: The faults.
        operations: What is done.
    """

    draw: Random
    now: datetime
    customers: tuple[str, ...]
    equal: float = 1 / 3
    faulty: float = 0.8
    twice: float = 0.3
    names: tuple[str, ...] = faults.NAMES
    operations: tuple[str, ...] = OPERATIONS

    def make(self, number: int) -> Deed:
        """The deed with that number; numbers make references, ``r1`` and ``r10`` among them."""
        operation = self.draw.choice(self.operations)
        customer_id = self.draw.choice(self.customers)
        key = f"k{number}k"
        value = self._value(operation, customer_id, key, number)
        return Deed(key, operation, customer_id, value, self._faults())

    def _faults(self) -> tuple[str, ...]:
        first = self.draw.choice(self.names) if self.draw.random() < self.faulty else "none"
        if self.draw.random() >= self.twice:
            return (first,)
        return first, self.draw.choice((*self.names, *faults.SECOND))

    def _value(
        self, operation: str, customer_id: str, key: str, number: int
    ) -> Activity | Order | PointsAdjustment:
        customer = Customer(id=customer_id, email=f"c{customer_id}@example.com")
        past = self.now - timedelta(days=self.draw.randint(1, 30))
        match operation:
            case "activity" | "backdated activity":
                return Activity(
                    name=self.draw.choice(ACTIVITIES),
                    customer=customer,
                    # Joy is sent nothing else that could carry the key.
                    id=f"{self._prefix(number)}{key}",
                    occurred_at=past if operation == "backdated activity" else None,
                )
            case "order":
                return Order(
                    id=f"{self._prefix(number)}{key}",
                    customer=customer,
                    total=Decimal(self.draw.choice(["10.00", "25.50", f"{number}.99"])),
                    payment_status="paid",
                    placed_at=self.draw.choice([None, past]),
                )
            case _:
                return self._adjustment(operation, customer_id, key, number)

    def _prefix(self, number: int) -> str:
        """Nothing, another deed's whole id, or what a URL must encode."""
        return ("", f"k{number - 1}k.", "é/")[number % 3]

    def _adjustment(
        self, operation: str, customer_id: str, key: str, number: int
    ) -> PointsAdjustment:
        same = self.draw.random() < self.equal
        points = 50 if same else self.draw.randint(1, 10_000)
        return PointsAdjustment(
            customer_id=customer_id,
            points=points if operation == "up" else -points,
            reason=f"{key} goodwill & more",
            reference=self._reference(number),
        )

    def _reference(self, number: int) -> str | None:
        """Prefixes of one another, long ones, some that must be hashed, and none at all."""
        match number % 10:
            case 7:
                return None
            case 8:
                return f"r{number}/é"
            case 9:
                return f"r{number}".ljust(64, "9")
            case _:
                return f"r{number}"
