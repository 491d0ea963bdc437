"""Exporting: what is printed, what is written, and how a run ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loyalty_sdk.cli import _export as command
from loyalty_sdk.export import Progress, Summary, _clock
from loyalty_sdk.sandbox import Sandbox

START = datetime(2026, 5, 1, tzinfo=UTC)
# In place of `time`: the seconds that are shown are none, however long it takes.
AT_ONCE = SimpleNamespace(monotonic=lambda: 0.0)


@pytest.fixture
async def vendor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A vendor with 30 rows of two customers that the environment leads to, and a folder."""
    async with Sandbox(unknown_customers="404") as sandbox:
        for number in range(3):
            until = START + timedelta(days=number, minutes=9)
            sandbox.add_transactions("loyaltylion", f"100{number % 2}", 10, until=until, every=60.0)
        given = sandbox.settings("loyaltylion")
        monkeypatch.setenv("LOYALTY_PROVIDER", "loyaltylion")
        monkeypatch.setenv("LOYALTYLION_API_KEY", given["api_key"])
        monkeypatch.setenv("LOYALTYLION_BASE_URL", given["base_url"])
        monkeypatch.chdir(tmp_path)
        yield sandbox


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line of progress comes in between, and a vendor's second is over at once."""
    monkeypatch.setattr(_clock, "_GRAIN", timedelta(0))
    monkeypatch.setattr(command, "_EVERY", {True: 1e9, False: 1e9})


def text(name: str) -> str:
    """What a file holds, nothing when it is not there."""
    path = Path(name)
    return path.read_text() if path.exists() else ""


def is_there(name: str) -> bool:
    """Whether there is such a file."""
    return Path(name).exists()


def write(name: str, content: str) -> None:
    """Make a file."""
    Path(name).write_bytes(content.encode())


async def test_one_line_says_what_was_written(vendor: Sandbox, loyalty: Any) -> None:
    """How many rows, where, and until when."""
    ended = await loyalty("export", "points.csv")
    assert (0, "") == (ended.code, ended.err)
    assert ended.out.startswith("points.csv: 30 rows until 20")
    assert ended.out.endswith("Z\n")
    assert 31 == text("points.csv").count("\n")


async def test_since_last_brings_what_is_new(vendor: Sandbox, loyalty: Any) -> None:
    """Into a file of its own, and says that rows are new."""
    await loyalty("export", "points-{run}.csv", "--since=last")
    vendor.clock.advance(1)
    vendor.add_customer("loyaltylion", "1001", points=5)
    vendor.clock.advance(2)
    ended = await loyalty("export", "points-{run}.csv", "--since=last", "--overlap=60")
    assert ended.out.startswith("points-0002.csv: 1 new row until ")
    assert 2 == text("points-0002.csv").count("\n")


async def test_every_filter_can_be_said(vendor: Sandbox, loyalty: Any) -> None:
    """The options become the export's."""
    ended = await loyalty(
        "export", "a.jsonl", "--customer=1001", "--from=2026-05-02T02:02:00+02:00",
        "--until=2026-05-02T00:05:00Z", "--kind=adjusted", "--page-size=2", "--windows=1",
        "--raw", "--checkpoint=kept",
    )  # fmt: skip
    assert (0, "") == (ended.code, ended.err)
    rows = [json.loads(line) for line in text("a.jsonl").splitlines()]
    assert ["2026-05-02T00:02:00Z", "2026-05-02T00:03:00Z", "2026-05-02T00:04:00Z"] == [
        row["created_at"] for row in rows
    ]
    assert {"1001"} == {row["raw"]["customer"]["merchant_id"] for row in rows}
    assert (True, "") == (is_there("kept"), text("a.jsonl.checkpoint"))
    assert 2 == sum("transactions" in arrival.path for arrival in vendor.arrivals)


async def test_customers_come_from_a_file(vendor: Sandbox, loyalty: Any) -> None:
    """One id a line, whatever wrote it; those whom the vendor does not know are named."""
    write("ids.txt", "\ufeff1001\r\n\n 1000 \nnobody\n")
    ended = await loyalty("export", "points.csv", "--customers=ids.txt", "--customer=1001")
    assert (0, "points.csv: 30 rows") == (ended.code, ended.out[:19])
    assert "loyalty: warning: the vendor does not know 1 customer: nobody\n" == ended.err


