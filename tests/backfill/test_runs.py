"""A backfill that nothing goes wrong with, or whose rows are wrong."""

from __future__ import annotations

import asyncio
import gzip
import json
import pickle
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import (
    Activity,
    ConfigurationError,
    Customer,
    InputError,
    JournalError,
    PointsAdjustment,
    RetryPolicy,
    UnsupportedOperationError,
    connect,
)
from loyalty_sdk.backfill import Columns, RowEnded, State, Summary, mended
from loyalty_sdk.sandbox import Arrival


async def test_every_row_is_sent_once(shop: Any, adjustments: Any) -> None:
    """Each row lands once, and the summary counts it where it stands."""
    summary = await shop.run(adjustments(50))

    assert (50, 0, 0, 0) == (summary.applied, summary.dead, summary.unknown, summary.unfinished)
    assert summary.finished
    assert 50 == summary.ended == len(shop.writes())
    assert sum(range(1, 51)) == sum(sum(shop.points(f"c{n}")) for n in range(3))


async def test_a_finished_journal_sends_nothing(shop: Any, adjustments: Any) -> None:
    """The same run again finds every row done."""
    await shop.run(adjustments(20))
    again = await shop.run(adjustments(20))

    assert (20, 0) == (again.applied, again.ended)
    assert 20 == len(shop.writes())


async def test_rows_of_one_customer_never_overtake_each_other(shop: Any, adjustments: Any) -> None:
    """However long each takes, a customer's rows land in the order of the input."""
    shop.sandbox.faults.add("latency", match="POST", share=0.5, seconds=0.0, jitter=0.02)

    await shop.run(adjustments(60), concurrency=32)

    assert list(range(1, 61, 3)) == shop.points("c0")


async def test_a_customer_in_turn_does_not_hold_others_back(shop: Any, adjustments: Any) -> None:
    """Rows of different customers are on their way at the same time."""
    most = 0

    def write(arrival: Arrival) -> bool:
        nonlocal most
        unanswered = [each for each in shop.sandbox.arrivals if each.status is None]
        most = max(most, sum(each.method == "POST" for each in unanswered))
        return arrival.method == "POST"

    shop.sandbox.faults.add("latency", match=write, seconds=0.1)

    await shop.run(adjustments(16, customers=8))

    assert 4 <= most <= 8


async def test_an_intent_is_on_the_disk_before_the_row_arrives(shop: Any, adjustments: Any) -> None:
    """When a write arrives, another process would find its row in the journal."""
    found: list[list[tuple[int]]] = []

    def arrived(arrival: Any) -> bool:
        if arrival.method == "POST":
            key = json.loads(arrival.body)["reason"].removeprefix("[ref:").removesuffix("]")
            found.append(shop.asked("SELECT state FROM rows WHERE key = ?", key))
        return False

    shop.sandbox.faults.add("latency", match=arrived)
    await shop.run(adjustments(20))

    assert [[(State.SENT,)]] * 20 == found


async def test_an_outcome_is_on_the_disk_before_it_is_told(shop: Any, adjustments: Any) -> None:
    """Whoever hears of a row finds it so in the journal."""
    query = "SELECT state FROM rows WHERE ordinal = ?"
    told: list[int] = []
    async for event in shop.backfill(adjustments(20)).events():
        if isinstance(event, RowEnded):
            told.append(event.ordinal)
            assert [(event.state,)] == shop.asked(query, event.ordinal)
            assert event.seconds is not None
            assert event.seconds > 0

    assert list(range(20)) == sorted(told)
    assert isinstance(event, Summary)


async def test_a_key_that_comes_twice_is_a_dead_letter(shop: Any, adjustments: Any) -> None:
    """The first row has the key; later ones are never sent, not even in another run."""
    rows = adjustments(300, customers=7)
    rows += [PointsAdjustment(customer_id="x", points=9, reference="r-0"), rows[290]]

    summary = await shop.run(rows)
    again = await shop.run(rows)

    assert (300, 2) == (summary.applied, summary.dead)
    assert (300, 2) == (again.applied, again.dead)
    assert 300 == len(shop.writes())
    [first, second] = (json.loads(line) for line in summary.rejected.read_text().splitlines())
    assert "its key is that of row 0 already" == first["error"]
    assert "its key is that of row 290 already" == second["error"]


