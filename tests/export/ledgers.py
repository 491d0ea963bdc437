"""Ledgers of every shape, and what an export of them has to hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from loyalty_sdk import LoyaltyClient, connect
from loyalty_sdk.sandbox import Entry, Sandbox

START = datetime(2022, 5, 1, tzinfo=UTC)
CUSTOMERS = tuple(str(number) for number in range(1001, 1021))

Shape = Callable[[int], Iterator[float]]
"""Of how many rows to the seconds after `START` at which they were made, in order of their ids."""


def even(count: int) -> Iterator[float]:
    """One row a minute."""
    return (number * 60.0 for number in range(count))


def burst(count: int) -> Iterator[float]:
    """One row in ten over three years, and all others within one minute in the middle of them."""
    few = count // 20
    gap = 1.5 * 365 * 86_400 / few
    yield from (number * gap for number in range(few))
    inside = count - 2 * few
    yield from (few * gap + 60.0 * number / inside for number in range(inside))
    yield from ((few + 1 + number) * gap for number in range(few))


def instant(count: int) -> Iterator[float]:
    """All at once: no window is narrow enough to part them."""
    return (0.0 for _ in range(count))


def backdated(count: int) -> Iterator[float]:
    """Ids that say nothing of the time: an import wrote old rows late, in blocks."""
    draw = Random(7)  # noqa: S311 - repeatable on purpose
    blocks = [list(range(at, min(at + 37, count))) for at in range(0, count, 37)]
    draw.shuffle(blocks)
    return (number * 60.0 for block in blocks for number in block)


SHAPES: dict[str, Shape] = {
    "even": even,
    "burst": burst,
    "instant": instant,
    "backdated": backdated,
}


def fill(
    sandbox: Sandbox,
    seconds: Iterable[float],
    *,
    provider: str = "loyaltylion",
    customers: tuple[str, ...] = CUSTOMERS,
) -> None:
    """Write rows into the ledger itself, which takes no request."""
    vendor = sandbox.vendor(provider)
    with vendor.ledger.lock:
        accounts = [vendor.ledger.open_account(customer) for customer in customers]
        for number, second in enumerate(seconds):
            time = START + timedelta(milliseconds=round(second * 1000))
            vendor.seed(accounts[number % len(accounts)], number + 1, time=time)


def entries(sandbox: Sandbox, provider: str = "loyaltylion") -> list[Entry]:
    """Every row of the ledger, in the order an export has to have."""
    rows = sandbox.vendor(provider).ledger.entries.rows
    return sorted(rows, key=lambda row: (row.time, len(row.id), row.id))


def expected(sandbox: Sandbox, provider: str = "loyaltylion") -> list[tuple[str, int]]:
    """Ids and points, in the order an export has to have."""
    return [(row.id, row.points) for row in entries(sandbox, provider)]


def exported(path: Path) -> list[tuple[str, int]]:
    """The same from a file of JSON Lines."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [(row["id"], row["points"]) for row in rows]


def client_of(sandbox: Sandbox, provider: str = "loyaltylion", **options: Any) -> LoyaltyClient:
    """A client of a vendor's half."""
    return connect(provider, **sandbox.settings(provider), **options)


def pages_asked(sandbox: Sandbox) -> int:
    """How many requests for transactions arrived."""
    return sum("transactions" in (arrival.template or "") for arrival in sandbox.arrivals)
