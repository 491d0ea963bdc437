"""Two runs side by side: what changed by more than the noise of both."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import attrs
from rich.console import Console

from .figures import Measured, noise
from .results import Answer, Results, Row, Table
from .table import framed, number

_COLOURS = {"worse": "red", "better": "green"}


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
    more_is_better: bool = False

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, or ``same`` within the spread of both runs.

        Judged by the ratio to the base, where there is one: the machine may have changed. Of a
        single repetition nobody knows the spread: ``?``.
        """
        old, new = self.old, self.new
        if self.old_ratio is not None and self.new_ratio is not None:
            old, new = self.old_ratio, self.new_ratio
        wavers = noise(old, new)
        if wavers is None:
            return "?"
        if abs(new.median - old.median) <= wavers * old.median:
            return "same"
        return "better" if (new.median > old.median) is self.more_is_better else "worse"


def changes(old: Results, new: Results) -> Iterator[Change]:
    """Every row that is in both runs."""
    for answer in new.answers:
        for table in answer.tables:
            earlier = _table(old, answer.name, table.case)
            if earlier is not None:
                yield from _rows(answer, earlier, table)


def _table(results: Results, question: str, case: str) -> Table | None:
    answer = results.answer(question)
    tables = answer.tables if answer else []
    return next((table for table in tables if table.case == case), None)


def _rows(answer: Answer, old: Table, new: Table) -> Iterator[Change]:
    figure = answer.figures[0]
    for row in new.rows:
        earlier = old.row(row.candidate)
        mine = row.measured(figure["key"])
        its = earlier.measured(figure["key"]) if earlier else None
        if earlier is not None and mine is not None and its is not None:
            yield Change(
                question=answer.name,
                case=new.case,
                candidate=row.candidate,
                old=its,
                new=mine,
                old_ratio=_ratio(answer, old, earlier),
                new_ratio=_ratio(answer, new, row),
                more_is_better=figure["better"] == "more",
            )


def _ratio(answer: Answer, table: Table, row: Row) -> Measured | None:
    if row.candidate == answer.base:
        return None
    return table.ratio(row, answer.base, answer.figures[0]["key"])


def alone(results: Results, other: Results) -> Iterator[str]:
    """What is in ``results`` and not in ``other``: questions, cases, candidates."""
    for answer in results.answers:
        if other.answer(answer.name) is None:
            yield answer.name
            continue
        for table in answer.tables:
            found = _table(other, answer.name, table.case)
            if found is None:
                yield f"{answer.name}, {table.case}"
                continue
            absent = [row.candidate for row in table.rows if found.row(row.candidate) is None]
            yield from (f"{answer.name}, {table.case}: {name}" for name in absent)


def differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """What of two machines differs, the versions of their packages one by one."""
    then, now = _flat(old), _flat(new)
    for what in sorted(then.keys() | now.keys()):
        if then.get(what) != now.get(what):
            yield f"{what}: {then.get(what, 'none')} then, {now.get(what, 'none')} now"


def _flat(machine: dict[str, Any]) -> dict[str, Any]:
    return {**machine, **machine["versions"], "versions": None}


def show(console: Console, old: Results, new: Results) -> None:
    """Print the changes, and say so when the machines differ or a run lacks something.

    Raises:
        ValueError: The runs cannot be compared.
    """
    if old.quick is not new.quick:
        raise ValueError("a quick run has other sizes: compare it with a quick one")
    found = list(changes(old, new))
    if not found:
        raise ValueError("the two runs have nothing in common")
    for line in _remarks(old, new):
        console.print(line, style="yellow", highlight=False, markup=False)
    for (question, case), group in groupby(found, lambda each: (each.question, each.case)):
        rows = [(_cells(each), _COLOURS.get(each.verdict, "")) for each in group]
        names = ("candidate", "old", "new", "old ratio", "new ratio", "verdict")
        framed(console, f"{question}: {case}", names, rows)
    if any(each.verdict == "?" for each in found):
        console.print("?: measured once, so nobody knows by how much it varies", style="dim")


def _remarks(old: Results, new: Results) -> Iterator[str]:
    yield from differences(old.machine, new.machine)
    yield from (f"only in the old run: {name}" for name in alone(old, new))
    yield from (f"only in the new run: {name}" for name in alone(new, old))


def _cells(change: Change) -> tuple[str, ...]:
    figures = (change.old, change.new, change.old_ratio, change.new_ratio)
    return change.candidate, *(number(figure, 2) for figure in figures), change.verdict
