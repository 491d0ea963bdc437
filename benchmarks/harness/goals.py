"""What was set out to be reached, mostly as ratios in one run, and whether it is."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from .figures import Measured, ratios
from .results import Results


@attrs.frozen(kw_only=True)
class Side:
    """One figure of a run: which question, case, candidate and column."""

    question: str
    case: str
    candidate: str
    figure: str

    def values(self, results: Results) -> list[float]:
        """What was measured, one value for each repetition; none where nothing was."""
        answer = results.answer(self.question)
        tables = answer.tables if answer else []
        row = next((table.row(self.candidate) for table in tables if table.case == self.case), None)
        return row.figures.get(self.figure, []) if row else []


@attrs.frozen(kw_only=True)
class Goal:
    """``mine``, or its ratio to ``other``, must be at most ``most`` and at least ``least``."""

    name: str
    mine: Side
    other: Side | None = None
    most: float | None = None
    least: float | None = None

    @property
    def bound(self) -> str:
        """``at most 0.95``."""
        return f"at least {self.least}" if self.most is None else f"at most {self.most}"

    def measured(self, results: Results) -> Measured | None:
        """The figure or the ratio, None where it was not measured."""
        sides = [side for side in (self.mine, self.other) if side is not None]
        found = [side.values(results) for side in sides]
        values = found[0] if self.other is None else ratios(*found)
        return Measured.of(values) if values else None

    def holds(self, measured: Measured | None) -> bool:
        """Whether ``measured`` is what was wanted; what was not measured is not."""
        if measured is None:
            return False
        over = self.most is not None and measured.median > self.most
        return not over and (self.least is None or measured.median >= self.least)


def _goal(name: str, most: float, mine: Side, **other: str) -> Goal:
    return Goal(name=name, most=most, mine=mine, other=attrs.evolve(mine, **other))


def _side(question: str, case: str, candidate: str, figure: str) -> Side:
    return Side(question=question, case=case, candidate=candidate, figure=figure)


_CALL = _side("call", "64 in flight, asyncio", "ours", "cpu_us")
_SCALE = _side("scale", "1,000 in flight", "ours", "cpu_us")
_IMPORT = "beyond a bare interpreter"
_MILLION = _side("backfill", "1,000,000 rows", "Backfill", "peak_mib")
_HALF = _side("backfill", "1,000,000 rows, half of them done", "Backfill, half done", "resume_s")
_LIMITED = _side("backfill", "500 rows a second allowed", "Backfill, limited", "used")

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
    _goal("peak memory of a backfill, 1,000,000 rows : 10,000", 1.2, _MILLION, case="10,000 rows"),
    *(
        Goal(
            name=f"rows a second of a backfill of {case} : bare create_order",
            mine=attrs.evolve(_MILLION, case=case, figure="per_second"),
            other=_side("backfill", case, "create_order alone", "per_second"),
            least=0.6,
        )
        for case in ("10,000 rows", "1,000,000 rows")
    ),
    *(
        Goal(
            name=f"seconds to go on with a journal of 1,000,000 rows, {done} done",
            mine=side,
            most=2,
        )
        for done, side in (("half", _HALF), ("all", attrs.evolve(_MILLION, figure="resume_s")))
    ),
    Goal(name="per cent used of a limit of 500 rows a second", mine=_LIMITED, least=97),
    Goal(name="429s meanwhile", mine=attrs.evolve(_LIMITED, figure="refused"), most=0),
)


def verdicts(results: Results) -> Iterator[tuple[Goal, Measured | None]]:
    """Every goal of the questions that were asked, and what was measured.

    None of a quick run: its figures are of other sizes than the goals.
    """
    for goal in GOALS:
        if results.answer(goal.mine.question) is not None and not results.quick:
            yield goal, goal.measured(results)
