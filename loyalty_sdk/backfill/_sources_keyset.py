"""Where a query may begin that gives rows in the order of their keys."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from loyalty_sdk.errors import JournalError

from ._keys import own_id
from ._opening import read_only

# A dead letter's key may have been mended since, into one that stands far behind its place.
_ROWS = """
SELECT ordinal, key, amount, (SELECT value FROM facts WHERE name = 'operation'),
    EXISTS (SELECT 1 FROM dead WHERE dead.ordinal = rows.ordinal)
FROM rows ORDER BY ordinal
"""


def resume_after(journal: str | Path) -> str | None:
    """The key of the last row up to which every row that was read stands in ``journal``.

    For an iterable whose rows come in the order of their keys: a query may begin after it
    (``WHERE id > ?``) and misses nothing, whatever killed the run before. Beginning earlier
    costs time alone, since rows that the journal knows are passed over. Where a run was stopped
    or killed, the key may stay where it is, for all later runs of that journal.

    Returns:
        The order's or the activity's ``id``, or the adjustment's ``reference``; None where
        the journal is not there yet, or holds no such row.

    Raises:
        JournalError: It is no journal.
    """
    path = Path(journal)
    if not path.exists():
        return None
    try:
        with closing(read_only(path)) as database:
            return _last_before_a_gap(database)
    except sqlite3.Error as exc:
        raise JournalError(f"{path} cannot be read: {exc}") from exc


def _last_before_a_gap(database: sqlite3.Connection) -> str | None:
    last: str | None = None
    for expected, (ordinal, key, name, operation, dead) in enumerate(database.execute(_ROWS)):
        if ordinal != expected:
            break
        if key is not None and not dead:
            last = own_id(key, name) if operation == "track_activity" else key
    return last
