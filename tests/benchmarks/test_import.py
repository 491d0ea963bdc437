"""What is compared with a first call makes one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from benchmarks.harness.question import Candidate
from benchmarks.harness.rounds import ROOT, environment
from benchmarks.import_ import QUESTION
from benchmarks.import_.startup import measure

Vendor = Callable[[int], AbstractContextManager[tuple[str, list[int]]]]
CALLING = [
    candidate
    for candidate in QUESTION.candidates
    if candidate.name.endswith("with its first call") and not candidate.missing
]


@pytest.mark.parametrize("candidate", CALLING, ids=[each.name for each in CALLING])
@pytest.mark.parametrize(("status", "ends_well"), [(201, True), (404, False)])
def test_a_first_call_is_an_order_that_is_taken(
    candidate: Candidate, vendor: Vendor, status: int, *, ends_well: bool
) -> None:
    """One that is refused is not measured."""
    with vendor(status) as (url, lengths):
        command = [sys.executable, "-c", candidate.settings["code"], url]
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, check=False
        )

    assert 1 == len(lengths)
    assert ends_well is (done.returncode == 0)


def test_a_first_call_is_beside_the_same_of_aiohttp() -> None:
    """In one table, and with nobody who makes none."""
    names = {candidate.name for candidate in CALLING}
    [case] = [case for case in QUESTION.cases if "with a first call" in case.name]

    assert {"ours, with its first call", "aiohttp, with its first call"} <= names
    assert names <= set(case.candidates)
    assert all(name.endswith("with its first call") for name in case.candidates)


def test_an_interpreter_that_fails_is_not_measured() -> None:
    """What ends early costs less."""
    with pytest.raises(RuntimeError, match="ended with 3"):
        measure({"code": "raise SystemExit(3)", "url": "", "turns": 1})
