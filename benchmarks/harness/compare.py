"""Two runs side by side: what changed by more than the noise of both."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from rich.console import Console
from rich.table import Table as RichTable

from .figures import Measured
from .results import Answer, Results, Row, Table
from .table import number


@attrs.frozen(kw_only=True)
class Change:
    """One row's main figure in two runs; the ratio to the base tells machines apart from code."""

    question: str
    case: str
    candidate: str
    old: Measured
    new: Measured
    old_ratio: Measured | None
    new_ratio: Measured | None

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, or ``same`` within the spread of both runs.

        Judged by the ratio to the base, where there is one: the machine may have changed.
        """
        old, new = self.old, self.new
        if self.old_ratio is not None and self.new_ratio is not None:
            old, new = self.old_ratio, self.new_ratio
        if not old.median:
            return "same"
        change = new.median / old.median - 1
        noise = max(old.spread + new.spread, 0.01)
        return "same" if abs(change) <= noise else "worse" if change > 0 else "better"


def changes(old: Results, new: Results) -> Iterator[Change]:
    """Every row that is in both runs."""
    for answer in new.answers:
        before = old.answer(answer.name)
        for table in answer.tables:
            earlier = (
                next((t for t in before.tables if t.case == table.case), None) if before else None
            )
            if earlier is not None:
                yield from _rows(answer, earlier, table)


def _rows(answer: Answer, old: Table, new: Table) -> Iterator[Change]:
    key = answer.figures[0]["key"]
    for row in new.rows:
        earlier = old.row(row.candidate)
        mine, its = row.measured(key), earlier.measured(key) if earlier else None
        if earlier is not None and mine is not None and its is not None:
            yield Change(
                question=answer.name,
                case=new.case,
                candidate=row.candidate,
                old=its,
                new=mine,
                old_ratio=_ratio(answer, old, earlier),
                new_ratio=_ratio(answer, new, row),
            )


def _ratio(answer: Answer, table: Table, row: Row) -> Measured | None:
    if row.candidate == answer.base:
        return None
    return table.ratio(row, answer.base, answer.figures[0]["key"])


def show(console: Console, old: Results, new: Results) -> None:
    """Print the changes, and say so when the machines differ."""
    for what in ("processor", "python"):
        if old.machine.get(what) != new.machine.get(what):
            line = f"{what}: {old.machine.get(what)} then, {new.machine.get(what)} now"
            console.print(line, style="yellow", highlight=False)
    made = RichTable()
    for index, name in enumerate(("candidate", "old", "new", "old ratio", "new ratio", "")):
        made.add_column(name, justify="right" if 0 < index < 5 else "left", no_wrap=True)
    last = ""
    for change in changes(old, new):
        if (heading := f"{change.question}: {change.case}") != last:
            made.add_section()
            made.add_row(heading, style="italic")
            last = heading
        made.add_row(*_cells(change), style={"worse": "red", "better": "green"}.get(change.verdict))
    console.print(made)


def _cells(change: Change) -> tuple[str, ...]:
    figures = (change.old, change.new, change.old_ratio, change.new_ratio)
    return change.candidate, *(number(figure, 2) for figure in figures), change.verdict
