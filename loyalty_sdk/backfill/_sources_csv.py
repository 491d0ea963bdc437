"""CSV by the standard library, which keeps every cell the text it is."""

from __future__ import annotations

import csv
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING

import attrs

from loyalty_sdk.errors import InputError

from ._mapping_rows import RAW_CHARACTERS, Builder, check_values
from ._mapping_table import Table, table_reader
from ._rows import BadRow
from ._sources_lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ._mapping import Columns
    from ._rows import Position, Row
    from ._sources_lines import Stamp

_DELIMITERS = ",;\t|"


class CsvFile:
    """A CSV file: names of columns in the first line, a row in each further one.

    An empty cell is no value. A line without any cell is no row.
    """

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path = path
        self._columns = columns
        self._lines: Lines | None = None

    def check(self) -> Table:
        """What the file's columns become; see `table_reader` for what it raises."""
        check_values(self._columns, texts=True)
        return table_reader(self._columns, self.first_rows(0)[0], self._path.name)

    def first_rows(self, count: int) -> list[list[str]]:
        """The names of the columns and the cells of the first rows that can be read.

        Raises:
            InputError: There are no names.
        """
        with closing(Lines(self._path, self._columns.encoding)) as lines:
            header, delimiter = self._header(lines)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            found = (_next(reader, lines, lines.place(0)) for _ in range(count))
            return [header, *(cells for cells in found if cells and isinstance(cells, list))]

    def consumed(self) -> int:
        """Bytes of the file that have been read, about."""
        return self._lines.consumed() if self._lines else 0

    def read(self, start: Position | None, stamp: Stamp | None) -> Iterator[Row | BadRow]:
        """Rows from ``start`` on."""
        with closing(Lines(self._path, self._columns.encoding, stamp)) as lines:
            self._lines = lines
            header, delimiter = self._header(lines)
            table = table_reader(self._columns, header, self._path.name)
            wanted = start.ordinal if start else 0
            first = wanted if start and lines.go_to(start) else 0
            yield from self._rows(lines, table, delimiter, first, wanted)

    def _header(self, lines: Lines) -> tuple[list[str], str]:
        try:
            first = next(line for line in lines if line.strip())
        except StopIteration:
            raise InputError(f"{self._path.name} is empty: not even names of columns") from None
        delimiter = self._columns.delimiter or max(_DELIMITERS, key=_outside_quotes(first).count)
        try:
            # Names of columns may go over several lines, in quotes.
            header = next(csv.reader(chain((first,), lines), delimiter=delimiter, strict=True))
        except csv.Error as exc:
            raise InputError(f"{self._path.name}, line 1: {exc}") from None
        return [name.strip() for name in header], delimiter

    def _rows(
        self, lines: Lines, table: Table, delimiter: str, ordinal: int, wanted: int
    ) -> Iterator[Row | BadRow]:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        build = table.compile(texts=True)
        while True:
            at = lines.place(ordinal)
            found = _next(reader, lines, at)
            if found is None:
                return
            if not found:
                continue
            if ordinal >= wanted:
                row = build(at, found) if isinstance(found, list) else found
                yield attrs.evolve(row, form="cells") if isinstance(row, BadRow) else row
            ordinal += 1


def _next(reader: Iterator[list[str]], lines: Lines, at: Position) -> list[str] | BadRow | None:
    """The cells of the row at ``at``, none of them for a blank line; None at the end."""
    lines.taken.clear()
    try:
        return next(reader, None)
    except csv.Error as exc:
        return _unreadable(lines, at, exc)


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _unreadable(lines: Lines, at: Position, exc: csv.Error) -> BadRow:
    text = "".join(lines.taken)
    if "field larger" in str(exc):
        problem = f"a cell has more than {csv.field_size_limit()} characters"
        if not _close_quote(lines, text):
            problem = _UNCLOSED
    elif "unexpected end" in str(exc):
        problem = _UNCLOSED
    else:
        problem = f"is no CSV: {exc}"
    last = lines.number - 1
    if at.line is not None and last > at.line:
        problem += f"; the row takes lines {at.line} to {last}"
    return Builder.bad(at, text.rstrip("\r\n")[:RAW_CHARACTERS], (problem,))


_UNCLOSED = "a quote is opened and never closed"


def _close_quote(lines: Lines, text: str) -> bool:
    """Read on to the end of the row: what stands in its cells must not be taken for rows."""
    opened = text.count('"') % 2 == 1
    while opened:
        lines.taken.clear()
        line = next(lines, None)
        if line is None:
            return False
        opened ^= line.count('"') % 2 == 1
    return True
