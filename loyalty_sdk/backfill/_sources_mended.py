"""Dead letters that somebody mended, to be tried again under their old places."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk import _checks
from loyalty_sdk.errors import ConfigurationError, InputError
from loyalty_sdk.wire import read_json

from ._letters import meant
from ._mapping import Columns
from ._mapping_objects import Objects
from ._mapping_rows import Builder
from ._rows import BadRow, Position
from ._sources import FileSource
from ._sources_json import JsonLinesFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ._rows import Row


class MendedFile(JsonLinesFile):
    """A file of dead letters as a backfill writes it: whose, which, and the ``row``."""

    _texts = True

    def __init__(self, path: Path, columns: Columns) -> None:
        # The letters are UTF-8, whatever the input was.
        super().__init__(path, attrs.evolve(columns, encoding="utf-8"))
        # Each is judged by the rules of the input that it comes from.
        self._by_form: dict[Any, Objects] = {
            "cells": Objects(columns, texts=True),
            "columns": Objects(columns),
            "fields": Objects(Columns(operation=columns.operation)),
        }
        self.journal: str | None = None

    def _row(self, objects: Objects, at: Position, text: str) -> Row | BadRow:
        letter = self._letter(at, text)
        form, line = letter["form"], letter.get("line")
        place = Position(letter["ordinal"], None, line if _is_count(line) else None)
        try:
            row = self._by_form[form].build(place, meant(letter["row"]))
        except RecursionError:
            row = Builder.bad(place, letter["row"], ("is nested too deep",))
        return attrs.evolve(row, form=form) if isinstance(row, BadRow) else row

    def _letter(self, at: Position, text: str) -> dict[str, Any]:
        try:
            found: Any = read_json(text)
        except ValueError as exc:
            raise InputError(f"{self._path.name}, line {at.line} is no JSON: {exc}") from None
        if not (_checks.is_mapping(found) and self._is_letter(found)):
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

    def _is_letter(self, found: Mapping[Any, Any]) -> bool:
        form = found.get("form")
        known = isinstance(form, str) and form in self._by_form
        return known and "row" in found and _is_count(found.get("ordinal"))


def _differing(first: str, now: str) -> Iterator[str]:
    """The fields that two mappings make in different ways."""
    try:
        known, mine = json.loads(first), json.loads(now)
        parts = [({**known[part]}, mine[part]) for part in ("columns", "values")]
        ignored = {*known["ignore"]} ^ {*mine["ignore"]}
    except (ValueError, LookupError, TypeError):
        return  # of a source of the caller's own, of which nothing can be said
    for theirs, ours in parts:
        yield from (name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name))
    yield from ignored


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

    def check_mapping(self, first: str) -> None:
        """Refuse to make other rows of the letters than the run did that they come from.

        Args:
            first: The mapping of that run, as canonical text.

        Raises:
            ConfigurationError: A field has another column or another value here, or none.
        """
        other = sorted(_differing(first, self.mapping))
        if other:
            raise ConfigurationError(
                f"{self.name}: {', '.join(other)} had another column or value in the first run",
                hint="Play it with the mapping of that run (--mapping, --map, --value, --ignore)",
            )

    def is_all_of(self, path: Path, fingerprint: str | None) -> bool:
        """Whether ``path`` is the file that was read, and as it was then; blocks.

        Args:
            path: A file.
            fingerprint: What was read.
        """
        try:
            return path.samefile(self._path) and self.fingerprint == fingerprint
        except (OSError, InputError):
            return False


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
