"""Pages and cursors: every row once, in order, resumable, and never for ever."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk import CursorError, LoyaltyClient, Page, connect
from loyalty_sdk._cursor import Listing, decode, encode, resume
from loyalty_sdk._paging import Pages, Source

LISTING = Listing(provider="tiny", origin="http://h", name="list_numbers", filters={})


def pages_of(pages: dict[str | None, Page[Any]], **settings: Any) -> tuple[Pages[Any], list[Any]]:
    """A list whose pages stand in a dictionary, and what was asked for."""
    asked: list[str | None] = []

    async def fetch(cursor: str | None, _: object) -> Page[Any]:
        asked.append(cursor)
        await asyncio.sleep(0)
        return pages[cursor]

    return Pages(Source(fetch=fetch, listing=LISTING, **settings)), asked


THREE = {None: Page((1, 2), "a"), "a": Page((), "b"), "b": Page((3,), None)}


@pytest.mark.parametrize("prefetch", [True, False])
async def test_every_row_comes_once_and_in_order(*, prefetch: bool) -> None:
    """Empty pages are legal and do not end the list."""
    pages, asked = pages_of(THREE, prefetch=prefetch)
    assert [1, 2, 3] == [row async for row in pages]
    assert [None, "a", "b"] == asked
    assert [1, 2, 3] == [row async for row in pages], "iterating again starts again"


async def test_pages_come_whole() -> None:
    """by_page() gives each page, the last one without a cursor."""
    pages, _ = pages_of(THREE)
    seen = [page async for page in pages.by_page()]
    assert [(1, 2), (), (3,)] == [page.items for page in seen]
    assert [False, False, True] == [page.cursor is None for page in seen]


async def test_the_end_stays_the_end() -> None:
    """An exhausted iterator stays exhausted."""
    pages, asked = pages_of(THREE)
    iterator = pages.by_page()
    assert 3 == len([page async for page in iterator])
    assert [] == [page async for page in iterator]
    assert 3 == len(asked)


async def test_the_first_page_takes_one_request() -> None:
    """first_page() fetches nothing ahead."""
    pages, asked = pages_of(THREE)
    assert (1, 2) == (await pages.first_page()).items
    await asyncio.sleep(0.01)
    assert [None] == asked


async def test_only_the_rows_asked_for_are_handed_out() -> None:
    """Rows are checked here because vendors differ; cursors stay."""
    pages, _ = pages_of(THREE, keep=lambda row: row != 2)
    assert [1, 3] == [row async for row in pages]


async def test_one_page_is_fetched_ahead_and_no_more() -> None:
    """While the first page is consumed the second is on its way, and only that."""
    pages, asked = pages_of(THREE)
    async for _ in pages:
        await asyncio.sleep(0.01)
        assert [None, "a"] == asked
        break


async def test_nothing_is_fetched_ahead_when_told_so() -> None:
    """prefetch=False asks for a page when it is needed."""
    pages, asked = pages_of(THREE, prefetch=False)
    async for _ in pages:
        await asyncio.sleep(0.01)
        assert [None] == asked
        break


async def test_an_early_break_leaves_no_task() -> None:
    """What was being fetched ahead is cancelled."""

    async def fetch(cursor: str | None, _: object) -> Page[int]:
        if cursor is not None:
            await asyncio.sleep(60)
        return Page((1,), "more")

    before = asyncio.all_tasks()
    async for _ in Pages(Source(fetch=fetch, listing=LISTING)):
        break
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert before == asyncio.all_tasks()


async def test_a_failure_fetched_ahead_and_never_looked_at_is_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody is told of a page that nobody wanted."""

    async def fetch(cursor: str | None, _: object) -> Page[int]:
        if cursor is not None:
            raise CursorError("ahead")
        return Page((1,), "more")

    async for _ in Pages(Source(fetch=fetch, listing=LISTING)):
        await asyncio.sleep(0.01)
        break
    await asyncio.sleep(0.01)
    gc.collect()
    assert [] == caplog.records


async def test_closing_ends_what_was_fetched_ahead() -> None:
    """aclose() waits until nothing runs any more; twice is silent."""
    pages, _ = pages_of(THREE)
    iterator = pages.by_page()
    await anext(iterator)
    before = asyncio.all_tasks()
    await iterator.aclose()
    await iterator.aclose()
    assert len(asyncio.all_tasks()) == len(before) - 1
    assert [] == [page async for page in iterator]


