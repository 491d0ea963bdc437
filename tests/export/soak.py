"""A large export, killed again and again: the file has to be the one of an export in peace.

Run it with ``python -m tests.export.soak`` in the project's folder; ``--help`` shows the sizes.
Sockets, processes, kills and files are real, the vendor is the sandbox.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from loyalty_sdk.sandbox import Sandbox

from .killing import Exporter, survive
from .ledgers import SHAPES, expected, exported, fill

_UNTIL = "2026-01-01T00:00:00Z"


def main() -> int:
    """Print a line for each ledger; 1 when a file is not what it must be."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_soak(options, Path(folder)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="of each ledger (200000)")
    parser.add_argument("--kills", type=int, default=10, help="of each export (10)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (1)")
    parser.add_argument("--page-size", type=int, default=500, help="rows a page (500)")
    parser.add_argument("--latency", type=float, default=0.005, help="seconds a request (0.005)")
    return parser.parse_args()


async def _soak(options: argparse.Namespace, folder: Path) -> int:
    wrong = 0
    for name in ("even", "burst"):
        async with Sandbox() as sandbox:
            fill(sandbox, SHAPES[name](options.rows))
            sandbox.faults.add("latency", seconds=options.latency)
            wrong += not await _one(name, sandbox, options, folder)
    return 1 if wrong else 0


async def _one(name: str, sandbox: Sandbox, options: argparse.Namespace, folder: Path) -> bool:
    whole, killed = folder / f"{name}-whole.jsonl", folder / f"{name}-killed.jsonl"
    step = max(options.rows // options.page_size // options.kills - 16, 1)
    began = time.perf_counter()
    async with Exporter(sandbox, _UNTIL, page_size=options.page_size) as exporter:
        await exporter.finish(whole)
        times = await survive(exporter, killed, kills=options.kills, step=step, seed=options.seed)
    same = _read(whole) == _read(killed)
    right = await asyncio.to_thread(exported, killed) == expected(sandbox)
    print(
        f"{name}: {options.rows:,} rows, killed {times} times in the middle, "
        f"{time.perf_counter() - began:.0f} s: the file is {'the same' if same else 'ANOTHER'}, "
        f"{'every row once and in order' if right else 'ROWS ARE WRONG'}"
    )
    return same and right


def _read(path: Path) -> bytes:
    return path.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
