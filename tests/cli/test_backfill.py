"""``loyalty backfill`` against every vendor's sandbox: what is printed is in the ledger."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import InputError
from loyalty_sdk._registry import load
from loyalty_sdk.sandbox import Sandbox

NAMES = Sandbox().providers
HEAD = "customer_id,points,reference\n"
POINTS = HEAD + "1,50,a\n2,7,b\n1,-20,c\n"
COMMAND = [sys.executable, "-u", "-m", "loyalty_sdk", "backfill"]

Write = Callable[[str, str], str]


@pytest.fixture(params=NAMES)
async def vendor(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[tuple[str, Sandbox]]:
    """One vendor's name and a running sandbox that the environment leads to."""
    name = request.param
    async with Sandbox() as sandbox:
        monkeypatch.setenv("LOYALTY_PROVIDER", name)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        given = sandbox.settings(name)
        for setting in load(name).settings:
            if setting.env and setting.name in given:
                monkeypatch.setenv(setting.env, given[setting.name])
        yield name, sandbox


FIRST = pytest.mark.parametrize("vendor", NAMES[:1], indirect=True)
"""For what no vendor makes a difference to."""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file and returns its path."""

    def file(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return file


def adjust(file: str, *more: str) -> tuple[str, ...]:
    """Arguments that send a file of adjustments."""
    return ("backfill", "run", file, "--operation=adjust_points", "--settle=0.2", *more)


def unmarked(name: str) -> bool:
    """Whether rows of this vendor do not say whose they are, as the sandbox is set up."""
    return load(name).unmarked_hint is not None


async def test_a_file_is_sent_once(vendor: Any, loyalty: Any, write: Write) -> None:
    """Every row is in the ledger, in the order of its customer's rows; 0 says so."""
    name, sandbox = vendor
    file = write("points.csv", POINTS)
    ended = await loyalty(*adjust(file))

    assert 0 == ended.code, ended.err
    assert re.match(r"3 rows\n  applied +3\n3 of them in .* a second\n$", ended.out)
    assert [50, -20] == [entry.points for entry in sandbox.ledger(name, "1")]

    again = await loyalty(*adjust(file))
    assert 0 == again.code, again.err
    assert "0 of them" in again.out
    assert 7 == sandbox.balance(name, "2")


async def test_doubt_is_told_of_before_anything_is_sent(
    vendor: Any, loyalty: Any, write: Write
) -> None:
    """Where the vendor's rows do not say whose they are, and nowhere else."""
    name, _ = vendor
    ended = await loyalty(*adjust(write("points.csv", POINTS)))
    warned = "warning: the vendor will not say which row is whose" in ended.err

    assert unmarked(name) is warned
    if warned:
        assert "about 1, if one answer in 1,000 is lost, and up to 64 each time" in ended.err
        assert str(load(name).unmarked_hint) in ended.err


async def test_rows_in_doubt_are_3_and_listed(vendor: Any, loyalty: Any, write: Write) -> None:
    """What a lost answer leaves behind is found by its marker, or stays unknown and is said."""
    name, sandbox = vendor
    sandbox.faults.add("drop", match="POST", applied=True, times=1)
    file = write("points.csv", HEAD + "1,50,a\n")
    ended = await loyalty(*adjust(file, "--deadline=1"))
    if not unmarked(name):
        assert (0, 50) == (ended.code, sandbox.balance(name, "1"))
        return
    assert 3 == ended.code
    assert "  unknown              1  left, and nobody can say" in ended.out
    assert f"`loyalty backfill rows {file}.journal --state unknown` lists them" in ended.out
    listed = await loyalty("backfill", "rows", f"{file}.journal", "--state=unknown", "--json")
    [row] = listed.lines
    assert (2, "a", "1", "unknown") == (row["line"], row["key"], row["customer_id"], row["state"])
    assert (await loyalty("backfill", "rows", f"{file}.journal")).out.startswith("2  a  1  unknown")

    again = await loyalty(*adjust(file, "--deadline=1", "--resend-unknown"))
    assert "warning: 1 rows may have been applied already and are sent again" in again.err
    assert "1 unknown rows were sent again; they may stand there twice" in again.out
    assert 100 == sandbox.balance(name, "1")