@pytest.mark.parametrize("length", [1, 2, 5])
async def test_a_circle_of_any_length_ends(length: int) -> None:
    """A cursor that came before ends the list with an error, after the last good row."""
    cursors = [None, *map(str, range(length))]
    following = [*map(str, range(length)), "0"]
    circle = {
        cursor: Page((number,), after)
        for number, (cursor, after) in enumerate(zip(cursors, following, strict=True))
    }
    pages, asked = pages_of(circle)
    seen = []
    with pytest.raises(CursorError, match="does not end") as caught:
        async for row in pages:
            seen.append(row)  # noqa: PERF401 - the failure must not lose them
    assert list(range(length + 1)) == seen
    assert cursors == asked
    assert ("tiny", "list_numbers") == (caught.value.provider, caught.value.operation)


async def test_a_circle_stays_an_error() -> None:
    """Asking on gives the same error, never an end that looks like success."""
    pages, _ = pages_of({None: Page((1,), "a"), "a": Page((2,), "a")})
    iterator = pages.by_page()
    assert [(1,), (2,)] == [(await anext(iterator)).items for _ in range(2)]
    for _ in range(2):
        with pytest.raises(CursorError):
            await anext(iterator)


async def test_a_page_without_progress_ends_with_an_error() -> None:
    """New cursors with the same rows would go on for ever too."""
    pages, asked = pages_of({None: Page((1, 2), "a"), "a": Page((1, 2), "b")})
    seen = []
    with pytest.raises(CursorError, match="rows that had come before"):
        async for row in pages:
            seen.append(row)  # noqa: PERF401 - the failure must not lose them
    assert [1, 2] == seen
    assert [None, "a"] == asked


@pytest.mark.parametrize("row", [lambda number: number, lambda number: {"number": number}])
async def test_rows_that_come_round_again_end_with_an_error(row: Any) -> None:
    """However long the round, and whatever the rows, fresh cursors do not hide it."""
    circle = {
        None if page == 0 else str(page): Page((row(page % 7),), str(page + 1))
        for page in range(20)
    }
    pages, asked = pages_of(circle, prefetch=False)
    with pytest.raises(CursorError, match="rows that had come before"):
        async for _ in pages:
            pass
    assert 8 == len(asked)


async def test_pages_without_rows_end_at_last() -> None:
    """A few empty pages are legal; a list of nothing else never ends by itself."""
    asked = 0

    async def fetch(_: str | None, __: object) -> Page[int]:
        nonlocal asked
        asked += 1
        return Page((), str(asked))

    with pytest.raises(CursorError, match="100 pages in a row had no rows"):
        async for _ in Pages(Source(fetch=fetch, listing=LISTING, prefetch=False)):
            pass
    assert 101 == asked


@pytest.mark.parametrize("prefetch", [True, False])
async def test_a_failed_page_can_be_asked_for_again(*, prefetch: bool) -> None:
    """No row is lost when a page fails: the same page is fetched again."""
    failing = True

    async def fetch(cursor: str | None, _: object) -> Page[int]:
        nonlocal failing
        if cursor == "a" and failing:
            failing = False
            raise CursorError("once")
        return THREE[cursor]

    iterator = Pages(Source(fetch=fetch, listing=LISTING, prefetch=prefetch)).by_page()
    first = await anext(iterator)
    await asyncio.sleep(0)
    with pytest.raises(CursorError, match="once"):
        await anext(iterator)
    assert [(1, 2), (), (3,)] == [first.items, *[page.items async for page in iterator]]


async def test_a_cancelled_page_can_be_asked_for_again() -> None:
    """A timeout around one page loses nothing."""
    slow = True

    async def fetch(cursor: str | None, _: object) -> Page[int]:
        if cursor == "a" and slow:
            await asyncio.sleep(60)
        return THREE[cursor]

    iterator = Pages(Source(fetch=fetch, listing=LISTING)).by_page()
    await anext(iterator)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await anext(iterator)
    slow = False
    assert [(), (3,)] == [page.items async for page in iterator]


texts = st.text(st.characters(exclude_categories=["Cs"]))
values = texts | st.integers(-(2**53), 2**53) | st.booleans()
moments = st.datetimes(timezones=st.just(UTC))
filters = st.dictionaries(
    texts.filter(bool),
    values | moments | st.lists(values).map(tuple),
    max_size=4,
)


