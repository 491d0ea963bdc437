"""Whole programs: every row once, in one order, whatever the ledger's shape."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import (
    AuthenticationError,
    ConfigurationError,
    LoyaltyClient,
    PointsAdjustment,
    UnsupportedOperationError,
    ValidationError,
    connect,
)
from loyalty_sdk.export import Export, Progress, _checkpoint, _clock
from loyalty_sdk.export._spool import Spool
from loyalty_sdk.export._walking import Walker
from loyalty_sdk.sandbox import Sandbox
from loyalty_sdk.sandbox.vendor import shapes
from loyalty_sdk_loyaltylion import _sandbox_rows

from .ledgers import (
    SHAPES,
    START,
    Shape,
    client_of,
    entries,
    even,
    expected,
    exported,
    fill,
    pages_asked,
)


@pytest.mark.parametrize("knows", ["bounds", "times"])
async def test_a_vendor_may_know_whole_seconds_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, knows: str
) -> None:
    """Of the bounds it is given, or as it prints times that it filters more exactly."""
    parse = shapes.parse_time

    def whole(text: str) -> datetime | None:
        time = parse(text)
        return time and time.replace(microsecond=0)

    if knows == "bounds":
        monkeypatch.setattr(shapes, "parse_time", whole)
    else:
        monkeypatch.setattr(_sandbox_rows, "_when", lambda at: at.isoformat(timespec="seconds"))
    async with Sandbox() as sandbox, client_of(sandbox) as client:
        fill(sandbox, (number / 4 for number in range(600)))
        summary = await Export(client, tmp_path / "rows.csv", windows=8, page_size=5).run()
        assert (600, True) == (summary.rows, summary.pages > 125)


@pytest.mark.parametrize("windows", [1, 3, 8])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_every_row_comes_once_and_in_order(
    tmp_path: Path, shape: Shape, windows: int
) -> None:
    """Oldest first, of one moment by id; the number of windows changes nothing."""
    async with Sandbox() as sandbox, client_of(sandbox) as client:
        fill(sandbox, shape(600))
        out = tmp_path / "rows.jsonl"
        summary = await Export(client, out, windows=windows, page_size=5).run()
        assert expected(sandbox) == exported(out)
        assert (600, 0, 1, out) == (summary.rows, summary.repeated, summary.run, summary.path)


@pytest.mark.parametrize("shape", ["even", "burst"])
async def test_windows_share_the_work_however_dense_it_is(tmp_path: Path, shape: str) -> None:
    """No window has much more than its share, and few pages are read for nothing."""
    async with Sandbox() as sandbox, client_of(sandbox) as client:
        fill(sandbox, SHAPES[shape](2000))
        await Export(client, tmp_path / "rows.csv", page_size=5).run()
        asked = pages_asked(sandbox)
        chains = [arrival for arrival in sandbox.arrivals if "created_at" in arrival.query]
        assert 400 < asked < 400 * 1.3
        assert 400 / 16 < len(chains)


@pytest.mark.parametrize("windows", [1, 2, 8])
async def test_windows_are_read_at_once(
    tmp_path: Path, client: LoyaltyClient, monkeypatch: pytest.MonkeyPatch, windows: int
) -> None:
    """As many as asked for and no more, although an export begins with few."""
    walk, at_once, most = Walker.walk, 0, 0

    async def counted(walker: Walker, unit: Any) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await walk(walker, unit)
        at_once -= 1

    monkeypatch.setattr(Walker, "walk", counted)
    await Export(client, tmp_path / "rows.csv", windows=windows, page_size=5).run()
    assert windows == most


async def test_one_window_asks_for_nothing_twice(tmp_path: Path, vendor: Sandbox) -> None:
    """With one window the pages are those of the list, and one for what nobody expects."""
    async with client_of(vendor) as client:
        summary = await Export(client, tmp_path / "rows.csv", windows=1, page_size=50).run()
    assert (13, 13) == (pages_asked(vendor), summary.pages)


async def test_pages_are_as_large_as_the_vendor_allows(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """Unless said otherwise."""
    await Export(client, tmp_path / "rows.csv").run()
    limits = [arrival.params.get("limit") for arrival in vendor.arrivals[1:]]
    assert {str(client.provider.largest_page)} == set(limits)


async def test_an_empty_program_makes_a_file_without_rows(tmp_path: Path) -> None:
    """A file there is, so that what comes next finds one."""
    async with Sandbox() as sandbox, client_of(sandbox) as client:
        summary = await Export(client, tmp_path / "rows.csv").run()
    assert 0 == summary.rows
    assert 1 == (tmp_path / "rows.csv").read_text().count("\n")


async def test_filters_narrow_what_is_exported(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """From is inside, until is not, and other kinds are left out."""
    bounds = (START + timedelta(minutes=10), START + timedelta(minutes=20))
    made: dict[str, Any] = {
        "created_from": bounds[0],
        "created_until": bounds[1],
        "kinds": ["adjusted"],
    }
    out = tmp_path / "rows.jsonl"
    summary = await Export(client, out, **made).run()
    assert expected(vendor)[10:20] == exported(out)
    assert bounds[1] == summary.created_until
    made["kinds"] = ["earned"]
    await Export(client, tmp_path / "earned.jsonl", **made).run()
    assert [] == exported(tmp_path / "earned.jsonl")


async def test_bounds_that_a_vendor_takes_for_outside_lose_nothing(
    tmp_path: Path, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row on the edge of two windows is read although the vendor leaves out its own bounds."""
    table: Any = type(vendor.vendor("loyaltylion").ledger.entries)
    page = table.page

    def strict(self: Any, *args: Any, since: Any = None, **options: Any) -> Any:
        return page(self, *args, since=since and since + timedelta(milliseconds=1), **options)

    monkeypatch.setattr(table, "page", strict)
    async with client_of(vendor) as client:
        out = tmp_path / "rows.jsonl"
        await Export(client, out, page_size=5, created_from=START).run()
    assert expected(vendor) == exported(out)


