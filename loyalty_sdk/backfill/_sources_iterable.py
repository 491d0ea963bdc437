"""Rows of anything that can be iterated: a list, a generator, a database's cursor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

from loyalty_sdk._models import Activity, Order, PointsAdjustment
from loyalty_sdk.errors import ConfigurationError, InputError

from ._mapping_objects import Objects
from ._mapping_rows import check_values
from ._rows import Position

if TYPE_CHECKING:
    from ._mapping import Columns
    from ._rows import BadRow, Row

Item: TypeAlias = Order | Activity | PointsAdjustment | Mapping[str, Any]
"""What an iterable may hold: neutral values, or mappings of their fields."""

_BREATH = 64
"""Rows after which the event loop has its turn, since iterating may not wait for anything."""


class IterableSource:
    """Rows of an iterable, which is read once and from its beginning.

    It has no fingerprint, so a row is the same in another run only by its own key: an order's
    or an activity's ``id``, an adjustment's ``reference``.

    Args:
        items: Sync or async. A sync one is iterated in the event loop's thread, where a
            database's cursor wants to be; it should not take long over a row. A generator is
            closed when the run ends, wherever it is.
        columns: What becomes of the items' fields.
        name: What to call it in messages.

    Raises:
        ConfigurationError: It cannot be iterated, or what is the same for every row is right
            for none.
    """

    def __init__(
        self, items: Iterable[Item] | AsyncIterable[Item], columns: Columns, name: str = "the rows"
    ) -> None:
        given: Any = items
        if isinstance(given, str | bytes) or not isinstance(given, Iterable | AsyncIterable):
            raise ConfigurationError("rows: wanted a path or an iterable of rows")
        check_values(columns, texts=False)
        self._items = items
        self._columns = columns
        self._name = name
        self._begun = False

    @property
    def name(self) -> str:
        """What to call it."""
        return self._name

    @property
    def fingerprint(self) -> None:
        """None: nobody can say whether the next run iterates the same rows."""

    @property
    def mapping(self) -> str:
        """The mapping as canonical text."""
        return self._columns.canonical()

    @property
    def columns(self) -> Columns:
        """What becomes of the fields."""
        return self._columns

    def estimated_rows(self) -> int | None:
        """As many as a list says it has; None for what is made while it is read."""
        try:
            return len(self._items)  # type: ignore[arg-type]  # those that have none are caught
        except TypeError:
            return None

    async def rows(self, start: Position | None = None, /) -> AsyncGenerator[Row | BadRow, None]:
        """Rows from ``start`` on; see `Source.rows`."""
        if self._begun and iter_once(self._items):
            raise InputError(f"{self._name} can be read only once")
        self._begun = True
        objects = Objects(self._columns)
        ordinal, first = 0, start.ordinal if start else 0
        async with aclosing(_breathing(self._items)) as items:
            async for item in items:
                if ordinal >= first:
                    yield objects.build(Position(ordinal), item)
                ordinal += 1


def iter_once(items: Any) -> bool:
    """Whether ``items`` is used up when it has been iterated."""
    return isinstance(items, AsyncIterable) or iter(items) is items


async def _breathing(items: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
    try:
        if isinstance(items, AsyncIterable):
            async for item in items:
                yield item
            return
        for number, item in enumerate(items):
            if number % _BREATH == 0:
                await asyncio.sleep(0)
            yield item
    finally:
        # It can be read only once, and may hold a connection of which nobody else knows.
        if isinstance(items, AsyncGenerator):
            await items.aclose()
        elif isinstance(items, Generator):
            items.close()
