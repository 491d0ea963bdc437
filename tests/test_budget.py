"""The retry budget: what one credential's calls may spend on repeats."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk._budget import Budget


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


def taken(budget: Budget, wanted: int = 1000) -> int:
    """How many repeats ``budget`` grants when ``wanted`` are asked for at once."""
    return sum(budget.take() for _ in range(wanted))


def test_a_storm_gets_twenty_repeats_and_a_share_of_its_calls(clock: Clock) -> None:
    """A hundred calls that all fail at once are repeated 20 + 100 * 0.2 times."""
    budget = Budget()
    for _ in range(100):
        budget.pay(0.2)
    assert 40 == taken(budget)


def test_at_most_two_hundred_repeats_are_saved(clock: Clock) -> None:
    """A quiet day does not pay for a storm without end."""
    budget = Budget()
    for _ in range(100_000):
        budget.pay(0.2)
    assert 200 == taken(budget)


def test_repeats_come_back_with_time(clock: Clock) -> None:
    """Ten a second, and no more than twenty."""
    budget = Budget()
    taken(budget)
    clock.now += 0.5
    assert 5 == taken(budget)
    clock.now += 3600
    assert 20 == taken(budget)


def test_time_takes_nothing_away(clock: Clock) -> None:
    """What calls have saved stays saved."""
    budget = Budget()
    for _ in range(100):
        budget.pay(0.5)
    clock.now += 3600
    assert 70 == taken(budget)


@given(st.lists(st.floats(0.101, 5.0), min_size=1, max_size=60))
def test_calls_one_after_the_other_may_always_repeat(pauses: list[float]) -> None:
    """However many there are, and even if they pay nothing: a tenth of a second lies between."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", clock.monotonic)
        budget = Budget()
        for pause in pauses:
            clock.now += pause
            assert budget.take()


def test_a_clock_that_runs_backwards_takes_nothing(clock: Clock) -> None:
    """It should not; if it does, no repeat is lost."""
    budget = Budget()
    clock.now -= 50
    assert 20 == taken(budget)
