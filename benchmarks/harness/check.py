"""Whether a ratio is worse than the recorded one by more than its noise.

Three short questions: what a call costs to aiohttp's, a page to pydantic's, importing and making
a client to importing aiohttp. Instructions are counted where valgrind is installed, since they
do not depend on what else the machine does; else processor time is taken.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from . import instructions
from .figures import Measured
from .question import Candidate, Case, Question, questions
from .rounds import in_new_process, server

RECORD = Path(__file__).parent.parent / "recorded.json"
_LEAST_NOISE = {"instructions": 0.02, "cpu": 0.05}
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
        settings={"loop": "asyncio", "in_flight": 8, "seconds": 0.5},
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
    """Every ratio, by instructions or by processor time."""
    cost = {"instructions": _instructions, "cpu": _cpu}[by]
    known = questions()
    found: dict[str, Measured] = {}
    for ratio in RATIOS:
        progress(ratio.name)
        found[ratio.name] = Measured.of(list(_rounds(known[ratio.question], ratio, cost, by)))
    return found


def _rounds(question: Question, ratio: Ratio, cost: Cost, by: str) -> Iterator[float]:
    candidates = {candidate.name: candidate for candidate in question.candidates}
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


# ---------------------------------------------------------------- the record


def version() -> str:
    """What a record holds for: ratios differ from one Python to the next."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def recorded(by: str, path: Path = RECORD) -> dict[str, Measured]:
    """What was recorded for this Python; empty where nothing was."""
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    ratios: dict[str, dict[str, float]] = held.get(version(), {}).get(by, {})
    return {name: Measured(each["ratio"], each["noise"]) for name, each in ratios.items()}


def record(by: str, found: Mapping[str, Measured], path: Path = RECORD) -> None:
    """Take ``found`` for what later runs are held against, on this Python."""
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    held.setdefault(version(), {})[by] = {
        name: {
            "ratio": round(each.median, 4),
            "noise": round(max(2 * each.spread, _LEAST_NOISE[by]), 4),
        }
        for name, each in found.items()
    }
    path.write_text(json.dumps(held, indent=1, sort_keys=True) + "\n", encoding="utf-8")


@attrs.frozen(kw_only=True)
class Verdict:
    """One ratio, what it was, and whether it got worse by more than the noise."""

    name: str
    before: Measured
    now: float

    @property
    def worse(self) -> bool:
        """Whether it is."""
        return self.now > self.before.median * (1 + self.before.spread)


def verdicts(before: Mapping[str, Measured], now: Mapping[str, Measured]) -> list[Verdict]:
    """One for each ratio that is recorded."""
    return [
        Verdict(name=name, before=before[name], now=each.median)
        for name, each in now.items()
        if name in before
    ]
