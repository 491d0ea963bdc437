"""Exports that stopped in the middle: killed, cancelled, refused, out of room."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ExportError,
    LoyaltyClient,
    RetryPolicy,
    connect,
)
from loyalty_sdk.export import Export
from loyalty_sdk.export import _checkpoint as checkpoint
from loyalty_sdk.sandbox import Arrival, Sandbox

from .killing import Exporter, survive
from .ledgers import START, burst, client_of, expected, exported, fill, pages_asked

UNTIL = "2026-01-01T00:00:00Z"


def content(path: Path) -> bytes:
    """What is in a file."""
    return path.read_bytes()


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


async def test_the_file_is_the_same_with_and_without_kills(tmp_path: Path) -> None:
    """Killed ten times at moments of chance, byte by byte; no draft is left."""
    async with Sandbox() as sandbox:
        fill(sandbox, burst(800))
        sandbox.faults.add("latency", seconds=0.002)
        whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
        async with Exporter(sandbox, UNTIL, windows=4, page_size=5) as exporter:
            await exporter.finish(whole)
            assert 10 == await survive(exporter, killed, kills=10, step=10, seed=3)
        assert content(whole) == content(killed)
        assert expected(sandbox) == exported(killed)
    left = ["killed.jsonl", "killed.jsonl.checkpoint", "whole.jsonl", "whole.jsonl.checkpoint"]
    assert left == names(tmp_path)


async def stop_early(client: LoyaltyClient, out: Path, pages: int) -> None:
    """Cancel an export after so many pages."""
    task = asyncio.create_task(Export(client, out, page_size=20, windows=1).run(lambda _: tell()))
    count = 0

    def tell() -> None:
        nonlocal count
        count += 1
        if count == pages:
            task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancelled_run_goes_on(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """As after an interrupt: what was read is not read again, and no file is there before."""
    out = tmp_path / "rows.jsonl"
    await stop_early(client, out, 20)
    assert ["rows.jsonl.checkpoint"] == names(tmp_path)
    vendor.arrivals.clear()
    await Export(client, out, page_size=20, windows=1).run()
    assert 31 - 20 <= pages_asked(vendor) <= 31 - 17
    assert expected(vendor) == exported(out)


async def test_one_window_that_fails_stops_none_of_the_others(
    tmp_path: Path, vendor: Sandbox
) -> None:
    """They finish, the error says which part and why, and only that is read again."""
    middle = "2022-05-01T05"

    def inside(arrival: Arrival) -> bool:
        low, high = (arrival.params.get(f"created_at_{end}", "") for end in ("min", "max"))
        return "2022" < low <= middle < high < "2023"

    fault = vendor.faults.add("error", status=500, match=inside)
    out = tmp_path / "rows.jsonl"
    async with client_of(vendor) as plain:
        client = plain.with_options(retry=RetryPolicy(attempts=1))
        with pytest.raises(ExportError) as caught:
            await Export(client, out, page_size=5).run()
        assert 1 == fault.struck
        read = pages_asked(vendor)
        message = str(caught.value)
        assert "loyaltylion export: " in message
        assert "1 part could not be read. the rows from 2022-04-30T23:59:00Z until 2022" in message
        assert "HTTP 500" in message
        assert "the same export again goes on" in message
        assert isinstance(caught.value.__cause__, APIError)
        assert not out.exists()
        vendor.faults.clear()
        vendor.arrivals.clear()
        await Export(client, out, page_size=5).run()
    assert 0 < pages_asked(vendor) < read
    assert expected(vendor) == exported(out)


async def test_a_revoked_key_stops_at_once(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """What every other window would meet too is not asked for again and again."""
    vendor.faults.add("error", status=401, match="/v2/transactions")
    with pytest.raises(ExportError, match=r"HTTP 401") as caught:
        await Export(client, tmp_path / "rows.csv", windows=2).run()
    assert isinstance(caught.value.__cause__, AuthenticationError)
    assert 2 >= pages_asked(vendor)


async def test_a_vendor_that_is_down_is_left_alone(tmp_path: Path) -> None:
    """After some failures the rest is not tried: hundreds of customers would wait for nothing."""
    async with Sandbox() as shop, client_of(shop, "joy") as client:
        shop.faults.add("error", status=500, match="/rest_api/v2/transactions")
        made = Export(
            client.with_options(retry=RetryPolicy(attempts=1)),
            tmp_path / "rows.csv",
            customers=[str(number) for number in range(100)],
            windows=1,
        )
        with pytest.raises(ExportError, match=r"20 parts could not be read\. customer 0: "):
            await made.run()
        assert 20 == pages_asked(shop)


@pytest.mark.parametrize("status", [400, 404, 410, 422])
async def test_a_cursor_that_expired_begins_its_window_again(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, status: int
) -> None:
    """Its rows are there already and come once; no vendor says how it refuses a cursor."""
    fault = vendor.faults.add(
        "error", status=status, match=lambda arrival: "cursor=" in arrival.query, times=2
    )
    out = tmp_path / "rows.jsonl"
    summary = await Export(client, out, page_size=20, windows=1).run()
    assert (2, 600) == (fault.struck, summary.rows)
    assert expected(vendor) == exported(out)


async def test_cursors_that_never_work_are_an_error(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """A window begins again twice, and not for ever."""
    vendor.faults.add("error", status=400, match=lambda arrival: "cursor=" in arrival.query)
    with pytest.raises(ExportError, match="HTTP 400"):
        await Export(client, tmp_path / "rows.csv", page_size=20, windows=1).run()
    assert 3 * 2 + 1 == pages_asked(vendor)


async def test_pages_that_go_in_circles_are_an_error(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """Never a file with some of the rows."""
    vendor.faults.add("repeat", match=lambda arrival: "cursor=" in arrival.query)
    with pytest.raises(ExportError, match="the list does not end"):
        await Export(client, tmp_path / "rows.csv", page_size=20, windows=1).run()
    assert not (tmp_path / "rows.csv").exists()


async def test_a_cursor_of_another_version_begins_its_window_again(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """What cannot be read is no reason to give up: the rows are still at the vendor."""
    out = tmp_path / "rows.jsonl"
    await stop_early(client, out, 20)
    with closing(sqlite3.connect(tmp_path / "rows.jsonl.checkpoint")) as base, base:
        changed = base.execute("UPDATE unit SET cursor = 'old' WHERE cursor IS NOT NULL").rowcount
    assert 1 == changed
    await Export(client, out, page_size=20, windows=1).run()
    assert expected(vendor) == exported(out)


async def test_another_end_in_the_middle_of_a_run_is_refused(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """A run has one end; what was said when it began counts."""
    vendor.faults.add("error", status=401, match="/v2/transactions", times=1)
    out = tmp_path / "rows.csv"
    with pytest.raises(ExportError):
        await Export(client, out).run()
    with pytest.raises(ConfigurationError, match="created_until is not set there and 2022"):
        await Export(client, out, created_until=START).run()
    assert 600 == (await Export(client, out).run()).rows


async def test_another_overlap_in_the_middle_of_a_run_is_refused(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """What was said when it began counts, and nobody is left to believe something else."""
    vendor.faults.add("error", status=401, match="/v2/transactions", times=1)
    out = tmp_path / "rows.csv"
    with pytest.raises(ExportError):
        await Export(client, out, overlap=timedelta(minutes=50)).run()
    with pytest.raises(ConfigurationError, match="with an overlap of 3,000 seconds"):
        await Export(client, out).run()
    assert 600 == (await Export(client, out, overlap=timedelta(minutes=50)).run()).rows


async def test_an_address_written_otherwise_is_the_same(tmp_path: Path, vendor: Sandbox) -> None:
    """A checkpoint belongs to a host, not to how somebody wrote it."""
    given = vendor.settings("loyaltylion")
    for run, address in enumerate((given["base_url"], given["base_url"].upper() + "/"), 1):
        async with connect("loyaltylion", **{**given, "base_url": address}) as client:
            summary = await Export(client, tmp_path / "rows.csv", overwrite=True).run()
        assert run == summary.run


async def test_a_full_disk_under_the_checkpoint_loses_nothing(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the file; with room again it goes on."""
    prepare = checkpoint.Checkpoint._prepare

    def small(base: checkpoint.Checkpoint, opened: tuple[int, int] | None) -> bool:
        ours = prepare(base, opened)
        base.one("PRAGMA max_page_count = 20")
        return ours

    out = tmp_path / "rows.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoint, "_prepare", small)
        with pytest.raises(ExportError, match=r"cannot write .*rows\.jsonl\.checkpoint: .*full"):
            await Export(client, out, page_size=20).run()
    await Export(client, out, page_size=20).run()
    assert expected(vendor) == exported(out)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("ending", ["jsonl", "csv.gz", "parquet"])
