"""Measuring: candidates take turns, A B C A B C, each time in a new process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import attrs

from .question import Candidate, Case, Question
from .results import Answer, Row, Table

ROOT = Path(__file__).parent.parent.parent
LIMIT = 60.0
"""Seconds after which a measurement is given up, unless its settings have a ``timeout``."""

Measure = Callable[[Candidate, Mapping[str, Any]], Mapping[str, float]]
Progress = Callable[[str], None]


class MeasurementError(Exception):
    """A candidate could not be measured; the message says why."""


def in_new_process(candidate: Candidate, settings: Mapping[str, Any]) -> Mapping[str, float]:
    """The figures of one candidate, from a process of its own.

    Raises:
        MeasurementError: It failed, or took too long.
    """
    command = [sys.executable, "-m", "benchmarks.harness.measure", candidate.run]
    command.append(json.dumps({**settings, **candidate.settings}))
    limit = settings.get("timeout", LIMIT)
    try:
        done = subprocess.run(
            command, env=environment(), cwd=ROOT, capture_output=True, timeout=limit, check=True
        )
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"took more than {limit:.0f} s") from None
    except subprocess.CalledProcessError as exc:
        said = exc.stderr.decode(errors="replace").strip().splitlines() or ["said nothing"]
        raise MeasurementError(f"failed: {said[-1]}") from exc
    figures: Mapping[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def environment() -> dict[str, str]:
    """Variables of our own, without what measures children, and with one order of hashes.

    Byte code is kept: a package that was installed brings it along.
    """
    dropped = ("COVERAGE_", "PYTHONDONTWRITEBYTECODE")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    path = [str(ROOT), str(ROOT / "providers"), kept.get("PYTHONPATH", "")]
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, path)), "PYTHONHASHSEED": "0"}


def ask(
    question: Question,
    *,
    quick: bool = False,
    repetitions: int | None = None,
    measure: Measure = in_new_process,
    progress: Progress = lambda _: None,
) -> Answer:
    """Measure every candidate in every case.

    Args:
        question: What to ask.
        quick: Whether one short repetition is enough, of the cases that are for it.
        repetitions: How often, other than the question says; a case may know better.
        measure: Takes one measurement.
        progress: Told what is measured next.
    """
    figures = [attrs.asdict(figure) for figure in question.figures]
    answer = Answer(name=question.name, title=question.title, base=question.base, figures=figures)
    for case in _cases(question, repetitions, quick=quick):
        answer.tables.append(_table(question, case, measure, progress))
    return answer


def _cases(question: Question, repetitions: int | None, *, quick: bool) -> Iterator[Case]:
    for case in question.cases:
        if not quick:
            often = case.repetitions or repetitions or question.repetitions
            yield attrs.evolve(case, repetitions=often)
        elif case.quick is not None:
            yield _quick(case, case.quick, repetitions or 1)


def _quick(case: Case, changed: Mapping[str, Any], repetitions: int) -> Case:
    """``case`` with what is changed in a quick run, which its name says: it is another case."""
    settings = {**case.settings, **changed}
    told = ", ".join(f"{key} {value:,}" for key, value in _numbers(changed, case.settings))
    name = f"{case.name} (quick: {told})" if told else f"{case.name} (quick)"
    return attrs.evolve(case, name=name, settings=settings, repetitions=repetitions)


def _numbers(changed: Mapping[str, Any], usual: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every number of ``changed`` that is not the usual one, however deep."""
    for key, value in changed.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, usual.get(key, {}))
        elif isinstance(value, (int, float)) and value != usual.get(key):
            yield key, value


def _table(question: Question, case: Case, measure: Measure, progress: Progress) -> Table:
    table = Table(case=case.name)
    if case.missing:
        table.left_out[case.name] = not_installed(case.missing)
        return table
    candidates = _present(question, case, table)
    try:
        with server(question, case) as known:
            table.server = known.get("what")
            settings = {**case.settings, **known}
            for candidate, turn in _turns(case, candidates, table):
                progress(f"{question.name}, {turn}")
                _take(table, candidate, settings, measure)
    except (OSError, RuntimeError, ValueError) as exc:  # of the server: one case costs no other
        table.left_out[case.name] = f"failed: {exc}"
        table.unmeasured += [each.name for each in candidates if each.role == "ours"]
    return table


def _turns(
    case: Case, candidates: list[Candidate], table: Table
) -> Iterator[tuple[Candidate, str]]:
    """Who is measured next, and how to call that."""
    for repetition in range(case.repetitions or 1):
        for candidate in candidates:
            if candidate.name not in table.left_out:
                often = f"{repetition + 1} of {case.repetitions}"
                yield candidate, f"{case.name}: {candidate.name} ({often})"


def _present(question: Question, case: Case, table: Table) -> list[Candidate]:
    asked = [
        each for each in question.candidates if not case.candidates or each.name in case.candidates
    ]
    for candidate in asked:
        if candidate.missing:
            table.left_out[candidate.name] = not_installed(candidate.missing)
    return [each for each in asked if each.name not in table.left_out]


def not_installed(missing: tuple[str, ...]) -> str:
    """What ``missing`` distributions are told with."""
    return f"not installed: {', '.join(missing)}"


def server(question: Question, case: Case) -> AbstractContextManager[Mapping[str, Any]]:
    """What the question's candidates call, for as long as the case takes."""
    return nullcontext({}) if question.target is None else question.target(case)


def _take(
    table: Table, candidate: Candidate, settings: Mapping[str, Any], measure: Measure
) -> None:
    try:
        figures = measure(candidate, settings)
    except MeasurementError as exc:
        table.left_out[candidate.name] = str(exc)
        if candidate.role == "ours":
            table.unmeasured.append(candidate.name)
        return
    row = table.row(candidate.name)
    if row is None:
        row = Row(candidate=candidate.name, role=candidate.role)
        table.rows.append(row)
    for key, value in figures.items():
        row.figures.setdefault(key, []).append(value)
