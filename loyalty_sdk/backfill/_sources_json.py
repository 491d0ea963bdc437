"""JSON Lines: one object a line."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from loyalty_sdk.wire import read_json

from ._mapping_objects import Objects
from ._mapping_rows import RAW_CHARACTERS, Builder, check_values
from ._sources_lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ._mapping import Columns
    from ._rows import BadRow, Position, Row
    from ._sources_lines import Stamp

_BLANK = " \t\r\n"


class JsonLinesFile:
    """A file with one JSON object a line. Blank lines are no rows."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path = path
        self._columns = columns
        self._lines: Lines | None = None

    _texts = False

    def check(self) -> None:
        """Open the file once, to see that it is there.

        Raises:
            InputError: It is not.
            ConfigurationError: What is the same for every row is right for none.
        """
        check_values(self._columns, texts=self._texts)
        Lines(self._path, self._columns.encoding).close()

    def consumed(self) -> int:
        """Bytes of the file that have been read, about."""
        return self._lines.consumed() if self._lines else 0

    def first_objects(self, count: int) -> list[Any]:
        """What stands in the first lines that can be read, for guesses."""
        with closing(Lines(self._path, self._columns.encoding)) as lines:
            return list(islice(_readable(lines), count))

    def read(self, start: Position | None, stamp: Stamp | None) -> Iterator[Row | BadRow]:
        """Rows from ``start`` on."""
        with closing(Lines(self._path, self._columns.encoding, stamp)) as lines:
            self._lines = lines
            wanted = start.ordinal if start else 0
            first = wanted if start and lines.go_to(start) else 0
            yield from self._rows(lines, first, wanted)

    def _rows(self, lines: Lines, ordinal: int, wanted: int) -> Iterator[Row | BadRow]:
        objects = Objects(self._columns)
        while True:
            at = lines.place(ordinal)
            lines.taken.clear()
            line = next(lines, None)
            if line is None:
                return
            text = line.strip(_BLANK)
            if text:
                if ordinal >= wanted:
                    yield self._row(objects, at, text)
                ordinal += 1

    def _row(self, objects: Objects, at: Position, text: str) -> Row | BadRow:
        try:
            return objects.build(at, read_json(text))
        except ValueError as exc:
            return Builder.bad(at, text[:RAW_CHARACTERS], (f"is no JSON: {exc}",))


def _readable(lines: Lines) -> Iterator[Any]:
    for line in lines:
        lines.taken.clear()
        try:
            yield read_json(line)
        except ValueError:
            continue
