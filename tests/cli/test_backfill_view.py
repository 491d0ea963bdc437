"""What is shown of a backfill, event by event, and what is said at its end."""

from __future__ import annotations

import io
import json
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from loyalty_sdk import RateLimit
from loyalty_sdk.backfill import Plan, Progress, RowEnded, State, Stopping, Summary, Waiting
from loyalty_sdk.cli import _backfill_view as views
from loyalty_sdk.cli._backfill_options import journal_of
from loyalty_sdk.cli._backfill_run import limit_of
from loyalty_sdk.cli._backfill_words import code_of_summary, plan_lines, sentences
from loyalty_sdk.cli._failures import DONE, FAILED, UNKNOWN

NOTHING = dict.fromkeys(State, 0)
PROGRESS = Progress(
    counts=NOTHING | {State.APPLIED: 500, State.UNKNOWN: 2},
    in_flight=8,
    ended=502,
    elapsed=25.0,
    rate=20.0,
    total=1502,
    waiting=None,
    phase="sending",
)
ROW = RowEnded(
    ordinal=1, line=3, key="k", customer_id="7", state=State.REJECTED, error="no", seconds=0.1
)
SUMMARY = Summary(
    counts=NOTHING | {State.APPLIED: 3},
    doubled=0,
    complete=True,
    reason=None,
    ended=3,
    resent_unknown=0,
    elapsed=2.0,
    journal=Path("p.journal"),
    rejected=None,
)
PLAN = Plan(
    operation="create_order",
    rows=0,
    sendable=0,
    bad=0,
    refused=0,
    doubled=0,
    keyless=0,
    customers=0,
    busiest=(),
    points_given=0,
    points_taken=0,
    total=Decimal(),
    seconds=None,
    first=(),
    first_bad=(),
    problems=(),
    unmarked=False,
)


def test_programs_get_what_they_cannot_see_elsewhere(capsys: Any) -> None:
    """Rows that were applied stand in the journal; progress comes once a second, and at the end."""
    view = views.Events()
    view.show(attrs.evolve(ROW, state=State.APPLIED, error=None))
    for event in (
        PROGRESS, PROGRESS, ROW, attrs.evolve(ROW, state=State.APPLIED),
        Waiting(reason="429", seconds=5), Stopping(reason="enough"),
        attrs.evolve(PROGRESS, phase="done"), SUMMARY,
    ):  # fmt: skip
        view.show(event)
    view.note("to people")
    view.close()
    out, err = capsys.readouterr()
    told = [json.loads(line) for line in out.splitlines()]

    assert ["progress", "row", "row", "waiting", "stopping", "progress", "summary"] == [
        each["event"] for each in told
    ]
    assert (500, 2) == (told[0]["counts"]["applied"], told[0]["counts"]["unknown"])
    assert "rejected" == told[1]["state"]
    assert ("p.journal", None) == (told[-1]["journal"], told[-1]["rejected"])
    assert "loyalty: to people\n" == err


def test_a_pipe_gets_lines(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each phase after a second, one every ten seconds, and one for whatever happens."""
    now = 100.0
    monkeypatch.setattr("loyalty_sdk.cli._backfill_view.time.monotonic", lambda: now)
    view = views.Lines(25.0)
    view.show(attrs.evolve(PROGRESS, phase="resuming"))
    view.show(attrs.evolve(PROGRESS, counts={}))
    now += 1
    view.show(PROGRESS)
    view.show(PROGRESS)
    now += 11
    view.show(attrs.evolve(PROGRESS, waiting="the vendor asked: 9 s", total=None, rate=0.0))
    view.show(Waiting(reason="429", seconds=5))
    view.show(Stopping(reason="enough"))
    view.show(SUMMARY)
    view.close()

    assert [
        (
            "loyalty: sending; 33% of about 1,500 rows; applied 500, unknown 2; "
            "20.0 rows a second of 25, about 50 s to go, 25 s so far"
        ),
        (
            "loyalty: sending; 502 rows; applied 500, unknown 2; 0.0 rows a second of 25, "
            "25 s so far; waiting: the vendor asked: 9 s"
        ),
        "loyalty: waiting about 5 s: 429",
        "loyalty: stopping: enough; finishing what is on its way",
    ] == capsys.readouterr().err.splitlines()


class Terminal(io.StringIO):
    """Something that calls itself a terminal."""

    def isatty(self) -> bool:
        """It says so."""
        return True


def test_a_terminal_gets_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes stand above it; nothing that a vendor says is taken for markup."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    view = views.view_for("points.csv", None, as_json=False)
    view.show(attrs.evolve(PROGRESS, waiting="[bold]the vendor asked\x1b[2J: 9 s"))
    view.show(Stopping(reason="enough"))
    view.show(SUMMARY)
    view.close()
    shown = terminal.getvalue()

    assert isinstance(view, views.Picture)
    for part in ("points.csv", "of about 1,500 rows", "on their way 8", "enough; finishing"):
        assert part in shown
    assert "waiting: [bold]the vendor asked" in shown
    assert "\x1b[2J" not in shown


def test_what_is_shown_is_chosen_by_who_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs, terminals, and pipes."""
    assert isinstance(views.view_for("p", None, as_json=True), views.Events)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(views.view_for("p", None, as_json=False), views.Lines)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, DONE),
        ({"doubled": 1}, UNKNOWN),
        ({"counts": NOTHING | {State.UNKNOWN: 1, State.REJECTED: 1}}, UNKNOWN),
        ({"counts": NOTHING | {State.REJECTED: 1}}, FAILED),
        ({"counts": NOTHING | {State.WAITING: 1}}, FAILED),
        ({"complete": False}, FAILED),
        ({"reason": "enough"}, FAILED),
    ],
)
def test_the_code_is_0_only_if_every_row_was_applied_once(changed: Any, code: int) -> None:
    """3 where somebody has to look, 1 where something is left to do."""
    assert code == code_of_summary(attrs.evolve(SUMMARY, **changed))