async def test_a_dry_run_sends_nothing(vendor: Any, loyalty: Any, write: Write) -> None:
    """It reads everything, and says what a run would do."""
    name, sandbox = vendor
    file = write("points.csv", POINTS + "3,x,d\n4,9,a\n5,10000000,e\n" + "6,,f\n" * 4)
    ended = await loyalty(*adjust(file, "--dry-run"))

    assert 1 == ended.code
    assert [] == list(sandbox.arrivals)
    assert "points.csv: 10 rows, read and checked; nothing was sent" in ended.out
    assert "most rows: 1 (2), " in ended.out
    assert "  line 2: POST " in ended.out
    assert "line 5: points: wanted a whole number" in ended.out
    assert "time: as fast as the vendor answers" in ended.out
    assert "          4  points: is empty" in ended.out
    assert unmarked(name) is ("the vendor will not say which row is whose" in ended.out)
    told = (await loyalty(*adjust(file, "--dry-run", "--json"))).lines[0]
    assert ("plan", 10, 1) == (told["event"], told["rows"], told["doubled"])
    assert told["first"][0]["request"].startswith("POST ")


async def test_a_dry_run_leaves_out_what_was_done(vendor: Any, loyalty: Any, write: Write) -> None:
    """The journal says it; rows that left and were not heard of are looked for first."""
    _, sandbox = vendor
    file = write("points.csv", POINTS + "3,x,d\n")
    await loyalty(*adjust(file))
    arrivals = len(sandbox.arrivals)
    ended = await loyalty(*adjust(file, "--dry-run"))

    assert 1 == ended.code
    assert "  would be sent              0  for 0 customers\n" in ended.out
    assert "  already done               3  applied by an earlier run\n" in ended.out
    assert "  dead already               1  dead letters of an earlier run" in ended.out
    with closing(sqlite3.connect(f"{file}.journal")) as database, database:
        database.execute("UPDATE rows SET state = 1 WHERE ordinal = 0")
    ended = await loyalty(*adjust(file, "--dry-run", "--adopt"))
    assert "  looked for                 1  left before" in ended.out
    assert "for 0 customers, each looked for first\n" in ended.out
    ended = await loyalty(*adjust(file, "--dry-run", f"--journal={file}.other"))
    assert "  would be sent              3  for 2 customers\n" in ended.out
    assert arrivals == len(sandbox.arrivals)


@FIRST
async def test_a_plan_sums_orders(vendor: Any, loyalty: Any, write: Write) -> None:
    """And says that rows without a key are known by their place."""
    file = write("a.csv", "customer_id,points\n1,5\n")
    assert "1 rows have no key of their own" in (await loyalty(*adjust(file, "--dry-run"))).out


async def test_bad_rows_are_1_and_can_be_mended(
    vendor: Any, loyalty: Any, write: Write, tmp_path: Path
) -> None:
    """What was wrong is said; mended rows go with the same journal."""
    name, sandbox = vendor
    file = write("points.csv", POINTS + "3,x,d\n")
    ended = await loyalty(*adjust(file))
    rejected = tmp_path / "points.csv.journal.rejected.jsonl"

    assert 1 == ended.code
    assert "  invalid              1" in ended.out
    assert f"loyalty backfill run {rejected} --mended" in ended.out
    mended = write(rejected.name, rejected.read_text().replace('"x"', '"9"'))
    again = await loyalty(*adjust(mended, "--mended"))
    assert 0 == again.code, again.err
    assert (9, 30, 7) == tuple(sandbox.balance(name, each) for each in ("3", "1", "2"))


