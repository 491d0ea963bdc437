"""A file of orders, and what it takes to send it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness.usage import busy_seconds, idle_share, peak_mib

KEY = "pat_sandbox"
_CUSTOMERS = 50_000
_FIRST = 200

Send = Callable[[Path, int], Awaitable[int]]
"""Sends a file with that many rows, and says how many were applied."""


def row(number: int) -> dict[str, str]:
    """Order ``number``; a shopper's orders are far apart."""
    customer = number % _CUSTOMERS
    return {
        "id": f"A-{number}",
        "customer_id": str(1001 + customer),
        "customer_email": f"shopper{customer}@example.com",
        "total": f"{10 + number % 90}.{number % 100:02}",
        "payment_status": "paid",
    }


@contextmanager
def files(settings: Mapping[str, Any]) -> Iterator[tuple[Path, Path]]:
    """A small file and one with ``settings["rows"]`` orders, on a disk."""
    with tempfile.TemporaryDirectory(dir=settings["folder"]) as folder:
        first, orders = Path(folder) / "first.csv", Path(folder) / "orders.csv"
        _write(first, _FIRST)
        _write(orders, settings["rows"])
        yield first, orders


def _write(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(row(0)) + "\n")
        file.writelines(",".join(row(number).values()) + "\n" for number in range(rows))


def measure(send: Send, settings: Mapping[str, Any]) -> dict[str, float]:
    """The figures of sending ``settings["rows"]`` orders."""
    with files(settings) as (first, orders):
        return asyncio.run(measured(send, first, orders, settings))


async def measured(
    send: Send, first: Path, orders: Path, settings: Mapping[str, Any]
) -> dict[str, float]:
    """The figures of sending ``orders``, after the file ``first``.

    Memory is counted from before the first file on, so with what is imported on the way.
    """
    rows, pid, before = settings["rows"], settings["pid"], peak_mib()
    await send(first, _FIRST)
    server, cpu, wall = busy_seconds(pid), time.process_time(), time.perf_counter()
    applied = await send(orders, rows)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if applied != rows:
        raise RuntimeError(f"{applied} of {rows} rows were applied")
    return {
        "cpu_us": cpu / rows * 1e6,
        "per_second": rows / wall,
        "peak_mib": peak_mib() - before,
        **idle_share(pid, server, wall),
    }
