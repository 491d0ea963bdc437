"""Dead letters: a file that people mend, and that is then played with the same journal."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from hashlib import file_digest
from itertools import count
from typing import IO, TYPE_CHECKING, Any

from . import _schema as sql
from ._letters import text_of
from ._states import State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

_DEAD = """
SELECT ordinal, rows.line, rows.key, rows.error, dead.form, dead.row
FROM rows JOIN dead USING (ordinal) WHERE rows.state IN (?, ?) ORDER BY ordinal
"""


def write_rejected(database: sqlite3.Connection, path: Path, *, played: bool) -> int | OSError:
    """Write the journal's dead letters, one JSON object a line; how many there are.

    Each has ``journal`` and ``ordinal``, which say which row it is and must stay, ``line``,
    ``key``, ``error``, and the ``row``. Its ``form`` says how it is read again: ``cells`` are
    those of a CSV, ``columns`` those of any other input, ``fields`` go by the fields' names.
    Without dead letters there is no file. The file is whole or is the one that was there
    before; one that is not as it was written last is kept under another name, unless what was
    mended in it has been ``played``.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        written = _write(database, part)
        if not played:
            _put_aside(database, path)
        database.execute(sql.FACT, ("rejected", _digest(part)))
        if written:
            part.replace(path)
        else:
            part.unlink()
            path.unlink(missing_ok=True)
    except OSError as exc:
        return exc
    return written


def _write(database: sqlite3.Connection, path: Path) -> int:
    with private(path) as file:
        written = 0
        for letter in _letters(database):
            file.write(text_of(letter) + "\n")
            written += 1
        file.flush()
        os.fsync(file.fileno())
    return written


def _put_aside(database: sqlite3.Connection, path: Path) -> None:
    last = database.execute("SELECT value FROM facts WHERE name = 'rejected'").fetchone()
    if path.exists() and (last is None or last[0] != _digest(path)):
        names = (path.with_name(f"{path.name}.kept-{number}") for number in count(1))
        path.replace(next(name for name in names if not name.exists()))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def private(path: Path) -> IO[str]:
    """``path`` for writing, anew: it holds what shoppers are sent, nobody else's to read."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return open(os.open(path, flags, 0o600), "w", encoding="utf-8")  # noqa: PTH123 - it is open


def _letters(database: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    dead = (State.REJECTED.value, State.INVALID.value)
    [lineage] = database.execute("SELECT value FROM facts WHERE name = 'lineage'").fetchone()
    for ordinal, line, known_as, error, form, text in database.execute(_DEAD, dead):
        said = json.loads(text, parse_float=Decimal)
        yield {
            "journal": lineage,
            "ordinal": ordinal,
            "line": line,
            "key": key_of(form, said, known_as),
            "error": error,
            "form": form,
            "row": said["raw"],
        }


def key_of(form: str, said: dict[str, Any], known_as: str | None) -> str | None:
    """A dead letter's own key, which a row that could not be made leaves free for another."""
    key: str | None = known_as if form == "fields" else said["key"]
    return key
