"""Runs that go on where the last one ended: nothing missed, nothing twice."""

from __future__ import annotations

import errno
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import ConfigurationError, ExportError, LoyaltyClient, PointsAdjustment
from loyalty_sdk.export import Export, Summary
from loyalty_sdk.export._files import Draft
from loyalty_sdk.sandbox import Sandbox

from .ledgers import START, client_of, even, expected, exported, fill


async def run(client: LoyaltyClient, folder: Path, **options: Any) -> tuple[Summary, list[Any]]:
    """One run of an export that goes on, and the rows of its file."""
    made = Export(client, folder / "rows-{run}.jsonl", since_last=True, page_size=20, **options)
    summary = await made.run()
    assert summary.path is not None
    return summary, exported(summary.path)


def add(vendor: Sandbox, count: int, *, ago: float = 0.0) -> None:
    """Rows that are made now, or were some seconds ago and show up now; then time passes."""
    half = vendor.vendor("loyaltylion")
    for number in range(count):
        when = vendor.clock.now() - timedelta(seconds=ago)
        half.seed(half.ledger.open_account("1001"), number + 1, time=when)
        vendor.clock.advance(1)
    vendor.clock.advance(1)


async def test_a_run_goes_on_where_the_last_one_ended(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """The first brings everything, each later one what came since; together they are the ledger."""
    first, rows = await run(client, tmp_path)
    assert (1, False, 600) == (first.run, first.incremental, first.rows)
    for turn in range(2, 5):
        add(vendor, turn)
        summary, more = await run(client, tmp_path)
        assert (turn, True, turn) == (summary.run, summary.incremental, summary.rows)
        rows += more
    assert expected(vendor) == rows


async def test_a_run_with_nothing_new_hands_nothing_out(
    tmp_path: Path, client: LoyaltyClient
) -> None:
    """Not even what it read again."""
    await run(client, tmp_path)
    summary, rows = await run(client, tmp_path)
    assert (0, []) == (summary.rows, rows)


async def test_only_what_may_be_new_is_read(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """Hours of history are read again at most, not years."""
    add(vendor, 1)
    await run(client, tmp_path)
    add(vendor, 3)
    vendor.arrivals.clear()
    summary, _ = await run(client, tmp_path)
    assert (3, 1) == (summary.rows, summary.pages)


async def test_rows_that_show_up_late_are_found(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """Within the overlap, and none of the others comes again."""
    add(vendor, 5)
    _, rows = await run(client, tmp_path)
    add(vendor, 2, ago=600)
    summary, more = await run(client, tmp_path)
    assert (2, 5) == (summary.rows, summary.repeated)
    again, none = await run(client, tmp_path)
    assert (0, 7, []) == (again.rows, again.repeated, none)
    assert Counter(expected(vendor)) == Counter(rows + more)


async def test_rows_that_show_up_later_than_the_overlap_are_missed(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """That is what the overlap means, and the documents say so."""
    add(vendor, 1)
    await run(client, tmp_path, overlap=timedelta(minutes=5))
    add(vendor, 2, ago=600)
    summary, _ = await run(client, tmp_path, overlap=timedelta(minutes=5))
    assert 0 == summary.rows


async def test_a_vendor_whose_lists_lag_loses_nothing(tmp_path: Path) -> None:
    """Ids become visible out of order; run after run, each row comes once in the end."""
    async with Sandbox(list_lag=30.0, seed=5) as vendor, client_of(vendor) as client:
        rows: list[Any] = []
        for _ in range(6):
            for number in range(10):
                adjustment = PointsAdjustment(customer_id="1001", points=number + 1)
                await client.adjust_points(adjustment)
                vendor.clock.advance(1)
            rows += (await run(client, tmp_path))[1]
        vendor.clock.advance(31)
        last, more = await run(client, tmp_path)
        assert 0 < last.rows < 60
        assert Counter(expected(vendor)) == Counter(rows + more)


async def test_the_overlap_can_shrink_and_not_grow(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """Ids are kept for as far as the next run may step back; without them rows would double."""
    add(vendor, 3)
    await run(client, tmp_path)
    with pytest.raises(ConfigurationError, match=r"overlap: .* no further back"):
        await run(client, tmp_path, overlap=timedelta(hours=2))
    summary, _ = await run(client, tmp_path, overlap=timedelta(minutes=1))
    assert (0, 3) == (summary.rows, summary.repeated)


async def test_no_more_ids_are_kept_than_the_next_run_may_meet(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """A checkpoint does not grow from run to run."""
    for _ in range(3):
        add(vendor, 5)
        await run(client, tmp_path)
        vendor.clock.advance(7200)
    await run(client, tmp_path)
    with closing(sqlite3.connect(tmp_path / "rows.jsonl.checkpoint")) as base:
        assert [5, 0, 0] == [
            base.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - named here
            for table in ("seen", "row", "unit")
        ]


async def test_an_end_before_the_last_one_is_refused(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """The run after it would hand out again what lies between."""
    first, _ = await run(client, tmp_path)
    with pytest.raises(ConfigurationError, match="created_until: the last run came as far as"):
        await run(client, tmp_path, created_until=first.created_until - timedelta(seconds=1))
    add(vendor, 1)
    summary, _ = await run(client, tmp_path, created_until=first.created_until)
    assert (0, first.created_until) == (summary.rows, summary.created_until)


async def test_a_clock_that_goes_back_makes_no_doubles(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vendor has several servers, and their clocks differ."""
    first, _ = await run(client, tmp_path)
    then = vendor.clock.time() - 30
    monkeypatch.setattr(vendor.clock, "time", lambda: then)
    summary, rows = await run(client, tmp_path)
    assert (first.created_until, []) == (summary.created_until, rows)


async def test_a_clock_that_was_ahead_hides_no_rows(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run steps back from the newest row, not from what the clock then said."""
    late = vendor.clock.time() + 86_400
    with monkeypatch.context() as patch:
        patch.setattr(vendor.clock, "time", lambda: late)
        _, rows = await run(client, tmp_path)
    add(vendor, 3)
    vendor.clock.advance(2 * 86_400)
    summary, more = await run(client, tmp_path)
    assert (3, expected(vendor)) == (summary.rows, rows + more)


async def test_a_customer_who_was_unknown_for_once_brings_nothing_twice(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """What was handed out of a customer is remembered for the run that finds them again."""
    add(vendor, 5)
    options = {"customers": ["1001", "1002"]}
    await run(client, tmp_path, **options)
    vendor.clock.advance(7200)
    half = vendor.vendor("loyaltylion")
    half.seed(half.ledger.open_account("1002"), 9)
    vendor.clock.advance(1)
    gone = vendor.faults.add("error", status=404, match="/v2/customers/1001/transactions")
    without, _ = await run(client, tmp_path, **options)
    vendor.faults.remove(gone)
    again, _ = await run(client, tmp_path, **options)
    assert (1, 1, 0) == (without.unknown, without.rows, again.rows)


async def test_a_program_without_rows_hides_none_that_come(tmp_path: Path) -> None:
    """Nothing was handed out, so nothing is left out."""
    async with Sandbox() as vendor, client_of(vendor) as client:
        first, _ = await run(client, tmp_path)
        add(vendor, 2, ago=10 * 86_400)
        second, _ = await run(client, tmp_path)
    assert (0, 2, True) == (first.rows, second.rows, second.incremental)


async def test_a_beginning_holds_for_every_run(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """`created_from` narrows the first run and changes nothing after it."""
    begin = START + timedelta(minutes=590)
    _, rows = await run(client, tmp_path, created_from=begin)
    add(vendor, 2)
    rows += (await run(client, tmp_path, created_from=begin))[1]
    assert expected(vendor)[590:] == rows


async def test_a_full_run_begins_anew(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """Without `since_last` everything comes, and the next run goes on from there."""
    add(vendor, 3)
    await run(client, tmp_path)
    full = await Export(client, tmp_path / "rows-{run}.jsonl", restart=True).run()
    assert (2, False, 603, 0) == (full.run, full.incremental, full.rows, full.repeated)
    assert full.path is not None
    assert 603 == len(exported(full.path))
    add(vendor, 1)
    summary, _ = await run(client, tmp_path)
    assert (3, 1) == (summary.run, summary.rows)


async def test_an_unfinished_run_is_finished_first(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """It keeps its end and its number; only who says since last goes on with one that did."""
    await run(client, tmp_path)
    add(vendor, 3)
    vendor.faults.add("error", match="/v2/transactions", times=4, status=503)
    with pytest.raises(ExportError):
        await run(client.with_options(deadline=1.0), tmp_path)
    add(vendor, 2)
    with pytest.raises(ConfigurationError, match="went on where an earlier one had ended"):
        await Export(client, tmp_path / "rows-{run}.jsonl").run()
    vendor.faults.clear()
    summary, _ = await run(client, tmp_path)
    assert (2, 3) == (summary.run, summary.rows)
    summary, _ = await run(client, tmp_path)
    assert (3, 2) == (summary.run, summary.rows)


async def test_a_run_can_be_given_up(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """What an earlier run came to is not forgotten with it."""
    await run(client, tmp_path)
    add(vendor, 3)
    vendor.faults.add("error", status=503, match="/v2/transactions")
    with pytest.raises(ExportError):
        await run(client.with_options(deadline=1.0), tmp_path)
    vendor.faults.clear()
    add(vendor, 2)
    with closing(sqlite3.connect(tmp_path / "rows.jsonl.checkpoint")) as base:
        [token] = base.execute("SELECT value FROM fact WHERE name = 'token'").fetchone()
    draft = tmp_path / f".rows-0002.jsonl.{json.loads(token)}.part"
    draft.write_text("of a process that was killed")
    summary, _ = await run(client, tmp_path, restart=True)
    assert (3, True, 5) == (summary.run, summary.incremental, summary.rows)
    assert not draft.exists()


async def test_a_full_run_that_is_given_up_while_it_is_written_forgets_nothing(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what was handed out whole takes the place of what earlier runs came to."""

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    await run(client, tmp_path)
    add(vendor, 1)
    with monkeypatch.context() as patch, pytest.raises(ExportError, match="No space left"):
        patch.setattr(Draft, "write", full)
        await Export(client, tmp_path / "rows-{run}.jsonl", restart=True).run()
    with pytest.raises(ConfigurationError, match="in the middle of a run of everything, after"):
        await run(client, tmp_path)
    summary, rows = await run(client, tmp_path, restart=True)
    assert (True, 1, 1) == (summary.incremental, summary.rows, len(rows))


@pytest.fixture
async def shop() -> AsyncIterator[Sandbox]:
    """A vendor that lists one customer's rows only."""
    async with Sandbox() as sandbox:
        fill(sandbox, even(60), provider="joy")
        yield sandbox


async def test_a_customer_who_joins_the_list_brings_everything(
    tmp_path: Path, shop: Sandbox
) -> None:
    """How far an export has come is known of each customer."""
    out = tmp_path / "rows-{run}.jsonl"
    async with client_of(shop, "joy") as client:
        first = await Export(client, out, customers=["1001", "1002"]).run()
        shop.clock.advance(2)
        shop.add_customer("joy", "1001", points=7)
        shop.clock.advance(2)
        joined = Export(client, out, customers=["1003", "1001"], since_last=True)
        second = await joined.run()
        assert (6, 4, True) == (first.rows, second.rows, second.incremental)
        shop.add_customer("joy", "1002", points=8)
        shop.clock.advance(2)
        back = await Export(client, out, customers=["1002"], since_last=True).run()
    assert 1 == back.rows


async def test_a_full_run_forgets_nothing_of_customers_it_did_not_ask_for(
    tmp_path: Path, shop: Sandbox
) -> None:
    """What earlier runs handed out of theirs does not come again."""
    out = tmp_path / "rows-{run}.jsonl"
    async with client_of(shop, "joy") as client:
        everybody: dict[str, Any] = {"customers": ["1001", "1002"], "since_last": True}
        first = await Export(client, out, **everybody).run()
        full = await Export(client, out, customers=["1001"], restart=True).run()
        last = await Export(client, out, **everybody).run()
    assert (6, 3, 0) == (first.rows, full.rows, last.rows)


async def test_a_new_customer_of_the_shop_brings_everything(tmp_path: Path, shop: Sandbox) -> None:
    """Also where the vendor is asked who the customers are."""
    out = tmp_path / "rows-{run}.jsonl"
    async with client_of(shop, "joy") as client:
        first = await Export(client, out).run()
        fill(shop, even(3), provider="joy", customers=("5001",))
        second = await Export(client, out, since_last=True).run()
    assert (60, 3) == (first.rows, second.rows)
