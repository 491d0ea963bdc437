"""The paces: when the next request may leave. Arithmetic, with times that the tests make up."""

from __future__ import annotations

import heapq
from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_sdk._adaptive import AdaptivePace
from loyalty_sdk._pace import FixedPace

T0 = 1000.0


def run(pace: FixedPace | AdaptivePace, until: float, now: float = T0) -> list[float]:
    """All grants up to ``until``, to somebody who always waits and is never late."""
    times: list[float] = []
    while (due := max(now, pace.due(now))) <= until:
        pace.take(due, waited=bool(times))
        times.append(due)
        now = due
    return times


def most_in_a_second(times: list[float]) -> int:
    """The most of ``times`` in any half-open second."""
    return max(sum(start <= at < start + 1 for at in times) for start in times)


# ------------------------------------------------------------ fixed


@pytest.mark.parametrize("rate", [1, 20, 500])
def test_grants_come_evenly_and_use_the_rate_but_for_the_margin(rate: int) -> None:
    """In 20 seconds, 97 % of what is allowed, each as far from the last as any other."""
    times = run(FixedPace(rate, 0.03), T0 + 20)

    assert len(times) == pytest.approx(20 * rate / 1.03, abs=1)
    gaps = [after - before for before, after in pairwise(times)]
    assert [pytest.approx(1.03 / rate)] * len(gaps) == gaps


def test_idling_saves_nothing_up() -> None:
    """After an hour without a request the second one waits as long as ever."""
    pace = FixedPace(20, 0.03)
    pace.take(T0, waited=False)
    pace.take(T0 + 3600, waited=False)

    assert pytest.approx(T0 + 3600 + 1.03 / 20) == pace.due(T0 + 3600)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30),
    st.lists(
        st.tuples(
            st.sampled_from(["come", "wait", "wait", "wait", "back"]),
            st.floats(0, 0.4) | st.floats(0, 0.03),
        ),
        min_size=20,
        max_size=300,
    ),
)
def test_no_second_ever_holds_more_than_the_rate(rate: int, steps: list[tuple[str, float]]) -> None:
    """However late the loop is, whoever comes out of the blue, and whatever is given back."""
    pace = FixedPace(rate, 0.03)
    now, times, slots = T0, list[float](), list[float]()
    for step, seconds in steps:
        if step == "back" and times:
            times.pop()
            pace.give_back(slots.pop())
            continue
        # Either somebody waited and was served late, or it was due long ago.
        due = pace.due(now)
        now = max(now, due) + seconds
        slots.append(pace.take(now, waited=step == "wait" and due > T0))
        times.append(now)

    assert most_in_a_second(times or [T0]) <= rate


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 30),
    st.lists(st.just(0.0) | st.floats(0, 0.009) | st.floats(0, 1), min_size=20, max_size=200),
)
def test_what_nobody_holds_up_keeps_out_of_the_way_of_what_a_disk_held_up(
    rate: int, stalls: list[float]
) -> None:
    """It counts when it leaves: a second that ends with one on time never holds too many."""
    pace = FixedPace(rate, 0.03)
    now, under_way, left = T0, list[tuple[float, float]](), list[float]()
    on_time = list[float]()

    def leave() -> float:
        at, granted_at = heapq.heappop(under_way)
        pace.held_up(at, granted_at)
        left.append(at)
        if at - granted_at < 0.01:
            on_time.append(at)
        return at

    for stall in stalls:
        while under_way and under_way[0][0] <= max(now, pace.due(now)):
            now = leave()
        now = max(now, pace.due(now))
        pace.take(now, waited=True)
        heapq.heappush(under_way, (now + stall, now))
    while under_way:
        leave()

    for end in on_time:
        assert sum(end - 1 < at <= end for at in left) <= rate


def test_what_was_held_up_for_longer_than_anybody_remembers_counts_too() -> None:
    """Two that a disk held for seconds have left in this second; a third waits for the next."""
    pace = FixedPace(2, 0.03)
    for _ in range(2):
        pace.take(T0, waited=False)
    for later in (2.0, 3.0):
        pace.take(T0 + later, waited=False)
    for _ in range(2):
        pace.held_up(T0 + 3.9, T0)

    assert T0 + 4.9 < pace.due(T0 + 4.1)


def test_a_loop_that_is_late_catches_up() -> None:
    """Five grants that were due while the loop was busy come at once; the rest is on time."""
    pace = FixedPace(100, 0.03)
    run(pace, T0 + 2)
    due = pace.due(T0 + 2)
    late = due + 0.045
    caught_up = 0
    while pace.due(late) <= late:
        pace.take(late, waited=True)
        caught_up += 1

    assert 5 == caught_up
    assert pytest.approx(due + 5 * 0.0103) == pace.due(late)


