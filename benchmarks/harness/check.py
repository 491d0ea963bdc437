"""Whether a ratio is worse than the recorded one by more than its noise.

Three short questions: what a call costs to aiohttp's, a page to pydantic's, importing and making
a client to importing aiohttp. Instructions are counted where valgrind is installed, since they
do not depend on what else the machine does; else processor time is taken. What a call's or a
page's garbage costs to collect is in the time only, see `benchmarks.harness.measure`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from . import instructions
from .figures import Measured
from .question import Candidate, Case, Question, questions
from .rounds import MeasurementError, in_new_process, not_installed, server

_ROUNDS = {"instructions": 2, "cpu": 5}

Cost = Callable[[Candidate, Mapping[str, Any]], float]


@attrs.frozen(kw_only=True)
class Ratio:
    """What one candidate of ours costs to another candidate, in one short case."""

    name: str
    question: str
    mine: str
    other: str
    settings: Mapping[str, Any]


RATIOS = (
    Ratio(
        name="create_order : aiohttp",
        question="call",
        mine="ours",
        other="aiohttp",
        settings={"loop": "asyncio", "in_flight": 8, "seconds": 1.5},
    ),
    *(
        Ratio(
            name=f"a page of {vendor} : pydantic",
            question="page",
            mine="ours",
            other="pydantic",
            settings={"vendor": vendor, "rows": 100, "seconds": 0.3},
        )
        for vendor in ("loyaltylion", "joy")
    ),
    *(
        Ratio(
            name=f"import and a {vendor} client : import aiohttp",
            question="import",
            mine=f"ours, a {vendor} client",
            other="aiohttp, import alone",
            settings={"turns": 3},
        )
        for vendor in ("LoyaltyLion", "Joy")
    ),
)


def means() -> str:
    """How costs are measured here: ``instructions`` or ``cpu``."""
    return "instructions" if instructions.valgrind() else "cpu"


def measure(by: str, progress: Callable[[str], None] = lambda _: None) -> dict[str, Measured]:
    """Every ratio, by instructions or by processor time.

    Raises:
        MeasurementError: A candidate is not installed, or failed.
    """
    cost = {"instructions": _instructions, "cpu": _cpu}[by]
    known = questions()
    found: dict[str, Measured] = {}
    for ratio in RATIOS:
        progress(ratio.name)
        found[ratio.name] = Measured.of(list(_rounds(known[ratio.question], ratio, cost, by)))
    return found


def _rounds(question: Question, ratio: Ratio, cost: Cost, by: str) -> Iterator[float]:
    candidates = {candidate.name: candidate for candidate in question.candidates}
    missing = candidates[ratio.mine].missing + candidates[ratio.other].missing
    if missing:
        raise MeasurementError(f"{ratio.name}: {not_installed(missing)}")
    with server(question, Case(name=ratio.name, settings=ratio.settings)) as known:
        settings = {**ratio.settings, **known}
        for _ in range(_ROUNDS[by]):
            mine = cost(candidates[ratio.mine], settings)
            yield mine / cost(candidates[ratio.other], settings)


def _instructions(candidate: Candidate, settings: Mapping[str, Any]) -> float:
    code = candidate.settings.get("code")
    if code is None:
        return instructions.per_call(candidate, settings)
    return instructions.of_code(code) - instructions.of_code("pass")


def _cpu(candidate: Candidate, settings: Mapping[str, Any]) -> float:
    # The first figure of each of the three questions is processor time.
    return next(iter(in_new_process(candidate, settings).values()))
