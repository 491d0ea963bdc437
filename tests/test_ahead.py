"""One page ahead: asked for before the present one is decoded, and never more than one."""

from __future__ import annotations

import asyncio
import gc
from asyncio.selector_events import _SelectorSocketTransport  # type: ignore[attr-defined]
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any

import attrs
import pytest

import loyalty_sdk_joy
import loyalty_sdk_loyaltylion
from loyalty_sdk import (
    CursorError,
    Flow,
    MalformedResponseError,
    Page,
    Response,
    SessionPool,
    connect,
    get,
    wire,
)
from loyalty_sdk._ahead import Peek
from loyalty_sdk._cursor import Listing
from loyalty_sdk._paging import PageIterator, Pages, Source
from loyalty_sdk.hooks import CallEnded
from loyalty_sdk.sandbox import Sandbox

LISTING = Listing(provider="tiny", origin="http://h", name="list_numbers", filters={})
LIST = get("/list")
ANSWER = Response(status=200)


@attrs.define
class Book:
    """Pages "0", "1", ... of one row each, and what happened to them.

    Attributes:
        last: Number of the last one.
        leads: What `Request.next_cursor` reads of each, where that is not the truth.
        fails: Pages whose rows cannot be read, once.
        slow: Pages whose answer comes late.
    """

    last: int = 4
    leads: dict[str, Any] = attrs.field(factory=dict[str, Any])
    fails: set[str] = attrs.field(factory=set[str])
    slow: set[str] = attrs.field(factory=set[str])
    events: list[str] = attrs.field(factory=list[str])

    def pages(self, **settings: Any) -> Pages[int]:
        """The list."""
        return Pages(Source(fetch=self.fetch, listing=LISTING, start="0", **settings))

    async def fetch(self, cursor: str | None, peek: Peek | None) -> Page[int]:
        """Ask for a page, let somebody look at the answer, and read it."""
        at = str(cursor)
        self.events.append(f"ask {at}")
        await asyncio.sleep(60 if at in self.slow else 0.001)
        if peek is not None:
            await peek(LIST._replace(next_cursor=lambda _: self.lead(at)), ANSWER)
        if at in self.fails:
            self.fails.discard(at)
            raise MalformedResponseError("unreadable")
        self.events.append(f"read {at}")
        return Page((int(at),), self.following(at))

    def following(self, at: str) -> str | None:
        """The true cursor."""
        return None if int(at) >= self.last else str(int(at) + 1)

    def lead(self, at: str) -> str | None:
        """What is read of the answer alone."""
        found = self.leads.get(at, self.following(at))
        if isinstance(found, Exception):
            raise found
        return found

    @property
    def asked(self) -> list[str]:
        """The pages that were asked for, in order."""
        return [event[4:] for event in self.events if event.startswith("ask")]