async def test_a_full_disk_under_the_file_loses_nothing(
    tmp_path: Path,
    client: LoyaltyClient,
    vendor: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
) -> None:
    """Nothing is left in its place, and nothing is read again."""
    out = tmp_path / f"rows.{ending}"

    monkeypatch.setattr(checkpoint, "token_hex", lambda _: "token")
    (tmp_path / f".{out.name}.token.part").symlink_to("/dev/full")
    with pytest.raises(ExportError, match=r"cannot write .*No space left on device"):
        await Export(client, out, page_size=50).run()
    assert [f"{out.name}.checkpoint"] == names(tmp_path)
    vendor.arrivals.clear()
    summary = await Export(client, out, page_size=50).run()
    assert (600, 0) == (summary.rows, pages_asked(vendor))
    assert out.stat().st_size > 0


async def test_a_kill_between_the_file_and_the_note_of_it_is_no_obstacle(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file stands there, made by this run: it is made again, the same."""
    from loyalty_sdk.export._session import Session

    out = tmp_path / "rows.jsonl"

    def die(*_: object) -> None:
        raise KeyError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "_finish", die)
        with pytest.raises(KeyError):
            await Export(client, out).run()
    before = content(out)
    vendor.arrivals.clear()
    summary = await Export(client, out).run()
    assert (600, 0, before) == (summary.rows, pages_asked(vendor), content(out))


async def test_a_kill_behind_the_last_step_is_told_that_nothing_is_left_to_do(
    tmp_path: Path, client: LoyaltyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is whole and the run is noted; the same again is a new one, and needs a place."""
    from loyalty_sdk.export._session import Session

    out, finish = tmp_path / "rows.jsonl", Session._finish

    def die(session: Session, place: Path | None) -> None:
        finish(session, place)
        raise KeyError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "_finish", die)
        with pytest.raises(KeyError):
            await Export(client, out).run()
    said = r"jsonl exists, and run 1 of .*jsonl\.checkpoint, until 20\S+Z, is done\. Say overwrite"
    with pytest.raises(ConfigurationError, match=said):
        await Export(client, out).run()
    (tmp_path / "other-0002.jsonl").touch()
    other: dict[str, Any] = {
        "to": tmp_path / "other-{run}.jsonl",
        "checkpoint": f"{out}.checkpoint",
    }
    with pytest.raises(ConfigurationError, match=r"^run 1 of .*, is done\. Say since last"):
        await Export(client, **other).run()
    with pytest.raises(ConfigurationError, match=r"other-0002\.jsonl exists\. Say overwrite"):
        await Export(client, **other, restart=True).run()


