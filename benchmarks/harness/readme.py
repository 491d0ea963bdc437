"""The page of figures, made of a run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from .goals import verdicts
from .losses import losses
from .machine import sentence
from .results import Answer, Results
from .table import markdown, number

_HEAD = """# Benchmarks

What our client costs, against what people would use instead. Run it on your own machine:

```console
$ make bench
```

which keeps what it found in `benchmarks/latest.json`, or a part of it,
`python -m benchmarks run call page --quick`. `python -m benchmarks --help` says what else there is:
`compare` two runs, `plot` one, `report` one as this page. Before a release `make bench-check` makes
sure that no ratio got worse.

Every folder here that holds a question says in its docstring what it asks, against whom and how.
A median comes with half the distance between the smallest and the largest repetition, in per cent
of it; under each table stands how many there were. The column with an x is the ratio to one
candidate, taken round by round: it says more than the figures, which are one machine's.

How exports in windows compare is asked by `python -m benchmarks.export`.
"""


def page(results: Results) -> str:
    """``results`` as Markdown."""
    parts = (_run(results), _goals(results), _losses(results), _all(results))
    return "\n".join([_HEAD, *chain.from_iterable(parts)])


def write(results: Results, path: Path) -> None:
    """`page`, into ``path``."""
    path.write_text(page(results).rstrip() + "\n", encoding="utf-8")


def _run(results: Results) -> Iterator[str]:
    what = "a quick run, for a look only" if results.quick else "one run"
    yield f"The figures below are of {what}, `{results.command}`, {results.started[:10]}, on this"
    yield "machine:"
    yield f"{sentence(results.machine)}."
    yield ""


def _goals(results: Results) -> Iterator[str]:
    yield "## What we want to reach"
    yield ""
    yield "| figure | wanted | measured | |"
    yield "|---|--:|--:|---|"
    for goal, found in verdicts(results):
        word = "yes" if goal.holds(found) else "**no**"
        measured = number(found, 2) if found else "not measured"
        yield f"| {goal.name} | {goal.bound} | {measured} | {word} |"
    yield ""
    if results.quick:
        yield "A quick run judges no goals: its sizes are others."
        yield ""


def _losses(results: Results) -> Iterator[str]:
    yield "## Where we lose"
    yield ""
    yield "Every case and figure in which something that people could use instead does better than"
    yield "ours by more than the noise of both, and how many times better."
    yield ""
    found = [f"- {line}" for line in losses(results)]
    yield from found or ["Nowhere in this run."]
    yield ""


def _all(results: Results) -> Iterator[str]:
    for answer in results.answers:
        yield from _answer(answer)


def _answer(answer: Answer) -> Iterator[str]:
    yield f"## {answer.title}"
    yield ""
    yield f"![{answer.title}](plots/{answer.name}.svg)"
    yield ""
    for table in answer.tables:
        yield from markdown(answer, table)
