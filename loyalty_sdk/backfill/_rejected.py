"""Dead letters: a file that people mend, and that is then played with the same journal."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from ._states import State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

_DEAD = """
SELECT ordinal, rows.line, rows.key, rows.error, dead.form, dead.row
FROM rows JOIN dead USING (ordinal) WHERE rows.state IN (?, ?) ORDER BY ordinal
"""


def write_rejected(database: sqlite3.Connection, path: Path) -> int | OSError:
    """Write the journal's dead letters, one JSON object a line; how many there are.

    Each has ``ordinal``, which says which row it is and must stay, ``line``, ``key``,
    ``error``, and the ``row``: as it stands in the input, or, where ``form`` is ``fields``,
    by the names of the fields. Without dead letters there is no file. The file is whole or is
    the one that was there before.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            written = 0
            for letter in _letters(database):
                file.write(json.dumps(letter, ensure_ascii=False) + "\n")
                written += 1
            file.flush()
            os.fsync(file.fileno())
        if written:
            part.replace(path)
        else:
            part.unlink()
            path.unlink(missing_ok=True)
    except OSError as exc:
        return exc
    return written


def _letters(database: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    dead = (State.REJECTED.value, State.INVALID.value)
    for ordinal, line, known_as, error, form, text in database.execute(_DEAD, dead):
        said = json.loads(text)
        by_columns = form == "columns"
        yield {
            "ordinal": ordinal,
            "line": line,
            "key": said["key"] if by_columns else known_as,
            "error": error,
            "form": form,
            "row": said["raw"] if by_columns else said,
        }
