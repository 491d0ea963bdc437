"""Files an export ends in: made beside their place, and put there whole."""

from __future__ import annotations

import gzip
import os
from contextlib import suppress
from filecmp import cmp
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, cast

import attrs

from loyalty_sdk.errors import ConfigurationError

from ._rows import (
    Encode,
    csv_header,
    csv_row,
    csv_row_with_raw,
    json_row,
    json_row_with_raw,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FORMATS = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".parquet")
"""The ends of a file's name that say what it holds."""

_RUN = "{run}"


class Writer(Protocol):
    """Takes the lines of a file that is being made."""

    def write(self, lines: Sequence[bytes]) -> None:
        """Add rows."""
        ...

    def close(self) -> None:
        """Write what is left, without closing what it writes to."""
        ...

    def abandon(self) -> None:
        """Write nothing more, not even when it is collected; silent once it is closed."""
        ...


@attrs.frozen
class Format:
    """How rows are kept and written.

    Attributes:
        name: For the identity of an export.
        encode: Makes the lines.
        writer: What takes them.
    """

    name: str
    encode: Encode
    writer: Callable[[IO[bytes]], Writer]


class _Text:
    def __init__(self, out: IO[bytes], header: bytes, *, packed: bool) -> None:
        # No name and no time inside: equal rows make equal files.
        made: Any = gzip.GzipFile("", "wb", 6, out, mtime=0) if packed else out
        self._out = cast("IO[bytes]", made)
        self._packed = packed
        self._out.write(header)

    def write(self, lines: Sequence[bytes]) -> None:
        self._out.writelines(lines)

    def close(self) -> None:
        if self._packed:
            self._out.close()

    def abandon(self) -> None:
        # It would write its end when it is collected, to a file that is closed by then.
        with suppress(OSError):
            self.close()


def format_of(path: str, *, raw: bool) -> Format:
    """The format that a path's end stands for.

    Raises:
        ConfigurationError: It stands for none, or needs an extra that is not installed.
    """
    packed = path.endswith(".gz")
    kind = Path(path.removesuffix(".gz")).suffix
    if kind == ".csv":
        header = csv_header(raw=raw)
        encode = csv_row_with_raw if raw else csv_row
        return Format("csv", encode, lambda out: _Text(out, header, packed=packed))
    encode = json_row_with_raw if raw else json_row
    if kind in {".jsonl", ".ndjson"}:
        return Format("jsonl", encode, lambda out: _Text(out, b"", packed=packed))
    if kind == ".parquet" and not packed:
        return Format("parquet", encode, _parquet(raw=raw))
    raise ConfigurationError(
        f"{path}: its name does not say what it is to hold", hint=f"End it in {', '.join(FORMATS)}"
    )


def _parquet(*, raw: bool) -> Callable[[IO[bytes]], Writer]:
    try:
        from ._parquet import ParquetWriter  # noqa: PLC0415 - pyarrow is an extra
    except ModuleNotFoundError as exc:
        hint = "Install it: pip install 'async-loyalty-sdk[parquet]'"
        raise ConfigurationError("Parquet needs pyarrow, which is missing", hint=hint) from exc
    return lambda out: ParquetWriter(out, raw=raw)


def numbered(path: str, run: int) -> Path:
    """``path`` with the number of the run in it."""
    return Path(path.replace(_RUN, f"{run:04}"))


def unnumbered(path: str) -> Path:
    """``path`` without a place for the number, and without what sets it off."""
    for mark in ("-", "_", "."):
        path = path.replace(mark + _RUN, "")
    return Path(path.replace(_RUN, "export"))


def draft_of(path: Path, token: str) -> Path:
    """Where the file of ``path`` is made."""
    return path.with_name(f".{path.name}.{token}.part")


def exists(path: Path, why: str = "") -> ConfigurationError:
    """What is said of a file that is not to be replaced."""
    hint = "Say overwrite, or put {run} into the name: every run has a number"
    return ConfigurationError(f"{path} exists{why}", hint=hint)


class Draft:
    """A file in the making, beside its place and invisible there until it is whole.

    Args:
        path: Its place.
        token: Sets the draft's name apart from other exports'; a killed run leaves the draft
            lying, and the next one writes over it.
        form: What it holds.
    """

    def __init__(self, path: Path, token: str, form: Format) -> None:
        self.path = path
        self._draft = draft_of(path, token)
        self._out = self._draft.open("wb")
        try:
            self._writer = form.writer(self._out)
        except BaseException:
            self._remove()
            raise

    def write(self, lines: Sequence[bytes]) -> None:
        """Add rows."""
        self._writer.write(lines)

    def publish(self, *, overwrite: bool) -> None:
        """Put the file in its place, where it stands whole or not at all.

        Raises:
            ConfigurationError: Another file stands there, which came in the meantime.
        """
        self._writer.close()
        self._out.flush()
        os.fsync(self._out.fileno())
        self._out.close()
        # An equal one is what a process that was killed since has put there.
        if not overwrite and os.path.lexists(self.path) and not self._is_there():
            raise exists(self.path)
        self._draft.replace(self.path)
        _sync(self.path.parent)

    def _is_there(self) -> bool:
        return self.path.exists() and cmp(self._draft, self.path, shallow=False)

    def discard(self) -> None:
        """Leave nothing behind; silent once it is published."""
        self._writer.abandon()
        self._remove()

    def _remove(self) -> None:
        # A full disk fails again when what is buffered is let go of.
        with suppress(OSError):
            self._out.close()
        self._draft.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Make a new name in ``folder`` outlast a loss of power, where a folder can be opened."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
