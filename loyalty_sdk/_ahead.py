"""One page ahead: the next is asked for while the present one is decoded and gone through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any, Generic, TypeVar

import attrs

from ._flow import Request, Response
from ._models import Page
from .errors import MalformedResponseError

T = TypeVar("T")

Peek = Callable[[Request, Response], Awaitable[None]]
"""Sees each answer before the flow that asked for it does."""

Fetch = Callable[[str | None, Peek | None], Coroutine[Any, Any, Page[T]]]
"""One page, given the vendor's cursor."""


@attrs.define(eq=False)
class Ahead(Generic[T]):
    """Fetches the pages of one pass, at most one of them before it is asked for.

    Whoever goes through the pages is not known here, so that leaving a loop drops that one,
    who then drops what runs here.

    Attributes:
        fetch: How.
        followed: Hashes of the cursors that lead in a circle if they come again.
    """

    fetch: Fetch[T]
    followed: set[int]
    _task: asyncio.Task[Page[T]] | None = None
    _cursor: str | None = None
    _started: bool = False
    _reader: Context | None = None

    async def take(self, cursor: str | None) -> Page[T]:
        """The page at ``cursor``; while it is decoded, the one after it is on its way.

        Not so before `start` was called once: who wants the first page may want no other.
        """
        task, self._task = self._task, None
        if task is not None and task.cancelled():
            task = None  # by the end of an event loop; whoever asks in the next was not
        self._reader = copy_context()
        try:
            return await (self._fetch(cursor) if task is None else task)
        except BaseException:
            # It will be asked for again, and lead on again.
            self.drop()
            raise

    def _fetch(self, cursor: str | None) -> Coroutine[Any, Any, Page[T]]:
        return self.fetch(cursor, self._peek if self._started else None)

    async def _peek(self, request: Request, response: Response) -> None:
        """Begin with the page after the one that is taken.

        One that was not taken yet leads to no other: it is itself the page ahead.
        """
        if self._task is not None or request.next_cursor is None:
            return
        cursor = None
        with suppress(MalformedResponseError):
            cursor = request.next_cursor(response)
        if cursor is not None and hash(cursor) not in self.followed:
            self._begin(cursor, self._reader)
            # The request leaves now: one turn of the loop to begin it, and one in which the pool
            # lets it leave together with others. Then this page is decoded.
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    def start(self, cursor: str) -> None:
        """Fetch the page at ``cursor`` from now on, if that has not begun."""
        self._started = True
        if self._task is None or self._cursor != cursor:
            self.drop()
            self._begin(cursor)

    def _begin(self, cursor: str, context: Context | None = None) -> None:
        # Each in the context of who goes through the pages, not of the page before it: spans
        # and whatever else is kept there would nest deeper with every page.
        self._cursor = cursor
        self._task = asyncio.create_task(self._fetch(cursor), context=context)

    def drop(self) -> None:
        """End what was begun; nobody will ask for it."""
        task, self._task = self._task, None
        if task is None:
            return
        if task.done():
            _forget(task)  # now: its event loop may have ended
        elif not task.get_loop().is_closed():
            task.cancel()
            task.add_done_callback(_forget)

    async def aclose(self) -> None:
        """Drop what was begun, and wait until it has ended."""
        task = self._task
        self.drop()
        if task is not None and not task.get_loop().is_closed():
            await asyncio.wait([task])


def _forget(task: asyncio.Task[Any]) -> None:
    """Look at a failure that nobody will, so that the loop does not report it."""
    if not task.cancelled():
        task.exception()
