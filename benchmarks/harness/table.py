"""Answers as tables: on the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable

from .figures import Measured
from .results import Answer, Row, Table

_ONE_OF: dict[str, Callable[[list[float]], float]] = {"least": min, "most": max}


def show(console: Console, answer: Answer) -> None:
    """Print every table of ``answer``, and under each what is missing from it."""
    console.print(f"\n[bold]{answer.title}[/bold]  [dim]({answer.name})[/dim]")
    for table in answer.tables:
        if table.rows:
            _show(console, answer, table)
        for line in remarks(table):
            console.print(f"  {line}", style="dim", highlight=False)


def _show(console: Console, answer: Answer, table: Table) -> None:
    styles = [{"ours": "bold", "floor": "dim"}.get(row.role, "") for row in table.rows]
    rows = [cells(answer, table, row) for row in table.rows]
    framed(console, table.case, columns(answer, table), zip(rows, styles, strict=True))


def framed(
    console: Console,
    title: str,
    names: Sequence[str],
    rows: Iterable[tuple[Sequence[str], str]],
) -> None:
    """Print a table; where the terminal is narrow, cells break between words and are never cut."""
    made = RichTable(title=title, title_justify="left", title_style="italic", padding=(0, 0))
    held = list(rows)
    for index, name in enumerate(names):
        words = [word for text in (name, *(row[index] for row, _ in held)) for word in text.split()]
        made.add_column(
            name,
            justify="right" if index else "left",
            overflow="fold",
            min_width=max(map(len, words), default=1),
        )
    for row, style in held:
        made.add_row(*row, style=style)
    # Narrower than its words the table would be cut: rather let the terminal break its lines.
    least = Measurement.get(console, console.options.update(max_width=10_000), made).minimum
    console.print(made, width=max(console.width, least), crop=False)


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
    """The headings: candidate, ratio to the base where it is there, figures."""
    ratio = [f"x {answer.base}"] if _is_compared(answer, table) else []
    return ["candidate", *ratio, *(figure["title"] for figure in _measured(answer, table))]


def _is_compared(answer: Answer, table: Table) -> bool:
    return any(row.candidate == answer.base for row in table.rows)


def _measured(answer: Answer, table: Table) -> list[dict[str, Any]]:
    """The figures that anything in ``table`` has."""
    known = {key for row in table.rows for key in row.figures}
    return [figure for figure in answer.figures if figure["key"] in known]


def cells(answer: Answer, table: Table, row: Row) -> list[str]:
    """One row as text: medians with their spread."""
    ratio = table.ratio(row, answer.base, answer.figures[0]["key"])
    figures = [_cell(row, figure) for figure in _measured(answer, table)]
    compared = [number(ratio, 2)] if _is_compared(answer, table) else []
    return [row.candidate, *compared, *figures]


def _cell(row: Row, figure: dict[str, Any]) -> str:
    values, shown = row.figures.get(figure["key"], []), figure.get("shown")
    if values and shown == "yes or no":
        return "yes" if median(values) else "NO"
    if values and shown in _ONE_OF:
        values = [_ONE_OF[shown](values)]
    # Of what only describes nobody wants to know the spread.
    found = Measured.of(values) if values else None
    return number(found, figure["digits"], spread=figure["better"] is not None)


def number(measured: Measured | None, digits: int, *, spread: bool = True) -> str:
    """``1.23 ±4%``."""
    if measured is None:
        return "-"
    text = f"{measured.median:,.{digits}f}"
    return f"{text} ±{measured.spread:.0%}" if spread and measured.spread else text


def remarks(table: Table) -> Iterator[str]:
    """What a reader has to know: how often, of what server, and every candidate that is missing."""
    often = {len(values) for row in table.rows for values in row.figures.values()}
    if often == {1}:
        yield "measured once: how much the figures vary is not known"
    elif often:
        yield f"median of {max(often)}"
    if table.server:
        yield f"server: {table.server}"
    for name, why in table.left_out.items():
        yield f"left out: {name}, {why}"
