from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.harness import check, commands, instructions
from benchmarks.harness.figures import Measured
from benchmarks.harness.question import Candidate, questions
from benchmarks.harness.rounds import MeasurementError


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(instructions.valgrind() is None, reason="valgrind is not installed")
def test_instructions_do_not_depend_on_the_machine() -> None:
    """Counted twice, what a page takes is the same within one per cent."""
    candidate = Candidate(name="json", run="benchmarks.page.decode:by_json")

    first, second = (
        instructions.per_call(candidate, {"vendor": "joy", "rows": 10}) for _ in range(2)
    )

    assert 0 < first
    assert pytest.approx(first, rel=0.01) == second


def test_a_command_that_fails_says_how() -> None:
    """What cannot be counted is no count of nothing."""
    with pytest.raises(MeasurementError, match="ended with 3"):
        instructions.of_code("raise SystemExit(3)")


def test_every_ratio_is_of_candidates_that_exist() -> None:
    """A candidate that was renamed does not drop out of the check."""
    known = questions()
    for ratio in check.RATIOS:
        names = {candidate.name for candidate in known[ratio.question].candidates}
        assert {ratio.mine, ratio.other} <= names


def test_a_record_is_of_one_python_and_one_means(tmp_path: Path) -> None:
    """What was recorded comes back, with at least the least noise of its means."""
    path = tmp_path / "recorded.json"

    check.record("cpu", {"a call": Measured(0.9, 0.001)}, path)
    check.record("instructions", {"a call": Measured(1.0, 0.05)}, path)

    assert {"a call": Measured(0.9, 0.05)} == check.recorded("cpu", path)
    assert {"a call": Measured(1.0, 0.1)} == check.recorded("instructions", path)
    assert {} == check.recorded("cpu", tmp_path / "none.json")


@pytest.mark.parametrize(("now", "worse"), [(0.8, False), (0.92, False), (0.96, True)])
def test_worse_is_beyond_the_recorded_noise(now: float, worse: bool) -> None:  # noqa: FBT001 - given
    """A ratio may waver by its noise, and get better by any amount."""
    [judged] = check.verdicts({"a call": Measured(0.9, 0.05)}, {"a call": Measured(now, 0.0)})

    assert worse is judged.worse


def test_what_is_not_recorded_is_not_judged() -> None:
    """A new ratio waits for its first record."""
    assert [] == check.verdicts({}, {"a call": Measured(5.0, 0.0)})


@pytest.mark.parametrize(("now", "code"), [(0.5, 0), (5.0, 1)])
def test_the_command_fails_when_a_ratio_is_worse(
    monkeypatch: pytest.MonkeyPatch, now: float, code: int
) -> None:
    """`make bench-check` ends with 1, and the line says which ratio and what it was."""
    monkeypatch.setattr(check, "recorded", lambda _: {"a call": Measured(0.9, 0.05)})
    monkeypatch.setattr(check, "measure", lambda *_: {"a call": Measured(now, 0.0)})

    done = CliRunner().invoke(commands.main, ["check", "--by", "cpu"])

    assert code == done.exit_code
    assert f"a call: {now:.3f}, recorded 0.900 ±5% (cpu)" in done.output


def test_nothing_recorded_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a record for this Python the check says how to make one."""
    monkeypatch.setattr(check, "recorded", lambda _: {})

    done = CliRunner().invoke(commands.main, ["check", "--by", "cpu"])

    assert 1 == done.exit_code
    assert "check --record" in done.output
