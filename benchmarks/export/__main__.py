"""Exports a program with one window and with several, and says how much faster several are.

Run it with ``python -m benchmarks.export`` in the project's folder; ``--help`` shows what can be
changed. The vendor is a process of its own without limits, which has made its rows beforehand;
how idle it was is printed. Each of its answers comes ``--latency`` seconds late, as over a
network. The runs take turns, each into a new file, and the files have to be equal byte by byte.
Ends with 1 if they are not, or if the last number of windows is not ``--goal`` times as fast as
the first.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import loyalty_sdk
from benchmarks.harness.target import serving
from benchmarks.harness.usage import busy_seconds, idle_share
from loyalty_sdk.export import Export

if TYPE_CHECKING:
    pass


class Round(NamedTuple):
    """One export."""

    windows: int
    seconds: float
    cpu: float
    pages: int
    digest: str
    idle: float


def main() -> int:
    """Measure and print."""
    options = _options()
    with serving("benchmarks.export.vendor", options.rows, options.latency) as (settings, pid):
        rounds = [
            asyncio.run(_export(settings, pid, windows, options.page_size))
            for _ in range(options.rounds)
            for windows in options.windows
        ]
    return _report(options, rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="of the program (200000)")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds a request (0.05)")
    parser.add_argument("--windows", type=int, nargs="+", default=[1, 8], help="to compare (1 8)")
    parser.add_argument("--page-size", type=int, help="rows a page (the vendor's greatest)")
    parser.add_argument("--rounds", type=int, default=3, help="of each; medians count (3)")
    parser.add_argument("--goal", type=float, default=6.0, help="times as fast (6)")
    return parser.parse_args()


async def _export(settings: dict[str, Any], pid: int, windows: int, page_size: int | None) -> Round:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.csv"
        async with loyalty_sdk.connect("loyaltylion", rate_limit=False, **settings) as client:
            began, cpu, busy = time.perf_counter(), time.process_time(), busy_seconds(pid)
            summary = await Export(client, out, windows=windows, page_size=page_size).run()
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            idle = idle_share(pid, busy, seconds).get("server_idle", float("nan"))
        digest = await asyncio.to_thread(_digest, out)
    return Round(windows, seconds, cpu, summary.pages, digest, idle)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _report(options: argparse.Namespace, rounds: list[Round]) -> int:
    print(
        f"{options.rows:,} rows, {options.latency * 1000:g} ms a request, {options.rounds} rounds"
    )
    print("windows  seconds   rows/s  requests  CPU s  times as fast  server idle %")
    medians = {}
    for windows in options.windows:
        mine = [each for each in rounds if each.windows == windows]
        seconds = medians[windows] = statistics.median(each.seconds for each in mine)
        cpu = statistics.median(each.cpu for each in mine)
        gain = medians[options.windows[0]] / seconds
        idle = statistics.median(each.idle for each in mine)
        rate = options.rows / seconds
        print(
            f"{windows:7} {seconds:8.2f} {rate:8,.0f} {mine[0].pages:9} {cpu:6.2f} {gain:14.2f}"
            f" {idle:14.0f}"
        )
    gain = medians[options.windows[0]] / medians[options.windows[-1]]
    same = len({each.digest for each in rounds}) == 1
    print(f"The files are {'equal' if same else 'NOT EQUAL'}; the goal is {options.goal:g} times")
    return 0 if same and gain >= options.goal else 1


if __name__ == "__main__":
    sys.exit(main())
