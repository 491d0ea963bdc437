"""Pictures of a run: for each question one, with a panel for each case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .results import Answer, Results, Row, Table

_COLOURS = {"ours": "#0b6e4f", "peer": "#8d99ae", "floor": "#d9dee7"}
_WIDTH, _BAR = 9.0, 0.32
_LONGEST = 12.0  # times the base; longer bars are cut, are marked, and say how long they are


def draw(results: Results, folder: Path) -> list[Path]:
    """An SVG and a PNG for each question of ``results``, named after it."""
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    for answer in results.answers:
        key = answer.figures[0]["key"]
        tables = [
            table for table in answer.tables if any(row.figures.get(key) for row in table.rows)
        ]
        if tables:
            made += _save(figure(answer, tables), folder / answer.name)
    return made


def _save(drawn: Any, path: Path) -> list[Path]:
    from matplotlib import rc_context  # noqa: PLC0415 - drawing is an extra

    files = [path.with_suffix(".svg"), path.with_suffix(".png")]
    # The same run must give the same bytes: no date, and ids that are no random numbers.
    with rc_context({"svg.hashsalt": "loyalty_sdk"}):
        drawn.savefig(files[0], metadata={"Date": None})
    drawn.savefig(files[1], dpi=110)
    return files


def figure(answer: Answer, tables: list[Table]) -> Any:
    """The picture of one question: a panel for each of ``tables``."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    heights = [len(table.rows) for table in tables]
    height = _BAR * sum(heights) + 0.75 * len(tables) + 0.8
    made = Figure(figsize=(_WIDTH, height), layout="constrained")
    panels = made.subplots(len(tables), 1, squeeze=False, height_ratios=heights)
    for panel, table in zip(panels[:, 0], tables, strict=True):
        _bars(panel, answer, table)
    made.suptitle(f"{answer.title}: {answer.figures[0]['title']}", weight="bold")
    return made


def _bars(panel: Any, answer: Answer, table: Table) -> None:
    rows = [row for row in reversed(table.rows) if row.figures.get(answer.figures[0]["key"])]
    values = [_median(answer, row) for row in rows]
    base = next((_median(answer, row) for row in rows if row.candidate == answer.base), None)
    longest = base * _LONGEST if base else max(values)
    colours = [_COLOURS[row.role] for row in rows]
    panel.barh([row.candidate for row in rows], [min(v, longest) for v in values], color=colours)
    for at, (row, value) in enumerate(zip(rows, values, strict=True)):
        panel.text(min(value, longest), at, _label(answer, table, row), va="center", fontsize=8)
        if value > longest:
            _cut(panel, longest, at)
    if base:
        panel.axvline(base, color="#333333", linewidth=0.8, linestyle=":")
    panel.set_title(table.case, loc="left", fontsize=9, style="italic")
    if max(values) > longest:
        panel.set_xlabel(f"cut at {_LONGEST:g} times {answer.base}", fontsize=7, loc="left")
    panel.set_xlim(0, min(max(values), longest) * 1.25)
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)


def _cut(panel: Any, longest: float, at: int) -> None:
    """Two slanted gaps near the end of a bar: it is longer than it is drawn."""
    for share in (0.955, 0.975):
        left, right = longest * (share - 0.006), longest * (share + 0.006)
        panel.plot([left, right], [at - 0.5, at + 0.5], color="white", linewidth=2.5)


def _median(answer: Answer, row: Row) -> float:
    measured = row.measured(answer.figures[0]["key"])
    return measured.median if measured else 0.0


def _label(answer: Answer, table: Table, row: Row) -> str:
    figure = answer.figures[0]
    ratio = table.ratio(row, answer.base, figure["key"])
    times = f" (x {ratio.median:.2f})" if ratio else ""
    return f" {_median(answer, row):,.{figure['digits']}f}{times}"