def test_a_loop_that_stood_still_does_not_catch_up_with_all() -> None:
    """What was due in a tenth of a second comes at once, and no more."""
    pace = FixedPace(100, 0.03)
    run(pace, T0 + 2)
    now = T0 + 60
    at_once = 0
    while pace.due(now) <= now:
        pace.take(now, waited=True)
        at_once += 1

    assert at_once in range(9, 12)


def test_what_is_given_back_can_be_taken_again() -> None:
    """The slot of a call that was cancelled is not lost."""
    pace = FixedPace(20, 0.03)
    first = pace.take(T0, waited=False)
    pace.give_back(first)
    assert pace.due(T0) <= T0 + 1e-9
    pace.give_back(first - 1)  # forgotten long ago
    assert pace.due(T0) <= T0 + 1e-9


def test_a_429_slows_the_pace_by_a_twentieth_and_a_hundredth_a_second_comes_back() -> None:
    """After five seconds nothing is left of it."""
    pace = FixedPace(2000, 0.03)
    pace.take(T0, waited=False)
    for number in range(26):
        pace.throttled(T0 + 0.1 + number / 1000, T0, None)
    assert 1900 == pytest.approx(pace.rate)

    pace.ease(T0 + 2.625)
    assert 1950 == pytest.approx(pace.rate)
    pace.take(T0 + 10, waited=False)
    assert 2000 == pace.rate
    pace.answered(T0 + 11, T0 + 10)
    assert 2000 == pace.rate


@pytest.mark.parametrize(("refused", "left"), [(1, 19), (6, 14), (10, 10), (19, 10)])
def test_a_second_of_429s_slows_the_pace_by_as_many(refused: int, left: int) -> None:
    """What another program takes is left to it at once, but never more than half."""
    pace = FixedPace(20, 0.03)
    for number in range(refused):
        pace.throttled(T0 + number / 20, T0, None)
    assert left == pytest.approx(pace.rate)


def test_another_second_of_429s_slows_it_again() -> None:
    """From where it is by then."""
    pace = FixedPace(20, 0.03)
    for number in range(4):
        pace.throttled(T0 + number / 10, T0, None)
    for number in range(4):
        pace.throttled(T0 + 1.3 + number / 10, T0, None)
    assert 16 + 0.2 - 4 == pytest.approx(pace.rate)


def test_a_vendor_that_goes_on_refusing_is_left_a_tenth_of_the_rate() -> None:
    """Never less: somebody has to see that it has changed its mind."""
    pace = FixedPace(20, 0.03)
    for number in range(100):
        pace.throttled(T0 + number / 10, T0 + number / 10, None)
    assert 2 == pytest.approx(pace.rate)


def test_retry_after_pauses_and_is_never_cut_short() -> None:
    """Nothing is due before; a shorter one that comes later changes nothing."""
    pace = FixedPace(20, 0.03)
    pace.throttled(T0, T0, 7.0)
    pace.throttled(T0 + 1, T0, 2.0)
    assert T0 + 7 == pace.due(T0)
    assert T0 + 7 == pace.paused_until


def test_a_part_of_the_rate_is_as_even() -> None:
    """A process on its own takes its share, not its share in bursts."""
    times = run(FixedPace(500, 0.03, 0.25), T0 + 4)
    assert len(times) == pytest.approx(4 * 125 / 1.03, abs=1)


# ------------------------------------------------------------ adaptive


class Vendor:
    """Accepts so many requests in any one second; each answer takes some time."""

    def __init__(self, pace: AdaptivePace, takes: float) -> None:
        self.pace = pace
        self.takes = takes
        self.now = T0
        self.accepted = 0
        self.refused = 0
        self._window: deque[float] = deque()
        self._answers: list[tuple[float, float, bool]] = []

    def serve(self, seconds: float, limit: int) -> float:
        """Let ``seconds`` pass with callers that always wait; the share of the limit used."""
        before, until = self.accepted, self.now + seconds
        while self.now < until:
            due = max(self.now, self.pace.due(self.now))
            if self._answers and self._answers[0][0] <= due:
                self._answer()
                continue
            self.now = due
            self.pace.take(due, waited=True)
            self._arrive(limit)
        return (self.accepted - before) / (seconds * limit)

    def _arrive(self, limit: int) -> None:
        at = self.now + self.takes / 2
        while self._window and self._window[0] <= at - 1:
            self._window.popleft()
        fits = len(self._window) < limit
        if fits:
            self._window.append(at)
        self.accepted += fits
        self.refused += not fits
        heapq.heappush(self._answers, (self.now + self.takes, self.now, fits))

    def _answer(self) -> None:
        self.now, sent_at, fits = heapq.heappop(self._answers)
        if fits:
            self.pace.answered(self.now, sent_at)
        else:
            self.pace.throttled(self.now, sent_at, None)


