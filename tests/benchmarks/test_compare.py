from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from benchmarks.harness import compare
from benchmarks.harness.commands import main
from benchmarks.harness.results import Results, save

Make = Callable[..., Results]


def compared(old: Results, new: Results) -> str:
    """What is printed on a wide terminal."""
    console = Console(file=io.StringIO(), width=200)
    compare.show(console, old, new)
    text = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    assert isinstance(text, str)
    return text


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
    before, after = made([50.0, 50.0], [100.0, 100.0]), made([100.0, 100.0], [200.0, 200.0])

    found = {each.candidate: each.verdict for each in compare.changes(before, after)}

    assert {"ours": "same", "theirs": "worse"} == found


def test_comparing_says_when_the_machines_differ(made: Make) -> None:
    """Figures of two processors are not compared in silence."""
    before = made([50.0, 50.0], [100.0, 100.0])
    after = made(
        [80.0, 80.0], [100.0, 100.0], machine={**before.machine, "processor": "slide rule"}
    )

    text = compared(before, after)

    assert "processor: abacus then, slide rule now" in text
    assert "sum: small" in text
    assert "worse" in text


@pytest.mark.parametrize(
    ("old", "new"),
    [([50.0], [80.0, 80.0]), ([50.0, 50.0], [80.0]), ([50.0], [80.0])],
)
def test_of_one_repetition_nobody_knows_whether_it_changed(
    made: Make, old: list[float], new: list[float]
) -> None:
    """Its noise is unknown, so it is neither better nor worse, and a line says why."""
    text = compared(made(old, [100.0, 100.0]), made(new, [100.0, 100.0]))

    assert "worse" not in text
    assert "?" in text
    assert "measured once" in text


def test_where_more_is_better_more_is_better(made: Make) -> None:
    """A question whose main figure is a rate is judged the other way round."""
    before, after = made([50.0, 50.0], [9.0, 9.0]), made([80.0, 80.0], [9.0, 9.0])
    after.answers[0].figures[0]["better"] = "more"

    ours = next(compare.changes(before, after))

    assert "better" == ours.verdict


def test_comparing_says_what_differs_on_the_machines(made: Make) -> None:
    """Another version of a package is a line, also one that was not there."""
    before = made([50.0], [100.0])
    versions = {"aiohttp": "4.0", "httpx": "1.0"}
    after = made([50.0], [100.0], machine={**before.machine, "cores": 8, "versions": versions})

    text = compared(before, after)

    assert "aiohttp: 3.14.5 then, 4.0 now" in text
    assert "httpx: none then, 1.0 now" in text
    assert "cores: 2 then, 8 now" in text
    assert "processor" not in text


def test_comparing_says_what_is_in_one_run_only(made: Make) -> None:
    """Questions, cases and candidates that vanished or are new do not do so in silence."""
    old, new = made([50.0], [100.0]), made([50.0], [100.0])
    old.add(attrs.evolve(old.answers[0], name="product"))
    new.answers[0].tables.append(attrs.evolve(new.answers[0].tables[0], case="large"))
    del new.answers[0].tables[0].rows[1]

    text = compared(old, new)

    assert "only in the old run: product" in text
    assert "only in the old run: sum, small: theirs" in text
    assert "only in the new run: sum, large" in text


def by_command(old: Results, new: Results, folder: Path) -> Result:
    """What `compare OLD NEW` does."""
    for results, name in ((old, "old.json"), (new, "new.json")):
        save(results, folder / name)
    return CliRunner().invoke(main, ["compare", str(folder / "old.json"), str(folder / "new.json")])


@pytest.mark.parametrize("changed", [{"quick": True}, {"answers": []}])
def test_what_cannot_be_compared_is_refused(
    made: Make, tmp_path: Path, changed: dict[str, Any]
) -> None:
    """A quick run with a full one, and runs of other questions, compare nothing."""
    old, new = made([50.0], [100.0]), made([50.0], [100.0])

    done = by_command(old, attrs.evolve(new, **changed), tmp_path)

    assert 2 == done.exit_code
    says = "a quick run has other sizes" if "quick" in changed else "nothing in common"
    assert says in done.output


def test_two_quick_runs_are_compared(made: Make, tmp_path: Path) -> None:
    """They have the same sizes."""
    old, new = made([50.0], [100.0], quick=True), made([50.0], [100.0], quick=True)

    assert 0 == by_command(old, new, tmp_path).exit_code
