"""Rows of a table, whose columns are known before the first of them is read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk.errors import ConfigurationError
from loyalty_sdk.wire import from_cells

from ._mapping import ALL_OTHERS, Columns, fields_of, pick
from ._mapping_rows import Builder, Labels, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ._rows import BadRow, Position, Row


def table_reader(columns: Columns, header: Sequence[str], name: str) -> Table:
    """What reads rows of a table that has these columns.

    Raises:
        ConfigurationError: A field has no column, or a column no field.
    """
    doubled = sorted({column for column in header if header.count(column) > 1})
    if doubled:
        raise ConfigurationError(f"{name} has two columns {_quoted(doubled)}")
    chosen = pick(columns.candidates(), header)
    _check_needed(columns, chosen, header, name)
    _check_used(columns, chosen, header, name)
    return Table(columns, tuple(header), chosen)


def _check_needed(
    columns: Columns, chosen: Mapping[str, str], header: Sequence[str], name: str
) -> None:
    wanted = {path for path, required in fields_of(columns.operation).items() if required}
    lacking = sorted((wanted | columns.columns.keys()) - chosen.keys() - columns.values.keys())
    if not lacking:
        return
    named = [f"{path} ({columns.columns[path]})" if path in columns.columns else path
             for path in lacking]  # fmt: skip
    raise ConfigurationError(
        f"{name} has no column for {', '.join(named)}; it has {', '.join(header)}",
        hint=f"Say --map {lacking[0]}=COLUMN, or let `loyalty backfill init` write a mapping",
    )


def _check_used(
    columns: Columns, chosen: Mapping[str, str], header: Sequence[str], name: str
) -> None:
    if ALL_OTHERS in columns.ignore:
        return
    unused = [each for each in header if each not in {*chosen.values(), *columns.ignore}]
    if unused:
        said = _quoted(unused)
        if "" in unused:
            said += " (without a name: the first line may have a separator too many)"
        raise ConfigurationError(
            f"{name}: nothing is made of the columns {said}",
            hint="Map them, or say --ignore NAME, or --ignore '*' for all of them",
        )


def _quoted(names: Iterable[str]) -> str:
    # One may be empty.
    return ", ".join(f'"{name}"' for name in names)


@attrs.frozen
class Table:
    """Rows whose columns are known beforehand."""

    columns: Columns
    header: tuple[str, ...]
    chosen: Mapping[str, str]

    def compile(self, *, texts: bool) -> Callable[[Position, Sequence[Any]], Row | BadRow]:
        """What makes a row of a position and its cells, in the header's order."""
        places = {path: self.header.index(column) for path, column in self.chosen.items()}
        builder, labels = Builder(self.columns, texts), Labels(self.chosen, texts)
        header, width = self.header, len(self.header)
        make = from_cells(self.columns.kind, places, self.columns.values, texts=texts)
        operation = self.columns.operation

        def build(at: Position, cells: Sequence[Any]) -> Row | BadRow:
            if len(cells) != width:
                found = f"has {len(cells)} cells; the first line names {width} columns"
                return builder.bad(at, list(cells), (found,))
            try:
                return row_of(at, make(cells), operation)
            except Exception:  # noqa: BLE001 - the slower way says all that is wrong
                record = _record(places, cells, texts=texts)
                raw = partial(_named, header, cells)
                return builder.build(at, record, raw, labels)

        return build


def _record(places: Mapping[str, int], cells: Sequence[Any], *, texts: bool) -> dict[str, Any]:
    """The cells by field, parts nested."""
    record: dict[str, Any] = {path.partition(".")[0]: {} for path in places if "." in path}
    # An empty cell of a table of texts is how such a table says "nothing".
    nothing = ("", None) if texts else (None,)
    for path, place in places.items():
        part, dot, name = path.partition(".")
        if cells[place] not in nothing:
            (record[part] if dot else record)[name or part] = cells[place]
    return record


def _named(header: Sequence[str], cells: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(header, cells, strict=True))
