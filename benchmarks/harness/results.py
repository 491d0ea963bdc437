"""What was measured, on which machine, as JSON."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import cattrs

from .figures import Measured, ratios

VERSION = 2
_MACHINE = ("processor", "cores", "memory_gib", "system", "python", "versions")
_FIGURE = ("key", "title", "better", "digits")


@attrs.define(kw_only=True)
class Row:
    """One candidate in one case: figures by key, one value for each repetition."""

    candidate: str
    role: str
    figures: dict[str, list[float]] = attrs.field(factory=dict[str, list[float]])

    def measured(self, key: str) -> Measured | None:
        """Median and spread of a figure; None where it was not measured."""
        values = self.figures.get(key)
        return Measured.of(values) if values else None


@attrs.define(kw_only=True)
class Table:
    """One case.

    Attributes:
        case: Its name.
        rows: What was measured.
        left_out: Who was left out, and why.
        unmeasured: Of those, the ones of ours that are there and could not be measured.
        server: What it was measured against.
    """

    case: str
    rows: list[Row] = attrs.field(factory=list[Row])
    left_out: dict[str, str] = attrs.field(factory=dict[str, str])
    unmeasured: list[str] = attrs.field(factory=list[str])
    server: str | None = None

    def row(self, candidate: str) -> Row | None:
        """The candidate's row, if it was measured."""
        return next((row for row in self.rows if row.candidate == candidate), None)

    def ratio(self, row: Row, base: str | None, key: str) -> Measured | None:
        """``row`` to the candidate ``base``; None where either was not measured."""
        other = self.row(base) if base else None
        values = ratios(row.figures.get(key, []), other.figures.get(key, [])) if other else []
        return Measured.of(values) if values else None


@attrs.define(kw_only=True)
class Answer:
    """One question with everything needed to print it without its code.

    Attributes:
        name: What the command line calls it.
        title: Its heading.
        base: The candidate whose main figure is 1.00.
        figures: The columns, the main one first.
        tables: The cases.
        run: When the run began that it is of.
    """

    name: str
    title: str
    base: str | None
    figures: list[dict[str, Any]]
    tables: list[Table] = attrs.field(factory=list[Table])
    run: str = ""


@attrs.define(kw_only=True)
class Results:
    """One run.

    Attributes:
        version: Of this form.
        command: What makes such a run again.
        started: When it began.
        machine: See `benchmarks.harness.machine.describe`.
        quick: Whether it was for a look only.
        answers: One for each question asked.
    """

    version: int = VERSION
    command: str
    started: str
    machine: dict[str, Any]
    quick: bool = False
    answers: list[Answer] = attrs.field(factory=list[Answer])

    def add(self, answer: Answer) -> None:
        """Take an answer of this run."""
        self.answers.append(attrs.evolve(answer, run=self.started))

    def answer(self, name: str) -> Answer | None:
        """The answer to one question, if it was asked."""
        return next((answer for answer in self.answers if answer.name == name), None)

    @property
    def unmeasured(self) -> list[str]:
        """What of ours could not be measured, with its question and case."""
        return [
            f"{answer.name}, {table.case}: {name}"
            for answer in self.answers
            for table in answer.tables
            for name in table.unmeasured
        ]


def save(results: Results, path: Path) -> None:
    """Write ``results`` as JSON that people can read; what is there stays until all is written."""
    written = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        written.write_text(json.dumps(attrs.asdict(results), indent=1) + "\n", encoding="utf-8")
        written.replace(path)
    finally:
        with suppress(OSError):
            written.unlink()


def load(path: Path) -> Results:
    """What `save` wrote.

    Raises:
        ValueError: It was written by another version, by something else or by several runs; or
            it cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise ValueError(f"{path} holds no results: {exc}") from exc
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise ValueError(f"{path} holds no results of this version")
    return _one_run(_complete(_structured(found, path), path), path)


def _structured(found: dict[str, Any], path: Path) -> Results:
    try:
        return cattrs.structure(found, Results)
    except Exception as exc:  # cattrs raises what it finds, in groups
        said = "; ".join(cattrs.transform_error(exc))
        raise ValueError(f"{path} holds no results: {said}") from exc


def _complete(results: Results, path: Path) -> Results:
    figures = [figure for answer in results.answers for figure in answer.figures]
    parts = [(results.machine, _MACHINE), *((figure, _FIGURE) for figure in figures)]
    absent = [name for part, names in parts for name in names if name not in part]
    if absent or not all(answer.figures for answer in results.answers):
        raise ValueError(f"{path} holds no results: {', '.join(absent) or 'figures'} missing")
    return results


def _one_run(results: Results, path: Path) -> Results:
    # Figures of several runs under one command and one machine could not be made again.
    others = [answer.name for answer in results.answers if answer.run != results.started]
    if others:
        raise ValueError(f"{path} holds answers of another run: {', '.join(others)}")
    return results