async def test_raw_goes_along_when_asked_for(tmp_path: Path, client: LoyaltyClient) -> None:
    """The vendor's own row is there as it came."""
    await Export(client, tmp_path / "rows.jsonl", raw=True).run()
    first = (tmp_path / "rows.jsonl").read_text().splitlines()[0]
    assert '"raw":{"id":' in first
    assert '"points_approved":1' in first


async def test_a_row_that_appears_meanwhile_is_the_next_runs(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """A run ends when it began, by the vendor's clock, however long it takes."""
    before = expected(vendor)
    newcomers = 0

    def grow(_: Progress) -> None:
        nonlocal newcomers
        newcomers += 1
        ledger = vendor.vendor("loyaltylion")
        ledger.seed(ledger.ledger.open_account("1001"), 7, time=vendor.clock.now())

    out = tmp_path / "rows-{run}.jsonl"
    await Export(client, out, page_size=20).run(grow)
    assert before == exported(tmp_path / "rows-0001.jsonl")
    vendor.clock.advance(2)
    await Export(client, out, since_last=True).run()
    assert newcomers == len(exported(tmp_path / "rows-0002.jsonl")) > 1


async def test_what_was_made_before_it_began_is_exported(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in this very second, which is read when it is over; with what else was made in it."""
    monkeypatch.setattr(_clock, "_GRAIN", timedelta(seconds=1))
    await client.adjust_points(PointsAdjustment(customer_id="1001", points=3))
    began = vendor.clock.now()
    out = tmp_path / "rows.jsonl"
    summary = await Export(client, out, windows=2).run()
    assert expected(vendor) == exported(out)
    assert began < summary.created_until <= vendor.clock.now()
    assert timedelta(seconds=2) > summary.created_until - began


@pytest.mark.parametrize("ahead", [0, 86_400])
async def test_the_vendors_clock_decides(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, ahead: float
) -> None:
    """However wrong this machine's is, a row of the vendor's now is neither lost nor early."""
    vendor.clock.advance(ahead)
    summary = await Export(client, tmp_path / "rows.csv").run()
    assert timedelta(seconds=2) > vendor.clock.now() - summary.created_until >= timedelta(0)


@pytest.mark.parametrize("identified", [True, False])
async def test_a_vendor_that_says_nothing_of_the_time_is_believed_to_have_ours(
    tmp_path: Path, tiny: Any, server: Any, monkeypatch: pytest.MonkeyPatch, *, identified: bool
) -> None:
    """An answer without a date, or no answer where the provider cannot say whose the key is."""
    if identified:
        server.script.append(server.http(body=b'{"program": "p-1"}'))
    else:
        monkeypatch.delattr(tiny, "whoami")
    server.script.append(server.http(body=b'{"items": [], "next": null}'))
    before = datetime.now(UTC)
    async with connect(tiny(server.url)) as client:
        summary = await Export(client, tmp_path / "rows.csv", customers=["1"]).run()
    assert before <= summary.created_until <= datetime.now(UTC)
    assert 1 + identified == len(server.arrivals)


async def test_a_time_that_no_clock_shows_is_not_believed(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing could come after it; the vendor has said nothing of the time, then."""
    monkeypatch.setattr(vendor.clock, "http_date", lambda: "Fri, 31 Dec 9999 23:59:59 GMT")
    summary = await Export(client, tmp_path / "rows.csv").run()
    assert 600 == summary.rows
    assert summary.created_until <= datetime.now(UTC)


async def test_everything_since_the_calendar_begins(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """There is no earlier bound to ask for, so none is."""
    out = tmp_path / "rows.jsonl"
    await Export(client, out, created_from=datetime.min.replace(tzinfo=UTC)).run()
    assert expected(vendor) == exported(out)


async def test_a_failure_of_the_first_question_is_the_vendors_own(
    tmp_path: Path, tiny: Any, server: Any
) -> None:
    """It reaches whoever asked, as from any other call."""
    server.script.append(server.http(401, b'{"error": "who are you"}'))
    async with connect(tiny(server.url)) as client:
        with pytest.raises(AuthenticationError, match="tiny whoami: HTTP 401: who are you"):
            await Export(client, tmp_path / "rows.csv", customers=["1"]).run()


async def test_an_end_in_the_future_is_the_vendors_now(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """A run does not wait for rows, and the next one must not take them for read."""
    later = vendor.clock.now() + timedelta(days=1)
    summary = await Export(client, tmp_path / "rows.csv", created_until=later).run()
    assert summary.created_until <= vendor.clock.now()


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return [path.name for path in folder.iterdir()]


async def test_a_file_that_is_there_is_not_replaced(tmp_path: Path, client: LoyaltyClient) -> None:
    """Unless asked to; and what is refused has begun nothing."""
    out = tmp_path / "rows.csv"
    out.write_text("mine")
    with pytest.raises(ConfigurationError, match=r"rows\.csv exists\. Say overwrite"):
        await Export(client, out).run()
    assert "mine" == out.read_text()
    summary = await Export(client, out, overwrite=True).run()
    assert (1, 600) == (summary.run, summary.rows)
    assert "mine" != out.read_text()


async def test_a_file_that_comes_meanwhile_is_not_replaced(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """It is not this run's; what was read is kept, and the file can be made once it is gone."""
    out = tmp_path / "rows.jsonl"

    def come(_: Progress) -> None:
        out.write_text("mine")

    with pytest.raises(ConfigurationError, match=r"rows\.jsonl exists"):
        await Export(client, out).run(come)
    assert "mine" == out.read_text()
    out.unlink()
    vendor.arrivals.clear()
    assert (600, 0) == ((await Export(client, out).run()).rows, pages_asked(vendor))


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("nowhere/rows.csv", r"the folder .*nowhere does not exist"),
        ("runs-{run}/rows.csv", r"the folder .*runs-0001 does not exist"),
        ("folder.csv", r"folder\.csv is a folder"),
        ("kept.csv", r"kept\.csv cannot be the file and its checkpoint"),
    ],
)
async def test_a_place_that_cannot_hold_the_file_is_refused_first(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, to: str, message: str
) -> None:
    """And not when everything has been read."""
    (tmp_path / "folder.csv").mkdir()
    made = Export(client, tmp_path / to, checkpoint=tmp_path / "kept.csv", overwrite=True)
    with pytest.raises(ConfigurationError, match=message):
        await made.run()
    assert (["folder.csv"], 0) == (names(tmp_path), pages_asked(vendor))


async def test_a_folder_that_nobody_may_write_to_is_refused_first(
    tmp_path: Path, client: LoyaltyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is read-only, for instance."""
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(ConfigurationError, match=r"cannot be written to"):
        await Export(client, tmp_path / "rows.csv").run()


async def test_a_run_that_is_cancelled_again_and_again_lets_go(
    tmp_path: Path, client: LoyaltyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checkpoint is closed all the same, and the next run goes on with it."""
    begun, on = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        begun.set()
        on.wait()

    out = tmp_path / "rows.csv"
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "keep", slow)
        task = asyncio.create_task(Export(client, out, windows=1).run())
        while not begun.is_set():
            await asyncio.sleep(0.001)
        # The disk is slow: what is to be done afterwards waits for it.
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.01)
            if task.done():
                break
        on.set()
        await asyncio.wait([task])
    assert 600 == (await Export(client, out).run()).rows


async def test_another_exports_checkpoint_is_refused_by_name(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """What differs is named: the filter, the format, the vendor."""
    kept = tmp_path / "kept"
    await Export(client, tmp_path / "rows.csv", checkpoint=kept).run()
    with pytest.raises(ConfigurationError, match=r"kept belongs to .* kinds is not set there and"):
        await Export(client, tmp_path / "b.csv", checkpoint=kept, kinds=["earned"]).run()
    with pytest.raises(ConfigurationError, match="format is csv there and jsonl here"):
        await Export(client, tmp_path / "b.jsonl", checkpoint=kept).run()
    async with client_of(vendor, "joy") as other:
        with pytest.raises(ConfigurationError, match="provider is loyaltylion there and joy here"):
            await Export(other, tmp_path / "b.csv", checkpoint=kept).run()


async def test_another_programs_checkpoint_is_refused(
    tmp_path: Path, tiny: Any, server: Any
) -> None:
    """One key may be changed for another, but not for another program's."""
    none = server.http(body=b'{"items": [], "next": null}')
    for program in ("1", "2"):
        server.script += [server.http(body=b'{"program": "p-%s"}' % program.encode()), none]
    out = tmp_path / "rows-{run}.csv"
    async with connect(tiny(server.url)) as client:
        await Export(client, out, customers=["1"]).run()
        with pytest.raises(ConfigurationError, match="program is p-1 there and p-2 here"):
            await Export(client, out, customers=["1"]).run()


async def test_two_at_once_on_one_checkpoint_are_refused(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second refuses; when the first has ended it may."""
    monkeypatch.setattr(_checkpoint, "_PATIENCE", 0.01)
    hang = vendor.faults.add("hang", match="/v2/transactions")
    out = tmp_path / "rows.csv"
    first = asyncio.create_task(Export(client, out, windows=1).run())
    while not hang.struck:
        await asyncio.sleep(0.001)
    with pytest.raises(ConfigurationError, match=r"rows\.csv\.checkpoint is in use by another"):
        await Export(client, out).run()
    first.cancel()
    await asyncio.wait([first])
    vendor.faults.clear()
    assert 600 == (await Export(client, out).run()).rows


async def test_progress_is_told(tmp_path: Path, client: LoyaltyClient) -> None:
    """Rows grow to the whole, in both phases."""
    told: list[Progress] = []
    summary = await Export(client, tmp_path / "rows.csv", page_size=100).run(told.append)
    assert ["reading", "writing"] == sorted({each.phase for each in told})
    assert (600, 600) == (told[-1].rows, summary.rows)
    assert (summary.pages, told[-1].total) == (told[-1].pages, told[-1].done)
    assert told == sorted(told, key=lambda each: (each.phase, each.rows, each.pages))


async def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Ten times the rows take the same memory."""
    peaks = []
    for count in (400, 4000):
        async with Sandbox(arrivals_kept=10) as sandbox, client_of(sandbox) as client:
            fill(sandbox, even(count))
            tracemalloc.start()
            await Export(client, tmp_path / f"{count}.csv", windows=2, page_size=40).run()
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5 + 5_000_000


class _Nobody:
    """Customers who come one by one, to whoever waits for them."""

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        raise StopAsyncIteration


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"windows": 0}, "windows must be at least 1"),
        ({"overlap": timedelta(seconds=-1)}, "overlap must not be negative"),
        ({"overlap": timedelta.max}, "overlap must be at most 36525 days"),
        ({"created_from": START, "created_until": START}, "created_from must be before"),
        ({"customers": 5}, "customers: wanted some ids, got int"),
        ({"customers": aiter(_Nobody())}, "customers: wanted some ids, got _Nobody. Give a list"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(
    client: LoyaltyClient, options: dict[str, Any], message: str
) -> None:
    """Before anything is opened or sent."""
    with pytest.raises(ConfigurationError, match=message):
        Export(client, "rows.csv", **options)


def test_filters_are_checked_like_a_lists(client: LoyaltyClient) -> None:
    """All problems of the filters in one error."""
    with pytest.raises(ValidationError, match="the list is not valid") as caught:
        Export(client, "rows.csv", kinds=["gift"], page_size=0)
    assert ["page_size", "kinds"] == [problem.path for problem in caught.value.problems]


async def test_a_provider_without_a_history_says_so(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the words it has for it everywhere; nothing is made."""
    monkeypatch.delattr(tiny, "list_transactions")
    with pytest.raises(UnsupportedOperationError, match="has no list_transactions"):
        Export(connect(tiny("http://127.0.0.1:1")), "rows.csv")
    assert not tiny("http://127.0.0.1:1").supports("list_histories")


async def test_a_provider_that_knows_no_customers_needs_them_named(tiny: Any) -> None:
    """Where neither the program nor its customers can be listed."""
    with pytest.raises(ConfigurationError, match="Tiny lists one customer's rows only"):
        Export(connect(tiny("http://127.0.0.1:1")), "rows.csv")


def test_the_checkpoint_is_beside_the_file(client: LoyaltyClient) -> None:
    """Without the number of the run, since every run needs the same."""
    made = Export(client, "out/rows-{run}.csv")
    assert Path("out/rows.csv.checkpoint") == made.checkpoint
    assert Path("kept") == Export(client, "rows.csv", checkpoint="kept").checkpoint


def test_ledger_rows_are_in_the_documented_order(vendor: Sandbox) -> None:
    """What these tests compare with is sorted by time, then by id as numbers are."""
    rows = entries(vendor)
    assert rows == sorted(rows, key=lambda row: (row.time, row.number))