@FIRST
async def test_programs_read_events(vendor: Any, loyalty: Any, write: Write) -> None:
    """One object a line: what was not applied, how far it is, and the summary at the end."""
    ended = await loyalty(*adjust(write("points.csv", POINTS + "3,x,d\n"), "--json"))
    events = ended.lines

    assert 1 == ended.code
    [row] = [event for event in events if event["event"] == "row"]
    assert (5, "invalid") == (row["line"], row["state"])
    assert {"applied", "invalid", "unknown"} <= events[-1]["counts"].keys()
    assert ("summary", 3, 1) == (
        events[-1]["event"],
        events[-1]["counts"]["applied"],
        events[-1]["counts"]["invalid"],
    )
    assert "progress" in {event["event"] for event in events}


@FIRST
async def test_columns_are_mapped(vendor: Any, loyalty: Any, write: Write) -> None:
    """By a file, by options, and the options have the last word."""
    name, sandbox = vendor
    file = write("p.csv", "who;many;junk\n7;x;1\n")
    mapping = write(
        "m.toml",
        'operation = "adjust_points"\nencoding = "latin-1"\nignore = ["junk"]\n'
        '[columns]\ncustomer_id = "who"\n',
    )
    ended = await loyalty(
        "backfill", "run", file, f"--mapping={mapping}", "--value=points=5", "--ignore=many",
        "--delimiter=;", "--encoding=utf-8",
    )  # fmt: skip

    assert 0 == ended.code, ended.err
    assert 5 == sandbox.balance(name, "7")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "--operation is missing: one of create_order"),
        (["--operation=create_order"], "has no column for customer.id, id, total"),
        (["--operation=adjust_points", "--map=points=x"], "no column for customer_id, points (x)"),
        (["--operation=adjust_points", "--map=pionts=x"], "adjust_points has no field pionts"),
        (["--operation=adjust_points", "--map=points=a", "--map=points=b"], "given twice"),
    ],
)
@FIRST
async def test_misuse_is_2_and_sends_nothing(
    vendor: Any, loyalty: Any, write: Write, more: list[str], message: str
) -> None:
    """One line says what is wrong."""
    _, sandbox = vendor
    ended = await loyalty("backfill", "run", write("p.csv", "who,howmany\n1,5\n"), *more)

    assert (2, "", 1) == (ended.code, ended.out, ended.err.count("\n"))
    assert message in ended.err
    assert [] == list(sandbox.arrivals)


@FIRST
async def test_a_journal_of_another_input_is_refused(
    vendor: Any, loyalty: Any, write: Write
) -> None:
    """The same rows with one more are another input; what to do then sends that one alone."""
    _, sandbox = vendor
    file = write("points.csv", POINTS)
    await loyalty(*adjust(file))
    ended = await loyalty(*adjust(write("points.csv", POINTS + "9,9,z\n")))

    assert 1 == ended.code
    assert "another input, or one that has changed since" in ended.err
    assert "begin another journal with --adopt" in ended.err

    ended = await loyalty(*adjust(file, f"--journal={file}.2", "--adopt"))
    assert 0 == ended.code, ended.err
    assert 4 == sum(each.method == "POST" for each in sandbox.arrivals)


@FIRST
async def test_a_truncated_file_is_one_clear_error(
    vendor: Any, loyalty: Any, tmp_path: Path
) -> None:
    """What can be read is sent, and the rest is said to be missing."""
    import gzip

    name, sandbox = vendor
    body = "".join(f"{number},{number * 7919 % 997 + 1},r{number}\n" for number in range(300))
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress((HEAD + body).encode())[:-30])
    ended = await loyalty(*adjust(str(tmp_path / "p.csv.gz")))

    assert 1 == ended.code
    assert "p.csv.gz is damaged or truncated" in ended.err
    assert 1 == sandbox.balance(name, "0")
    sent = sum(arrival.method == "POST" for arrival in sandbox.arrivals)
    assert 0 < sent < 300
    assert [f"{sent} rows", f"  applied   {sent:>12}"] == ended.out.splitlines()[:2]
    assert "With the same input the same command goes on" in ended.out
    assert "A whole file is another input: begin another journal with --adopt" in ended.err

    told = await loyalty(*adjust(str(tmp_path / "p.csv.gz"), "--json"))
    assert (1, "summary", sent) == (
        told.code,
        told.lines[-1]["event"],
        told.lines[-1]["counts"]["applied"],
    )


