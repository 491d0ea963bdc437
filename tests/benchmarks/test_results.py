from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmarks.harness import compare, goals, readme, table
from benchmarks.harness.figures import Measured, ratios
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


@given(st.lists(st.floats(1, 1e6), min_size=1), st.floats(0.1, 10))
def test_ratios_are_taken_round_by_round(base: list[float], times: float) -> None:
    """What slows a whole round down cancels out, however uneven the rounds are."""
    found = Measured.of(ratios([value * times for value in base], base))

    assert pytest.approx(times) == found.median
    assert pytest.approx(0, abs=1e-9) == found.spread


def test_results_survive_a_file(made: Make, tmp_path: Path) -> None:
    """What was saved is what is loaded."""
    results = made([50.0, 51.0], [100.0, 101.0])
    save(results, tmp_path / "run.json")

    assert results == load(tmp_path / "run.json")


def test_other_files_are_refused(tmp_path: Path) -> None:
    """Results of another version, or anything else, are no results."""
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"version": 0}))

    with pytest.raises(ValueError, match="holds no results of this version"):
        load(path)


def test_the_machine_is_described_and_not_named() -> None:
    """The description has what matters for speed, and neither a host's name nor a path."""
    machine = describe()

    assert {"processor", "cores", "memory_gib", "system", "python", "versions"} == machine.keys()
    assert "aiohttp" in machine["versions"]
    assert machine["python"] in sentence(machine)


def test_a_table_shows_median_spread_ratio_and_what_is_missing(made: Make) -> None:
    """Nobody has to guess who was left out, or what was called."""
    [answer] = made([50.0, 52.0, 54.0], [100.0, 104.0, 108.0]).answers

    text = printed(lambda console: table.show(console, answer))

    assert "x theirs" in text
    assert "0.50" in text
    assert "52.0 ±4%" in text
    assert "server: nginx" in text
    assert "left out: httpx, not installed: httpx" in text


def test_a_figure_that_nobody_has_is_no_column(made: Make) -> None:
    """A question may ask other things of other cases."""
    [answer] = made([50.0], [100.0]).answers

    assert ["candidate", "x theirs", "CPU us"] == table.columns(answer, answer.tables[0])


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ([50.0, 50.0], [80.0, 80.0], "worse"),
        ([50.0, 50.0], [30.0, 30.0], "better"),
        ([50.0, 50.0], [50.2, 50.2], "same"),
        ([40.0, 60.0], [50.0, 70.0], "same"),
    ],
)
def test_a_change_counts_beyond_the_noise(
    made: Make, old: list[float], new: list[float], verdict: str
) -> None:
    """Within the spread of both runs nothing has changed."""
    before, after = made(old, [100.0, 100.0]), made(new, [100.0, 100.0])

    ours = next(each for each in compare.changes(before, after) if each.candidate == "ours")

    assert verdict == ours.verdict


def test_a_slower_machine_is_no_change(made: Make) -> None:
    """Judged is the ratio to the base, and a base only by itself."""
    before, after = made([50.0], [100.0]), made([100.0], [200.0])

    found = {each.candidate: each.verdict for each in compare.changes(before, after)}

    assert {"ours": "same", "theirs": "worse"} == found


def test_comparing_says_when_the_machines_differ(made: Make) -> None:
    """Figures of two processors are not compared in silence."""
    before = made([50.0], [100.0])
    after = made([80.0], [100.0], machine={**before.machine, "processor": "slide rule"})

    text = printed(lambda console: compare.show(console, before, after))

    assert "processor: abacus then, slide rule now" in text
    assert "sum: small" in text
    assert "worse" in text


def test_the_page_says_where_we_lose(made: Make) -> None:
    """Every case in which a peer costs less is named, and only those."""
    worse, better = made([150.0], [100.0]), made([50.0], [100.0])

    assert "- sum, small: 1.50 times theirs" in readme.page(worse)
    assert "Nowhere in this run." in readme.page(better)


def test_the_page_names_machine_command_and_pictures(made: Make, tmp_path: Path) -> None:
    """A figure in the page can be made again."""
    readme.write(made([50.0], [100.0]), tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text(encoding="utf-8")

    assert "`python -m benchmarks run`, 2026-05-01" in text
    assert "abacus, 2 cores" in text
    assert "![What a sum costs](plots/sum.svg)" in text
    assert "| **ours** | 0.50 | 50.0 |" in text
    assert "Left out: httpx, not installed: httpx." in text


def test_a_goal_is_judged_where_it_was_measured(made: Make) -> None:
    """A goal whose question was not asked says nothing; one that was, says whether it is met."""
    results = made([50.0], [100.0])
    side = goals.Side(question="sum", case="small", candidate="ours", figure="cpu_us")
    other = goals.Side(question="sum", case="small", candidate="theirs", figure="cpu_us")
    absent = goals.Side(question="product", case="small", candidate="ours", figure="cpu_us")

    goal = goals.Goal(name="a sum", mine=side, other=other, most=0.6)
    found = goal.measured(results)

    assert Measured(0.5, 0.0) == found
    assert goals.Goal(name="b", mine=side, other=absent, most=1).measured(results) is None
    assert [] == list(goals.verdicts(results))


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

    assert Measured(50.0, 0.0) == found
    assert (bound, holds) == (goal.bound, goal.holds(found))
