from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

from benchmarks.harness import asking, commands, goals, plot
from benchmarks.harness.commands import ask_alone, main
from benchmarks.harness.question import Question
from benchmarks.harness.results import Results, load, save
from benchmarks.harness.rounds import ROOT, ask, environment

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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, question: Question, clockwork: Any) -> Any:
    """The only question there is costs nothing to ask; what takes its measurements."""
    other = attrs.evolve(question, name="product")
    monkeypatch.setattr(commands, "questions", lambda: {"sum": question, "product": other})
    monkeypatch.setattr(asking, "ask", partial(ask, measure=clockwork))
    return clockwork


def ran(*arguments: object) -> Result:
    """What `run` does."""
    return CliRunner().invoke(main, ["run", *map(str, arguments)])


def test_a_run_keeps_what_it_found_and_says_where(asked: Any, tmp_path: Path) -> None:
    """The file is one run, with a command that makes it again and names no path."""
    file = tmp_path / "out"
    done = ran("sum", "--quick", f"--json={file}", "--repetitions", 2)
    results = load(file)

    assert 0 == done.exit_code
    assert f"The results are in {file}" in done.output
    assert "python -m benchmarks run sum --quick --repetitions 2" == results.command
    assert results.quick
    assert [results.started] == [answer.run for answer in results.answers]


def test_a_question_alone_is_a_run_of_it(
    asked: Any, question: Question, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own module gives the same file as `run` with its name."""
    file = tmp_path / "out.json"
    monkeypatch.setattr(sys, "argv", ["benchmarks.sum", "--json", str(file)])

    with pytest.raises(SystemExit) as end:
        ask_alone(question)

    assert 0 == end.value.code
    assert "python -m benchmarks run sum" == load(file).command


def test_a_question_named_twice_is_asked_once(asked: Any, tmp_path: Path) -> None:
    """And without a name all are asked."""
    for names, expected in ((("sum", "sum"), ["sum"]), ((), ["sum", "product"])):
        ran(*names, "--json", tmp_path / "run.json")

        assert expected == [answer.name for answer in load(tmp_path / "run.json").answers]


def test_a_run_without_a_figure_of_ours_fails(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with 1, names what was not measured, and reaches no goal of what was asked."""
    side = goals.Side(question="sum", case="small", candidate="ours", figure="cpu_us")
    monkeypatch.setattr(goals, "GOALS", [goals.Goal(name="a sum", mine=side, most=60)])

    well = ran("sum")
    del asked.costs["ours"]
    badly = ran("sum")

    assert (0, 1) == (well.exit_code, badly.exit_code)
    assert "reached  a sum: 50.50 ±1%, at most 60" in well.output
    assert "not measured  a sum: -, at most 60" in badly.output
    assert "not measured: sum, small: ours" in badly.output


def test_a_peer_that_fails_fails_nobody(asked: Any) -> None:
    """It is left out by name."""
    del asked.costs["theirs"]

    done = ran("sum")

    assert 0 == done.exit_code
    assert "left out: theirs, failed: it is broken" in done.output


def test_a_quick_run_judges_no_goal(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sizes are others, which the tables show."""
    side = goals.Side(question="sum", case="small", candidate="ours", figure="cpu_us")
    monkeypatch.setattr(goals, "GOALS", [goals.Goal(name="a sum", mine=side, most=60)])

    done = ran("--quick")

    assert "small (quick: size 1)" in done.output
    assert "reached" not in done.output
    assert "A quick run" in done.output


def test_a_folder_that_is_not_there_costs_nothing(asked: Any, tmp_path: Path) -> None:
    """It is refused before the first question, not after an hour."""
    done = ran("--json", tmp_path / "none" / "run.json")

    assert 2 == done.exit_code
    assert "is no folder to write to" in done.output
    assert [] == asked.order


def test_a_disk_that_is_full_is_one_clear_line(
    asked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is printed before."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(asking, "save", full)

    done = ran("--json", tmp_path / "run.json")

    assert 1 == done.exit_code
    assert "What a sum costs" in done.output
    assert done.output.endswith("run.json cannot be written: No space left on device\n")


@pytest.mark.parametrize("command", ["compare", "plot", "report"])
@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"version": 2}', None])
def test_a_file_that_holds_no_run_is_one_clear_line(
    tmp_path: Path, command: str, content: bytes | None
) -> None:
    """Whoever reads results says which file holds none, and ends with 2."""
    file = tmp_path / "run.json"
    if content is not None:
        file.write_bytes(content)

    done = CliRunner().invoke(main, [command, *[str(file)] * (2 if command == "compare" else 1)])

    assert 2 == done.exit_code
    assert f"{file} holds no results" in done.output.splitlines()[-1]


def test_two_runs_are_compared(made: Make, tmp_path: Path) -> None:
    """`compare OLD NEW` prints both."""
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    save(made([50.0, 50.0], [100.0, 100.0]), old)
    save(made([80.0, 80.0], [100.0, 100.0]), new)

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


def test_a_bar_that_is_cut_is_marked(made: Make) -> None:
    """It looks no longer than one that just fits: two gaps, its figure, and a line that says so."""
    cut, whole = made([2000.0], [100.0]), made([1200.0], [100.0])

    for results, gaps in ((cut, 2), (whole, 0)):
        [answer] = results.answers
        [panel] = plot.figure(answer, answer.tables).axes
        assert ("cut at 12 times theirs" if gaps else "") == panel.get_xlabel()
        # One more line is at the base's figure.
        assert gaps + 1 == len(panel.lines)
        assert 1200 == max(bar.get_width() for bar in panel.patches)
        said = {text.get_text() for text in panel.texts}
        assert (" 2,000.0 (x 20.00)" if gaps else " 1,200.0 (x 12.00)") in said


def test_a_report_is_a_page_with_its_pictures(made: Make, tmp_path: Path) -> None:
    """`report` writes the page and draws beside it what it shows."""
    file, page = tmp_path / "run.json", tmp_path / "README.md"
    save(made([50.0], [100.0]), file)

    done = CliRunner().invoke(main, ["report", str(file), "--to", str(page)])

    assert 0 == done.exit_code
    assert "plots/sum.svg" in page.read_text(encoding="utf-8")
    assert (tmp_path / "plots" / "sum.svg").exists()


@pytest.mark.parametrize(("command", "code"), [("plot", 1), ("report", 2)])
def test_what_cannot_be_written_is_one_clear_line(
    made: Make, tmp_path: Path, command: str, code: int
) -> None:
    """A page into no folder, pictures into a file: no traceback."""
    file = tmp_path / "run.json"
    save(made([50.0], [100.0]), file)

    done = CliRunner().invoke(main, [command, str(file), "--to", str(file / "none" / "page")])

    assert code == done.exit_code
    assert "Error: " in done.output.splitlines()[-1]


def test_a_part_is_named_in_the_command(question: Question) -> None:
    """Who repeats a run of a part asks the same part."""
    asked = asking.Asked(questions=[question], only="500/s, 4")

    assert "python -m benchmarks run sum --only '500/s, 4'" == asked.command
