"""Answers as tables: on the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from .figures import Measured
from .results import Answer, Results, Row, Table


def show(console: Console, answer: Answer) -> None:
    """Print every table of ``answer``, and under each what is missing from it."""
    console.print(f"\n[bold]{answer.title}[/bold]  [dim]({answer.name})[/dim]")
    for table in answer.tables:
        if table.rows:
            console.print(_rich(answer, table))
        for line in remarks(table):
            console.print(f"  {line}", style="dim", highlight=False)


def _rich(answer: Answer, table: Table) -> RichTable:
    made = RichTable(title=table.case, title_justify="left", title_style="italic")
    for index, name in enumerate(columns(answer, table)):
        made.add_column(name, justify="right" if index else "left", no_wrap=True)
    for row in table.rows:
        style = {"ours": "bold", "floor": "dim"}.get(row.role)
        made.add_row(*cells(answer, table, row), style=style)
    return made


def markdown(answer: Answer, table: Table) -> Iterator[str]:
    """The lines of one table and its remarks."""
    names = columns(answer, table)
    yield f"**{table.case}**"
    yield ""
    if table.rows:
        yield f"| {' | '.join(names)} |"
        yield "|---" + "|--:" * (len(names) - 1) + "|"
    for row in table.rows:
        first, *rest = cells(answer, table, row)
        name = f"**{first}**" if row.role == "ours" else first
        yield f"| {name} | {' | '.join(rest)} |"
    for line in remarks(table):
        yield ""
        yield f"{line[0].upper()}{line[1:]}."
    yield ""


def columns(answer: Answer, table: Table) -> list[str]:
    """The headings: candidate, ratio to the base, figures."""
    return [
        "candidate",
        f"x {answer.base}",
        *(figure["title"] for figure in _measured(answer, table)),
    ]


def _measured(answer: Answer, table: Table) -> list[dict[str, Any]]:
    """The figures that anything in ``table`` has."""
    known = {key for row in table.rows for key in row.figures}
    return [figure for figure in answer.figures if figure["key"] in known]


def cells(answer: Answer, table: Table, row: Row) -> list[str]:
    """One row as text: medians with their spread."""
    ratio = table.ratio(row, answer.base, answer.figures[0]["key"])
    known = _measured(answer, table)
    figures = [_cell(row.measured(figure["key"]), figure) for figure in known]
    return [row.candidate, number(ratio, 2), *figures]


def _cell(measured: Measured | None, figure: dict[str, Any]) -> str:
    # Of what only describes nobody wants to know the spread.
    return number(measured, figure["digits"], spread=figure["better"] is not None)


def number(measured: Measured | None, digits: int, *, spread: bool = True) -> str:
    """``1.23 ±4%``."""
    if measured is None:
        return "-"
    text = f"{measured.median:,.{digits}f}"
    return f"{text} ±{measured.spread:.0%}" if spread and measured.spread else text


def remarks(table: Table) -> Iterator[str]:
    """What a reader has to know: the server, and every candidate that is missing."""
    if table.server:
        yield f"server: {table.server}"
    for name, why in table.left_out.items():
        yield f"left out: {name}, {why}"


def losses(results: Results) -> Iterator[str]:
    """Where somebody whom people could use instead does better than ours, in words."""
    for answer in results.answers:
        figure = answer.figures[0]
        for table in answer.tables:
            yield from _losses(answer, table, figure)


def _losses(answer: Answer, table: Table, figure: dict[str, Any]) -> Iterator[str]:
    # Where ours does several things, what it must be measured by is the dearest.
    ours = [row for row in table.rows if row.role == "ours"]
    if not ours:
        return
    own = max(ours, key=lambda row: _median(row, figure["key"]))
    for row in table.rows:
        if row.role == "peer" and _median(row, figure["key"]) < _median(own, figure["key"]):
            times = _median(own, figure["key"]) / _median(row, figure["key"])
            yield f"{answer.name}, {table.case}: {times:.2f} times {row.candidate}"


def _median(row: Row, key: str) -> float:
    measured = row.measured(key)
    return measured.median if measured else float("nan")
