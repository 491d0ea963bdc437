"""What was measured, on which machine, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import cattrs

from .figures import Measured, ratios

VERSION = 1


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
    """One case: its rows, what was left out and why, and what it was measured against."""

    case: str
    rows: list[Row] = attrs.field(factory=list[Row])
    left_out: dict[str, str] = attrs.field(factory=dict[str, str])
    server: str | None = None

    def row(self, candidate: str) -> Row | None:
        """The candidate's row, if it was measured."""
        return next((row for row in self.rows if row.candidate == candidate), None)

    def ratio(self, row: Row, base: str, key: str) -> Measured | None:
        """``row`` to the candidate ``base``; None where either was not measured."""
        other = self.row(base)
        values = ratios(row.figures.get(key, []), other.figures.get(key, [])) if other else []
        return Measured.of(values) if values else None


@attrs.define(kw_only=True)
class Answer:
    """One question with everything needed to print it without its code."""

    name: str
    title: str
    base: str
    figures: list[dict[str, Any]]
    tables: list[Table] = attrs.field(factory=list[Table])


@attrs.define(kw_only=True)
class Results:
    """One run."""

    version: int = VERSION
    command: str
    started: str
    machine: dict[str, Any]
    answers: list[Answer] = attrs.field(factory=list[Answer])

    def answer(self, name: str) -> Answer | None:
        """The answer to one question, if it was asked."""
        return next((answer for answer in self.answers if answer.name == name), None)


def save(results: Results, path: Path) -> None:
    """Write ``results`` as JSON that people can read."""
    path.write_text(json.dumps(attrs.asdict(results), indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Results:
    """What `save` wrote.

    Raises:
        ValueError: It was written by another version, or by something else.
    """
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise ValueError(f"{path} holds no results of this version")
    return cattrs.structure(found, Results)