async def test_customers_in_another_encoding_are_refused(vendor: Sandbox, loyalty: Any) -> None:
    """In one line, that names the option; nothing is begun."""
    Path("ids.txt").write_bytes("Jürgen\n".encode("latin-1"))  # noqa: ASYNC240 - a few bytes
    ended = await loyalty("export", "points.csv", "--customers=ids.txt")
    assert (2, "") == (ended.code, text("points.csv.checkpoint"))
    assert "Invalid value for --customers: it is no UTF-8 text: " in ended.err


async def test_an_endless_id_does_not_fill_the_screen(vendor: Sandbox, loyalty: Any) -> None:
    """The beginning of it tells which one it is."""
    ended = await loyalty("export", "points.csv", f"--customer={'7' * 500}")
    assert f"does not know 1 customer: {'7' * 57}...\n" in ended.err


async def test_many_unknown_customers_are_not_all_named(vendor: Sandbox, loyalty: Any) -> None:
    """Ten of them do."""
    ids = [f"--customer={number}" for number in range(12)]
    ended = await loyalty("export", "points.csv", *ids)
    assert "not know 12 customers: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...\n" in ended.err


async def test_json_is_one_object_a_line(
    vendor: Sandbox, loyalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress and the end, for programs."""
    monkeypatch.setattr(command, "_EVERY", {True: 1e9, False: 0.0})
    ended = await loyalty("export", "points.csv", "--json")
    assert (0, "") == (ended.code, ended.err)
    *progress, done = ended.lines
    assert ["reading", "writing"] == sorted({line["phase"] for line in progress})
    assert {"event", "phase", "rows", "pages", "done", "total"} == set(progress[0])
    assert ("done", 1, False, "points.csv", 30, 0) == tuple(
        done[name] for name in ("event", "run", "incremental", "path", "rows", "repeated")
    )
    assert datetime.fromisoformat(done["created_until"]) <= datetime.now(UTC)


def test_a_name_that_is_no_text_can_be_told_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The file is there; what cannot be said of its name is a mark."""
    summary = Summary(
        **dict.fromkeys(("run", "rows", "repeated", "pages", "unknown"), 0),
        incremental=False,
        path=Path(os.fsdecode(b"\xff.csv")),
        created_until=START,
        unknown_customers=(),
    )
    command._json("done", summary)
    assert "\N{REPLACEMENT CHARACTER}.csv" == json.loads(capsys.readouterr().out)["path"]


async def test_progress_is_a_line_now_and_then(
    vendor: Sandbox, loyalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody watches a terminal, lines that a log can keep."""
    monkeypatch.setattr(command, "_EVERY", {True: 1e9, False: 0.0})
    monkeypatch.setattr(command, "time", AT_ONCE)
    ended = await loyalty("export", "points.csv", "--windows=1")
    lines = ended.err.splitlines()
    assert "reading: 0 rows, 0 of 2 parts, 0 s" == lines[0]
    assert "reading: 30 rows, 2 of 2 parts, 0 s" in lines
    assert "writing: 30 rows, 0 s" == lines[-1]


def test_progress_is_one_line_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It changes in place, and is wiped away at the end."""
    monkeypatch.setattr(command, "_EVERY", {True: 0.0, False: 1e9})
    monkeypatch.setattr(command, "time", AT_ONCE)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    shown = command._Progress(as_json=False)
    shown.begin("acme")
    shown(Progress(phase="reading", rows=1_204_331, pages=1, done=3, total=1000))
    shown(Progress(phase="writing", rows=7, pages=1, done=3, total=1000))
    shown.end()
    shown.end()
    _, first, gone, going, _, long, short, wiped, end = re.split(r"[\r\n]", capsys.readouterr().err)
    assert ("asking acme", "") == (first, gone.strip())
    assert "going on: 1,204,331 rows were read before" == going
    assert "reading: 1,204,331 rows, 3 of 1,000 parts, 0 s" == long
    assert ("writing: 7 rows, 0 s", len(long)) == (short.strip(), len(short))
    assert ("", "") == (wiped.strip(), end)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["points.txt"], "does not say what it is to hold"),
        (["points.csv", "--windows=0"], "--windows"),
        (["points.csv", "--overlap=nan"], "--overlap"),
        (["points.csv", "--page-size=501"], "page_size must be at most 500: LoyaltyLion lists no"),
        (["points.csv", "--since=yesterday"], "--since"),
        (["points.csv", "--from=2026-05-01T00:00:00Z", "--until=2026-05-01T00:00:00Z"], "before"),
        (["missing/points.csv"], "cannot open missing/points.csv.checkpoint"),
        (["there.csv"], "there.csv exists. Say overwrite"),
        (["points.csv", "--checkpoint=there.csv"], "there.csv is no checkpoint"),
    ],
)
async def test_bad_usage_is_2(
    vendor: Sandbox, loyalty: Any, arguments: list[str], said: str
) -> None:
    """One line says what is wrong, and nothing was made."""
    write("there.csv", "mine\n" * 50)
    ended = await loyalty("export", *arguments)
    assert (2, "", 1) == (ended.code, ended.out, ended.err.count("\n"))
    assert said in ended.err
    assert "mine\n" * 50 == text("there.csv")
    assert "" == text("points.csv")


