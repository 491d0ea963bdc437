"""Where something that people could use instead does better than ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .figures import LEAST_NOISE, Measured, noise
from .results import Answer, Results, Row, Table


def losses(results: Results) -> Iterator[str]:
    """A line for each case and competitor: the figures by which it does better, and how much."""
    for answer in results.answers:
        for table in answer.tables:
            yield from _missing(answer, table)
            yield from _losses(answer, table)


def _missing(answer: Answer, table: Table) -> Iterator[str]:
    """A case in which ours has no figures is no case in which ours does well."""
    names = table.unmeasured
    if not names and table.rows and not _ours(table):
        names = ["ours"]
    for name in names:
        yield f"{answer.name}, {table.case}: {name} not measured"


def _losses(answer: Answer, table: Table) -> Iterator[str]:
    for row in table.rows:
        if row.role == "peer":
            found = [text for figure in answer.figures if (text := _lost(table, row, figure))]
            if found:
                yield f"{answer.name}, {table.case}, against {row.candidate}: {', '.join(found)}"


def _lost(table: Table, peer: Row, figure: dict[str, Any]) -> str | None:
    """``p50 ms x 9.26`` where ``peer`` does better than ours by more than the noise."""
    own, its = _dearest(table, figure), peer.measured(figure["key"])
    if own is None or its is None:
        return None
    times = _times(own.median, its.median, figure["better"])
    unlike = times - 1 > (noise(own, its) or LEAST_NOISE)
    return f"{figure['title']} x {times:.2f}" if unlike else None


def _times(own: float, its: float, better: str | None) -> float:
    """How many times better theirs is; 1 where nobody can say."""
    if better is None or own == its:
        return 1.0
    more, less = (own, its) if better == "less" else (its, own)
    return more / less if less else float("inf")


def _dearest(table: Table, figure: dict[str, Any]) -> Measured | None:
    """Where ours does several things, what it must be measured by is the dearest."""
    found = [own for row in _ours(table) if (own := row.measured(figure["key"])) is not None]
    worst = min if figure["better"] == "more" else max
    return worst(found, key=lambda own: own.median, default=None)


def _ours(table: Table) -> list[Row]:
    return [row for row in table.rows if row.role == "ours"]