async def test_a_link_that_leads_nowhere_is_not_replaced(
    tmp_path: Path, client: LoyaltyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither at the beginning nor where it has come in the meantime."""
    from loyalty_sdk.export._session import Session

    async def come(session: Session, count: int) -> None:
        await read(session, count)
        out.symlink_to("nowhere")

    out, read = tmp_path / "rows.jsonl", Session.read
    with monkeypatch.context() as patch, pytest.raises(ConfigurationError, match="exists"):
        patch.setattr(Session, "read", come)
        await Export(client, out).run()
    with pytest.raises(ConfigurationError, match="exists"):
        await Export(client, out, restart=True).run()
    assert out.is_symlink()


async def test_a_name_that_is_too_long_to_be_made_is_refused_at_once(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """While it is made the file's name is longer; nothing is read for one that cannot be."""
    out = tmp_path / ("a" * 240 + ".csv")
    with pytest.raises(ConfigurationError, match=r"a\.csv: the name is too long\. Take a shorter"):
        await Export(client, out, checkpoint=tmp_path / "kept").run()
    assert (0, []) == (pages_asked(vendor), names(tmp_path))
    out = out.with_name(out.name[15:])
    assert 600 == (await Export(client, out, checkpoint=tmp_path / "kept").run()).rows


async def test_the_vendor_must_be_there_to_begin(tmp_path: Path, client: LoyaltyClient) -> None:
    """Whose program it is, and what time it is there, is asked first."""
    async with connect("loyaltylion", api_key="pat_sandbox", base_url="http://127.0.0.1:1") as gone:
        with pytest.raises(ConnectError, match="loyaltylion whoami"):
            once = gone.with_options(retry=RetryPolicy(attempts=1))
            await Export(once, tmp_path / "rows.csv").run()
    assert 600 == (await Export(client, tmp_path / "rows.csv").run()).rows