def test_the_summary_says_what_to_do_next() -> None:
    """For each kind of rows that were not simply applied."""
    counts = NOTHING | {State.APPLIED: 3, State.UNKNOWN: 2, State.WAITING: 4, State.REJECTED: 1}
    text = "\n".join(
        sentences(
            attrs.evolve(
                SUMMARY, counts=counts, doubled=1, resent_unknown=5, reason="401", elapsed=0.0,
                rejected=Path("p.rejected.jsonl"),
            )
        )
    )  # fmt: skip

    for part in (
        "1 applied rows stand there twice or more",
        "5 unknown rows were sent again; they may stand there twice",
        "Stopped: 401",
        "The same command goes on where this one ended; its journal is p.journal",
        "loyalty backfill run p.rejected.jsonl --mended, with the same options",
        "--resend-unknown sends all 2 again: each then lands at least once, and perhaps twice",
        "  waiting              4  not sent yet: the next run goes on with them",
        "3 of them in 0 s, 0.0 a second",
    ):
        assert part in text


def test_dead_letters_alone_do_not_finish_an_input() -> None:
    """To play them once more would not either."""
    text = "\n".join(sentences(attrs.evolve(SUMMARY, complete=False), mended=True))
    assert "The input itself was not read to its end: its own command, without --mended" in text
    assert "The same command goes on" not in text


def test_a_plan_of_nothing_is_short(acme: Any) -> None:
    """What there is none of is not mentioned."""
    assert [
        "p.csv: 0 rows, read and checked; nothing was sent",
        "  would be sent              0  for 0 customers",
        "time: as fast as the vendor answers; no rate limit is set",
    ] == list(plan_lines(PLAN, "p.csv", None, acme))


def test_a_plan_under_a_limit_says_how_long(acme: Any) -> None:
    """And sums what is bought."""
    plan = attrs.evolve(PLAN, total=Decimal("12345.60"), seconds=3900.0)
    lines = list(plan_lines(plan, "p.csv", 20.0, acme))

    assert "orders: 12,345.60 in all" in lines
    assert "time: at least 1 h 05 min at 20 requests a second" in lines


def test_the_journal_lies_beside_the_input() -> None:
    """Mended rows belong to the journal that they come from."""
    assert Path("a/p.csv.journal") == journal_of(Path("a/p.csv"), None)
    assert Path("a/p.csv.journal") == journal_of(Path("a/p.csv.journal.rejected.jsonl"), None)
    assert Path("j") == journal_of(Path("a/p.csv"), Path("j"))


@pytest.mark.parametrize(
    ("given", "documented", "limiter", "limit"),
    [
        (None, 20, 19.0, 19.0),
        (None, 20, None, None),
        (None, None, 10.0, None),
        (RateLimit.fixed(50), None, 10.0, 50),
        (RateLimit.adaptive(), 20, 10.0, None),
        (False, 20, None, None),
    ],
)
def test_the_limit_is_the_one_given_or_documented(
    given: Any, documented: int | None, limiter: float | None, limit: float | None
) -> None:
    """One that is still being found out says nothing of how long a run takes."""
    client: Any = SimpleNamespace(
        provider=SimpleNamespace(rate=documented),
        limiter=limiter and SimpleNamespace(rate=limiter),
    )
    assert limit == limit_of(client, given)