async def test_a_file_is_replaced_when_asked_to(vendor: Sandbox, loyalty: Any) -> None:
    """Otherwise it is not; see above."""
    write("points.csv", "old")
    assert 0 == (await loyalty("export", "points.csv", "--overwrite")).code
    assert 31 == text("points.csv").count("\n")


async def test_going_on_is_said(vendor: Sandbox, loyalty: Any) -> None:
    """Where rows are there already, so that nobody wonders."""

    def second_page(arrival: Any) -> bool:
        return "cursor=" in arrival.query

    fault = vendor.faults.add("error", status=403, match=second_page)
    assert 1 == (await loyalty("export", "points.csv", "--page-size=10", "--windows=1")).code
    vendor.faults.remove(fault)
    ended = await loyalty("export", "points.csv", "--page-size=10", "--windows=1")
    assert (0, "going on: 10 rows were read before\n") == (ended.code, ended.err)


async def test_a_failure_is_1_and_can_be_gone_on_with(vendor: Sandbox, loyalty: Any) -> None:
    """The line says so; or it is given up, and begun again."""
    fault = vendor.faults.add("error", status=403, match="/v2/transactions")
    ended = await loyalty("export", "points.csv")
    assert (1, "", 1) == (ended.code, ended.out, ended.err.count("\n"))
    assert "What was read is kept; the same export again goes on from there" in ended.err
    vendor.faults.remove(fault)
    ended = await loyalty("export", "points.csv", "--restart", "--json")
    assert (0, 2) == (ended.code, ended.lines[-1]["run"])


@pytest.mark.skipif(os.name != "posix", reason="an interrupt is a signal")
async def test_an_interrupt_is_130_and_says_how_to_go_on(vendor: Sandbox, loyalty: Any) -> None:
    """As after any other stop, the same command goes on."""
    hang = vendor.faults.add("hang", match="/v2/transactions")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "loyalty_sdk",
        "export",
        "points.csv",
        stdout=PIPE,
        stderr=PIPE,
        # Whoever runs the tests in the background has it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not hang.struck:
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    said = b"loyalty: interrupted; the same command goes on where it stopped\n"
    assert (130, b"", said) == (process.returncode, out, err)
    vendor.faults.clear()
    ended = await loyalty("export", "points.csv", "--json")
    assert (0, 1) == (ended.code, ended.lines[-1]["run"])


async def test_an_interrupt_ends_the_picture_and_says_how_to_go_on(
    vendor: Sandbox, loyalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process too, whose loop a Ctrl-C breaks off."""

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("loyalty_sdk.cli._connection.Connection.run", interrupted)
    ended = await loyalty("export", "points.csv")
    assert 130 == ended.code
    assert "the same command goes on" in ended.err
