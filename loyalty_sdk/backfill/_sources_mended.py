"""Dead letters that somebody mended, to be tried again under their old places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loyalty_sdk import _checks
from loyalty_sdk.errors import InputError
from loyalty_sdk.wire import read_json

from ._mapping import Columns
from ._mapping_objects import Objects
from ._rows import Position
from ._sources import FileSource
from ._sources_json import JsonLinesFile

if TYPE_CHECKING:
    from pathlib import Path

    from ._rows import BadRow, Row


class MendedFile(JsonLinesFile):
    """A file of dead letters as a backfill writes it: whose, which, and the ``row``."""

    _texts = True

    def __init__(self, path: Path, columns: Columns) -> None:
        super().__init__(path, columns)
        # Cells of a table are text; a row that had become a value has its fields' names.
        self._by_columns = Objects(columns, texts=True)
        self._by_fields = Objects(Columns(operation=columns.operation))
        self.journal: str | None = None

    def _row(self, objects: Objects, at: Position, text: str) -> Row | BadRow:
        letter = self._letter(at, text)
        objects = self._by_fields if letter.get("form") == "fields" else self._by_columns
        line = letter.get("line")
        place = Position(letter["ordinal"], None, line if _is_count(line) else None)
        return objects.build(place, letter["row"])

    def _letter(self, at: Position, text: str) -> dict[str, Any]:
        try:
            found: Any = read_json(text)
        except ValueError as exc:
            raise InputError(f"{self._path.name}, line {at.line} is no JSON: {exc}") from None
        if not (_checks.is_mapping(found) and "row" in found and _is_count(found.get("ordinal"))):
            raise InputError(
                f"{self._path.name}, line {at.line} is no dead letter",
                hint="Mend what stands under `row` and leave the rest as it is",
            )
        if self.journal is not None and found.get("journal") != self.journal:
            raise InputError(
                f"{self._path.name}, line {at.line} is no dead letter of this journal",
                hint="Play it with the journal that it stood beside",
            )
        return dict(found)


def _is_count(number: object) -> bool:
    """Whether it is one that a journal may hold."""
    return type(number) is int and 0 <= number < 1 << 63


class MendedSource(FileSource):
    """Dead letters of a journal, mended; see `mended`."""

    _kind = MendedFile
    _format: MendedFile

    def only_of(self, lineage: str) -> None:
        """Refuse dead letters of another journal from now on: its rows have other places."""
        self._format.journal = lineage


def mended(path: str | Path, columns: Columns) -> MendedSource:
    """The dead letters in ``path``, to be played with the journal that they come from.

    Args:
        path: A ``.rejected.jsonl`` in which rows were mended; others are tried again as
            they are.
        columns: What became of the columns of the input that they come from.

    Raises:
        InputError: The file cannot be read. A line that is no dead letter ends the reading.
    """
    return MendedSource(path, columns)
