"""Whoever is compared sends as much as the others, and is answered as all are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from benchmarks.call import QUESTION
from benchmarks.harness.measure import load
from benchmarks.harness.question import Candidate

Vendor = Callable[[int], AbstractContextManager[tuple[str, list[int]]]]
PRESENT = [candidate for candidate in QUESTION.candidates if not candidate.missing]
NAMES = [candidate.name for candidate in PRESENT]
# What SDKs make of the libraries under them is theirs.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")


def call(candidate: Candidate, url: str) -> None:
    """Let it send two orders: the first that everybody sends, and one more."""
    told = {"loop": "asyncio", "url": url, "in_flight": 1, "calls": 1}
    load(candidate.run)({**told, **candidate.settings})


@pytest.mark.parametrize("candidate", PRESENT, ids=NAMES)
def test_every_candidate_sends_as_many_bytes(candidate: Candidate, vendor: Vendor) -> None:
    """Whoever sends less has less to do."""
    with vendor(201) as (url, lengths):
        call(candidate, url)

    assert [143, 142] == lengths


@pytest.mark.parametrize("candidate", PRESENT, ids=NAMES)
def test_whoever_is_refused_is_not_measured(candidate: Candidate, vendor: Vendor) -> None:
    """Being told that there is no such page costs less than an order."""
    with vendor(404) as (url, lengths), pytest.raises(Exception, match="404"):
        call(candidate, url)

    assert [143] == lengths