@given(texts, filters)
def test_a_cursor_keeps_its_list_and_filters(cursor: str, given_filters: dict[str, Any]) -> None:
    """What goes in comes out, times and tuples included, as text that fits a URL."""
    listing = Listing(provider="p", origin="https://h:1", name="n", filters=given_filters)
    text = encode(listing, cursor)
    assert (listing, cursor) == decode(text)
    assert text.isascii()
    assert not set(text) & set("+/=&?# ")


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_whatever_is_no_cursor_is_refused(text: str) -> None:
    """Damage of any kind is one clear error."""
    with pytest.raises(CursorError, match="cursor"):
        decode(text)


def test_a_cursor_of_another_version_is_refused() -> None:
    """A later format is not misread."""
    import base64

    text = base64.urlsafe_b64encode(json.dumps([99, "p", "o", "n", {}, "c"]).encode()).decode()
    with pytest.raises(CursorError, match="version"):
        decode(text)


@pytest.mark.parametrize("what", ["provider", "origin", "name"])
def test_a_cursor_of_another_list_is_refused(what: str) -> None:
    """The error says what differs."""
    import attrs

    text = encode(LISTING, "c")
    other: dict[str, Any] = {what: "other"}
    with pytest.raises(CursorError, match=what):
        resume(text, attrs.evolve(LISTING, **other))


def test_other_filters_are_refused_and_missing_ones_taken_over() -> None:
    """A cursor needs no filters beside it; the page size may change."""
    import attrs

    held = attrs.evolve(LISTING, filters={"customer_id": "1", "page_size": 5})
    text = encode(held, "c")
    assert (held, "c") == resume(text, LISTING)
    assert (held, "c") == resume(text, attrs.evolve(LISTING, filters={"customer_id": "1"}))
    bigger, _ = resume(text, attrs.evolve(LISTING, filters={"page_size": 9}))
    assert {"customer_id": "1", "page_size": 9} == bigger.filters
    for other in ({"customer_id": "2"}, {"kinds": ("earned",)}):
        with pytest.raises(CursorError, match="other filters"):
            resume(text, attrs.evolve(LISTING, filters=other))


def numbers(start: int, following: str | None) -> bytes:
    """A page of two rows."""
    return json.dumps({"items": [start, start + 1], "next": following}).encode()


async def test_a_list_over_http(server: Any, client: LoyaltyClient) -> None:
    """Pages are fetched by the vendor's cursor with the filters of the first."""
    server.script = [server.http(body=numbers(0, "c1")), server.http(body=numbers(2, None))]
    pages = client.pages(client.provider.list_transactions, page_size=2, unset=None)
    assert [0, 1, 2, 3] == [row async for row in pages]
    assert ["/list?page_size=2", "/list?cursor=c1&page_size=2"] == [
        arrival.target for arrival in server.arrivals
    ]


async def test_no_connection_is_held_between_pages(server: Any, tiny: Any) -> None:
    """With one connection in all, the consumer can call while it iterates."""
    from loyalty_sdk import SessionPool

    server.script = [server.http(body=numbers(0, "c1"))]
    async with (
        SessionPool(connections=1) as pool,
        connect(tiny(server.url), pool=pool, deadline=10.0) as client,
    ):
        listing = client.pages(client.provider.list_transactions, prefetch=False)
        async for _ in listing:
            assert 200 == (await client.request("GET", "/other")).status
            break


@pytest.mark.usefixtures("skipping")
async def test_the_deadline_counts_per_page(server: Any, client: LoyaltyClient) -> None:
    """A consumer may take longer over a page than a page may take."""
    quick = client.with_options(deadline=0.2)
    server.script = [server.http(body=numbers(0, "c1")), server.http(body=numbers(2, None))]
    rows = []
    async for row in quick.pages(quick.provider.list_transactions):
        rows.append(row)
        await asyncio.sleep(0.15)
    assert [0, 1, 2, 3] == rows


async def test_another_process_goes_on_with_a_cursor(server: Any, client: LoyaltyClient) -> None:
    """A cursor is all that is needed, and it holds no key."""
    server.script = [server.http(body=numbers(0, "c1")), server.http(body=numbers(2, None))]
    created_from = datetime(2020, 1, 1, tzinfo=UTC)
    listing = client.pages(client.provider.list_transactions, created_from=created_from)
    page = await listing.first_page()
    assert page.cursor is not None
    code = "import sys; from loyalty_sdk._cursor import decode; print(decode(sys.argv[1]))"
    shown = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code, page.cursor], capture_output=True, check=True
    )
    assert b"2020" in shown.stdout
    assert b"tiny-key" not in shown.stdout
    again = client.pages(client.provider.list_transactions, cursor=page.cursor)
    assert [2, 3] == [row async for row in again]
    assert "/list?cursor=c1" == server.arrivals[1].target