def under_way() -> list[str]:
    """Pages that are fetched now, in tasks of their own."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return [name for name in names if name.endswith("fetch")]


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    """No test leaves a page behind that is fetched for nobody."""
    yield
    gc.collect()
    for _ in range(3):
        await asyncio.sleep(0)
    assert [] == under_way()


async def test_the_next_page_is_asked_for_before_one_is_read() -> None:
    """From the second page on; and each page is asked for once."""
    book = Book(last=3)
    assert [0, 1, 2, 3] == [row async for row in book.pages()]
    asked_first = ["ask 1", "ask 2", "read 1", "ask 3", "read 2", "read 3"]
    assert ["ask 0", "read 0", *asked_first] == book.events


async def test_who_wants_one_row_takes_one_request() -> None:
    """A loop that ends on the first page without waiting for anything asks for no other."""
    book = Book()
    async for _ in book.pages():
        break
    await asyncio.sleep(0.01)
    assert ["0"] == book.asked


async def test_nothing_is_asked_for_ahead_when_told_so() -> None:
    """prefetch=False asks for a page when the one before it is read."""
    book = Book(last=2)
    assert [0, 1, 2] == [row async for row in book.pages(prefetch=False)]
    assert ["ask 0", "read 0", "ask 1", "read 1", "ask 2", "read 2"] == book.events


async def test_a_slow_reader_has_one_page_ahead() -> None:
    """The page ahead leads to no other before it is asked for itself."""
    book, most = Book(last=6), 0
    async for row in book.pages():
        await asyncio.sleep(0.005)
        most = max(most, len(book.asked) - row - 1)
    assert 1 == most
    assert list(map(str, range(7))) == book.asked


async def test_a_quick_answer_to_the_page_ahead_leads_no_further() -> None:
    """While the present page takes another request, the one ahead waits for its reader."""
    book, waits = Book(last=6), 0

    async def fetch(cursor: str | None, peek: Peek | None) -> Page[int]:
        nonlocal waits
        page = await book.fetch(cursor, peek)
        waits = max(waits, len(book.asked) - int(page.items[0]) - 1)
        if cursor == "2":
            await asyncio.sleep(0.01)
            assert ["0", "1", "2", "3"] == book.asked
        return page

    rows = [row async for row in Pages(Source(fetch=fetch, listing=LISTING, start="0"))]
    assert (list(range(7)), 1) == (rows, waits)


@pytest.mark.parametrize("closes", [True, False])
async def test_leaving_in_the_middle_ends_the_page_ahead(*, closes: bool) -> None:
    """It is cancelled while its answer is on the way, and nothing runs on."""
    book = Book(slow={"3"})
    pages = book.pages().by_page()
    async for page in pages:
        if page.items == (2,):
            break
    assert "3" == book.asked[-1]
    assert 1 == len(under_way())
    if closes:
        await pages.aclose()
        assert [] == under_way()
    del pages


async def test_a_failing_page_comes_after_the_rows_before_it() -> None:
    """It was asked for while they were decoded; they are handed out, and then it raises."""
    book, rows = Book(fails={"3"}), []
    with pytest.raises(MalformedResponseError, match="unreadable"):
        async for row in book.pages():
            rows.append(row)
            await asyncio.sleep(0.001 * (row > 1))
    assert [0, 1, 2] == rows


async def test_a_page_that_cannot_be_read_drops_the_one_ahead() -> None:
    """Asked for again it leads on again: every row comes once, and in order."""
    book = Book(fails={"2"}, slow={"3"})
    pages = book.pages().by_page()
    found = [await anext(pages), await anext(pages)]
    with pytest.raises(MalformedResponseError):
        await anext(pages)
    book.slow.clear()
    found += [page async for page in pages]
    assert [0, 1, 2, 3, 4] == [row for page in found for row in page.items]
    assert ["0", "1", "2", "3", "2", "3", "4"] == book.asked


async def test_a_reader_who_is_cancelled_loses_nothing() -> None:
    """A timeout around a page ends it and the one ahead of it; both can be asked for again."""
    book = Book()
    fetch, stuck = book.fetch, True

    async def stuck_once(cursor: str | None, peek: Peek | None) -> Page[int]:
        page = await fetch(cursor, peek)
        await asyncio.sleep(60 if stuck and cursor in {"2", "3"} else 0)
        return page

    pages = Pages(Source(fetch=stuck_once, listing=LISTING, start="0")).by_page()
    found = [await anext(pages), await anext(pages)]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(pages)
    assert "ask 3" in book.events
    stuck = False
    found += [page async for page in pages]
    assert [0, 1, 2, 3, 4] == [row for page in found for row in page.items]


async def test_the_page_itself_decides_where_it_leads() -> None:
    """What was read alone and is wrong costs a request that is dropped, and no row."""
    book = Book(leads={"1": "40", "3": "2", "4": "70"}, slow={"40", "70"})
    pages = book.pages().by_page()
    assert [0, 1, 2, 3, 4] == [row async for page in pages for row in page.items]
    # "2" was followed already.
    assert ["0", "1", "40", "2", "3", "4", "70"] == book.asked
    await asyncio.sleep(0)
    assert [] == under_way()


async def test_an_answer_that_does_not_say_leads_on_when_it_is_read() -> None:
    """Nothing is asked for early where no cursor can be read alone."""
    book = Book(last=3, leads={"1": MalformedResponseError("?"), "2": None})
    assert [0, 1, 2, 3] == [row async for row in book.pages()]
    ahead = ["ask 1", "read 1", "ask 2", "read 2", "ask 3", "read 3"]
    assert ["ask 0", "read 0", *ahead] == book.events


async def test_a_circle_ends_without_another_request() -> None:
    """A cursor that was followed before is not followed, decoded or not."""

    async def fetch(cursor: str | None, peek: Peek | None) -> Page[int]:
        asked.append(cursor)
        following = {"0": "1", "1": "2"}.get(str(cursor), "1")
        if peek is not None:
            await peek(LIST._replace(next_cursor=lambda _: following), ANSWER)
        return Page((int(str(cursor)),), following)

    asked: list[str | None] = []
    with pytest.raises(CursorError, match="followed before"):
        _ = [row async for row in Pages(Source(fetch=fetch, listing=LISTING, start="0"))]
    assert ["0", "1", "2"] == asked


async def test_a_page_without_progress_drops_the_one_ahead() -> None:
    """Nothing of a list that goes in circles is fetched on."""
    book = Book(slow={"3"})

    async def fetch(cursor: str | None, peek: Peek | None) -> Page[int]:
        page = await book.fetch(cursor, peek)
        return page if cursor != "2" else Page((0,), page.cursor)

    pages = Pages(Source(fetch=fetch, listing=LISTING, start="0")).by_page()
    with pytest.raises(CursorError, match="rows that had come before"):
        _ = [page async for page in pages]
    await asyncio.sleep(0)
    assert ("3", []) == (book.asked[-1], under_way())


@pytest.mark.parametrize("closes", [True, False])
async def test_a_failure_that_nobody_will_look_at_is_silent(
    *, closes: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether the page ahead failed before it was dropped or because of that."""
    book = Book(fails={"2"})

    async def fetch(cursor: str | None, peek: Peek | None) -> Page[int]:
        try:
            return await book.fetch(cursor, peek)
        except asyncio.CancelledError:
            raise CursorError("dropped") from None

    for wait in (0.0, 0.01):
        pages = Pages(Source(fetch=fetch, listing=LISTING, start="0")).by_page()
        for _ in range(2):
            await anext(pages)
        await asyncio.sleep(wait)
        if closes:
            await pages.aclose()
        del pages
        await asyncio.sleep(0.001)
        gc.collect()
    assert [] == caplog.records


