from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.harness.commands import main
from benchmarks.harness.results import Results, load, save
from benchmarks.harness.rounds import ROOT, environment

Make = Callable[..., Results]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_quick_run_ends_and_prints_a_table(tmp_path: Path) -> None:
    """One question, run as a module, prints its table and writes it as JSON."""
    file = tmp_path / "import.json"
    command = [sys.executable, "-m", "benchmarks.import_", "--quick", "--json", str(file)]

    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    [answer] = load(file).answers
    row = answer.tables[0].row("ours, import alone")

    assert "What importing and making a client costs" in done.stdout
    assert "aiohttp, import alone" in done.stdout
    assert row is not None
    assert 1 == len(row.figures["cpu_ms"])


def test_an_unknown_question_is_refused_with_those_there_are() -> None:
    """A typo does not run nothing."""
    done = CliRunner().invoke(main, ["run", "cal"])

    assert 2 == done.exit_code
    assert "no such question: cal" in done.output
    assert "call" in done.output


def test_two_runs_are_compared(made: Make, tmp_path: Path) -> None:
    """`compare OLD NEW` prints both."""
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    save(made([50.0], [100.0]), old)
    save(made([80.0], [100.0]), new)

    done = CliRunner().invoke(main, ["compare", str(old), str(new)])

    assert 0 == done.exit_code
    assert "0.80" in done.output
    assert "worse" in done.output


def test_plots_are_made(made: Make, tmp_path: Path) -> None:
    """Each question becomes an SVG and a PNG; the same results become the same SVG."""
    file = tmp_path / "run.json"
    save(made([50.0, 52.0], [100.0, 90.0]), file)

    for folder in ("first", "second"):
        arguments = ["plot", str(file), "--to", str(tmp_path / folder)]
        assert 0 == CliRunner().invoke(main, arguments).exit_code

    first, second = (tmp_path / name / "sum.svg" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    assert b"theirs" in first.read_bytes()
    assert b"\x89PNG" == (tmp_path / "first" / "sum.png").read_bytes()[:4]


def test_a_report_is_a_page_with_its_pictures(made: Make, tmp_path: Path) -> None:
    """`report` writes the page and draws beside it what it shows."""
    file, page = tmp_path / "run.json", tmp_path / "README.md"
    save(made([50.0], [100.0]), file)

    done = CliRunner().invoke(main, ["report", str(file), "--to", str(page)])

    assert 0 == done.exit_code
    assert "plots/sum.svg" in page.read_text(encoding="utf-8")
    assert (tmp_path / "plots" / "sum.svg").exists()
