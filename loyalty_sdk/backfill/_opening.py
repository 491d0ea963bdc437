"""Opens a journal: its own place, its own input, its newest copy, and nobody else at it."""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import attrs

from loyalty_sdk.errors import JournalError

from . import _schema as sql
from ._place import Lock, check_local
from ._rows import Position
from ._witness import Extent, Witness, check, state_directory

if TYPE_CHECKING:
    from pathlib import Path

    from ._identity import Belonging


_WHICH = "Name the journal that they stood beside (on the command line with --journal)"


@attrs.frozen(kw_only=True)
class Opened:
    """A journal that is ours until it is closed.

    Attributes:
        lineage: Its own id; copies share it.
        at: How far it has come.
        mark: Where reading begins; None for the first row.
        adopted_at: Unix time since when every row without an outcome is in doubt; None while
            none is.
        lost: Whether it replaces one that is gone, with rows under keys nobody knows.
        complete: Whether all of the input was read once.
        new: Whether it was made just now.
        operation: What each row is sent as.
        mapping: How rows were made of its input, as canonical text.
        repeats: Whether its input gives the same rows in the same order, as a file does.
    """

    path: Path
    database: sqlite3.Connection
    lock: Lock
    witness: Witness
    lineage: str
    at: Extent
    mark: Position | None
    adopted_at: float | None
    lost: bool
    complete: bool
    new: bool
    operation: str
    mapping: str
    repeats: bool

    def close(self, *, whole: bool) -> None:
        """Let it go; ``whole`` leaves no write-ahead log behind."""
        with ExitStack() as left:
            left.callback(self.lock.release)
            left.callback(self.witness.close)
            left.callback(self.database.close)
            if whole:
                self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """The database at ``path``.

    Raises:
        JournalError: It cannot be opened, or is something else.
    """
    mode = "ro" if readonly else "rw"
    try:
        if not readonly:
            # It holds what shoppers are sent: nobody else's to read.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        database = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        _checked(database, path)
    except OSError as exc:
        raise JournalError(f"{path} cannot be opened: {exc.strerror}") from exc
    except sqlite3.Error as exc:
        raise JournalError(f"{path} cannot be opened: {exc}") from exc
    return database


def _checked(database: sqlite3.Connection, path: Path) -> None:
    try:
        database.execute("PRAGMA cache_size = -1024")
        _check_ours(database, path)
    except BaseException:
        database.close()
        raise


def _check_ours(database: sqlite3.Connection, path: Path) -> None:
    [[tables]] = database.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    [[application]] = database.execute("PRAGMA application_id").fetchall()
    [[version]] = database.execute("PRAGMA user_version").fetchall()
    if not tables and path.stat().st_size:
        raise JournalError(f"{path} has no tables", hint="A copy needs the -wal file beside it")
    if tables and application != sql.APPLICATION:
        raise JournalError(f"{path} is a database of something else")
    if tables and version != sql.VERSION:
        raise JournalError(f"{path} was made by another version of this library")


def read_only(path: Path) -> sqlite3.Connection:
    """The journal at ``path``, to look into; it may be in use.

    Raises:
        JournalError: There is none.
    """
    if not path.exists():
        raise JournalError(f"there is no journal {path}")
    database = connect(path, readonly=True)
    if not database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        database.close()
        raise JournalError(f"{path} is empty")
    return database


def open_journal(
    path: Path, belonging: Belonging, *, adopt: bool, mends: bool, directory: Path | None
) -> Opened:
    """The journal at ``path``, new or to go on with, and counted as one run more.

    Raises:
        JournalError: It is not for this run; the message says why.
    """
    check_local(path)
    if mends and not path.exists():
        # Before anything is made that somebody might take for one.
        raise JournalError(f"there is no journal {path} whose dead letters these are", hint=_WHICH)
    lock = Lock(path)
    lock.acquire()
    database = None
    try:
        database = connect(path)
        return _begin(path, database, lock, belonging, adopt, mends, directory)
    except BaseException as exc:
        if database is not None:
            database.close()
        lock.release()
        if isinstance(exc, sqlite3.Error):
            raise JournalError(f"{path} cannot be written: {exc}") from exc
        raise