@FIRST
async def test_letters_that_cannot_be_written_hide_no_summary(
    vendor: Any, loyalty: Any, write: Write
) -> None:
    """What was done is said before the error."""
    file = write("points.csv", HEAD + "1,50,a\n2,x,b\n")
    blocked = f"{file}.journal.rejected.jsonl.part"
    os.mkdir(blocked)  # noqa: PTH102 - a test may block
    ended = await loyalty(*adjust(file))

    assert 1 == ended.code
    assert re.match(r"2 rows\n  applied +1\n  invalid +1\n", ended.out), ended.out
    assert "Dead letters are in" not in ended.out
    assert f"loyalty: {blocked.removesuffix('.part')}: Is a directory" in ended.err


@FIRST
async def test_a_letter_of_no_row_is_an_error_without_a_summary(
    vendor: Any, loyalty: Any, write: Write
) -> None:
    """The journal does not fit what it is played with, so it is asked nothing."""
    file = write("points.csv", HEAD + "2,x,b\n")
    await loyalty(*adjust(file))
    letters = f"{file}.journal.rejected.jsonl"
    with open(letters, "r+", encoding="utf-8") as opened:  # noqa: ASYNC230, PTH123 - a test may block
        text = opened.read()
        opened.seek(0)
        opened.write(text.replace('"ordinal": 0', '"ordinal": 7'))
    ended = await loyalty(*adjust(letters, "--mended"))

    assert (1, "") == (ended.code, ended.out)
    assert "has a row 7 that the journal does not" in ended.err


@FIRST
async def test_renamed_letters_are_told_how_to_name_their_journal(
    vendor: Any, loyalty: Any, write: Write
) -> None:
    """Nothing is begun for them."""
    row = '{"customer_id": "1", "points": "5", "reference": "a"}'
    file = write("mine.jsonl", f'{{"ordinal": 0, "form": "cells", "row": {row}}}\n')
    ended = await loyalty(*adjust(file, "--mended"))

    assert (1, "") == (ended.code, ended.out)
    assert f"there is no journal {file}.journal" in ended.err
    assert "with --journal" in ended.err


