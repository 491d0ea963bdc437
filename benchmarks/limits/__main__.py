"""Ask this one question: `python -m benchmarks.limits [--quick] [--only TEXT]`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from . import __doc__ as asked
from .measure import measure

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = ("used", "least", "429", "most/s", "trips/grant", "p95 ms", "CPU")


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The rows as Markdown."""
    yield f"| run | {' | '.join(_COLUMNS)} | kept |"
    yield "|---" + "|--:" * len(_COLUMNS) + "|---|"
    for row in rows:
        yield f"| {row['name']} | {' | '.join(_cells(row))} | {'yes' if row['kept'] else 'NO'} |"


def _cells(row: dict[str, Any]) -> Iterator[str]:
    if "us" in row:
        yield from (f"{row['us']:.2f} us", *[""] * (len(_COLUMNS) - 1))
        return
    yield f"{row['used']:.2%}"
    yield f"{row['least']:.2%}"
    yield f"{row['refused']:.3%}"
    yield f"{row['most']:,}"
    yield f"{row['trips']:.3f}" if "trips" in row else ""
    yield f"{row['p95_ms']:.1f} of {row['p95_allowed_ms']:g}" if "p95_ms" in row else ""
    yield f"{row['cpu']:.0%}"


def _say(text: str, where: TextIO = sys.stdout) -> None:
    where.write(f"{text}\n")
    where.flush()


def main() -> int:
    """Measure and print; 1 when something is not kept."""
    parser = argparse.ArgumentParser(
        description=asked, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one short run each; for a look only")
    parser.add_argument("--only", default="", help="only runs whose name holds this")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    rows = measure(quick=given.quick, only=given.only, progress=lambda text: _say(text, sys.stderr))
    _say("\n".join(table(rows)))
    _say(f"\nload before: {load:.1f} on {os.cpu_count()} cores; after: {os.getloadavg()[0]:.1f}")
    return 0 if all(row["kept"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
