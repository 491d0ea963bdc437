"""A part of what is asked: the candidates whose name holds a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs
import click

from .question import Case, Question

only_option = click.option("--only", default="", help="Only candidates whose name holds this.")


def narrowed(asked: Iterable[Question], text: str) -> list[Question]:
    """The questions that have such candidates, with those and the base they are held against.

    Raises:
        click.BadParameter: None has.
    """
    questions = list(asked)
    if not text:
        return questions
    found = [made for question in questions if (made := _narrowed(question, text)) is not None]
    if not found:
        names = sorted({each.name for question in questions for each in question.candidates})
        raise click.BadParameter(f"no candidate holds {text!r}; there are: {'; '.join(names)}")
    return found


def _narrowed(question: Question, text: str) -> Question | None:
    named = {each.name for each in question.candidates if text in each.name}
    if not named:
        return None
    kept = [each for each in question.candidates if each.name in {*named, question.base}]
    cases = tuple(_cases(question, named))
    return attrs.evolve(question, candidates=tuple(kept), cases=cases)


def _cases(question: Question, named: set[str]) -> Iterator[Case]:
    """Those in which one of the named is asked."""
    for case in question.cases:
        if not case.candidates or named.intersection(case.candidates):
            yield case
