"""The server that the benchmark of limits measures by: what it refuses, and what it reports."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.limits.server import Gate, most_in_a_second


class Clock:
    """A clock that tests push."""

    now = 1000.0

    def monotonic(self) -> float:
        """In place of `time.monotonic`."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time that stands still."""
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made.monotonic)
    return made


def test_a_gate_refuses_what_exceeds_its_rate_in_any_second(clock: Clock) -> None:
    """Twenty at once; the next only when a second has passed since the first of them."""
    gate = Gate([(10.0, 20)])
    assert [True] * 20 + [False] == [gate.arrive() for _ in range(21)]
    clock.now += 0.999
    assert not gate.arrive()
    clock.now += 0.001
    assert gate.arrive()
    assert {"accepted": 21, "refused": 2, "possible": 200.0, "most": 22} == gate.report(0.0)


def test_a_gate_changes_its_rate_as_scheduled(clock: Clock) -> None:
    """Counted from the first arrival; the last rate stays. What is skipped does not count."""
    gate = Gate([(2.0, 3), (2.0, 1)])
    assert [True, True, True, False] == [gate.arrive() for _ in range(4)]
    clock.now += 2.5
    assert [True, False] == [gate.arrive() for _ in range(2)]
    clock.now += 2.0
    assert [True, False] == [gate.arrive() for _ in range(2)]
    assert {"accepted": 2, "refused": 2, "possible": 8.0, "most": 2} == gate.report(1.0)


@given(st.lists(st.floats(0, 10), max_size=50))
def test_the_fullest_second_is_found(arrivals: list[float]) -> None:
    """Whichever it is."""
    arrivals.sort()
    fullest = max((sum(at - 1 < other <= at for other in arrivals) for at in arrivals), default=0)
    assert fullest == most_in_a_second(arrivals)
