"""A page is kept while the next one is on its way, never out of turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import APIError, ExportError, LoyaltyClient, LoyaltyError, Page, Transaction
from loyalty_sdk.export import Export, _walking
from loyalty_sdk.export._spool import Spool, Unit
from loyalty_sdk.export._walking import Listing, Walker
from loyalty_sdk.export._windows import Window
from loyalty_sdk.sandbox import Sandbox

from .ledgers import START, expected, exported, pages_asked


class Disk:
    """Holds the keeping of one page up until it is told to go on.

    Args:
        number: Which, from 1.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        self.go_on = threading.Event()
        keep, count = Spool.keep, 0

        def slow(*arguments: Any) -> None:
            nonlocal count
            count += 1
            if count == number:
                assert self.go_on.wait(10)
            keep(*arguments)

        monkeypatch.setattr(Spool, "keep", slow)


async def asked(vendor: Sandbox, number: int) -> None:
    """Wait until so many pages were asked for, and see that no more are."""
    while pages_asked(vendor) < number:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    assert number == pages_asked(vendor)


async def export_past(
    disk: Disk, vendor: Sandbox, out: Path, client: LoyaltyClient, pages: int, **options: Any
) -> None:
    """An export whose disk hangs: so many pages are asked for, and every row comes in the end."""
    task = asyncio.create_task(Export(client, out, **options).run())
    try:
        await asyncio.wait_for(asked(vendor, pages), 5)
    finally:
        disk.go_on.set()
        await task
    assert expected(vendor) == exported(out)


async def test_the_next_page_does_not_wait_for_the_disk(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first page is kept the second comes, and the third is asked for, but no more."""
    disk = Disk(monkeypatch, 1)
    await export_past(disk, vendor, tmp_path / "rows.jsonl", client, 3, windows=1, page_size=100)


async def test_the_first_page_that_comes_alone_does_not_wait_either(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is read ahead of it, since its window may be cut; it is not, and the next comes."""
    disk = Disk(monkeypatch, 1)
    options: dict[str, Any] = {"windows": 2, "page_size": 100, "created_from": START}
    await export_past(disk, vendor, tmp_path / "rows.jsonl", client, 3, **options)


async def test_the_next_window_does_not_wait_for_the_last_pages_disk(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are two pages, and a third request asks for what is before anybody expects any."""
    disk = Disk(monkeypatch, 2)
    await export_past(disk, vendor, tmp_path / "rows.jsonl", client, 3, windows=1, page_size=300)


async def test_nothing_is_read_ahead_of_a_window_that_is_cut(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """Its second page would be read for nothing."""
    summary = await Export(client, tmp_path / "rows.jsonl", page_size=5).run()
    cut = [arrival for arrival in vendor.arrivals if "created_at" in arrival.query]
    assert 600 / 5 / 16 < len(cut)
    assert summary.pages == pages_asked(vendor)


class Full:
    """Has no room for every so-manieth page."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, every: int) -> None:
        keep, count = Spool.keep, 0

        def broken(*arguments: Any) -> None:
            nonlocal count
            count += 1
            if count % every == 0:
                raise ExportError("no room")
            keep(*arguments)

        monkeypatch.setattr(Spool, "keep", broken)


@pytest.mark.parametrize("windows", [1, 8])
async def test_a_page_that_could_not_be_kept_is_no_gap(
    tmp_path: Path,
    client: LoyaltyClient,
    vendor: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    windows: int,
) -> None:
    """No page after it is kept before it is, although it is on its way already."""
    made = Export(client, tmp_path / "rows.jsonl", page_size=20, windows=windows)
    with monkeypatch.context() as patch:
        Full(patch, 8)
        for _ in range(3):
            with pytest.raises(ExportError, match="no room"):
                await made.run()
    await made.run()
    assert expected(vendor) == exported(tmp_path / "rows.jsonl")


async def test_the_very_last_page_is_waited_for(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to read any more, and still nothing is written before it is kept."""
    made = Export(client, tmp_path / "rows.jsonl", page_size=300, windows=1, created_from=START)
    with monkeypatch.context() as patch:
        Full(patch, 2)
        with pytest.raises(ExportError, match="no room"):
            await made.run()
    assert not (tmp_path / "rows.jsonl").exists()
    await made.run()
    assert expected(vendor) == exported(tmp_path / "rows.jsonl")


class AtOnce:
    """Pages that are there already, so that nothing else gets a turn between them."""

    def __init__(self, *pages: Page[Transaction] | LoyaltyError) -> None:
        self._pages = pages

    async def by_page(self) -> AsyncGenerator[Page[Transaction], None]:
        """One after the other, until one is an error."""
        for page in self._pages:
            if isinstance(page, LoyaltyError):
                raise page
            yield page


async def _done_with(monkeypatch: pytest.MonkeyPatch, *tries: AtOnce) -> list[str]:
    """What is done to the spool as one unit is read, in several tries."""
    done: list[str] = []

    async def do(call: Any, *_: Any) -> Any:
        done.append(call.__name__)

    left = iter(tries)
    monkeypatch.setattr(Listing, "pages", lambda *_: next(left))
    monkeypatch.setattr(_walking, "cut", lambda *given: (Window(0, 1),) if given[2] == 2 else ())
    listing = Listing(client=None, filters={}, page_size=None, by_window=True, until=False)  # type: ignore[arg-type]
    walker = Walker(listing, Spool, do, splits=True, report=lambda: None)  # type: ignore[arg-type]
    await walker.walk(Unit(1, {}, Window(0, 2), None, 0))
    await walker.settle()
    return done


async def test_a_window_is_cut_after_the_page_before_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a kill between the two would lose that page: the window is done with."""
    pages = [Page[Transaction]((), cursor) for cursor in ("two", "three")]
    assert ["keep", "divide"] == await _done_with(monkeypatch, AtOnce(*pages))


async def test_a_window_is_begun_again_after_the_page_before_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else it would go on after that page, by the cursor that the vendor has forgotten."""
    gone = APIError("gone")
    gone.status = 410
    first, last = (Page[Transaction]((), cursor) for cursor in ("two", None))
    done = await _done_with(monkeypatch, AtOnce(first, gone), AtOnce(last))
    assert ["keep", "rewind"] == done[:2]
