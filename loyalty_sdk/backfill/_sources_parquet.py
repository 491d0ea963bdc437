"""Parquet by pyarrow, which the extra ``parquet`` brings and nothing else imports."""

from __future__ import annotations

from importlib import import_module
from os import fstat
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk.errors import ConfigurationError, InputError

from ._mapping_rows import Builder, check_values
from ._mapping_table import Table, table_reader
from ._rows import Position
from ._sources_lines import check_same, open_file, stamp_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ._mapping import Columns
    from ._rows import BadRow, Row
    from ._sources_lines import Stamp

_BATCH = 4096


class ParquetFile:
    """A Parquet file, read one row group after the other, and of each the columns needed.

    Values keep their types: money is a decimal or text, ids are text, moments have a time
    zone. What would have to be converted makes a bad row.
    """

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path = path
        self._columns = columns

    def check(self) -> Table:
        """What the file's columns become; see `table_reader` for what it raises."""
        check_values(self._columns, texts=False)
        with _opened(self._path) as file:
            return table_reader(self._columns, file.schema_arrow.names, self._path.name)

    def names(self) -> list[str]:
        """The names of the columns."""
        with _opened(self._path) as file:
            return [str(name) for name in file.schema_arrow.names]

    def row_count(self) -> int:
        """How many rows the file says it has."""
        with _opened(self._path) as file:
            return int(file.metadata.num_rows)

    def read(self, start: Position | None, stamp: Stamp | None) -> Iterator[Row | BadRow]:
        """Rows from ``start`` on; whole row groups before it are not read."""
        first = start.ordinal if start else 0
        table = self.check()
        with open_file(self._path) as itself, _opened(self._path) as file:
            stamp = stamp or stamp_of(fstat(itself.fileno()))
            groups, ordinal = _groups_from(file.metadata, first)
            batches = file.iter_batches(
                batch_size=_BATCH, row_groups=groups, columns=list(table.chosen.values())
            )
            for batch in self._guarded(batches):
                check_same(self._path, fstat(itself.fileno()), stamp)
                yield from _rows(batch, table, ordinal, first)
                ordinal += batch.num_rows

    def _guarded(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Damage ends the reading with one clear error."""
        while True:
            try:
                yield next(batches)
            except StopIteration:
                return
            except (ValueError, OSError) as exc:  # pyarrow's own errors are among these
                raise InputError(f"{self._path.name} is damaged: {exc}") from exc


def _groups_from(metadata: Any, first: int) -> tuple[list[int], int]:
    """The row groups from the one that holds row ``first`` on, and the number of its first row."""
    before = 0
    for group in range(metadata.num_row_groups):
        size = metadata.row_group(group).num_rows
        if before + size > first:
            return list(range(group, metadata.num_row_groups)), before
        before += size
    return [], before


def _rows(batch: Any, table: Table, ordinal: int, first: int) -> Iterator[Row | BadRow]:
    names = [str(name) for name in batch.schema.names]
    build = Table(table.columns, tuple(names), table.chosen).compile(texts=False)
    columns = [_values(column) for column in batch.columns]
    for number, cells in enumerate(zip(*columns, strict=True), ordinal):
        if number < first:
            continue
        at = Position(number)
        wrong = {name: cell for name, cell in zip(names, cells, strict=True) if _is_lost(cell)}
        if wrong:
            yield Builder.bad(at, dict(zip(names, cells, strict=True)), map(_words, wrong.items()))
        else:
            yield build(at, cells)


@attrs.frozen
class Unreadable:
    """What stands for a value that Python has no type for."""

    reason: str


def _is_lost(cell: object) -> bool:
    return isinstance(cell, Unreadable)


def _words(named: tuple[str, Unreadable]) -> str:
    name, lost = named
    return f"{name}: cannot be read without loss: {lost.reason}"


def _values(column: Any) -> list[Any]:
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):
        # One value in thousands: a year 10000, or nanoseconds. The others are sound.
        return [_value(scalar) for scalar in column]


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError) as exc:
        return Unreadable(str(exc))


def _opened(path: Path) -> Any:
    """The open file, which is its own context manager.

    Raises:
        ConfigurationError: pyarrow is not installed.
        InputError: It is missing, or no Parquet.
    """
    try:
        parquet: Any = import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise ConfigurationError(
            f"{path.name}: Parquet needs its extra: pip install 'async-loyalty-sdk[parquet]'"
        ) from None
    open_file(path).close()
    try:
        return parquet.ParquetFile(path)
    except (ValueError, OSError) as exc:
        raise InputError(f"{path.name} is no Parquet file: {exc}") from None
