"""Backfills whose process is killed at random moments, under faults, with both vendors.

Run it with ``make soak``, or with ``python -m tests.backfill.soak --help`` in the project's
folder. Nothing may be lost, nothing doubled, and every row is in exactly one state.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from .kills import Play, Verdict, play

_PLAYS = (
    ("loyaltylion", "create_order"),
    ("loyaltylion", "adjust_points"),
    ("joy", "create_order"),
    ("joy", "adjust_points"),
)


def main() -> int:
    """Print a line for each; 1 when anything is that must not be."""
    options = _options()
    good = True
    for provider, operation in _PLAYS:
        one = Play(
            provider=provider,
            operation=operation,
            rows=options.rows,
            kills=options.kills,
            seed=options.seed,
            customers=options.customers,
        )
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            verdict = asyncio.run(play(one, Path(folder)))
        print(_line(one, verdict, time.perf_counter() - began), flush=True)
        good = good and verdict.good
    return 0 if good else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="of each input (20000)")
    parser.add_argument("--kills", type=int, default=20, help="of each (20)")
    parser.add_argument("--customers", type=int, default=997, help="whose they are (997)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn (1)")
    return parser.parse_args()


def _line(one: Play, verdict: Verdict, seconds: float) -> str:
    states = ", ".join(f"{name.lower()} {count}" for name, count in verdict.states.items())
    refused = "older copy refused" if verdict.refused else "NO OLDER COPY TRIED"
    left = "".join(f"; a run left {what}" for what in verdict.left if what)
    return (
        f"{one.provider:12} {one.operation:14} killed {verdict.killed}x, {refused}{left}:"
        f" {one.rows} rows: {states}; lost {len(verdict.lost)}, doubled {len(verdict.doubled)},"
        f" hidden {len(verdict.hidden)}; {seconds:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
