"""Rows of a table, whose columns are known before the first of them is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk.errors import ConfigurationError

from ._mapping import ALL_OTHERS, Columns, fields_of, pick
from ._mapping_rows import Builder, Labels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._rows import BadRow, Position, Row


def table_reader(columns: Columns, header: Sequence[str], name: str) -> Table:
    """What reads rows of a table that has these columns.

    Raises:
        ConfigurationError: A field has no column, or a column no field.
    """
    doubled = sorted({column for column in header if header.count(column) > 1})
    if doubled:
        raise ConfigurationError(f"{name} has two columns {', '.join(doubled)}")
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
        raise ConfigurationError(
            f"{name}: nothing is made of the columns {', '.join(unused)}",
            hint="Map them, or say --ignore NAME, or --ignore '*' for all of them",
        )


@attrs.frozen
class Table:
    """Rows whose columns are known beforehand."""

    columns: Columns
    header: tuple[str, ...]
    chosen: Mapping[str, str]

    def compile(self, *, texts: bool) -> Callable[[Position, Sequence[Any]], Row | BadRow]:
        """What makes a row of a position and its cells, in the header's order."""
        places = {path: self.header.index(column) for path, column in self.chosen.items()}
        top = [(path, place) for path, place in places.items() if "." not in path]
        parts = [
            (part, name, place)
            for path, place in places.items()
            for part, dot, name in [path.partition(".")]
            if dot
        ]
        wholes = {part for part, _, _ in parts}
        builder, labels = Builder(self.columns, texts), Labels(self.chosen, texts)
        header, width = self.header, len(self.header)
        # An empty cell of a table of texts is how such a table says "nothing".
        nothing = ("", None) if texts else (None,)

        def build(at: Position, cells: Sequence[Any]) -> Row | BadRow:
            if len(cells) != width:
                found = f"has {len(cells)} cells; the first line names {width} columns"
                return builder.bad(at, list(cells), (found,))
            record: dict[str, Any] = {part: {} for part in wholes}
            for path, place in top:
                if cells[place] not in nothing:
                    record[path] = cells[place]
            for part, name, place in parts:
                if cells[place] not in nothing:
                    record[part][name] = cells[place]
            return builder.build(at, record, lambda: dict(zip(header, cells, strict=True)), labels)

        return build
