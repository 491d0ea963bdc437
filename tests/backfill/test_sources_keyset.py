"""A query in the order of keys goes on where every row before is in the journal."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import JournalError
from loyalty_sdk.backfill import Columns, mended, resume_after
from loyalty_sdk.backfill import _schema as sql


def journal(folder: Path, operation: str, *rows: tuple[int, str | None]) -> Path:
    """A journal that holds those ordinals and keys."""
    path = folder / "journal"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(sql.TABLES)
        database.execute(f"PRAGMA application_id = {sql.APPLICATION}")
        database.execute(f"PRAGMA user_version = {sql.VERSION}")
        database.execute(sql.FACT, ("operation", operation))
        for ordinal, key in rows:
            values = (ordinal, key, "a:b" if (key or "").startswith(":") else "review")
            database.execute(
                "INSERT INTO rows (ordinal, state, run, key, amount) VALUES (?, 2, 1, ?, ?)", values
            )
    return path


@pytest.mark.parametrize(
    ("operation", "rows", "key"),
    [
        ("create_order", [(0, "A"), (1, "B"), (2, "C")], "C"),
        ("create_order", [(0, "A"), (1, "B"), (3, "D")], "B"),
        ("create_order", [(1, "B")], None),
        ("create_order", [(0, "A"), (1, None), (2, None)], "A"),
        ("create_order", [], None),
        ("track_activity", [(0, "review:7"), (1, "review:review:8")], "review:8"),
        ("track_activity", [(0, ":3:a:b:7")], "7"),
    ],
)
def test_the_first_gap_ends_it(tmp_path: Path, operation: str, rows: Any, key: str | None) -> None:
    """What stands behind a row that was read and not journaled may not be passed over."""
    assert key == resume_after(journal(tmp_path, operation, *rows))


def test_without_a_journal_everything_is_read(tmp_path: Path) -> None:
    """The first run has none."""
    assert None is resume_after(tmp_path / "journal")
    (tmp_path / "text").write_text("no journal, but long enough for the header of a database " * 9)
    with pytest.raises(JournalError):
        resume_after(str(tmp_path / "text"))


def test_a_journal_without_rows_of_its_own_is_none(tmp_path: Path) -> None:
    """One clear error, whatever is wrong with it."""
    path = journal(tmp_path, "create_order")
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE rows")
    with pytest.raises(JournalError, match="cannot be read: no such table"):
        resume_after(path)


async def test_a_mended_key_is_nobodys_place(shop: Any) -> None:
    """It may stand behind rows that nobody has read yet, and they would never be sent."""
    rows = [
        {"customer_id": "1", "points": points, "reference": f"r{number}"}
        for number, points in enumerate([1, "one"])
    ]
    summary = await shop.run(rows)
    letter = json.loads(summary.rejected.read_text())
    letter["row"] |= {"points": 1, "reference": "z"}
    summary.rejected.write_text(json.dumps(letter))
    letters = mended(summary.rejected, Columns(operation="adjust_points"))
    summary = await shop.run(letters, mends=True)

    assert 2 == summary.applied
    assert "r0" == resume_after(shop.journal)


async def test_a_run_in_pieces_sends_every_row_once(shop: Any) -> None:
    """Each piece begins after the key that the journal names."""
    items: list[dict[str, Any]] = [
        {"customer_id": str(number % 3), "points": 1, "reference": f"r{number:03}"}
        for number in range(40)
    ]
    begun: list[str] = []

    async def query() -> Any:
        after = resume_after(shop.journal) or ""
        begun.append(after)
        for item in items:
            if item["reference"] > after:
                yield item

    backfill = shop.backfill(query(), concurrency=2)
    async for event in backfill.events():
        if getattr(event, "ended", 0) or getattr(event, "ordinal", 0) >= 10:
            backfill.stop()
    summary = await shop.run(query())

    assert (40, True) == (summary.applied, summary.complete)
    [first, second] = begun
    assert "" == first
    assert first < second
    assert 40 == sum(shop.sandbox.balance(shop.provider, str(who)) for who in range(3))
