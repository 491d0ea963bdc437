"""What a question is made of."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pkgutil import iter_modules
from typing import Any, Literal

import attrs

import benchmarks

Target = Callable[["Case"], AbstractContextManager[Mapping[str, Any]]]
"""Starts a server for a case and gives what candidates have to know of it, ``url`` and ``pid``."""


@attrs.frozen(kw_only=True)
class Figure:
    """One column of a table.

    Attributes:
        key: What a measurement calls it.
        title: What the table calls it.
        better: Which way is better; None for what only describes.
        digits: After the point.
        shown: Which of the repetitions a table shows; ``yes or no`` is the median of ones and
            zeros.
    """

    key: str
    title: str
    better: Literal["less", "more"] | None = "less"
    digits: int = 1
    shown: Literal["median", "least", "most", "yes or no"] = "median"


@attrs.frozen(kw_only=True)
class Candidate:
    """One thing that is measured.

    Attributes:
        name: What tables call it.
        run: ``module:function``; the function takes the settings and returns the figures.
        needs: Distributions without which it is left out, by name.
        programs: The same of programs.
        role: Ours, what people would use instead, or what no client can go below.
        settings: What only this candidate is told.
    """

    name: str
    run: str
    needs: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    role: Literal["ours", "peer", "floor"] = "peer"
    settings: Mapping[str, Any] = attrs.field(factory=dict[str, Any])

    @property
    def missing(self) -> tuple[str, ...]:
        """The distributions and programs it needs that are not installed."""
        programs = (name for name in self.programs if shutil.which(name) is None)
        return (*(name for name in self.needs if not _is_installed(name)), *programs)


@attrs.frozen(kw_only=True)
class Case:
    """One table: all candidates under the same circumstances.

    Attributes:
        name: Its heading.
        settings: What every candidate is told; ``timeout`` is the seconds after which one is
            given up, 60 unless given.
        quick: What is changed in a quick run; None leaves the case out of it.
        needs: Distributions without which the case is left out, by name.
        repetitions: Other than the question's.
        candidates: Only these, by name; all unless given.
    """

    name: str
    settings: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    quick: Mapping[str, Any] | None = attrs.field(factory=dict[str, Any])
    needs: tuple[str, ...] = ()
    repetitions: int | None = None
    candidates: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The distributions it needs that are not installed."""
        return tuple(name for name in self.needs if not _is_installed(name))


@attrs.frozen(kw_only=True)
class Question:
    """What is asked, against whom, and how.

    Attributes:
        name: What the command line calls it.
        title: Its heading.
        about: The docstring of its module.
        figures: The columns; ratios are of the first one.
        candidates: The rows; the first that is there and no floor is not special, see ``base``.
        cases: The tables.
        base: The candidate whose first figure is 1.00; None where nobody is compared.
        target: What makes the server, for questions that need one.
        repetitions: How often each candidate is measured.
    """

    name: str
    title: str
    about: str
    figures: tuple[Figure, ...]
    candidates: tuple[Candidate, ...]
    cases: tuple[Case, ...]
    base: str | None
    target: Target | None = None
    repetitions: int = 5


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def questions() -> dict[str, Question]:
    """Every question there is, by name: the folders that have a ``QUESTION``."""
    folders = sorted(module.name for module in iter_modules(benchmarks.__path__) if module.ispkg)
    modules = [import_module(f"benchmarks.{folder}") for folder in folders]
    found = [module.QUESTION for module in modules if hasattr(module, "QUESTION")]
    return {question.name: question for question in found}
