"""Inputs of a backfill: files, and whatever can be iterated."""

from __future__ import annotations

import asyncio
from hashlib import blake2b, file_digest
from itertools import islice
from os import fstat
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from loyalty_sdk.errors import InputError

from ._rows import Position
from ._sources_csv import CsvFile
from ._sources_iterable import IterableSource
from ._sources_json import JsonLinesFile
from ._sources_lines import check_same, open_file, stamp_of
from ._sources_parquet import ParquetFile

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator

    from ._mapping import Columns
    from ._rows import BadRow, Row
    from ._sources_iterable import Item
    from ._sources_lines import Stamp

_BATCH = 256
"""Rows made in one go by the reading thread: a few milliseconds."""

_FORMATS: dict[str, type[CsvFile | JsonLinesFile | ParquetFile]] = {
    ".csv": CsvFile,
    ".tsv": CsvFile,
    ".txt": CsvFile,
    ".jsonl": JsonLinesFile,
    ".ndjson": JsonLinesFile,
    ".parquet": ParquetFile,
    ".pq": ParquetFile,
}


def format_of(path: Path) -> type[CsvFile | JsonLinesFile | ParquetFile]:
    """What reads files of that name; ``.gz`` after it is taken off.

    Raises:
        InputError: Nothing does.
    """
    name = path.name.lower().removesuffix(".gz")
    kind = _FORMATS.get(Path(name).suffix)
    if kind is None or (kind is ParquetFile and path.suffix.lower() == ".gz"):
        raise InputError(
            f"{path.name}: not known by its ending",
            hint="Known are .csv, .tsv, .txt, .jsonl, .ndjson, all of them with .gz too, "
            "and .parquet",
        )
    return kind


class FileSource:
    """Rows of a file: CSV, JSON Lines, either of them in gzip, or Parquet; by its name.

    The file is read in a thread, a few hundred rows ahead.

    Args:
        path: The file.
        columns: What becomes of its columns.

    Raises:
        InputError: The file cannot be read, or is of no known kind.
        ConfigurationError: Its columns and the mapping do not fit.
    """

    _kind: ClassVar[type[JsonLinesFile] | None] = None

    def __init__(self, path: str | Path, columns: Columns) -> None:
        self._path = Path(path)
        self._columns = columns
        kind = self._kind or format_of(self._path)
        self._format = kind(self._path, columns)
        self._format.check()
        self._seen = Position()
        self._exact: int | None = None
        self._stamp: Stamp | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def name(self) -> str:
        """The file's name."""
        return self._path.name

    @property
    def mapping(self) -> str:
        """The mapping as canonical text."""
        return self._columns.canonical()

    @property
    def columns(self) -> Columns:
        """What becomes of the columns."""
        return self._columns

    @property
    def fingerprint(self) -> str:
        """The file's size and a hash of all of it, as it is now; reads it once.

        A row without a key of its own is known by its place, so that no place may have moved.
        """
        fingerprint, self._stamp = _fingerprint(self._path)
        return fingerprint

    def estimated_rows(self) -> int | None:
        """Rows in the whole file: exact for Parquet and once all is read, else by the bytes."""
        if self._exact is not None:
            return self._exact
        if isinstance(self._format, ParquetFile):
            return self._format.row_count()
        read = self._format.consumed()
        if not (self._seen.ordinal and read):
            return None
        return max(self._seen.ordinal, self._seen.ordinal * self._path.stat().st_size // read)

    async def rows(self, start: Position | None = None, /) -> AsyncGenerator[Row | BadRow, None]:
        """Rows from ``start`` on; see `Source.rows`."""
        # The file that the fingerprint was taken of; a later reading may be of another one.
        stamp, self._stamp = self._stamp, None
        reader = _Reader(self._format.read(start, stamp))
        ahead = asyncio.ensure_future(asyncio.to_thread(reader.batch))
        try:
            while True:
                batch, failure = await ahead
                if batch:
                    self._seen = Position(batch[-1].ordinal + 1)
                if batch and failure is None:
                    ahead = asyncio.ensure_future(asyncio.to_thread(reader.batch))
                for row in batch:
                    yield row
                if failure is not None:
                    raise failure
                if not batch:
                    self._exact = max(self._seen.ordinal, start.ordinal if start else 0)
                    return
        finally:
            ahead.cancel()
            await asyncio.shield(asyncio.to_thread(reader.close))


def _fingerprint(path: Path) -> tuple[str, Stamp]:
    with open_file(path) as file:
        stamp = stamp_of(fstat(file.fileno()))
        try:
            whole = file_digest(file, lambda: blake2b(digest_size=32))
        except OSError as exc:
            raise InputError(f"{path.name} cannot be read: {exc.strerror}") from exc
        check_same(path, fstat(file.fileno()), stamp)
        return f"{file.tell()}:{whole.hexdigest()}", stamp


class _Reader:
    """Takes batches off a generator that runs in whatever thread asks."""

    def __init__(self, rows: Iterator[Row | BadRow]) -> None:
        self._rows: Any = rows
        self._lock = Lock()

    def batch(self) -> tuple[list[Row | BadRow], Exception | None]:
        """The next rows, and what kept more from being read; neither at the end."""
        taken: list[Row | BadRow] = []
        with self._lock:
            try:
                taken.extend(islice(self._rows, _BATCH))
            except Exception as exc:  # noqa: BLE001 - raised where the rows are read, after them
                return taken, exc
        return taken, None

    def close(self) -> None:
        """Close the file, after a batch that is being made."""
        with self._lock:
            self._rows.close()


def source_of(
    rows: str | Path | Iterable[Item] | AsyncIterable[Item], columns: Columns
) -> FileSource | IterableSource:
    """``rows`` as an input: a path is a file, anything else is iterated.

    Raises:
        InputError: The file cannot be read, or is of no known kind.
        ConfigurationError: Its columns and the mapping do not fit, or it is nothing to iterate.
    """
    if isinstance(rows, str | Path):
        return FileSource(rows, columns)
    return IterableSource(rows, columns)