@pytest.mark.parametrize("owner", ["c0", "x"])
async def test_a_key_comes_twice_while_its_customer_waits(
    shop: Any, adjustments: Any, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    """A row that was read with it and put aside has the key, wherever the other one would go."""
    monkeypatch.setattr("loyalty_sdk.backfill._attempt._ROUNDS", 1)
    shop.sandbox.faults.add("rate_limit", match="POST /v2/customers/c0/points", times=1)
    client = shop.client.with_options(retry=RetryPolicy(attempts=1))
    first, second = adjustments(2, customers=1)

    async def rows() -> AsyncIterator[PointsAdjustment]:
        yield first
        while shop.states().get("r-0") != "WAITING":
            await asyncio.sleep(0.001)
        yield second
        yield PointsAdjustment(customer_id=owner, points=9, reference="r-1")

    summary = await shop.run(rows(), client=client)

    assert (2, 1) == (summary.applied, summary.dead)
    assert "its key is that of row 1 already" == json.loads(summary.rejected.read_text())["error"]
    assert [1, 2] == shop.points("c0")


async def test_dead_letters_are_mended_and_played_with_the_same_journal(
    shop: Any, tmp_path: Path
) -> None:
    """A bad row and a refused one are sent once they are right, each once."""
    shop.sandbox.add_customer(shop.provider, "1")
    rows = tmp_path / "rows.csv"
    rows.write_text("reference,customer_id,points\na,1,5\nb,1,five\nc,1,9999999\n")

    summary = await shop.run(rows)
    assert (1, 2) == (summary.applied, summary.dead)
    letters = [json.loads(line) for line in summary.rejected.read_text().splitlines()]
    assert [(1, 3, "b", "cells"), (2, 4, "c", "fields")] == [
        (each["ordinal"], each["line"], each["key"], each["form"]) for each in letters
    ]
    letters[0]["row"]["points"] = "6"
    letters[1]["row"]["points"] = 7
    file = tmp_path / "mended.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in letters))

    source = mended(file, Columns(operation="adjust_points"))
    again = await shop.run(source, mends=True)
    assert (3, 0, None) == (again.applied, again.dead, again.rejected)
    assert not summary.rejected.exists()

    last = await shop.run(mended(file, Columns(operation="adjust_points")), mends=True)
    assert (3, 0) == (last.applied, last.ended)
    assert [5, 6, 7] == sorted(shop.points("1"))


async def test_a_mended_row_must_be_one_of_the_journal(shop: Any, tmp_path: Path) -> None:
    """A file of another journal's dead letters is refused; so is one without a journal."""
    rows = tmp_path / "rows.csv"
    rows.write_text("reference,customer_id,points\na,1,5\n")
    file = tmp_path / "mended.jsonl"
    row = {"reference": "b", "customer_id": "1", "points": 6}
    letter = {"ordinal": 7, "line": 8, "form": "cells", "row": row}
    file.write_text(json.dumps(letter) + "\n")
    source = mended(file, Columns(operation="adjust_points"))
    with pytest.raises(JournalError, match="whose dead letters these are"):
        await shop.run(source, mends=True)
    shop.journal.touch()
    with pytest.raises(JournalError, match="is new: it has no dead letters to mend"):
        await shop.run(source, mends=True)
    shop.journal.unlink()
    await shop.run(rows)

    with pytest.raises(InputError, match="line 1 is no dead letter of this journal"):
        await shop.run(mended(file, Columns(operation="adjust_points")), mends=True)
    [(lineage,)] = shop.asked("SELECT value FROM facts WHERE name = 'lineage'")
    file.write_text(json.dumps(letter | {"journal": lineage}) + "\n")
    with pytest.raises(JournalError, match="has a row 7 that the journal does not"):
        await shop.run(mended(file, Columns(operation="adjust_points")), mends=True)
    assert [5] == shop.points("1")


async def test_refused_rows_are_dead_letters(shop: Any, adjustments: Any) -> None:
    """A row that the vendor refuses is told with the vendor's words, and the run goes on."""
    shop.sandbox.faults.add("error", match="POST", status=422, body='{"error": "no"}', times=1)

    summary = await shop.run(adjustments(10))

    assert (9, 1, 1) == (summary.applied, summary.dead, summary.counts[State.REJECTED])
    [letter] = (json.loads(line) for line in summary.rejected.read_text().splitlines())
    assert "HTTP 422" in letter["error"]
    assert {"customer_id", "points", "reference"} <= letter["row"].keys()


async def test_a_row_that_the_adapter_refuses_is_never_sent(shop: Any) -> None:
    """What only this vendor cannot take is a dead letter without a try."""
    rows = [PointsAdjustment(customer_id="1", points=5, note="staff", reference="a")]

    summary = await shop.run(rows)

    assert 1 == summary.counts[State.INVALID]
    assert [] == shop.writes()
    assert [(0, None)] == shop.asked("SELECT tries, tried FROM rows")


async def test_a_file_without_keys_gets_them_from_its_journal(shop: Any, tmp_path: Path) -> None:
    """A row is known by its place then, in every run."""
    rows = tmp_path / "rows.csv"
    rows.write_text("customer_id,points\n1,5\n1,6\n")

    await shop.run(rows)
    await shop.run(rows)

    [(lineage,)] = shop.asked("SELECT value FROM facts WHERE name = 'lineage'")
    reasons = [row.reason for row in shop.sandbox.ledger(shop.provider, "1")]
    assert [f"[ref:{lineage}-0]", f"[ref:{lineage}-1]"] == reasons


async def test_rows_that_are_no_file_need_keys(shop: Any) -> None:
    """Nobody could say in another run which row is which: such a row alone is a dead letter."""
    rows = [PointsAdjustment(customer_id="1", points=points) for points in (5, 5, 6)]
    rows += [PointsAdjustment(customer_id="2", points=7, reference="a")]
    await shop.run(rows)
    summary = await shop.run(rows)
    assert (1, 3) == (summary.applied, summary.dead)

    letters = [*map(json.loads, summary.rejected.read_text().splitlines())]
    assert letters[0]["error"].startswith("reference: wanted a key of its own")
    # The letters are a file, which makes none of what they come from.
    letters[2]["row"]["reference"] = "b"
    summary.rejected.write_text("".join(f"{json.dumps(each)}\n" for each in letters))
    source = mended(summary.rejected, Columns(operation="adjust_points"))
    played = await shop.run(source, mends=True)
    assert (2, 2) == (played.applied, played.dead)
    assert [6] == shop.points("1")


async def test_an_iterable_may_begin_anywhere_the_next_time(shop: Any, adjustments: Any) -> None:
    """Rows of an iterable are known by their keys, wherever they stand in it."""
    await shop.run(adjustments(20))

    rest = [*reversed(adjustments(30)), {"customer_id": "c1", "reference": "x", "points": "5"}]
    summary = await shop.run(rest)
    again = await shop.run(rest)

    assert (30, 1) == (summary.applied, summary.dead) == (again.applied, again.dead)
    assert 30 == len(shop.writes())


async def test_a_row_of_an_earlier_run_counts_once_in_a_later_one(
    shop: Any, adjustments: Any
) -> None:
    """Where it comes twice, however far apart, the second one is a dead letter."""
    await shop.run(adjustments(1))

    summary = await shop.run([*adjustments(600), *adjustments(1)])

    assert (600, 1) == (summary.applied, summary.dead)


async def test_a_known_key_with_other_content_is_a_dead_letter(shop: Any) -> None:
    """It is neither sent nor taken for the row that was."""
    row = PointsAdjustment(customer_id="1", points=5, reference="a")
    other = PointsAdjustment(customer_id="1", points=6, reference="a")
    await shop.run([row])

    summary = await shop.run([other])
    again = await shop.run([other])

    assert (1, 1) == (summary.applied, summary.dead) == (again.applied, again.dead)
    assert [5] == shop.points("1")


async def test_rows_before_the_end_of_a_broken_file_are_sent(shop: Any, tmp_path: Path) -> None:
    """A truncated file ends the run with an error; mended, the run goes on behind them."""
    lines = [f"r-{n},c{n % 3},{n + 1}" for n in range(800)]
    whole = gzip.compress("\n".join(["reference,customer_id,points", *lines, ""]).encode())
    rows = tmp_path / "rows.csv.gz"
    rows.write_bytes(whole[: len(whole) // 2])
    columns = Columns(operation="adjust_points")

    with pytest.raises(InputError) as failure:
        await shop.run(rows, concurrency=64)
    sent = len(shop.writes())
    assert 0 < sent < 800
    summary = pickle.loads(pickle.dumps(failure.value)).summary  # noqa: S301 - our own
    assert (sent, False) == (summary.applied, summary.finished)
    assert {"APPLIED"} == set(shop.states().values())
    assert columns.canonical() in [value for (value,) in shop.asked("SELECT value FROM facts")]


async def test_activities_are_known_by_name_and_id(shop: Any) -> None:
    """One id may stand for activities of two names."""
    ada = Customer(id="1", email="ada@example.com")
    rows = [Activity(name=name, customer=ada, id="7") for name in ("$signup", "review")]

    summary = await shop.run([*rows, rows[0]], operation="track_activity")

    assert (2, 1) == (summary.applied, summary.dead)
    assert {"$signup:7", "review:7", None} == shop.states().keys()


async def test_a_colon_in_a_name_or_an_id_makes_no_double(shop: Any) -> None:
    """Where the name ends and the id begins is beyond doubt."""
    ada = Customer(id="1", email="ada@example.com")
    rows = [Activity(name=n, customer=ada, id=i) for n, i in (("a", "b:c"), ("a:b", "c"))]

    summary = await shop.run(rows, operation="track_activity")

    assert (2, 0) == (summary.applied, summary.dead)
    assert ["a:b:c", ":3:a:b:c"] == [*shop.states()]


async def test_the_callers_own_hook_comes_first(shop: Any, adjustments: Any) -> None:
    """What stands before every write still does, and before the journal."""
    seen: list[list[tuple[int]]] = []

    async def hook(about: Any) -> None:
        seen.append(shop.asked("SELECT count(*) FROM rows WHERE key = ?", about.reference))

    await shop.run(adjustments(3), client=shop.client.with_options(before_send=hook))

    assert [[(0,)]] * 3 == seen


async def test_a_hook_that_fails_ends_the_run(shop: Any, adjustments: Any) -> None:
    """An error that is none of ours is not taken for an answer of the vendor."""

    async def hook(_: Any) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await shop.run(adjustments(3), client=shop.client.with_options(before_send=hook))
    assert [] == shop.writes()


async def test_progress_is_told_while_it_goes_on(shop: Any, adjustments: Any) -> None:
    """Counts, what is on its way, the rate and the size of the input."""
    shop.sandbox.faults.add("latency", match="POST", seconds=0.15)
    told: list[Any] = []

    await shop.backfill(adjustments(12)).run(told.append)

    assert 3 == max(each.in_flight for each in told)
    assert ["sending", "done"] == sorted({each.phase for each in told} - {"resuming"}, reverse=True)
    assert (12, 12, 12) == (told[-1].ended, told[-1].counts[State.APPLIED], told[-1].total)
    assert told[-1].rate > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"operation": "list_transactions"}, "unknown operation 'list_transactions'"),
        ({"concurrency": 0}, "concurrency: wanted a whole number of 1 or more, got 0"),
        ({"concurrency": "8"}, "concurrency: wanted a whole number of 1 or more, got str"),
        ({"concurrency": True}, "concurrency: wanted a whole number of 1 or more, got bool"),
        ({"max_rejected_share": 1.5}, "max_rejected_share: wanted a number from 0 to 1, got 1.5"),
        ({"patience": float("nan")}, "patience: wanted a number of 0 or more, got nan"),
        ({"journal": ""}, "journal: wanted a file's path, got ''"),
    ],
)
async def test_options_out_of_range_are_refused(
    shop: Any, options: dict[str, Any], said: str
) -> None:
    """Before anything is opened or sent."""
    with pytest.raises(ConfigurationError, match=said):
        shop.backfill([], **options)


