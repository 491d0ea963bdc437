"""What earlier runs made of an input's rows: their journal is only read, and may be in use."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

import attrs

from loyalty_sdk._origin import check_origin
from loyalty_sdk.errors import JournalError

from ._again import digest_of, look
from ._identity import Belonging
from ._keys import SOME_LINEAGE
from ._opening import connect
from ._rows import BadRow
from ._sources_mended import MendedSource
from ._states import State

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from loyalty_sdk._provider import Provider

    from ._again import Again
    from ._rows import Row, Source

# No run has it: whatever stands in the journal was met in another.
_NO_RUN = -1


@attrs.frozen(kw_only=True)
class Past:
    """A journal, as far as a plan has to know it; without one nothing has happened yet.

    Attributes:
        lineage: The journal's id, or as long as one.
        adopted: Whether each row is looked for before it is sent.
        repeats: Whether rows are known by their places, as those of a file are.
        mends: Whether the rows are dead letters of the journal, mended.
        database: The journal, for reading.
    """

    lineage: str = SOME_LINEAGE
    adopted: bool = False
    repeats: bool = True
    mends: bool = False
    database: sqlite3.Connection | None = attrs.field(default=None, repr=False)

    def state_of(self, row: Row | BadRow) -> State | None:
        """What became of ``row``; None where its turn is still to come.

        Raises:
            JournalError: It mends a row that the journal does not have.
        """
        if self.database is None:
            return None
        ordinal = row.ordinal if self.repeats else self._again(row).same(row)
        found = self.database.execute("SELECT state FROM rows WHERE ordinal = ?", (ordinal,))
        state = next((State(value) for (value,) in found), None)
        if self.mends and state is None:
            raise JournalError(f"the journal has no row {row.ordinal} that could be mended")
        comes = state is State.WAITING or (self.mends and state is not None and state.dead)
        return None if comes else state

    def holds_another(self, row: Row) -> bool:
        """Whether the key of ``row``, which is still to come, is another row's."""
        if self.database is None:
            return False
        again = self._again(row)
        letter = again.repaired(row)
        place = letter.ordinal if letter else row.ordinal if self.repeats else None
        found = again.by_key.get(row.key or "")
        return (found is not None and found.ordinal != place) or again.other(row) is not None

    def _again(self, row: Row | BadRow) -> Again:
        assert self.database is not None  # noqa: S101 - for the type checker: it was asked
        keys = [] if isinstance(row, BadRow) or row.key is None else [row.key]
        digests = [] if self.repeats else [digest_of(row)]
        return look(self.database, keys, digests, _NO_RUN)


@asynccontextmanager
async def past_of(
    source: Source, operation: str, provider: Provider, journal: Path | None, *, adopt: bool
) -> AsyncGenerator[Past]:
    """What ``journal`` says, if it is there; neither it nor what stands beside it is changed.

    Raises:
        JournalError: It is no journal, or one of something else.
        ConfigurationError: Mended rows have other columns or values than they had at first.
    """
    mends = isinstance(source, MendedSource)
    fingerprint = await asyncio.to_thread(getattr, source, "fingerprint")
    if journal is None or not _is_begun(journal, mends=mends):
        yield Past(adopted=adopt, repeats=fingerprint is not None)
        return
    try:
        with closing(connect(journal, readonly=True)) as database:
            facts = dict(database.execute("SELECT name, value FROM facts").fetchall())
            mine = _belonging(source, operation, provider, facts["program"], fingerprint)
            mine.check(facts, str(journal), mends=mends)
            if isinstance(source, MendedSource):
                source.only_of(facts["lineage"])
                source.check_mapping(facts["mapping"])
            yield Past(
                lineage=facts["lineage"],
                adopted=adopt or "adopted_at" in facts,
                repeats=bool(facts["fingerprint"]),
                mends=mends,
                database=database,
            )
    except sqlite3.Error as exc:
        raise JournalError(f"{journal} cannot be read: {exc}") from exc


def _is_begun(journal: Path, *, mends: bool) -> bool:
    if journal.exists():
        return journal.stat().st_size > 0
    if mends:
        raise JournalError(f"there is no journal {journal} whose dead letters these are")
    return False


def _belonging(
    source: Source, operation: str, provider: Provider, program: str, fingerprint: str | None
) -> Belonging:
    """What a journal of such a run belongs to; nobody is asked whose the credentials are."""
    site = getattr(provider, "site_id", None)
    return Belonging(
        operation=operation,
        provider=provider.name,
        host=check_origin(provider.base_url, allow_http=True),
        program=program,
        site="" if site is None else str(site),
        fingerprint=fingerprint or "",
        mapping=source.mapping,
    )
