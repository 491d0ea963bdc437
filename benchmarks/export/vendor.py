"""The vendor's part, in a process of its own: a sandbox with rows, until standard input ends."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from random import Random

from loyalty_sdk.sandbox import Sandbox

_START = datetime(2024, 1, 1, tzinfo=UTC)
_CUSTOMERS = 1000


def fill(sandbox: Sandbox, rows: int) -> None:
    """Rows of a shop that grows: the second year has about five times the rows of the first."""
    vendor = sandbox.vendor("loyaltylion")
    draw = Random(1)  # noqa: S311 - repeatable on purpose
    with vendor.ledger.lock:
        accounts = [
            vendor.ledger.open_account(str(number), email=f"{number}@example.com")
            for number in range(_CUSTOMERS)
        ]
        for number in range(rows):
            days = 730 * (((number + 1) / rows) ** 0.4)
            vendor.seed(draw.choice(accounts), 5, time=_START + timedelta(days=days))


async def main(rows: int, latency: float) -> None:
    """Serve until standard input ends."""
    async with Sandbox(arrivals_kept=1000) as sandbox:
        fill(sandbox, rows)
        sandbox.faults.add("latency", seconds=latency)
        print(json.dumps(sandbox.settings("loyaltylion")), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
