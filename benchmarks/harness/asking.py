"""Asking questions from the command line: what is printed meanwhile, kept, and how it ends."""

from __future__ import annotations

import os
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

import attrs
import click
from rich.console import Console

from . import table
from .figures import Measured
from .goals import Goal, verdicts
from .machine import describe, sentence
from .question import Question
from .results import Results, save
from .rounds import ask
from .usage import allow_files


@attrs.frozen(kw_only=True)
class Asked:
    """What the command line asked for.

    Attributes:
        questions: In this order.
        quick: Whether one short repetition is enough.
        repetitions: How often, other than the questions say.
        file: Where the results are kept, if anywhere.
        only: What the names of all candidates hold.
    """

    questions: list[Question]
    quick: bool = False
    repetitions: int | None = None
    file: Path | None = None
    only: str = ""

    @property
    def command(self) -> str:
        """What makes such a run again; where its results went is nobody's business."""
        words = ["python -m benchmarks run", *(question.name for question in self.questions)]
        words += ["--quick"] if self.quick else []
        words += [f"--repetitions {self.repetitions}"] if self.repetitions else []
        words += [f"--only {shlex.quote(self.only)}"] if self.only else []
        return " ".join(words)


def run(asked: Asked) -> None:
    """Ask, print what was found, and end with 1 if ours could not be measured."""
    _check_folder(asked.file)
    allow_files()
    console = wide()
    results = Results(
        command=asked.command,
        started=datetime.now(UTC).isoformat("T", "seconds"),
        machine=describe(),
        quick=asked.quick,
    )
    console.print(sentence(results.machine), style="dim", highlight=False)
    for question in asked.questions:
        _ask(console, question, asked, results)
    _end(console, results, asked.file)


def _check_folder(file: Path | None) -> None:
    # An hour later would be late to learn it.
    if file is not None and not (file.parent.is_dir() and os.access(file.parent, os.W_OK)):
        raise click.BadParameter(f"{file.parent} is no folder to write to", param_hint="--json")


def _ask(console: Console, question: Question, asked: Asked, results: Results) -> None:
    with console.status(question.name) as status:
        answer = ask(
            question, quick=asked.quick, repetitions=asked.repetitions, progress=status.update
        )
    results.add(answer)
    table.show(console, answer)
    if asked.file is not None:
        _save(results, asked.file)  # after every question: an interrupt must not cost all of them


def _save(results: Results, file: Path) -> None:
    try:
        save(results, file)
    except OSError as exc:
        raise click.ClickException(f"{file} cannot be written: {exc.strerror or exc}") from exc


def _end(console: Console, results: Results, file: Path | None) -> None:
    _print_goals(console, results)
    if file is not None:
        console.print(f"\nThe results are in {file}", highlight=False, markup=False)
    for name in results.unmeasured:
        console.print(f"not measured: {name}", style="red", highlight=False, markup=False)
    if results.unmeasured:
        raise SystemExit(1)


def _print_goals(console: Console, results: Results) -> None:
    if results.quick:
        console.print("\nA quick run: its sizes are others than those of the goals.", style="dim")
    for goal, found in verdicts(results):
        line = f"{goal.name}: {table.number(found, 2)}, {goal.bound}"
        console.print(f"{_mark(found, goal)}  {line}", highlight=False)


def _mark(found: Measured | None, goal: Goal) -> str:
    if found is None:
        return "[red]not measured[/red]"
    return "[green]reached[/green]" if goal.holds(found) else "[red]not reached[/red]"


def wide() -> Console:
    """The terminal; what is piped into a file must not be broken at eighty columns."""
    return Console() if sys.stdout.isatty() else Console(width=200)
