"""Parquet: types are kept, row groups are streamed, and damage is one clear error."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import ConfigurationError, InputError
from loyalty_sdk.backfill._mapping import Columns
from loyalty_sdk.backfill._rows import BadRow, Position, Row
from loyalty_sdk.backfill._sources import FileSource

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

POINTS = Columns(operation="adjust_points")
ORDERS = Columns(operation="create_order", ignore=("junk",))
WHEN = datetime(2026, 5, 1, 8, 30, tzinfo=UTC)


def written(folder: Path, columns: dict[str, Any], group: int = 1000) -> Path:
    """A Parquet file with those columns."""
    path = folder / "rows.parquet"
    parquet.write_table(pa.table(columns), path, row_group_size=group)
    return path


async def read(source: FileSource, start: Position | None = None) -> list[Row | BadRow]:
    """All rows of ``source`` from ``start`` on."""
    return [row async for row in source.rows(start)]


async def test_values_keep_their_types(tmp_path: Path) -> None:
    """Text stays text, decimals stay decimals, moments stay moments, and null is nothing."""
    path = written(
        tmp_path,
        {
            "id": ["0012", "B"],
            "customer_id": ["7", "8"],
            "email": ["ada@example.com", None],
            "total": [Decimal("9.90"), Decimal("1.00")],
            "placed_at": pa.array([WHEN, None], pa.timestamp("us", tz="UTC")),
            "guest": [True, False],
            "claimed_reward_ids": [[1, 2], []],
            "junk": [b"x", b"y"],
        },
    )
    rows = await read(FileSource(path, ORDERS))

    values: list[Any] = [row.value for row in rows if isinstance(row, Row)]
    assert ["0012", "B"] == [value.id for value in values]
    assert (Decimal("9.90"), WHEN, True, (1, 2)) == (
        values[0].total,
        values[0].placed_at,
        values[0].guest,
        values[0].claimed_reward_ids,
    )
    assert (None, None) == (values[1].placed_at, values[1].customer.email)


async def test_nothing_is_converted(tmp_path: Path) -> None:
    """A number is no id, and a float is no money."""
    path = written(tmp_path, {"id": [12], "customer_id": ["7"], "total": [9.9]})
    [row] = await read(FileSource(path, ORDERS))

    assert isinstance(row, BadRow)
    assert (
        "id: wanted a str, got int",
        'total: wanted decimal text like "99.99" or an int, got float',
    ) == row.problems


async def test_a_value_that_python_has_no_type_for_costs_its_row(tmp_path: Path) -> None:
    """Nanoseconds would be cut off, and the year 10000 does not exist; the others are read."""
    nanos = pa.array([0, 1, 2000], pa.int64()).cast(pa.timestamp("ns", tz="UTC"))
    path = written(
        tmp_path,
        {"id": ["A", "B", "C"], "customer_id": ["7"] * 3, "total": [1, 2, 3], "placed_at": nanos},
    )
    rows = await read(FileSource(path, ORDERS))

    assert [Row, BadRow, Row] == [type(row) for row in rows]
    assert isinstance(rows[1], BadRow)
    [problem] = rows[1].problems
    assert problem.startswith("placed_at: cannot be read without loss: ")
    assert WHEN.replace(1970, 1, 1, 0, 0) + timedelta(microseconds=2) == getattr(
        getattr(rows[2], "value", None), "placed_at", None
    )


async def test_reading_goes_on_at_any_row(tmp_path: Path) -> None:
    """Groups before it are skipped; rows keep their numbers."""
    path = written(
        tmp_path,
        {"customer_id": [str(n) for n in range(25)], "points": list(range(1, 26))},
        group=10,
    )
    source = FileSource(path, POINTS)
    assert 25 == source.estimated_rows()
    rows = await read(source)

    assert list(range(25)) == [row.ordinal for row in rows]
    for start in (0, 9, 10, 17, 24):
        assert rows[start:] == await read(source, Position(start))
    assert [] == await read(source, Position(25))


def test_columns_and_mapping_have_to_fit(tmp_path: Path) -> None:
    """They are compared when the source is made."""
    with pytest.raises(ConfigurationError, match=r"rows\.parquet has no column for points"):
        FileSource(written(tmp_path, {"customer_id": ["7"]}), POINTS)


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    """One clear error, before anything is sent."""
    (tmp_path / "rows.parquet").write_bytes(b"customer_id,points\n")
    with pytest.raises(InputError, match=r"rows\.parquet is no Parquet file"):
        FileSource(tmp_path / "rows.parquet", POINTS)


async def test_another_file_in_the_same_place_is_not_read(tmp_path: Path) -> None:
    """A journal belongs to the one that its fingerprint was taken of."""
    source = FileSource(written(tmp_path, {"customer_id": ["7"], "points": [5]}), POINTS)
    assert source.fingerprint
    written(tmp_path, {"customer_id": ["70000"], "points": [5]})

    with pytest.raises(InputError, match=r"rows\.parquet changed while it was read"):
        await read(source)
    assert 1 == len(await read(source))


async def test_damage_in_the_middle_is_one_clear_error(tmp_path: Path) -> None:
    """The rows before it stand."""
    path = written(
        tmp_path,
        {"customer_id": [f"{n * 7919 % 10_007}" for n in range(9000)], "points": [5] * 9000},
        group=4500,
    )
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    path.write_bytes(content)
    rows: list[Row | BadRow] = []

    async def collect() -> None:
        async for row in FileSource(path, POINTS).rows():
            rows.append(row)  # noqa: PERF401 - a comprehension would lose them

    with pytest.raises(InputError, match=r"rows\.parquet is damaged"):
        await collect()
    assert len(rows) in {4096, 4500}


def test_the_extra_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody needs pyarrow who has no Parquet."""
    path = written(tmp_path, {"customer_id": ["7"], "points": [5]})
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'async-loyalty-sdk\[parquet\]'"):
        FileSource(path, POINTS)
