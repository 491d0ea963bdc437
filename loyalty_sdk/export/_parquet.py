"""Parquet; the only user of pyarrow here, which is imported with this module."""

from __future__ import annotations

from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

from ._rows import as_json, columns, restore, values

if TYPE_CHECKING:
    from collections.abc import Sequence

# Neither has types that a checker could read.
pa: Any = import_module("pyarrow")
pq: Any = import_module("pyarrow.parquet")

_GROUP = 65_536
"""Rows of a row group: what a reader takes at once, and what waits in memory here."""

_TYPES: dict[str, Any] = {
    "points": pa.int64(),
    "pending": pa.int64(),
    "balance": pa.int64(),
    "created_at": pa.timestamp("us", tz="UTC"),
}
_NEVER_NULL = {"id", "points", "pending", "kind", "created_at"}


class ParquetWriter:
    """Takes lines as `json_row` makes them."""

    def __init__(self, out: IO[bytes], *, raw: bool) -> None:
        self._schema = pa.schema(
            [
                pa.field(name, _TYPES.get(name, pa.string()), nullable=name not in _NEVER_NULL)
                for name in columns(raw=raw)
            ]
        )
        self._raw = raw
        self._out = pq.ParquetWriter(out, self._schema, compression="zstd")
        self._batches: list[Any] = []
        self._waiting = 0

    def write(self, lines: Sequence[bytes]) -> None:
        """Add some rows; what they take in memory is packed at once."""
        rows = [self._values(line) for line in lines]
        arrays = dict(zip(self._schema.names, zip(*rows, strict=True), strict=True))
        self._batches.append(pa.RecordBatch.from_pydict(arrays, schema=self._schema))
        self._waiting += len(rows)
        if self._waiting >= _GROUP:
            self._flush()

    def _values(self, line: bytes) -> tuple[Any, ...]:
        row = restore(line)
        fields = values(row)
        return (*fields, as_json(row.raw).decode()) if self._raw else fields

    def close(self) -> None:
        """Write the last group and the footer."""
        if self._waiting:
            self._flush()
        self._out.close()

    def abandon(self) -> None:
        """Write nothing more; collected while open it would complain of the closed file."""
        self._out.is_open = False

    def _flush(self) -> None:
        table = pa.Table.from_batches(self._batches, schema=self._schema)
        # One group, whatever pyarrow's own idea of a good size.
        self._out.write_table(table, row_group_size=len(table))
        self._batches, self._waiting = [], 0
