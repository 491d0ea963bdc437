"""Rows of an iterable that come again: what an earlier run has made of each."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING

import attrs

from ._letters import text_of, without_accidents
from ._rows import BadRow, Row
from ._run import amount_of
from ._states import Known, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

# SQLite's oldest limit of parameters is 999.
_AT_ONCE = 500
_FOUND = "ordinal, rows.state, rows.run, rows.customer, rows.amount"
_BY_KEY = f"SELECT rows.key, {_FOUND} FROM rows WHERE rows.key"  # noqa: S608 - a name of ours
_BY_DIGEST = f"SELECT digest, {_FOUND} FROM digests JOIN rows USING (ordinal) WHERE digest"  # noqa: S608 - as above
_HAD = f"SELECT dead.own, {_FOUND} FROM dead JOIN rows USING (ordinal) WHERE dead.own"  # noqa: S608 - as above


def digest_of(row: Row | BadRow) -> str:
    """What a dead letter is known by when its row comes again, in any process."""
    if isinstance(row, BadRow):
        text = text_of([row.key, without_accidents(row.raw)])
    else:
        text = json.dumps(row.value.to_dict(), sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()


@attrs.define
class Again:
    """What a journal holds of some rows, of which none was met in this run so far.

    Args:
        by_key: What stands under their keys.
        by_digest: Dead letters of rows that were the same, also where they were mended since.
        had: Dead letters of rows that had their keys, whatever they have by now.
        run: The number of this run.
    """

    by_key: Mapping[str, Known]
    by_digest: Mapping[str, Sequence[Known]]
    had: Mapping[str, Sequence[Known]]
    run: int
    _met: set[int] = attrs.field(factory=set[int], init=False)

    def same(self, row: Row | BadRow) -> int | None:
        """The ordinal of the same row in an earlier run; each is given once."""
        found = next(self._unmet(self._under(row)), None)
        if found is None and self.by_digest:
            found = next(self._unmet(self.by_digest.get(digest_of(row), ())), None)
        if found is None:
            return None
        self._met.add(found.ordinal)
        return found.ordinal

    def repaired(self, row: Row) -> Known | None:
        """The dead letter that ``row`` was, which is another by now where it comes from."""
        # The one that has its key still comes first: beside it no other row may have that key.
        dead = (each for each in self._unmet(self._keyed(row)) if each.state.dead)
        found = next(dead, None)
        if found is not None:
            self._met.add(found.ordinal)
        return found

    def other(self, row: Row) -> int | None:
        """The ordinal of a row that had the key of ``row``, and was sent under another."""
        sent = (each for each in self._unmet(self._had(row)) if not each.state.dead)
        return next((each.ordinal for each in sent), None)

    def _under(self, row: Row | BadRow) -> Iterable[Known]:
        """Whatever has, or had, the key of ``row`` and does the same; no dead letter does."""
        if isinstance(row, BadRow):
            return []
        wanted = (row.customer_id, amount_of(row.value))
        sent = (each for each in self._keyed(row) if not each.state.dead)
        return [each for each in sent if (each.customer_id, each.amount) == wanted]

    def _keyed(self, row: Row) -> list[Known]:
        """What has the key of ``row``, and what had it."""
        found = self.by_key.get(row.key or "")
        return [*([found] if found else []), *self._had(row)]

    def _had(self, row: Row) -> Sequence[Known]:
        return self.had.get(row.key or "", ())

    def _unmet(self, some: Iterable[Known]) -> Iterator[Known]:
        # Those of this run are other rows: one that is like them comes for the second time.
        return (each for each in some if each.run != self.run and each.ordinal not in self._met)


def look(
    database: sqlite3.Connection, keys: Sequence[str], digests: Sequence[str], run: int
) -> Again:
    """What stands in a journal; whoever asks by no digests knows of no dead letters."""
    by_key = _found(database, _BY_KEY, keys)
    return Again(
        by_key={key: known for key, [known] in by_key.items()},
        by_digest=_found(database, _BY_DIGEST, digests),
        had=_found(database, _HAD, keys) if digests else {},
        run=run,
    )


def _found(
    database: sqlite3.Connection, asked: str, values: Sequence[str]
) -> dict[str, list[Known]]:
    """By value, the rows that have it, in the order of the input."""
    found: dict[str, list[Known]] = {}
    each_once = [*dict.fromkeys(values)]
    for start in range(0, len(each_once), _AT_ONCE):
        some = each_once[start : start + _AT_ONCE]
        query = f"{asked} IN ({', '.join('?' * len(some))}) ORDER BY ordinal"
        for value, ordinal, state, each_run, customer, amount in database.execute(query, some):
            known = Known(ordinal, State(state), each_run, customer, amount)
            found.setdefault(value, []).append(known)
    return found