async def test_pages_do_not_inherit_from_each_other() -> None:
    """Each is fetched in its reader's context: spans of pages do not nest."""
    depth: ContextVar[int] = ContextVar("depth")
    book, depths = Book(), []

    async def fetch(cursor: str | None, peek: Peek | None) -> Page[int]:
        depths.append(depth.get())
        if cursor != "0":  # which is fetched in the task of its reader
            depth.set(depth.get() + 100)
        return await book.fetch(cursor, peek)

    depth.set(0)
    async with aclosing(Pages(Source(fetch=fetch, listing=LISTING, start="0")).by_page()) as pages:
        async for page in pages:
            depth.set(page.items[0])
    # Each from "2" on was begun while its reader waited for the page before.
    assert [0, 0, 0, 1, 2] == depths


def test_a_loop_that_ended_takes_the_page_ahead_along() -> None:
    """Who drops the pages after the loop is closed meets no error."""

    async def begin() -> PageIterator[int]:
        pages = Book(slow={"2"}).pages().by_page()
        for _ in range(2):
            await anext(pages)
        return pages

    pages = asyncio.run(begin())
    del pages
    gc.collect()


def test_a_page_ahead_that_failed_before_its_loop_ended_is_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody will ask for it any more."""

    async def begin() -> PageIterator[int]:
        pages = Book(fails={"2"}).pages().by_page()
        for _ in range(2):
            await anext(pages)
        await asyncio.sleep(0.01)
        return pages

    pages = asyncio.run(begin())
    del pages
    gc.collect()
    assert [] == caplog.records


def test_the_next_loop_goes_on_where_the_last_one_ended() -> None:
    """Its end cancelled the page ahead, not whoever asks for that page now."""

    async def take(pages: PageIterator[int], count: int) -> list[int]:
        return [(await anext(pages)).items[0] for _ in range(count)]

    book = Book(slow={"2"})
    pages = book.pages().by_page()
    assert [0, 1] == asyncio.run(take(pages, 2))
    book.slow.clear()
    assert [2, 3, 4] == asyncio.run(take(pages, 3))


def test_closing_waits_for_nothing_of_a_loop_that_was_closed() -> None:
    """A page that was under way there will never come."""
    pages = Book(slow={"2"}).pages().by_page()

    async def begin() -> None:
        for _ in range(2):
            await anext(pages)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()
    asyncio.run(asyncio.wait_for(pages.aclose(), 1))


# ------------------------------------------------------------ over HTTP


class Told(loyalty_sdk_loyaltylion.LoyaltyLion):
    """Says when the rows of a page were read."""

    def __init__(self, events: list[Any], **settings: Any) -> None:
        super().__init__(**settings)
        self.events = events

    def list_transactions(self, cursor: str | None, filters: Mapping[str, Any], /) -> Flow[Any]:
        """Like the real one."""
        page = yield from super().list_transactions(cursor, filters)
        self.events.append([int(row.id) for row in page.items])
        return page


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox with a customer of ten rows."""
    async with Sandbox() as made:
        for vendor in ("loyaltylion", "joy"):
            made.add_transactions(vendor, "1001", 10)
        yield made


