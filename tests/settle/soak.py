"""100,000 adjustments under 10 % mixed faults, then the fault matrix with more seeds.

Run it with ``make soak``, or with ``python -m tests.settle.soak --help`` in the project's
folder. Sockets, sandbox and client are real; the clock jumps where everybody waits, so that a
minute's patience costs nothing. ``--real`` waits, with a vendor that settles within a second.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator

import attrs

from .clock import run
from .faults import Late
from .matrix import worlds
from .stage import FLAVOURS, World
from .tally import Tally, table
from .world import play

_CUSTOMERS = tuple(str(number) for number in range(1000))


def adjustments(flavour: str, calls: int, seed: int, *, real: bool) -> World:
    """A world with nothing but adjustments, of which one in ten meets a fault."""
    world = World(
        seed=seed,
        flavour=flavour,
        calls=calls,
        faulty=0.1,
        twice=0.1,
        operations=("up", "down"),
        customers=_CUSTOMERS,
        switches={"stranger": 0.0 if flavour == "sole writer" else 0.02},
    )
    if real:
        return attrs.evolve(world, settle=1.0, deadline=15.0, late=Late(0.0, 0.5))
    return world


def main() -> int:
    """Print the table; 1 when anything in it must not be."""
    options = _options()
    tallies: list[tuple[str, Tally]] = []
    for title, world in _runs(options):
        began = time.perf_counter()
        tally = Tally()
        tally.add(asyncio.run(play(world)) if options.real else run(play(world)))
        print(f"{title}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
        _merge(tallies, title, tally)
    print(table([*tallies, ("all", _sum(tally for _, tally in tallies))]))
    wrong = [one for _, tally in tallies for one in tally.wrong]
    print(*wrong[:20], sep="\n")
    silent = [title for title, tally in tallies if not tally.tells]
    print(*(f"{title}: too little was sent to tell anything" for title in silent), sep="\n")
    return 1 if wrong or silent else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000, help="adjustments (100000)")
    parser.add_argument("--seeds", type=int, default=3, help="covering arrays to play (3)")
    parser.add_argument("--seed", type=int, default=1, help="the first of them (1)")
    parser.add_argument("--real", action="store_true", help="wait; leaves the matrix out")
    return parser.parse_args()


def _runs(options: argparse.Namespace) -> Iterator[tuple[str, World]]:
    each = options.calls // len(FLAVOURS)
    for flavour in FLAVOURS:
        yield flavour, adjustments(flavour, each, options.seed, real=options.real)
    if options.real:
        return
    for seed in range(options.seed, options.seed + options.seeds):
        for world in worlds(seed, calls=64):
            yield f"matrix, seed {seed}", world


def _merge(tallies: list[tuple[str, Tally]], title: str, tally: Tally) -> None:
    if tallies and tallies[-1][0] == title:
        tally = _sum([tallies.pop()[1], tally])
    tallies.append((title, tally))


def _sum(tallies: Iterator[Tally] | list[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        for field in attrs.fields(Tally):
            value = getattr(total, field.name) + getattr(tally, field.name)
            setattr(total, field.name, value)
    return total


if __name__ == "__main__":
    sys.exit(main())
