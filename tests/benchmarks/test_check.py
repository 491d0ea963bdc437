from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

from benchmarks.harness import check, commands, instructions, record
from benchmarks.harness.figures import Measured
from benchmarks.harness.question import Candidate, questions
from benchmarks.harness.rounds import MeasurementError, in_new_process


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(instructions.valgrind() is None, reason="valgrind is not installed")
def test_instructions_do_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in two environments, what a page takes is the same within 0.2 per cent."""
    candidate = Candidate(name="json", run="benchmarks.page.decode:by_json")
    settings = {"vendor": "joy", "rows": 10}

    first = instructions.per_call(candidate, settings)
    monkeypatch.setenv("LONG", "x" * 20_000)
    second = instructions.per_call(candidate, settings)

    assert 0 < first
    assert pytest.approx(first, rel=0.002) == second


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


def test_counting_without_valgrind_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named."""
    monkeypatch.setattr(instructions, "valgrind", lambda: None)

    with pytest.raises(MeasurementError, match="valgrind is not installed"):
        instructions.of_code("pass")


@pytest.mark.parametrize("settings", [{}, {"calls": 1}])
def test_instructions_are_counted_without_collections(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """When a collection falls due hangs on everything else; what takes time has them as ever."""
    (tmp_path / "collecting.py").write_text(
        "import gc\ndef measure(settings): return {'on': gc.isenabled()}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    figures = in_new_process(Candidate(name="gc", run="collecting:measure"), settings)

    assert {"on": "calls" not in settings} == figures


def test_a_ratio_to_what_is_not_installed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check names what is missing, before it measures."""
    peer = Candidate(name="pydantic", run="a:b", needs=("no-such-distribution",))
    page = attrs.evolve(questions()["page"], candidates=(Candidate(name="ours", run="a:b"), peer))
    monkeypatch.setattr(check, "questions", lambda: {"page": page})
    monkeypatch.setattr(check, "RATIOS", check.RATIOS[1:2])

    with pytest.raises(MeasurementError, match="not installed: no-such-distribution"):
        check.measure("cpu")


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A record of one ratio, of an older aiohttp."""
    path = tmp_path / "recorded.json"
    monkeypatch.setattr(record, "RECORD", path)
    record.record("cpu", {"a call": Measured(0.9, 0.001)})
    path.write_text(re.sub(r'"aiohttp": "[^"]+"', '"aiohttp": "1.0"', path.read_text()))
    monkeypatch.setattr(check, "RATIOS", [attrs.evolve(check.RATIOS[0], name="a call")])
    return path


def measured(monkeypatch: pytest.MonkeyPatch, now: Measured) -> None:
    """Let the ratio be measured as ``now``."""
    monkeypatch.setattr(check, "measure", lambda *_: {"a call": now})


def checked(*more: str) -> Result:
    """What `check` says and ends with."""
    return CliRunner().invoke(commands.main, ["check", "--by", "cpu", *more])


@pytest.mark.parametrize(("now", "code"), [(0.5, 0), (0.94, 0), (0.95, 1)])
def test_the_command_fails_when_a_ratio_is_worse(
    path: Path, monkeypatch: pytest.MonkeyPatch, now: float, code: int
) -> None:
    """`make bench-check` ends with 1, and the line says which ratio and what it was."""
    measured(monkeypatch, Measured(now, 0.0))

    done = checked()

    assert code == done.exit_code
    assert f"a call: {now:.3f}, recorded 0.900 ±5% (cpu)" in done.output
    assert "since it was recorded: aiohttp: 1.0 then" in done.output


def test_a_record_of_other_names_is_no_success(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded and not measured fails, and the other way round, before anything runs."""
    renamed = attrs.evolve(check.RATIOS[0], name="one call")
    monkeypatch.setattr(check, "RATIOS", [renamed])

    done = checked()

    assert 1 == done.exit_code
    assert "recorded, and no longer measured: a call" in done.output
    assert "measured, and not recorded: one call" in done.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "nothing is recorded for Python"),
        ("{", "is broken"),
        ("[]", "is no record"),
        ('{"VERSION": {"cpu": {"a call": {"ratio": 1, "noise": 0}}}}', "in this form"),
    ],
)
def test_without_a_record_the_check_is_one_clear_line(path: Path, text: str, says: str) -> None:
    """A file that is missing something, or broken, is no success and no traceback."""
    path.write_text(text.replace("VERSION", record.version()))

    done = checked()

    assert 1 == done.exit_code
    assert says in done.output
    assert done.output.startswith("Error: ")


def test_what_varies_too_much_is_not_recorded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the record stays what it was, and the ratio is named."""
    before = path.read_text()
    measured(monkeypatch, Measured(0.9, 0.06))

    done = checked("--record")

    assert 1 == done.exit_code
    assert "too busy: a call ±12%" in done.output
    assert before == path.read_text()


def test_what_was_recorded_holds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check right after `--record` is content, and the versions are those of now."""
    measured(monkeypatch, Measured(5.0, 0.04))

    recording, checking = checked("--record"), checked()

    assert (0, 0) == (recording.exit_code, checking.exit_code)
    assert "a call: 5.000, recorded 5.000 ±8% (cpu)" in checking.output
    assert "since it was recorded" not in checking.output


def test_a_measurement_that_fails_is_one_clear_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check ends with 1 and says why."""

    def fail(*_: object) -> None:
        raise MeasurementError("failed: it is broken")

    monkeypatch.setattr(check, "measure", fail)

    done = checked()

    assert (1, True) == (done.exit_code, done.output.endswith("Error: failed: it is broken\n"))


def test_each_python_and_means_has_its_record(path: Path) -> None:
    """What is recorded by one means leaves the other's alone; each has its least noise."""
    record.record("instructions", {"a page": Measured(0.5, 0.001)})

    page, call = record.recorded("instructions").ratios, record.recorded("cpu").ratios
    assert {"a page": record.Ratio(ratio=0.5, noise=0.02)} == page
    assert {"a call": record.Ratio(ratio=0.9, noise=0.05)} == call