async def test_what_the_vendor_cannot_do_is_refused(shop: Any) -> None:
    """Joy has no orders unless it is told what they mean."""
    async with connect("joy", **shop.sandbox.settings("joy")) as joy:
        with pytest.raises(UnsupportedOperationError, match="Joy has no create_order"):
            shop.backfill([], client=joy, operation="create_order")


async def test_a_backfill_runs_once(shop: Any, adjustments: Any) -> None:
    """Another run is another object."""
    backfill = shop.backfill(adjustments(1))
    await backfill.run()
    with pytest.raises(ConfigurationError, match="runs once"):
        await backfill.run()


async def test_a_clean_end_leaves_nothing_in_the_log(shop: Any, adjustments: Any) -> None:
    """Even if somebody else reads the journal all the while."""
    await shop.run(adjustments(5))
    with closing(sqlite3.connect(shop.journal)) as reader:
        assert 5 == reader.execute("SELECT count(*) FROM rows").fetchone()[0]
        await shop.run(adjustments(9))
        assert 0 == (shop.folder / "journal-wal").stat().st_size


async def test_a_clean_end_leaves_one_file(shop: Any, adjustments: Any) -> None:
    """No write-ahead log stays behind, so copying the journal copies all of it."""
    await shop.run(adjustments(5))

    assert not (shop.folder / "journal-wal").exists()
    with closing(sqlite3.connect(shop.journal)) as database:
        assert ("ok",) == database.execute("PRAGMA integrity_check").fetchone()
    assert 0o600 == shop.journal.stat().st_mode & 0o777


@pytest.mark.parametrize("shop", ["joy"], indirect=True)
async def test_what_the_vendor_says_it_changed_is_kept(shop: Any) -> None:
    """Joy's answer says how many points a removal took."""
    shop.sandbox.add_customer("joy", "1", points=3)

    await shop.run([PointsAdjustment(customer_id="1", points=-5, reference="a")])

    assert [("-5", -3)] == shop.asked("SELECT amount, points FROM rows")


async def test_the_input_may_be_far_larger_than_what_is_held(shop: Any, adjustments: Any) -> None:
    """Reading waits for what was read: no more rows are held than a run needs."""
    most = 0
    taken = 0

    async def rows() -> Any:
        nonlocal taken, most
        for row in adjustments(1100, customers=50):
            taken += 1
            most = max(most, taken - len(shop.sandbox.arrivals))
            yield row

    summary = await shop.run(rows(), concurrency=8)

    assert 1100 == summary.applied
    assert 900 > most
