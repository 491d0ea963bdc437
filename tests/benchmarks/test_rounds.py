from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from benchmarks.harness.question import Candidate, Case, Question, questions
from benchmarks.harness.rounds import MeasurementError, ask, in_new_process


def test_candidates_take_turns(question: Question, clockwork: Any) -> None:
    """Repetitions alternate, A B C A B C, so that a machine that slows down slows all down."""
    ask(attrs.evolve(question, cases=question.cases[:1]), measure=clockwork)

    assert ["ours", "theirs", "floor"] * 3 == clockwork.order


def test_every_repetition_is_kept(question: Question, clockwork: Any) -> None:
    """A row holds one value of each figure for each repetition, in order."""
    answer = ask(question, measure=clockwork)
    row = answer.tables[0].row("ours")

    assert row is not None
    assert pytest.approx([50.0, 50.5, 51.0]) == row.figures["cpu_us"]
    assert {"cpu_us", "per_second", "idle"} == row.figures.keys()


def test_a_candidate_that_is_not_installed_is_named(question: Question, clockwork: Any) -> None:
    """What is missing is left out by name, with what it would need."""
    absent = Candidate(name="absent", run="a:b", needs=("no-such-distribution", "attrs"))
    changed = attrs.evolve(question, candidates=(absent, *question.candidates))

    table = ask(changed, measure=clockwork).tables[0]

    assert {"absent": "not installed: no-such-distribution"} == table.left_out
    assert "absent" not in clockwork.order
    assert ["ours", "theirs", "floor"] == [row.candidate for row in table.rows]


def test_a_program_that_is_not_installed_is_named(question: Question, clockwork: Any) -> None:
    """As a distribution that is not."""
    absent = Candidate(name="absent", run="a:b", programs=("no-such-program", "python3"))
    changed = attrs.evolve(question, candidates=(absent, *question.candidates))

    assert {"absent": "not installed: no-such-program"} == (
        ask(changed, measure=clockwork).tables[0].left_out
    )


def test_a_case_that_cannot_be_is_named(question: Question, clockwork: Any) -> None:
    """A case without what it needs is there by name and has no rows."""
    case = Case(name="on a far loop", needs=("no-such-loop",))

    [table] = ask(attrs.evolve(question, cases=(case,)), measure=clockwork).tables

    assert {"on a far loop": "not installed: no-such-loop"} == table.left_out
    assert [] == table.rows
    assert [] == clockwork.order


def test_a_candidate_that_fails_is_named_and_not_asked_again(
    question: Question, clockwork: Any
) -> None:
    """One that cannot be measured costs the others nothing."""
    del clockwork.costs["theirs"]

    table = ask(question, measure=clockwork).tables[0]

    assert {"theirs": "failed: it is broken"} == table.left_out
    assert ["ours", "floor"] * 3 == clockwork.order[:6]


def test_a_quick_run_is_one_short_round(question: Question, clockwork: Any) -> None:
    """`--quick` takes the cases that are for it, once, with their quick settings."""
    answer = ask(question, quick=True, measure=clockwork)

    assert ["small (quick: size 1)"] == [table.case for table in answer.tables]
    assert [{"size": 1}] * 3 == [settings for _, settings in clockwork.turns]


def test_a_quick_case_says_every_size_that_is_another(question: Question, clockwork: Any) -> None:
    """However deep in the settings; what is as usual, or no number, is not worth a word."""
    usual = {"rows": 1_000_000, "server": {"pages": {"count": 100_000, "size": 500}}, "loop": "a"}
    quick = {"rows": 50_000, "server": {"pages": {"count": 10_000, "size": 500}}, "loop": "a"}
    case = Case(name="pages", settings=usual, quick=quick)

    [table] = ask(attrs.evolve(question, cases=(case,)), quick=True, measure=clockwork).tables

    assert "pages (quick: rows 50,000, count 10,000)" == table.case


def test_what_fails_of_ours_is_told_apart(question: Question, clockwork: Any) -> None:
    """A peer that fails is left out; ours that fails is what was asked, and is missing."""
    del clockwork.costs["ours"], clockwork.costs["theirs"]

    table = ask(question, measure=clockwork).tables[0]

    assert {"ours", "theirs"} == table.left_out.keys()
    assert ["ours"] == table.unmeasured


def test_a_server_that_does_not_start_costs_its_case_only(
    question: Question, clockwork: Any
) -> None:
    """The others are asked, and ours counts as not measured there."""

    @contextmanager
    def target(case: Case) -> Iterator[dict[str, str]]:
        if case.name == "small":
            raise RuntimeError("no port is free")
        yield {"what": "a server"}

    small, large = ask(attrs.evolve(question, target=target), measure=clockwork).tables

    assert {"small": "failed: no port is free"} == small.left_out
    assert ["ours"] == small.unmeasured
    assert ("a server", 3) == (large.server, len(large.rows))


def test_a_case_has_its_own_repetitions(question: Question, clockwork: Any) -> None:
    """A case that takes long is repeated less often than the rest, whatever is asked for."""
    case = attrs.evolve(question.cases[0], repetitions=1)

    ask(attrs.evolve(question, cases=(case,)), repetitions=2, measure=clockwork)

    assert ["ours", "theirs", "floor"] == clockwork.order


def test_repetitions_can_be_asked_for(question: Question, clockwork: Any) -> None:
    """What the caller wants goes before what the question says."""
    ask(attrs.evolve(question, cases=question.cases[:1]), repetitions=2, measure=clockwork)

    assert ["ours", "theirs", "floor"] * 2 == clockwork.order


def test_a_measurement_runs_in_a_process_of_its_own() -> None:
    """The figures come back from a new interpreter, which is told both kinds of settings."""
    candidate = Candidate(
        name="json", run="benchmarks.page.decode:by_json", settings={"rows": 5, "seconds": 0.01}
    )

    figures = in_new_process(candidate, {"vendor": "joy"})

    assert {"row_us", "page_ms", "mib_per_second"} == figures.keys()
    assert 0 < figures["row_us"]


def test_a_process_that_fails_says_why() -> None:
    """The last line of its error is in the message."""
    candidate = Candidate(name="json", run="benchmarks.page.decode:by_json")

    with pytest.raises(MeasurementError, match="failed: KeyError: 'vendor'"):
        in_new_process(candidate, {})


def test_every_question_says_what_it_asks() -> None:
    """Each has a docstring, a base among its candidates, and cases for quick runs."""
    found = questions()

    assert {"backfill", "call", "import", "limits", "page", "paging", "scale"} <= found.keys()
    for question in found.values():
        assert len(question.about) > 200
        assert question.base in {None, *(candidate.name for candidate in question.candidates)}
        assert any(case.quick is not None for case in question.cases)


def test_a_case_may_be_for_some_candidates_only(question: Question, clockwork: Any) -> None:
    """Who is not asked is not left out either."""
    case = attrs.evolve(question.cases[0], candidates=("ours", "theirs"), repetitions=1)

    [table] = ask(attrs.evolve(question, cases=(case,)), measure=clockwork).tables

    assert ["ours", "theirs"] == clockwork.order
    assert {} == table.left_out


def test_a_measurement_that_takes_too_long_is_given_up() -> None:
    """After the seconds that the settings say."""
    candidate = Candidate(name="json", run="benchmarks.page.decode:by_json")

    with pytest.raises(MeasurementError, match="took more than 0 s"):
        in_new_process(candidate, {"timeout": 0.01})