async def test_the_request_leaves_before_the_rows_are_decoded(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One page after the other, as many requests as pages, and each before its reader waits."""
    events: list[Any] = []
    write = _SelectorSocketTransport.write

    def written(transport: Any, data: bytes) -> None:
        if data[:4] == b"GET ":
            events.append("left")
        write(transport, data)

    def listen(event: Any) -> None:
        if isinstance(event, CallEnded):
            events.append(type(event).__name__)

    monkeypatch.setattr(_SelectorSocketTransport, "write", written)
    provider = Told(events, **sandbox.settings("loyaltylion"))
    async with connect(provider, listeners=[listen]) as client:
        rows = [int(row.id) async for row in client.list_transactions(page_size=3)]
    assert 10 == len(rows)
    first = ["left", rows[:3], "CallEnded", "left"]
    second = ["left", rows[3:6], "CallEnded"]
    third = ["left", rows[6:9], "CallEnded"]
    assert [*first, *second, *third, rows[9:], "CallEnded"] == events
    assert 4 == len(sandbox.arrivals)


@pytest.mark.parametrize(
    ("vendor", "listed"),
    [
        ("loyaltylion", "list_transactions"),
        ("loyaltylion", "list_orders"),
        ("loyaltylion", "list_customers"),
        ("joy", "list_transactions"),
        ("joy", "list_customers"),
    ],
)
async def test_no_list_takes_more_requests_than_pages(
    vendor: str, listed: str, sandbox: Sandbox
) -> None:
    """Whatever is listed, of whichever vendor, the same pages are fetched as without looking."""
    for number in range(4):
        sandbox.add_customer(vendor, str(number), email=f"{number}@example.com")
    filters = {"customer_id": "1001"} if listed == "list_transactions" else {}
    counts = []
    async with connect(vendor, **sandbox.settings(vendor)) as client:
        listing = getattr(client.provider, listed)
        for prefetch in (False, True):
            sandbox.arrivals.clear()
            pages = client.pages(listing, page_size=2, prefetch=prefetch, **filters)
            found = [row.id async for row in pages]
            counts.append(([arrival.query for arrival in sandbox.arrivals], found))
    assert counts[0] == counts[1]


async def test_joys_pages_back_are_not_looked_ahead_of(sandbox: Sandbox) -> None:
    """What leads back goes on from the first row: the last one's id is no cursor there."""
    provider = loyalty_sdk_joy.Joy(**sandbox.settings("joy"))
    forth = next(provider.list_transactions(None, {"customer_id": "1001"}))
    back = next(provider.list_transactions(None, {"customer_id": "1001", "before": "5"}))
    assert (True, None) == (forth.next_cursor is not None, back.next_cursor)


def numbers(start: int) -> bytes:
    """A page of two rows that leads on."""
    return wire.encode({"items": [start, start + 1], "next": f"c{start}"})


@pytest.mark.parametrize("closes", [True, False])
async def test_leaving_in_the_middle_frees_the_connection(
    *, closes: bool, server: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one connection in all the next call goes out at once."""

    def leading(self: Any, cursor: str | None, filters: Mapping[str, Any], /) -> Flow[Any]:
        listed = sound(self, cursor, filters)
        answer = yield next(listed)._replace(next_cursor=lambda answer: answer.json()["next"])
        return Page(tuple(answer.json()["items"]), answer.json()["next"])

    sound = tiny.list_transactions
    monkeypatch.setattr(tiny, "list_transactions", leading)

    async def never(_: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.sleep(60)

    arrived = asyncio.Event()
    server.script = [server.http(body=numbers(0)), server.http(body=numbers(2)), never]
    async with (
        SessionPool(connections=1) as pool,
        connect(tiny(server.url), pool=pool, deadline=10.0) as one,
    ):
        rows = one.pages(one.provider.list_transactions).by_page()
        async for page in rows:
            if page.items == (2, 3):
                break
        await arrived.wait()
        if closes:
            await rows.aclose()
        del rows
        assert 200 == (await one.request("GET", "/other")).status
    assert ["/list", "/list?cursor=c0", "/list?cursor=c2", "/other"] == [
        arrival.target for arrival in server.arrivals
    ]
