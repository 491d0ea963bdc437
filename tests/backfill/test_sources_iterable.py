"""Anything that can be iterated is an input; its rows are known by their own keys."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest

from loyalty_sdk import ConfigurationError, Customer, InputError, Order, PointsAdjustment
from loyalty_sdk.backfill._mapping import Columns
from loyalty_sdk.backfill._rows import BadRow, Position, Row
from loyalty_sdk.backfill._sources_iterable import IterableSource

POINTS = Columns(operation="adjust_points")
FIVE = PointsAdjustment(customer_id="1", points=5, reference="r-1")


async def read(source: IterableSource, start: Position | None = None) -> list[Row | BadRow]:
    """All rows of ``source`` from ``start`` on."""
    return [row async for row in source.rows(start)]


async def test_values_and_mappings_are_rows() -> None:
    """A neutral value is sent as it is; a mapping becomes one."""
    source = IterableSource([FIVE, {"customer_id": "1", "points": 5, "reference": "r-1"}], POINTS)
    rows = await read(source)

    assert [Row(0, None, None, "r-1", FIVE, "1"), Row(1, None, None, "r-1", FIVE, "1")] == rows


async def test_a_value_of_another_kind_is_a_dead_letter() -> None:
    """An order among adjustments is not sent as anything."""
    order = Order(id="A", customer=Customer(id="1"), total=Decimal(5))
    rows = await read(IterableSource([order, 7, FIVE], POINTS))  # type: ignore[list-item]  # what a caller without type checks hands in

    assert [
        "wanted a mapping or PointsAdjustment, got Order",
        "wanted a mapping or PointsAdjustment, got int",
    ] == [row.problems[0] for row in rows if isinstance(row, BadRow)]
    assert "r-1" == rows[2].key


async def test_a_dead_letter_holds_what_json_can_say() -> None:
    """Whatever a mapping holds can be written down; what JSON has no word for says its type."""
    odd = {
        "customer_id": "1",
        "points": Decimal("1.5"),
        "note": [b"x", None, 2.5, 1e999, "é\udc80"],
        5: 6,
    }
    [row] = await read(IterableSource([odd], POINTS))  # type: ignore[list-item]  # no mapping of str

    assert isinstance(row, BadRow)
    assert {
        "customer_id": "1",
        "points": Decimal("1.5"),
        "note": [{"!bytes": "b'x'"}, None, {"!float": "2.5"}, {"!float": "inf"}, "é\udc80"],
        "5": {"!int key": "6"},
    } == row.raw


async def test_async_iterables_are_read_as_they_come() -> None:
    """An async cursor is an input like a list."""

    async def cursor() -> AsyncIterator[dict[str, Any]]:
        for number in range(3):
            await asyncio.sleep(0)
            yield {"customer_id": str(number), "points": 5}

    rows = await read(IterableSource(cursor(), POINTS))
    assert ["0", "1", "2"] == [row.customer_id for row in rows if isinstance(row, Row)]


async def test_a_database_cursor_stays_in_its_thread() -> None:
    """sqlite3 lets nobody else's thread iterate its cursors."""
    database = sqlite3.connect(":memory:")
    database.row_factory = lambda cursor, row: dict(
        zip([column[0] for column in cursor.description], row, strict=True)
    )
    cursor = database.execute("SELECT '7' AS customer_id, 5 AS points")
    [row] = await read(IterableSource(cursor, POINTS))
    database.close()

    assert "7" == getattr(row, "customer_id", None)


async def test_reading_can_begin_later() -> None:
    """What comes before the position is iterated and not given again."""
    items = [{"customer_id": str(number), "points": 5} for number in range(9)]
    source = IterableSource(items, POINTS)

    assert [7, 8] == [row.ordinal for row in await read(source, Position(7))]
    assert 9 == len(await read(source))


async def test_what_is_used_up_is_not_read_again() -> None:
    """An iterator gives its rows once: a second run would silently find none."""
    source = IterableSource(iter([FIVE]), POINTS, "the cursor")
    assert 1 == len(await read(source))

    with pytest.raises(InputError, match="the cursor can be read only once"):
        await read(source)


async def test_a_long_list_leaves_others_their_turn() -> None:
    """Iterating a sync iterable waits for nothing, so it makes room by itself."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await read(IterableSource([FIVE] * 1000, POINTS))
    task.cancel()

    assert turns >= 1000 // 64


def test_it_says_how_long_it_is_if_it_knows() -> None:
    """A list has a length; what is made while it is read has none."""

    def endless() -> Iterator[PointsAdjustment]:
        while True:
            yield FIVE

    assert 2 == IterableSource([FIVE, FIVE], POINTS).estimated_rows()
    assert None is IterableSource(endless(), POINTS).estimated_rows()


def test_it_has_no_fingerprint_but_a_mapping() -> None:
    """Nobody can say whether the next run iterates the same rows."""
    source = IterableSource([], POINTS)

    assert None is source.fingerprint
    assert (POINTS.canonical(), POINTS, "the rows") == (
        source.mapping,
        source.columns,
        source.name,
    )


@pytest.mark.parametrize("items", [b"1,2", 7, None])
def test_what_cannot_be_iterated_is_refused(items: Any) -> None:
    """Nor is text iterated letter by letter."""
    with pytest.raises(ConfigurationError, match="wanted a path or an iterable"):
        IterableSource(items, POINTS)


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_generator_is_closed_when_its_reading_ends(kind: str) -> None:
    """It may hold a connection that is gone by the time memory is tidied up."""
    closed: list[str] = []

    def rows() -> Iterator[Any]:
        try:
            yield from [FIVE] * 3
        finally:
            closed.append("sync")

    async def later() -> AsyncIterator[Any]:
        try:
            yield FIVE
            yield FIVE
        finally:
            closed.append("async")

    source = IterableSource(rows() if kind == "sync" else later(), POINTS)
    reading = source.rows()
    await anext(reading)
    await reading.aclose()
    assert [kind] == closed