def _begin(  # noqa: PLR0913, PLR0917 - what `open_journal` was given, and made
    path: Path,
    database: sqlite3.Connection,
    lock: Lock,
    belonging: Belonging,
    adopt: bool,  # noqa: FBT001 - as above
    mends: bool,  # noqa: FBT001 - as above
    directory: Path | None,
) -> Opened:
    new = not database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if new and mends:
        raise JournalError(f"{path} is new: it has no dead letters to mend", hint=_WHICH)
    _prepare(database, belonging, new=new)
    facts = _facts(database)
    belonging.check(facts, str(path), mends=mends)
    witness = Witness(directory or state_directory(), facts["lineage"])
    witness.open()
    try:
        at = _next_run(database, witness, str(path), facts, adopt=adopt, new=new)
        database.execute("UPDATE progress SET runs = ?, sequence = ?", (at.runs, at.sequence))
        witness.begin(at)
        facts = _facts(database)
    except BaseException:
        witness.close()
        raise
    adopted = facts.get("adopted_at")
    return Opened(
        path=path,
        database=database,
        lock=lock,
        witness=witness,
        lineage=facts["lineage"],
        at=at,
        mark=_mark(database),
        adopted_at=None if adopted is None else float(adopted),
        lost="lost" in facts,
        complete="complete" in facts,
        new=new,
        operation=facts["operation"],
        mapping=facts["mapping"],
        repeats=bool(facts["fingerprint"]),
    )


def _prepare(database: sqlite3.Connection, belonging: Belonging, *, new: bool) -> None:
    # A row must not leave before its intent would survive a power cut.
    database.execute("PRAGMA synchronous = FULL")
    if new:
        made = f"BEGIN IMMEDIATE; PRAGMA application_id = {sql.APPLICATION};"
        database.executescript(f"{made} PRAGMA user_version = {sql.VERSION}; {sql.TABLES}")
        facts = {"lineage": uuid.uuid4().hex[:20], **belonging.facts()}
        database.executemany(sql.FACT, facts.items())
        database.execute("COMMIT")
    # Not before: a copy that lacks the log would look as if it were new.
    database.execute("PRAGMA journal_mode = WAL")


def _facts(database: sqlite3.Connection) -> dict[str, str]:
    return dict(database.execute("SELECT name, value FROM facts").fetchall())


def _next_run(  # noqa: PLR0913 - what there is to compare
    database: sqlite3.Connection,
    witness: Witness,
    name: str,
    facts: dict[str, str],
    *,
    adopt: bool,
    new: bool,
) -> Extent:
    """How far this run begins; from an adoption on, every row is in doubt."""
    [runs, sequence] = database.execute("SELECT runs, sequence FROM progress").fetchone()
    at, seen, foreign = Extent(runs, sequence), None, False
    try:
        seen = None if new else witness.read()
        if not new:
            check(seen, at, name)
    except JournalError:
        if not adopt:
            raise
        foreign, seen = True, _readable(witness)
    # Also one that is ours: it may have been begun, and stopped, before anybody said so.
    if foreign or (adopt and "adopted_at" not in facts):
        at = _adopted(database, at, seen or at, lost=not foreign)
    elif seen is not None and at.runs > seen.runs and at.sequence == seen.sequence:
        return at  # counted, and killed before it began
    return Extent(at.runs + 1, at.sequence)


def _adopted(database: sqlite3.Connection, at: Extent, seen: Extent, *, lost: bool) -> Extent:
    """How far it has come from now on: beyond both, so that what it replaces is refused."""
    if lost:
        database.execute(sql.FACT, ("lost", "1"))
    database.execute(sql.FACT, ("adopted_at", repr(time.time())))
    return Extent(max(at.runs, seen.runs), max(at.sequence, seen.sequence) + 1)


def _readable(witness: Witness) -> Extent | None:
    try:
        return witness.read()
    except JournalError:
        return None


def _mark(database: sqlite3.Connection) -> Position | None:
    with closing(database.execute("SELECT ordinal, start, line FROM progress")) as found:
        ordinal, offset, line = found.fetchone()
    return None if ordinal is None else Position(ordinal, offset, line)
