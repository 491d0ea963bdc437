from __future__ import annotations

import io
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmarks.harness import goals, readme, table
from benchmarks.harness.figures import Measured, noise, ratios
from benchmarks.harness.machine import describe, sentence
from benchmarks.harness.results import Results, load, save

Make = Callable[..., Results]


def printed(show: Callable[[Console], None]) -> str:
    """What ``show`` prints on a wide terminal."""
    console = Console(file=io.StringIO(), width=200)
    show(console)
    text = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    assert isinstance(text, str)
    return text


def test_median_and_spread() -> None:
    """The spread is half the way from the smallest to the largest, as a share of the median."""
    assert Measured(100.0, 0.1) == Measured.of([95.0, 100.0, 115.0])
    assert Measured(0.0, 0.0) == Measured.of([0.0, 0.0])


def test_of_one_repetition_nobody_knows_the_spread() -> None:
    """It is not nought; and what two figures may differ by is known if both spreads are."""
    once, twice = Measured.of([100.0]), Measured.of([95.0, 105.0])

    assert Measured(100.0, None) == once
    assert noise(once, twice) is None
    assert pytest.approx(0.1) == noise(twice, twice)
    assert 0.02 == noise(Measured(1.0, 0.001), Measured(1.0, 0.002))


@given(st.lists(st.floats(1, 1e6), min_size=1), st.floats(0.1, 10))
def test_ratios_are_taken_round_by_round(base: list[float], times: float) -> None:
    """What slows a whole round down cancels out, however uneven the rounds are."""
    found = Measured.of(ratios([value * times for value in base], base))

    assert pytest.approx(times) == found.median
    assert found.spread is None if len(base) == 1 else pytest.approx(0, abs=1e-9) == found.spread


def test_results_survive_a_file(made: Make, tmp_path: Path) -> None:
    """What was saved is what is loaded."""
    results = made([50.0, 51.0], [100.0, 101.0])
    save(results, tmp_path / "run.json")

    assert results == load(tmp_path / "run.json")


def test_a_file_is_there_whole_or_not_at_all(made: Make, tmp_path: Path) -> None:
    """Results are written beside it and take its place: whoever reads meanwhile sees one run."""
    path = tmp_path / "run.json"
    save(made([50.0], [100.0]), path)
    before = path.read_text()

    with path.open() as reader:
        save(made([70.0], [100.0]), path)

        assert before == reader.read()
    assert made([70.0], [100.0]) == load(path)