@FIRST
async def test_a_file_that_is_gone_before_it_begins_has_no_summary(
    vendor: Any, loyalty: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing was done there is nothing to tell but the error."""

    def gone(path: Path) -> str:
        raise InputError(f"{path.name} cannot be read: it is gone")

    monkeypatch.setattr("loyalty_sdk.backfill._sources._fingerprint", gone)
    ended = await loyalty(*adjust(write("points.csv", POINTS)))

    assert (1, "") == (ended.code, ended.out)
    assert "points.csv cannot be read: it is gone" in ended.err


@FIRST
async def test_a_limit_can_be_given(vendor: Any, loyalty: Any, write: Write) -> None:
    """It takes the place of the vendor's: a plan reckons with it, and no row leaves sooner."""
    _, sandbox = vendor
    file = write("points.csv", POINTS)
    planned = await loyalty(*adjust(file, "--rate=5", "--dry-run"))
    ended = await loyalty(*adjust(file, "--rate=5"))

    assert "at 5 requests a second" in planned.out, planned.err
    assert 0 == ended.code, ended.err
    times = [arrival.time for arrival in sandbox.arrivals if arrival.method == "POST"]
    assert (max(times) - min(times)).total_seconds() >= 0.39


@FIRST
async def test_init_writes_a_mapping_that_can_be_used(
    vendor: Any, loyalty: Any, write: Write, tmp_path: Path
) -> None:
    """Guesses are marked; what is missing is said, and 1 says so too."""
    name, sandbox = vendor
    file = write("p.csv", "Customer,Points,Ticket,colour\n7,5,t,red\n")
    mapping = str(tmp_path / "m.toml")
    ended = await loyalty("backfill", "init", file, f"--output={mapping}")
    assert (0, f"{mapping} is written: check it, guesses are marked\n") == (ended.code, ended.out)
    assert 0 == (await loyalty("backfill", "run", file, f"--mapping={mapping}")).code
    assert 5 == sandbox.balance(name, "7")

    taken = await loyalty("backfill", "init", file, f"--output={mapping}")
    assert (2, f"loyalty: {mapping} exists already\n") == (taken.code, taken.err)
    lacking = await loyalty("backfill", "init", write("x.csv", "a,b\n"), "--operation=create_order")
    assert 1 == lacking.code
    assert "no column was found for total, which every row needs" in lacking.err
    assert '# total = ""  # NEEDED' in lacking.out


async def test_verify_finds_what_differs(vendor: Any, loyalty: Any, write: Write) -> None:
    """Nothing, after a run; a row that the vendor does not have, if one is claimed."""
    file = write("points.csv", POINTS)
    await loyalty(*adjust(file))
    agreed = await loyalty("backfill", "verify", f"{file}.journal")
    assert (0, "no difference\n") == (agreed.code, agreed.out), agreed.err

    with closing(sqlite3.connect(f"{file}.journal")) as database, database:
        database.execute("UPDATE rows SET key = 'zz', amount = '8', marker = 'zz' WHERE key = 'b'")
    ended = await loyalty("backfill", "verify", f"{file}.journal")
    assert 1 == ended.code
    assert "missing: customer 2, line 3, zz: " in ended.out
    told = await loyalty("backfill", "verify", f"{file}.journal", "--json")
    assert ("missing", "2", 3) == tuple(
        told.lines[0][key] for key in ("kind", "customer_id", "line")
    )


async def test_undo_writes_what_takes_it_back(vendor: Any, loyalty: Any, write: Write) -> None:
    """And sends nothing itself; sent as a backfill of its own it leaves nothing behind."""
    name, sandbox = vendor
    file = write("points.csv", HEAD + "1,50,a\n2,7,b\n")
    await loyalty(*adjust(file))
    ended = await loyalty("backfill", "undo", f"{file}.journal", "--reason=Sorry")
    target = f"{file}.journal.undo.jsonl"

    assert 0 == ended.code, ended.err
    assert f"{target}: 2 adjustments, -57 points; nothing was sent\n" in ended.out
    assert f"loyalty backfill run {target} --provider {name} --operation adjust_points" in ended.out
    assert 50 == sandbox.balance(name, "1")
    told = (await loyalty("backfill", "undo", f"{file}.journal", "--reason=Sorry", "--json")).lines[
        0
    ]
    numbers = {"written": 2, "points": -57, "unclear": 0, "unknown": 0}
    assert {"path": target, "replaced": False} | numbers == told
    assert 0 == (await loyalty(*adjust(target))).code
    assert (0, 0) == (sandbox.balance(name, "1"), sandbox.balance(name, "2"))
    same = await loyalty("backfill", "undo", f"{file}.journal", "--reason=Sorry")
    assert "--adopt" not in same.out


@FIRST
async def test_what_is_undone_a_second_time_needs_a_journal_of_its_own(
    vendor: Any, loyalty: Any, write: Write, tmp_path: Path
) -> None:
    """It says how to send what is new in it, and nothing is taken back twice."""
    name, sandbox = vendor
    file = write("points.csv", HEAD + "1,50,a\n2,x,b\n")
    await loyalty(*adjust(file))
    target = f"{file}.journal.undo.jsonl"
    await loyalty("backfill", "undo", f"{file}.journal")
    await loyalty(*adjust(target))
    letters = tmp_path / "points.csv.journal.rejected.jsonl"
    mended = write(letters.name, letters.read_text().replace('"x"', '"7"'))
    await loyalty(*adjust(mended, "--mended"))

    for number in (2, 3):
        again = await loyalty("backfill", "undo", f"{file}.journal", f"--reason={number}")
        assert "may have been sent: another journal and --adopt look each up first" in again.out
        more = (f"--journal={target}.{number}.journal", "--adopt")
        assert again.out.endswith(f" {' '.join(more).replace('=', ' ')}\n")
        assert 0 == (await loyalty(*adjust(target, *more))).code
        assert (0, 0) == (sandbox.balance(name, "1"), sandbox.balance(name, "2"))


@FIRST
async def test_undo_says_what_it_leaves_out(vendor: Any, loyalty: Any, write: Write) -> None:
    """Rows that nobody can decide are not taken back in silence."""
    file = write("points.csv", HEAD + "1,50,a\n2,7,b\n")
    await loyalty(*adjust(file))
    with closing(sqlite3.connect(f"{file}.journal")) as database, database:
        database.execute("UPDATE rows SET state = 5 WHERE key = 'a'")
        database.execute(
            "UPDATE rows SET amount = '-7', points = NULL, key = 'q', marker = 'q' WHERE key = 'b'"
        )
    ended = await loyalty("backfill", "undo", f"{file}.journal")

    assert 1 == ended.code
    assert "1 rows are left out: nobody knows whether they were applied" in ended.out
    assert "1 applied rows are left out: nobody says what they changed" in ended.out


@FIRST
async def test_a_report_is_written(vendor: Any, loyalty: Any, write: Write, tmp_path: Path) -> None:
    """By the run itself, or later from its journal."""
    file = write("points.csv", POINTS)
    ended = await loyalty(*adjust(file, f"--report={tmp_path}/r.html"))
    assert ended.out.endswith(f"\n{tmp_path}/r.html is the report\n")
    assert "<b>3</b>applied" in (tmp_path / "r.html").read_text()
    events = await loyalty(*adjust(file, f"--report={tmp_path}/q.html", "--json"))
    assert "summary" == json.loads(events.out.splitlines()[-1])["event"]
    assert "<b>3</b>applied" in (tmp_path / "q.html").read_text()

    ended = await loyalty("backfill", "report", f"{file}.journal")
    assert (0, f"{file}.journal.report.html\n") == (ended.code, ended.out)
    nowhere = await loyalty("backfill", "report", f"{file}.journal", f"--output={tmp_path}/no/r")
    assert (1, f"loyalty: {tmp_path}/no/r: No such file or directory\n") == (
        nowhere.code,
        nowhere.err,
    )
    over = await loyalty(*adjust(file, f"--report={file}"))
    assert (2, True) == (over.code, "would be overwritten" in over.err)


async def test_a_report_that_cannot_be_written_does_not_change_the_outcome(
    vendor: Any, loyalty: Any, write: Write, tmp_path: Path
) -> None:
    """It is said, before anything is sent where it can be known by then."""
    _, sandbox = vendor
    file = write("points.csv", POINTS)
    nowhere = await loyalty(*adjust(file, f"--report={tmp_path}/no/r.html"))
    assert (2, f"loyalty: --report: {tmp_path}/no is no folder\n") == (nowhere.code, nowhere.err)
    assert [] == sandbox.arrivals

    (tmp_path / ".r.html.part").mkdir()
    unwritten = await loyalty(*adjust(file, f"--report={tmp_path}/r.html"))
    assert 0 == unwritten.code
    assert f"{tmp_path}/r.html: " in unwritten.err


async def test_a_run_that_stops_says_why(vendor: Any, loyalty: Any, write: Write) -> None:
    """Credentials that are refused end it: every further row would be refused as well."""
    _, sandbox = vendor
    sandbox.faults.add("error", match="POST", status=403)
    ended = await loyalty(*adjust(write("points.csv", POINTS)))

    assert 1 == ended.code
    assert "Stopped: " in ended.out
    assert "The same command goes on where this one ended; its journal is " in ended.out


@FIRST
async def test_the_first_thousand_rows_are_enough_to_warn(
    vendor: Any, loyalty: Any, write: Write
) -> None:
    """Where all of them are bad nothing is known of the rest, and the run begins all the same."""
    ended = await loyalty(*adjust(write("p.csv", HEAD + "1,x,a\n" * 1200)))

    assert 1 == ended.code
    assert "  invalid          1,200" in ended.out


def begin(*arguments: str, **how: Any) -> subprocess.Popen[str]:
    """The command as another program, which can be interrupted."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | how
    # Whoever runs the tests in the background has SIGINT ignored.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    command = [*COMMAND, *arguments[1:]]
    return subprocess.Popen(command, text=True, preexec_fn=heard, **pipes)  # noqa: PLW1509 - no threads here


async def running(process: subprocess.Popen[str], arrivals: Any, count: int) -> None:
    """Wait until so many requests have arrived."""
    while len(arrivals) < count:
        assert None is process.poll()
        await asyncio.sleep(0.01)


@FIRST
async def test_an_interrupt_finishes_what_is_on_its_way(
    vendor: Any, loyalty: Any, write: Write
) -> None:
    """It says how to go on, and the same command does."""
    name, sandbox = vendor
    sandbox.faults.add("latency", match="POST", seconds=0.05)
    rows = "".join(f"{who},5,r{who}\n" for who in range(60))
    arguments = adjust(write("points.csv", HEAD + rows), "--concurrency=4")
    process = begin(*arguments)
    await running(process, sandbox.arrivals, 10)
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.to_thread(process.communicate, timeout=30)

    assert 130 == process.returncode, err
    assert "interrupted; once more stops at once, and is as safe" in err
    assert "stopping: interrupted; finishing what is on its way" in err
    assert "Stopped: interrupted" in out
    sandbox.faults.clear()
    ended = await loyalty(*arguments)
    assert 0 == ended.code, ended.err
    assert [5] * 60 == [sandbox.balance(name, str(who)) for who in range(60)]


@FIRST
async def test_a_second_interrupt_stops_at_once(vendor: Any, loyalty: Any, write: Write) -> None:
    """What was on its way is looked up by the next run, and nothing is doubled."""
    name, sandbox = vendor
    fault = sandbox.faults.add("latency", match="POST", seconds=30, times=4)
    rows = "".join(f"{who},5,r{who}\n" for who in range(9))
    arguments = adjust(write("points.csv", HEAD + rows), "--concurrency=4")
    process = begin(*arguments)
    await running(process, sandbox.arrivals, 4)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "once more stops at once" not in await asyncio.to_thread(process.stderr.readline):
        assert None is process.poll()
    process.send_signal(signal.SIGINT)
    # Sooner than a vendor answers.
    _, err = await asyncio.to_thread(process.communicate, timeout=20)

    assert 130 == process.returncode, err
    sandbox.faults.remove(fault)
    ended = await loyalty(*arguments)
    assert unmarked(name) or (0, 45) == (
        ended.code,
        sum(sandbox.balance(name, str(who)) for who in range(9)),
    )


@FIRST
async def test_a_terminal_shows_a_picture(vendor: Any, write: Write) -> None:
    """How far it is, what became of the rows, and how fast; no such thing is left behind."""
    _, sandbox = vendor
    sandbox.faults.add("latency", match="POST", seconds=0.02)
    file = write("points.csv", HEAD + "".join(f"{who},5,r{who}\n" for who in range(60)))
    main, side = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "90", "LINES": "30"}
    process = begin(*adjust(file, "--concurrency=2"), stderr=side, env=environment)
    os.close(side)
    ended = asyncio.create_task(asyncio.to_thread(process.communicate, timeout=30))
    shown = b""  # read while it runs: a terminal holds only so much
    while True:
        try:
            chunk = await asyncio.to_thread(os.read, main, 1 << 16)
        except OSError:
            break
        shown += chunk
    os.close(main)
    out, _ = await ended
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())

    assert 0 == process.returncode
    assert "points.csv" in text
    assert "% of about 60 rows" in text
    assert re.search(r"applied [1-9][0-9]?  on their way", text)
    assert "rows a second" in text
    assert "  applied             60" in out
