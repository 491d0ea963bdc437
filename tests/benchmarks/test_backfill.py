"""The question about backfills measures what it says, with few rows."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest

from benchmarks.backfill import QUESTION
from benchmarks.harness.goals import GOALS
from benchmarks.harness.measure import load
from benchmarks.harness.question import Case

CALLS = {"cpu_us", "per_second", "peak_mib", "server_idle"}


def measured(case: Case, candidate: str, rows: int) -> Mapping[str, float]:
    """The figures of one candidate, measured here."""
    [found] = [each for each in QUESTION.candidates if each.name == candidate]
    assert QUESTION.target is not None
    with QUESTION.target(case) as known:
        return load(found.run)({**case.settings, **known, "rows": rows})


@pytest.mark.skipif(sys.platform != "linux", reason="others do not say how idle a server was")
@pytest.mark.parametrize(
    ("candidate", "figures"),
    [
        ("Backfill", CALLS | {"resume_s"}),
        ("create_order alone", CALLS),
        ("gather, aiohttp", CALLS),
    ],
)
def test_every_row_is_sent(candidate: str, figures: set[str]) -> None:
    """Whoever loses one is not measured."""
    found = measured(QUESTION.cases[0], candidate, 150)

    assert figures == found.keys()
    assert 0 < found["per_second"]


def test_a_journal_that_is_half_done_is_gone_on_with() -> None:
    """What counts is the time until another row is applied."""
    assert 0 < measured(QUESTION.cases[2], "Backfill, half done", 4000)["resume_s"] < 30


def test_what_arrived_counts_under_a_limit() -> None:
    """The share of the limit is that of rows which the vendor took."""
    found = measured(QUESTION.cases[3], "Backfill, limited", 100)
    if found["used"] >= 200:  # the vendor was held up for a moment, and rows came to it together
        found = measured(QUESTION.cases[3], "Backfill, limited", 100)

    assert CALLS | {"used", "refused"} == found.keys()
    assert 0 < found["used"] < 200


def test_goals_are_about_cases_and_candidates_that_exist() -> None:
    """A goal whose case was renamed would be judged no more, and nobody would notice."""
    known = {
        (case.name, candidate)
        for case in QUESTION.cases
        for candidate in (case.candidates or [each.name for each in QUESTION.candidates])
    }
    sides = [
        side
        for goal in GOALS
        for side in (goal.mine, goal.other)
        if side is not None and side.question == QUESTION.name
    ]
    assert {(side.case, side.candidate) for side in sides} <= known
    assert {side.figure for side in sides} <= {figure.key for figure in QUESTION.figures}
    assert 8 < len(sides)
