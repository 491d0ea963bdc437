"""The rows an export has read and has yet to hand out, and what it has yet to read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk._models import timestamp

from ._windows import Window, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from loyalty_sdk import Transaction

    from ._checkpoint import Checkpoint
    from ._rows import Encode

    Stamped = tuple[int, Transaction]
    """A row behind its time in microseconds since 1970."""

PROGRAM = ""
"""The name of the history of a whole program; a customer's is its filters, as JSON."""


@attrs.define
class Unit:
    """What is read with one chain of cursors.

    Attributes:
        filters: By which the vendor lists it; none for the whole program.
        window: Which of its rows.
        cursor: After the last page that was kept, None before the first.
        pages: How many were.
    """

    id: int
    filters: Mapping[str, Any]
    window: Window
    cursor: str | None
    pages: int

    @property
    def name(self) -> str:
        """How people know it."""
        if self.filters:
            return "customer " + ", ".join(map(str, self.filters.values()))
        low, high = self.window.low, self.window.high
        begin = "" if low is None else f"from {timestamp(moment(low))} "
        return f"the rows {begin}until {timestamp(moment(high))}"


class Spool:
    """Units and rows in a checkpoint. Its methods block.

    Args:
        base: The checkpoint.
        encode: Makes of a row what is kept of it.

    Attributes:
        rows, pages: Read so far.
        total, done: Units so far, and those of them that are done.
    """

    def __init__(self, base: Checkpoint, encode: Encode) -> None:
        self._base = base
        self._encode = encode
        self.rows: int = base.one("SELECT coalesce(sum(rows), 0) FROM unit")
        self.pages: int = base.one("SELECT coalesce(sum(pages), 0) FROM unit")
        self.total: int = base.one("SELECT count(*) FROM unit")
        self.done: int = base.one("SELECT count(*) FROM unit WHERE state != 'open'")

    # ------------------------------------------------------------ what is to be read

    def add_windows(self, windows: Iterable[Window]) -> None:
        """Units of the whole program; inside of a change."""
        self.total += self._base.many(
            "INSERT INTO unit (history, filters, low, high) VALUES (?, '{}', ?, ?)",
            ((PROGRAM, window.low, window.high) for window in windows),
        )

    def add_customers(
        self, customers: Iterable[Mapping[str, Any]], low: int | None, high: int, back: int | None
    ) -> None:
        """Units of customers, those that are there already left out; inside of a change.

        Args:
            customers: The filters of each.
            low: Where their histories begin.
            high: Where they end.
            back: How far to step back behind the newest row of the last run; None for a full
                run.
        """
        self.total += self._base.many(
            "INSERT INTO unit (history, filters, low, high)"
            " SELECT :name, :name, max(coalesce(last, :low), coalesce(:low, last)), :high FROM"
            " (SELECT (SELECT reach - :back FROM history WHERE name = :name) AS last)"
            " WHERE NOT EXISTS (SELECT 1 FROM unit WHERE history = :name)",
            (
                {"name": name_of(customer), "low": low, "high": high, "back": back}
                for customer in customers
            ),
        )

    def open_units(self, after: int, limit: int) -> list[Unit]:
        """Units that are not done, in the order they were made."""
        found = self._base.rows(
            "SELECT id, filters, low, high, cursor, pages FROM unit"
            " WHERE state = 'open' AND id > ? ORDER BY id LIMIT ?",
            *(after, limit),
        )
        return [
            Unit(number, json.loads(filters), Window(low, high), cursor, pages)
            for number, filters, low, high, cursor, pages in found
        ]

    # ------------------------------------------------------------ what was read

    def keep(self, unit: Unit, rows: Sequence[Stamped], cursor: str | None) -> None:
        """One page and how to go on after it; without a cursor the unit is done."""
        with self._base.change():
            added = self._insert(unit, rows, cursor, "done" if cursor is None else "open")
        self._count(added, done=cursor is None)

    def divide(self, unit: Unit, rows: Sequence[Stamped], windows: Iterable[Window]) -> None:
        """Keep a page, and read ``windows`` instead of the rest of ``unit``."""
        with self._base.change():
            # The unit stays, as done: its rows refer to it.
            added = self._insert(unit, rows, None, "done")
            self.add_windows(windows)
        self._count(added, done=True)

    def _insert(self, unit: Unit, rows: Sequence[Stamped], cursor: str | None, state: str) -> int:
        added = self._base.many(
            "INSERT OR IGNORE INTO row VALUES (?, ?, ?, ?, ?)",
            [(at, len(row.id), row.id, unit.id, self._encode(row)) for at, row in rows],
        )
        self._base.rows(
            "UPDATE unit SET cursor = ?, pages = pages + 1, rows = rows + ?, state = ?"
            " WHERE id = ?",
            *(cursor, added, state, unit.id),
        )
        return added

    def _count(self, rows: int, *, done: bool) -> None:
        self.rows += rows
        self.pages += 1
        self.done += done

    def rewind(self, unit: Unit) -> None:
        """Begin ``unit`` again: the vendor does not know its cursor any more."""
        with self._base.change():
            self._base.rows("UPDATE unit SET cursor = NULL WHERE id = ?", unit.id)

    def forgo(self, unit: Unit) -> None:
        """There is nothing to read: the vendor does not know the customer."""
        with self._base.change():
            self._base.rows("UPDATE unit SET state = 'unknown' WHERE id = ?", unit.id)
        self.done += 1

    def unknown(self) -> tuple[int, tuple[str, ...]]:
        """How many customers the vendor does not know, and the first hundred of them."""
        count: int = self._base.one("SELECT count(*) FROM unit WHERE state = 'unknown'")
        found = self._base.rows(
            "SELECT filters FROM unit WHERE state = 'unknown' ORDER BY id LIMIT 100"
        )
        return count, tuple(", ".join(map(str, json.loads(text).values())) for (text,) in found)

    # ------------------------------------------------------------ what is handed out

    def lines(self, size: int, *, skip: int = 0, known: bool = False) -> Iterator[list[bytes]]:
        """The rows, oldest first, ``size`` at a time; those of earlier runs only if ``known``."""
        found = self._base.rows(
            "SELECT line FROM row WHERE ? OR id NOT IN (SELECT id FROM seen)"
            " ORDER BY at, size, id LIMIT -1 OFFSET ?",
            known,
            skip,
        )
        while chunk := found.fetchmany(size):
            yield [line for (line,) in chunk]

    def repeated(self) -> int:
        """How many rows are left out, since an earlier run handed them out."""
        query = "SELECT count(*) FROM row WHERE id IN (SELECT id FROM seen)"
        number: int = self._base.one(query)
        return number

    def forget(self) -> None:
        """What was read was handed out whole, whatever earlier runs did; inside of a change."""
        self._base.rows(
            "DELETE FROM seen WHERE history IN (SELECT history FROM unit WHERE state = 'done')"
        )
        self._base.rows(
            "DELETE FROM history WHERE name IN (SELECT history FROM unit WHERE state = 'done')"
        )

    def finish(self, until: int, overlap: int) -> None:
        """Remember how far this run came and what the next one will meet again; inside a change."""
        # The newest row, not the end, is what the next run steps back from: a clock that was wrong
        # when this one began then hides nothing. It never comes before an earlier run's, since
        # older ids are forgotten; and customers who were unknown this time keep theirs.
        newest = self._base.one("SELECT max(at) FROM row")
        self._base.rows(
            "REPLACE INTO history SELECT name, ?, reach, reach - ? FROM"
            " (SELECT name, coalesce(max(reach, ?), reach, ?, 0) AS reach FROM"
            " (SELECT DISTINCT history AS name FROM unit WHERE state = 'done')"
            " LEFT JOIN history USING (name))",
            *(until, overlap, newest, newest),
        )
        self._remember()
        self.clear()

    def _remember(self) -> None:
        self._base.rows(
            "DELETE FROM seen WHERE at < (SELECT kept FROM history WHERE name = seen.history)"
        )
        # The first bound is for the index.
        self._base.rows(
            "INSERT OR IGNORE INTO seen SELECT row.id, at, name FROM row"
            " JOIN unit ON unit.id = row.unit JOIN history ON name = unit.history"
            " WHERE at >= (SELECT min(kept) FROM history) AND at >= kept"
        )

    def clear(self) -> None:
        """Forget what was read and what is to be read; inside of a change."""
        self.rows = self.pages = self.total = self.done = 0
        self._base.rows("DELETE FROM row")
        self._base.rows("DELETE FROM unit")


def name_of(customer: Mapping[str, Any]) -> str:
    """What a customer's history is called."""
    return json.dumps(customer, sort_keys=True, ensure_ascii=False)


def last_of(base: Checkpoint, overlap: int) -> tuple[int | None, datetime | None]:
    """How far ended runs came, and the time their ids do not reach back to, if any."""
    gap = base.one("SELECT max(kept) FROM history WHERE kept > reach - ?", overlap)
    return base.one("SELECT max(until) FROM history"), None if gap is None else moment(gap)
