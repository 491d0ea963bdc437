"""What was set out to be reached, as ratios in one run, and whether it is."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from .figures import Measured, ratios
from .results import Results, Row


@attrs.frozen(kw_only=True)
class Side:
    """One figure of a run: which question, case, candidate and column."""

    question: str
    case: str
    candidate: str
    figure: str

    def row(self, results: Results) -> Row | None:
        """Where it stands in ``results``, if it was measured."""
        answer = results.answer(self.question)
        tables = answer.tables if answer else []
        return next(
            (table.row(self.candidate) for table in tables if table.case == self.case), None
        )


@attrs.frozen(kw_only=True)
class Goal:
    """``mine`` to ``other`` must be at most ``most``."""

    name: str
    mine: Side
    other: Side
    most: float

    def reached(self, results: Results) -> Measured | None:
        """The ratio, None where it was not measured."""
        mine, other = self.mine.row(results), self.other.row(results)
        if mine is None or other is None:
            return None
        values = ratios(mine.figures[self.mine.figure], other.figures[self.other.figure])
        return Measured.of(values) if values else None


def _goal(name: str, most: float, mine: Side, **other: str) -> Goal:
    return Goal(name=name, most=most, mine=mine, other=attrs.evolve(mine, **other))


def _side(question: str, case: str, candidate: str, figure: str) -> Side:
    return Side(question=question, case=case, candidate=candidate, figure=figure)


_CALL = _side("call", "64 in flight, asyncio", "ours", "cpu_us")
_SCALE = _side("scale", "1,000 in flight", "ours", "cpu_us")
_IMPORT = "beyond a bare interpreter"

GOALS = (
    _goal("CPU per create_order, 64 in flight : bare aiohttp", 0.95, _CALL, candidate="aiohttp"),
    *(
        _goal(
            f"1,000 rows of {vendor} to neutral values : pydantic",
            0.75,
            _side("page", f"{vendor}, 1,000 rows", "ours", "row_us"),
            candidate="pydantic",
        )
        for vendor in ("LoyaltyLion", "Joy")
    ),
    *(
        _goal(
            f"import and make a {vendor} client : import aiohttp",
            0.6,
            _side("import", _IMPORT, f"ours, a {vendor} client", "cpu_ms"),
            candidate="aiohttp, import alone",
        )
        for vendor in ("LoyaltyLion", "Joy")
    ),
    _goal("CPU per call, 1,000 in flight : 10 in flight", 1.2, _SCALE, case="10 in flight"),
    _goal(
        "paging at 100 ms latency : a loop that decodes nothing",
        1.03,
        _side("paging", "100 ms latency", "ours", "seconds"),
        candidate="nothing decoded",
    ),
)


def verdicts(results: Results) -> Iterator[tuple[str, float, Measured, bool]]:
    """Every goal that was measured: its name, the most, the ratio, and whether it is reached."""
    for goal in GOALS:
        found = goal.reached(results)
        if found is not None:
            yield goal.name, goal.most, found, found.median <= goal.most