@pytest.mark.parametrize(
    ("takes", "least", "most"), [(0.002, 0.85, 0.005), (0.03, 0.85, 0.01), (0.1, 0.8, 0.015)]
)
def test_an_adaptive_pace_follows_the_vendor(takes: float, least: float, most: float) -> None:
    """Of 200, then 50, then 400 a second it uses 85 % over a minute, with few 429s.

    Where an answer takes 0.1 s it learns of its mistakes later, and makes more of them.
    """
    vendor = Vendor(AdaptivePace(10.0, 1.0, 1000.0), takes)
    used = [vendor.serve(20, limit) * limit * 20 for limit in (200, 50, 400)]

    assert sum(used) / 13_000 >= least
    assert vendor.refused / vendor.accepted <= most


@pytest.mark.parametrize("limit", [10, 100])
def test_an_adaptive_pace_stays_where_the_limit_is(limit: int) -> None:
    """A limit that does not change costs little, with answers that take as long as real ones."""
    vendor = Vendor(AdaptivePace(10.0, 1.0, 1000.0), 0.2)
    assert vendor.serve(60, limit) >= 0.85
    assert vendor.refused / vendor.accepted <= 0.015


def pressed(rate: float) -> AdaptivePace:
    """A pace at ``rate`` whose last second was used to the full."""
    pace = AdaptivePace(rate, 1.0, 1000.0)
    for number in range(int(rate)):
        pace.take(T0 + number / rate, waited=number > 0)
        pace._accepted.append(T0 + number / rate)
    return pace


def test_many_429s_at_once_halve_the_pace_once() -> None:
    """All that had left before the first came back are of one round."""
    pace = pressed(100.0)
    for _ in range(30):
        pace.throttled(T0 + 0.999, T0 + 0.99, None)
    assert 50 == pytest.approx(pace.rate, abs=1)


def test_a_429_to_what_left_later_halves_again() -> None:
    """Nothing was accepted in between: the limit has sunk, whatever the last second says."""
    pace = pressed(100.0)
    pace.throttled(T0 + 0.999, T0 + 0.99, None)
    pace.throttled(T0 + 1.1, T0 + 1.0, None)
    assert 25 == pytest.approx(pace.rate, abs=1)


def test_after_a_429_nothing_leaves_that_would_be_refused_too() -> None:
    """The vendor's second is full: the next request waits until some of it has passed."""
    pace = pressed(100.0)
    pace.throttled(T0 + 0.995, T0 + 0.99, None)
    assert pace.due(T0 + 0.995) >= T0 + 1.02


def test_retry_after_pauses_an_adaptive_pace() -> None:
    """It is halved as well, and paused for what was asked, never cut short."""
    pace = pressed(100.0)
    pace.throttled(T0 + 1, T0 + 0.99, 30.0)
    pace.throttled(T0 + 1, T0 + 0.99, 3.0)
    assert T0 + 31 == pace.due(T0 + 1) == pace.paused_until


def test_an_adaptive_pace_never_falls_under_its_least() -> None:
    """One request a second asks whether the vendor has changed its mind."""
    pace = pressed(100.0)
    for number in range(50):
        pace.throttled(T0 + 2 + number, T0 + 2 + number, None)
    assert 1 == pace.rate


def test_an_adaptive_pace_grows_only_while_somebody_waits() -> None:
    """Answers to callers that never had to wait say nothing about the limit."""
    pace = AdaptivePace(10.0, 1.0, 1000.0)
    for number in range(100):
        pace.take(T0 + number, waited=False)
        pace.answered(T0 + number + 0.1, T0 + number)
    assert 10 == pace.rate


def test_an_adaptive_pace_never_grows_over_its_most() -> None:
    """However willing the vendor is."""
    vendor = Vendor(AdaptivePace(10.0, 1.0, 80.0), 0.002)
    vendor.serve(10, 1000)
    assert 80 == vendor.pace.rate


def test_an_adaptive_pace_takes_back_only_the_latest() -> None:
    """An older one was followed by others, which were spaced by it."""
    pace = AdaptivePace(10.0, 1.0, 1000.0)
    first = pace.take(T0, waited=False)
    second = pace.take(T0 + 0.1, waited=True)
    pace.give_back(first)
    assert pytest.approx(T0 + 0.2) == pace.due(T0 + 0.1)
    pace.give_back(second)
    pace.give_back(second)
    assert pytest.approx(T0 + 0.1) == pace.due(T0 + 0.1)


def test_one_429_in_light_traffic_halves_and_no_more() -> None:
    """That little was accepted then says nothing of the limit: little was sent."""
    pace = AdaptivePace(start=10.0, least=1.0, most=1000.0)
    sent = pace.take(100.0, waited=False)
    pace.throttled(100.1, sent, None)
    assert 5.0 == pace.rate


def test_an_adaptive_pace_does_not_mind_what_is_held_up() -> None:
    """It follows what the vendor says, and that includes it."""
    pace = AdaptivePace(10.0, 1.0, 1000.0)
    pace.take(T0, waited=False)
    due = pace.due(T0)
    pace.held_up(T0 + 5, T0)
    assert due == pace.due(T0)
