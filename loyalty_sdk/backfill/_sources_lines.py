"""Lines of a text file, with the place of each: the same from gzip, but without offsets."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections import deque
from os import fstat
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, TypeAlias, cast

from loyalty_sdk.errors import InputError

from ._rows import Position

if TYPE_CHECKING:
    from io import BufferedReader
    from os import stat_result
    from pathlib import Path

_CHUNK = 1 << 18
LONGEST = 1 << 26
"""Bytes of a line beyond which a file is taken for something else than text."""

# Not which file it is: some network file systems number one anew whenever it is opened.
Stamp: TypeAlias = tuple[int, int]
"""A file's size, and when it was written last: while they stay, so does the rest."""

_UTF8, _UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


class Lines:
    """An iterator over physical lines, whatever ends each of them: LF, CR LF or CR.

    Bytes that are no text in the encoding become lone surrogates: the rows that hold them are
    found out by the check that every text has to pass, and no other row is lost.

    Args:
        path: The file.
        encoding: Of its text.
        stamp: Of the file that is meant; of the one that is there, unless given.

    Raises:
        InputError: It cannot be read, or is not as it was. Nothing is handed out of what was
            read since it last was: it may be half of a row.
    """

    def __init__(self, path: Path, encoding: str, stamp: Stamp | None = None) -> None:
        self._path = path
        name = codecs.lookup(encoding).name
        self._encoding = "utf-8" if name == "utf-8-sig" else name
        self._raw = open_file(path)
        self._stamp = stamp or stamp_of(fstat(self._raw.fileno()))
        self._packed = path.suffix.lower() == ".gz"
        self._file = self._raw
        if self._packed:
            self._file = cast("BufferedReader", gzip.GzipFile(fileobj=self._raw))
        self._ready: deque[bytes] = deque()
        self._rest: list[bytes] = []
        self._ended = False
        self._offset = 0
        self._consumed = 0
        self.number = 1
        self.taken: list[str] = []
        """Lines handed out since somebody emptied the list."""
        try:
            self._skip_mark()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._consumed = self.consumed()
        self._file.close()
        self._raw.close()

    def place(self, ordinal: int) -> Position:
        """Where the next line begins, as the place of the row of that number."""
        return Position(ordinal, None if self._packed else self._offset, self.number)

    def consumed(self) -> int:
        """Bytes of the file on disk that have been read, about."""
        if not self._packed:
            return self._offset
        return self._consumed if self._raw.closed else self._raw.tell()

    def go_to(self, start: Position) -> bool:
        """Continue there; whether that was possible.

        Raises:
            InputError: The file was another one when it was there.
        """
        if self._packed or start.offset is None or start.line is None:
            return False
        self._file.seek(max(start.offset - 1, 0))
        if start.offset > self._offset and self._read(1) not in {b"\n", b"\r"}:
            raise InputError(
                f"{self._path.name} has changed: no line begins any more where line"
                f" {start.line} did",
                hint="Take back what was changed, or begin with what is left as another input",
            )
        self._file.seek(start.offset)
        self._ready.clear()
        self._rest, self._ended = [], False
        self._offset, self.number = start.offset, start.line
        return True

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        while not self._ready:
            self._fill()
        raw = self._ready.popleft()
        self._offset += len(raw)
        self.number += 1
        line = raw.decode(self._encoding, "surrogateescape")
        self.taken.append(line)
        return line

    def _fill(self) -> None:
        if self._ended:
            raise StopIteration
        chunk = self._read(_CHUNK)
        self._rest.append(chunk)
        if chunk and not (b"\n" in chunk or b"\r" in chunk):
            self._check_length()
            return
        lines = b"".join(self._rest).splitlines(keepends=True)
        self._ended = not chunk
        # What follows may belong to the last one, and a CR may be half of its end.
        whole = self._ended or lines[-1].endswith(b"\n")
        self._rest = [] if whole else [lines.pop()]
        self._ready.extend(lines)

    def _check_length(self) -> None:
        if sum(map(len, self._rest)) > LONGEST:
            raise InputError(
                f"{self._path.name}, line {self.number}: over {LONGEST >> 20} MiB without an end",
                hint="Is it a text file?",
            )

    def _read(self, size: int, *, ahead: bool = False) -> bytes:
        try:
            found = self._file.peek(size) if ahead else self._file.read1(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as exc:
            # What stood behind the last whole line is no line: it may lack its end.
            raise InputError(
                f"{self._path.name} is damaged or truncated: it cannot be unpacked beyond line "
                f"{self.number - 1}",
                hint="What stands before is read. A whole file is another input: begin another"
                " journal with --adopt (adopt=True), which looks up what was sent",
            ) from exc
        except OSError as exc:
            raise InputError(f"{self._path.name} cannot be read: {exc.strerror}") from exc
        check_same(self._path, fstat(self._raw.fileno()), self._stamp)
        return found

    def _skip_mark(self) -> None:
        begin = self._read(3, ahead=True)
        if begin.startswith(_UTF16):
            raise InputError(f"{self._path.name} is UTF-16", hint="Convert it to UTF-8")
        if begin.startswith(_UTF8) and self._encoding == "utf-8":
            self._offset = len(self._read(3))


def stamp_of(found: stat_result) -> Stamp:
    """What tells a file from itself when it has changed."""
    return found.st_size, found.st_mtime_ns


def check_same(path: Path, found: stat_result, stamp: Stamp) -> None:
    """Refuse a file that is not as it was.

    Raises:
        InputError: Somebody writes it, or did.
    """
    if stamp_of(found) != stamp:
        raise InputError(
            f"{path.name} changed while it was read",
            hint="What was read before is whole. Once it is as it was, and nobody writes it, the"
            " same journal goes on",
        )


def open_file(path: Path) -> BufferedReader:
    """``path`` for reading.

    Raises:
        InputError: It is missing, no file that can be read again, or not for us.
    """
    try:
        mode = path.stat().st_mode
        if not (S_ISREG(mode) or S_ISDIR(mode)):
            # A pipe would wait here for whoever writes it, and be empty at the second reading.
            raise InputError(
                f"{path} is no regular file", hint="It is read more than once: save it as a file"
            )
        return path.open("rb")
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}") from None
