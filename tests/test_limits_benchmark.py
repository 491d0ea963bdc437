"""The question of limits: the server that it measures by, and what it makes of a run."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness.commands import main
from benchmarks.harness.only import narrowed
from benchmarks.harness.question import Candidate, questions
from benchmarks.harness.rounds import ask
from benchmarks.limits import QUESTION
from benchmarks.limits.measure import Run, figures, is_kept, run
from benchmarks.limits.server import Gate, most_in_a_second

COUNTED = {"accepted": 990, "refused": 10, "possible": 1000.0, "most": 101}
SEEN = {"grants": 500, "trips": 20, "cpu": 0.1, "waits": [0.001 * each for each in range(100)]}


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


def test_the_figures_of_a_run_are_those_of_its_server_and_its_senders() -> None:
    """What was used and refused by the server's count; trips and waits by the senders'."""
    shared = Run(rate=100, seconds=10, processes=2)
    assert {
        "used": 99.0,
        "used_least": 99.0,
        "refused": 1.0,
        "most": 101,
        "cpu": 20.0,
        "trips": 0.04,
        "kept": 0.0,
    } == pytest.approx(figures(shared, COUNTED, [SEEN, SEEN]))

    beside = figures(Run(rate=100, seconds=10, interactive=0.2), COUNTED, [SEEN])
    assert {"p95_ms": 95.0, "p95_allowed_ms": 20.0}.items() <= beside.items()
    assert "trips" not in beside


@pytest.mark.parametrize(
    ("rate", "changed", "kept"),
    [
        (500, {}, True),
        (500, {"used": 96.9}, False),
        (500, {"refused": 0.11}, False),
        (500, {"trips": 0.11}, False),
        (20, {"trips": 1.1}, True),
        (500, {"p95_ms": 6.0, "p95_allowed_ms": 5.0}, False),
        (500, {"p95_ms": 5.0, "p95_allowed_ms": 5.0}, True),
        (None, {"used": 85.0, "refused": 0.9}, True),
        (None, {"used": 84.9}, False),
        (None, {"refused": 1.0}, False),
    ],
)
def test_a_run_keeps_what_is_promised_or_not(
    rate: int | None, changed: dict[str, float], *, kept: bool
) -> None:
    """One figure that is not what was promised is enough."""
    assert kept is is_kept(rate, {"used": 97.0, "refused": 0.1, **changed})


def test_an_adaptive_run_takes_three_times_as_long() -> None:
    """Its server changes its rate twice; the others leave out a second at the beginning."""
    adaptive, fixed = Run(rate=None, seconds=10), Run(rate=20, seconds=10)

    assert ([(10, 200), (10, 50), (10, 400)], 30, 0) == (
        adaptive.schedule,
        adaptive.lasts,
        adaptive.skip,
    )
    assert ([(10, 20)], 10, 1) == (fixed.schedule, fixed.lasts, fixed.skip)


def test_a_short_run_sends_and_is_counted() -> None:
    """A server and a sender, each a process of its own."""
    found = run({"rate": 40, "seconds": 0.5, "timeout": 60})

    assert 50 < found["used"] <= 110
    assert 0 < found["cpu"] < 200


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_processes_that_share_a_rate_send_and_are_counted() -> None:
    """Also where one of them is killed."""
    assert QUESTION.target is not None
    with QUESTION.target(QUESTION.cases[0]) as known:
        assert "Redis " in known["what"]
        told = {"rate": 100, "seconds": 1.0, "processes": 2, "kill": True}
        found = run({**told, "redis": known["redis"]})

    assert 20 < found["used"] <= 110
    assert 0 < found["trips"] < 2


def test_without_redis_those_that_share_a_rate_are_left_out_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And nobody else."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    def take(_: Candidate, settings: Mapping[str, Any]) -> dict[str, float]:
        assert settings["redis"] is None
        return {"used": 97.0, "kept": 1.0}

    table, adaptive = ask(attrs.evolve(QUESTION, repetitions=1), measure=take).tables

    shared = {each.name for each in QUESTION.candidates if "4 processes" in each.name}
    assert 6 == len(shared)
    assert dict.fromkeys(shared, "not installed: redis-server") == table.left_out
    assert len(QUESTION.candidates) - 6 == len(table.rows) + len(adaptive.rows)


def test_a_part_that_nobody_asks_is_refused() -> None:
    """A typo in `--only` does not run nothing."""
    done = CliRunner().invoke(main, ["run", "limits", "--only", "50/sec"])

    assert 2 == done.exit_code
    assert "no candidate holds '50/sec'" in done.output
    assert "20/s, bulk and 20 % interactive" in done.output


def test_a_part_is_asked_with_what_it_is_held_against() -> None:
    """The candidates named and the base, in the cases that ask one of those named."""
    known = questions()
    call, backfill = narrowed([known["call"], known["page"], known["backfill"]], "httpx")

    assert [known["page"]] == narrowed([known["page"]], "")
    assert "aiohttp" in {each.name for each in call.candidates}
    assert {"create_order alone", "gather, httpx"} == {each.name for each in backfill.candidates}
    assert ["10,000 rows"] == [case.name for case in backfill.cases]
