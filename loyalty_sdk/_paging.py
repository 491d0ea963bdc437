"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic, TypeVar

import attrs

from ._ahead import Ahead, Fetch
from ._cursor import Listing, encode
from ._models import Page
from .errors import CursorError

T = TypeVar("T")

# A page without rows is legal, and some lists have a few; nobody pages through more.
_MOST_EMPTY = 100


@attrs.frozen(kw_only=True)
class Source(Generic[T]):
    """Where pages come from.

    Attributes:
        fetch: One page, given the vendor's cursor and who may look ahead.
        listing: What neutral cursors are tied to.
        start: The vendor's cursor to begin at, None for the first page.
        keep: Which rows were asked for; None for all.
        prefetch: Whether the next page is fetched while one is consumed.
    """

    fetch: Fetch[T]
    listing: Listing
    start: str | None = None
    keep: Callable[[T], bool] | None = None
    prefetch: bool = True

    def present(self, page: Page[T]) -> Page[T]:
        """``page`` as the caller sees it: rows that were asked for, and a neutral cursor."""
        keep, cursor = self.keep, page.cursor
        # Evolved, not made: an adapter's page may hold more, a count for one.
        return attrs.evolve(
            page,
            items=page.items if keep is None else tuple(filter(keep, page.items)),
            cursor=None if cursor is None else encode(self.listing, cursor),
        )

    def endless(self, why: str) -> CursorError:
        """The error for a list that goes in circles."""
        error = CursorError(
            f"the list does not end: {why}",
            hint="The vendor's paging is at fault; every row handed out so far is good",
        )
        error.provider, error.operation = self.listing.provider, self.listing.name
        return error


class Pages(Generic[T]):
    """The rows of a list, fetched page by page as they are consumed.

    Nothing is sent until the first row is asked for, no connection is held between pages,
    and iterating again starts again. While one page is consumed the next is fetched, never
    more; leaving a loop early cancels that. The second page is asked for once the first is
    consumed or its reader waits for something, each later one before the page before it is
    decoded.

    Example::

        async for transaction in client.list_transactions(customer_id="1001"):
            ...

    Raises:
        CursorError: While iterating: the vendor's cursors go in a circle, a page brought
            rows that had come before, or a hundred pages in a row brought none.
    """

    def __init__(self, source: Source[T]) -> None:
        self._source = source

    def __aiter__(self) -> AsyncIterator[T]:
        return _Rows(self.by_page())

    def by_page(self) -> PageIterator[T]:
        """The pages themselves; a `Page.cursor` resumes after it, in any process."""
        return PageIterator(self._source)

    async def first_page(self) -> Page[T]:
        """The first page alone; sends one request."""
        return self._source.present(await self._source.fetch(self._source.start, None))


class PageIterator(AsyncIterator[Page[T]]):
    """One pass over the pages of a `Pages`.

    A page whose fetch failed or was cancelled is fetched again when asked for again.
    """

    def __init__(self, source: Source[T]) -> None:
        self._source = source
        self._cursor = source.start
        self._ended = False
        self._circle: CursorError | None = None
        # Hashes, not cursors or rows: a list of millions has a hundred thousand pages.
        self._seen = {hash(self._cursor)}
        self._pages = set[int]()
        self._empty = 0
        self._ahead = Ahead(source.fetch, self._seen)

    async def __anext__(self) -> Page[T]:
        if self._circle is not None:
            raise self._circle
        if self._ended:
            raise StopAsyncIteration
        page = await self._ahead.take(self._cursor)
        self._advance(page)
        return self._source.present(page)

    def _advance(self, page: Page[T]) -> None:
        cursor = page.cursor
        self._check_progress(page)
        if cursor is None:
            self._ended = True
        elif hash(cursor) in self._seen:
            # This page's own rows are good: hand them out, and stop after them.
            self._circle = self._source.endless("a cursor came back that was followed before")
        else:
            self._seen.add(hash(cursor))
            self._cursor = cursor
            if self._source.prefetch:
                self._ahead.start(cursor)
            return
        self._ahead.drop()

    def _check_progress(self, page: Page[T]) -> None:
        rows = _fingerprint(page.items)
        self._empty = 0 if page.items else self._empty + 1
        if page.items and rows in self._pages:
            self._circle = self._source.endless("a page brought rows that had come before")
        elif self._empty > _MOST_EMPTY:
            self._circle = self._source.endless(f"{_MOST_EMPTY} pages in a row had no rows")
        if self._circle is not None:
            self._ahead.drop()
            raise self._circle
        self._pages.add(rows)

    async def aclose(self) -> None:
        """Stop fetching ahead and wait until that has ended."""
        self._ended = True
        await self._ahead.aclose()

    def __del__(self) -> None:
        # `break` drops the iterator: what it was fetching ahead is of no use to anybody.
        self._ahead.drop()


def _fingerprint(rows: tuple[Any, ...]) -> int:
    try:
        return hash(tuple(getattr(row, "id", row) for row in rows))
    except TypeError:
        return hash(repr(rows))


class _Rows(AsyncIterator[T]):
    def __init__(self, pages: PageIterator[T]) -> None:
        self._pages = pages
        self._rows: Iterator[T] = iter(())

    async def __anext__(self) -> T:
        while True:
            for row in self._rows:
                return row
            self._rows = iter((await anext(self._pages)).items)