def test_a_file_that_cannot_be_written_stays_what_it_was(
    made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk costs what is new only, and leaves nothing beside the file."""
    path = tmp_path / "run.json"
    save(made([50.0], [100.0]), path)

    def full(path: Path, text: str, **_: object) -> None:
        path.write_bytes(text[:10].encode())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)

    with pytest.raises(OSError, match="No space left"):
        save(made([70.0], [100.0]), path)

    assert made([50.0], [100.0]) == load(path)
    assert [path] == list(tmp_path.iterdir())


FIGURE = {"key": "a", "title": "a", "better": "less"}
ANSWER = {"name": "sum", "title": "sum", "base": "a", "tables": [], "run": "now"}
RESULTS = {"version": 2, "command": "run", "started": "now", "machine": {}, "answers": []}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no results: Expecting value"),
        (b"{", "holds no results: Expecting"),
        (b"\xff\xfe", "holds no results: 'utf-8'"),
        (b"[" * 100_000, "holds no results: maximum recursion"),
        (b"[]", "holds no results of this version"),
        (b'{"version": 0}', "holds no results of this version"),
        (b'{"version": 2}', "required field missing"),
        (json.dumps(RESULTS).encode(), "processor, cores, memory_gib, .* missing"),
        (
            json.dumps({**RESULTS, "answers": [{**ANSWER, "figures": [FIGURE]}]}).encode(),
            "digits missing",
        ),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """Results of another version, of no version, or anything else, are no results."""
    path = tmp_path / "run.json"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=says):
        load(path)


def test_a_file_that_is_not_there_is_refused_alike(tmp_path: Path) -> None:
    """Whoever loads has one kind of error."""
    with pytest.raises(ValueError, match="No such file"):
        load(tmp_path / "none.json")


def test_a_file_is_one_run(made: Make, tmp_path: Path) -> None:
    """An answer put in from another run is refused: its command and machine are not known."""
    results, other = made([50.0], [100.0]), made([60.0], [100.0], started="2026-06-01")
    results.add(other.answers[0])
    save(results, tmp_path / "ours.json")
    results.answers[1].run = other.started
    save(results, tmp_path / "merged.json")

    assert 2 == len(load(tmp_path / "ours.json").answers)
    with pytest.raises(ValueError, match="answers of another run: sum"):
        load(tmp_path / "merged.json")


def test_the_machine_is_described_and_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The description has what matters for speed, and neither a host's name nor a path."""
    monkeypatch.setattr(platform, "release", lambda: "6.18.44-built-by-somebody")
    monkeypatch.setattr(os, "sched_getscheduler", lambda _: 0, raising=False)
    machine = describe()

    assert {"processor", "cores", "memory_gib", "system", "python", "versions"} == machine.keys()
    assert "aiohttp" in machine["versions"]
    assert machine["python"] in sentence(machine)
    assert f"{platform.system()} 6.18" == machine["system"]

    monkeypatch.setattr(os, "sched_getscheduler", lambda _: 1)
    assert f"{platform.system()} 6.18 (real-time priority)" == describe()["system"]


def test_a_table_shows_median_spread_ratio_and_what_is_missing(made: Make) -> None:
    """Nobody has to guess who was left out, or what was called."""
    [answer] = made([50.0, 52.0, 54.0], [100.0, 104.0, 108.0]).answers

    text = printed(lambda console: table.show(console, answer))

    assert "x theirs" in text
    assert "0.50" in text
    assert "52.0 ±4%" in text
    assert "median of 3" in text
    assert "server: nginx" in text
    assert "left out: httpx, not installed: httpx" in text


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_a_narrow_table_is_not_cut(made: Make, width: int) -> None:
    """Cells break between words; no figure ends in an ellipsis, and none breaks in its middle."""
    [answer] = made([12345678.0, 12345679.0, 12999999.0], [100.0, 104.0, 108.0]).answers
    answer.tables[0].rows[1].candidate = "what people use instead, tuned to the bone"
    console = Console(file=io.StringIO(), width=width)

    table.show(console, answer)

    text = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    assert "…" not in text
    for word in ("12,345,679.0", "±3%", "104.0", "instead,", "tuned", "bone"):
        assert word in text


def test_a_figure_that_nobody_has_is_no_column(made: Make) -> None:
    """A question may ask other things of other cases."""
    [answer] = made([50.0], [100.0]).answers

    assert ["candidate", "x theirs", "CPU us"] == table.columns(answer, answer.tables[0])


def lost(results: Results) -> list[str]:
    """What the page says of where we lose."""
    text = readme.page(results).partition("## Where we lose")[2].partition("\n## ")[0]
    return [line for line in text.splitlines()[5:] if line]


def test_the_page_says_where_we_lose(made: Make) -> None:
    """Every case in which a peer does better is named, and only those."""
    worse, better = made([150.0], [100.0]), made([50.0], [100.0])

    assert ["- sum, small, against theirs: CPU us x 1.50"] == lost(worse)
    assert ["Nowhere in this run."] == lost(better)


def test_every_figure_counts_where_we_lose(made: Make) -> None:
    """Less or more, whatever is better; what only describes is no loss, and what is equal none."""
    results = made([50.0], [100.0])
    for row, values in zip(results.answers[0].tables[0].rows, ([10.0], [25.0]), strict=True):
        row.figures |= {"per_second": values, "idle": values}

    assert ["- sum, small, against theirs: calls/s x 2.50"] == lost(results)


def test_ours_is_measured_by_the_dearest(made: Make) -> None:
    """Where ours does several things, the worst of them counts, whichever way is better."""
    results = made([50.0], [100.0])
    first, theirs = results.answers[0].tables[0].rows
    second = attrs.evolve(first, candidate="ours, all", figures={"cpu_us": [150.0]})
    for row, value in ((first, 90.0), (second, 5.0), (theirs, 10.0)):
        row.figures["per_second"] = [value]
    results.answers[0].tables[0].rows.append(second)

    assert ["- sum, small, against theirs: CPU us x 1.50, calls/s x 2.00"] == lost(results)


@pytest.mark.parametrize(
    ("ours", "theirs", "loses"),
    [
        ([101.9], [100.0], False),
        ([102.1], [100.0], True),
        ([95.0, 105.0, 115.0], [95.0, 100.0, 105.0], False),
        ([110.0, 120.0, 130.0], [95.0, 100.0, 105.0], True),
        ([1.0, 1.0], [0.0, 0.0], True),
    ],
)
def test_noise_is_no_loss(
    made: Make, ours: list[float], theirs: list[float], *, loses: bool
) -> None:
    """A loss is beyond the spread of both, and beyond two per cent."""
    assert loses is (["Nowhere in this run."] != lost(made(ours, theirs)))


def test_a_floor_is_no_loss(made: Make) -> None:
    """What no client can go below is not what people could use instead."""
    results = made([150.0], [100.0])
    results.answers[0].tables[0].rows[1].role = "floor"

    assert ["Nowhere in this run."] == lost(results)


def test_what_of_ours_was_not_measured_is_no_win(made: Make) -> None:
    """The page says so by name, and also where nobody tells why."""
    failed, gone = made([50.0], [100.0]), made([50.0], [100.0])
    failed.answers[0].tables[0].unmeasured.append("ours, odd")
    del gone.answers[0].tables[0].rows[0]

    assert ["- sum, small: ours, odd not measured"] == lost(failed)
    assert ["- sum, small: ours not measured"] == lost(gone)


def test_the_page_names_machine_command_and_pictures(made: Make, tmp_path: Path) -> None:
    """A figure in the page can be made again."""
    readme.write(made([50.0], [100.0]), tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text(encoding="utf-8")

    assert "`python -m benchmarks run`, 2026-05-01" in text
    assert "abacus, 2 cores" in text
    assert "![What a sum costs](plots/sum.svg)" in text
    assert "| **ours** | 0.50 | 50.0 |" in text
    assert "Measured once: how much the figures vary is not known." in text
    assert "Left out: httpx, not installed: httpx." in text


def test_a_goal_is_judged_where_it_was_measured(made: Make) -> None:
    """A goal whose question was not asked says nothing; one that was, says whether it is met."""
    results = made([50.0], [100.0])
    side = goals.Side(question="sum", case="small", candidate="ours", figure="cpu_us")
    other = goals.Side(question="sum", case="small", candidate="theirs", figure="cpu_us")
    absent = goals.Side(question="product", case="small", candidate="ours", figure="cpu_us")

    goal = goals.Goal(name="a sum", mine=side, other=other, most=0.6)
    found = goal.measured(results)

    assert Measured(0.5, None) == found
    assert goals.Goal(name="b", mine=side, other=absent, most=1).measured(results) is None
    assert [] == list(goals.verdicts(results))


def test_a_goal_that_was_asked_and_not_measured_is_not_reached(
    made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line is there and says so; a quick run has no goals at all."""
    side = goals.Side(question="sum", case="small", candidate="nobody", figure="cpu_us")
    monkeypatch.setattr(goals, "GOALS", [goals.Goal(name="a sum", mine=side, most=1)])

    page, quick = readme.page(made([50.0], [100.0])), readme.page(made([5.0], [9.0], quick=True))

    assert "| a sum | at most 1 | not measured | **no** |" in page
    assert "at most 1" not in quick
    assert "A quick run judges no goals" in quick
    assert "are of a quick run" in quick


@pytest.mark.parametrize(
    ("bounds", "bound", "holds"),
    [
        ({"most": 60}, "at most 60", True),
        ({"most": 40}, "at most 40", False),
        ({"least": 40}, "at least 40", True),
        ({"least": 60}, "at least 60", False),
    ],
)
def test_a_goal_has_a_bound(made: Make, bounds: dict[str, Any], bound: str, *, holds: bool) -> None:
    """From above or from below; without another side it is about the figure itself."""
    side = goals.Side(question="sum", case="small", candidate="ours", figure="cpu_us")
    goal = goals.Goal(name="a sum", mine=side, **bounds)
    found = goal.measured(made([50.0], [100.0]))

    assert Measured(50.0, None) == found
    assert (bound, holds) == (goal.bound, goal.holds(found))


def test_where_nobody_is_compared_there_is_no_ratio(made: Make) -> None:
    """A column of nothing but dashes says nothing."""
    [answer] = made([50.0], [100.0]).answers
    answer.base = None

    assert ["candidate", "CPU us"] == table.columns(answer, answer.tables[0])
    assert [["ours", "50.0"], ["theirs", "100.0"]] == [
        table.cells(answer, answer.tables[0], row) for row in answer.tables[0].rows
    ]


@pytest.mark.parametrize(
    ("shown", "values", "cell"),
    [
        ("median", [97.0, 98.0, 99.0], "98.0 ±1%"),
        ("least", [97.0, 98.0, 99.0], "97.0"),
        ("most", [97.0, 98.0, 99.0], "99.0"),
        ("yes or no", [1.0, 0.0, 1.0], "yes"),
        ("yes or no", [0.0, 0.0, 1.0], "NO"),
        ("yes or no", [], "-"),
    ],
)
def test_a_figure_shows_what_matters_of_it(
    made: Make, shown: str, values: list[float], cell: str
) -> None:
    """The median and how far the others are, the one that is worst, or a word."""
    [answer] = made([50.0], values or [1.0]).answers
    answer.figures[0]["shown"] = shown
    theirs = answer.tables[0].rows[1]
    theirs.figures = {"cpu_us": values}

    assert cell == table.cells(answer, answer.tables[0], theirs)[-1]
