"""What an export has read so far, in one SQLite file that only one process may hold.

A page's rows and the cursor after it are committed together, so a process that is killed leaves
no row out and reads none of them twice. What a loss of power takes away is the last pages with
their cursors; they are read again.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from loyalty_sdk import _checks
from loyalty_sdk.errors import ConfigurationError, ExportError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping
    from pathlib import Path

_APPLICATION = 0x4C534558
_VERSION = 2
_NO_ROOM = ("cannot write", "What was read is kept; the same export again goes on from there")
_BROKEN = ("cannot read", "It is broken: begin anew with another checkpoint")
_DAMAGE = {
    sqlite3.SQLITE_FULL: _NO_ROOM,
    sqlite3.SQLITE_IOERR: _NO_ROOM,
    sqlite3.SQLITE_READONLY: _NO_ROOM,
    sqlite3.SQLITE_CORRUPT: _BROKEN,
    sqlite3.SQLITE_NOTADB: _BROKEN,
}
# Seconds in which another one that was refused has let go of it.
_PATIENCE = 0.5

_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "cache_size = -16000",
    # Some systems build SQLite so that what is deleted is written over first, all rows of a run
    # once more; `Checkpoint.shrink` cuts them off the file.
    "secure_delete = FAST",
)

_SCHEMA = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
-- What is read with one chain of cursors: a window of the program, or a customer.
CREATE TABLE unit (
    id INTEGER PRIMARY KEY, history TEXT NOT NULL, filters TEXT NOT NULL,
    low INTEGER, high INTEGER NOT NULL, cursor TEXT, pages INTEGER NOT NULL DEFAULT 0,
    rows INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'open'
);
CREATE INDEX unit_by_history ON unit (history);
-- Ids go by length first, so that numbers stand in their order.
CREATE TABLE row (
    at INTEGER NOT NULL, size INTEGER NOT NULL, id TEXT NOT NULL, unit INTEGER NOT NULL,
    line BLOB NOT NULL, PRIMARY KEY (at, size, id)
);
-- How far runs that ended have come: their end, their newest row, and from when on ids are
-- known of the rows that the next one meets again.
CREATE TABLE history (
    name TEXT PRIMARY KEY, until INTEGER NOT NULL, reach INTEGER NOT NULL, kept INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE seen (id TEXT PRIMARY KEY, at INTEGER NOT NULL, history TEXT NOT NULL) WITHOUT ROWID;
"""


class Checkpoint:
    """One checkpoint file, open and locked. Its methods block.

    Raises:
        ConfigurationError: Another process holds it, it is no checkpoint, or it cannot be
            made; the message names it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.parent.is_dir():
            raise ConfigurationError(f"cannot open {path}: there is no folder {path.parent}")
        while not self._opened():
            pass  # it was removed by the one that had it, which was refused

    def _opened(self) -> bool:
        """Whether the file that is open and ours still stands at its path."""
        try:
            self._base = sqlite3.connect(
                self.path.absolute(),
                timeout=_PATIENCE,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as exc:
            raise ConfigurationError(f"cannot open {self.path}: {exc}") from exc
        ours = False
        try:
            ours = self._prepare(_identity(self.path))
        finally:
            if not ours:
                self._base.close()
        return ours

    def _prepare(self, opened: tuple[int, int] | None) -> bool:
        try:
            # Kept for as long as the process lives, and let go of when it is killed.
            self._base.execute("PRAGMA locking_mode = EXCLUSIVE")
            # Taken whole at once: of two that take it step by step neither may get it.
            self._base.execute("BEGIN EXCLUSIVE")
            if opened is None or _identity(self.path) != opened:
                return False
            new = self._is_new()
            self._base.execute("COMMIT")
            for pragma in _PRAGMAS:
                self._base.execute(f"PRAGMA {pragma}")
            with self.change():
                if new:
                    self._make()
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise ConfigurationError(
                    f"{self.path} is in use by another export",
                    hint="Wait for its end, or give this one a checkpoint of its own",
                ) from exc
            raise ConfigurationError(f"cannot open {self.path}: {exc}") from exc
        except sqlite3.DatabaseError as exc:
            raise self._foreign() from exc
        return True

    def _is_new(self) -> bool:
        application, version = self.one("PRAGMA application_id"), self.one("PRAGMA user_version")
        if not self.one("SELECT count(*) FROM sqlite_master"):
            return True
        if application != _APPLICATION:
            raise self._foreign()
        if version != _VERSION:
            hint = "Finish it with the version that began it, or take another file"
            raise ConfigurationError(f"{self.path} was made by another version", hint=hint)
        return False

    def _make(self) -> None:
        # Not `executescript`, which would commit half of it.
        for statement in _SCHEMA.split(";"):
            self._base.execute(statement)
        self._base.execute(f"PRAGMA application_id = {_APPLICATION}")
        self._base.execute(f"PRAGMA user_version = {_VERSION}")
        self.note("token", token_hex(4))

    def _foreign(self) -> ConfigurationError:
        return ConfigurationError(f"{self.path} is no checkpoint", hint="Name another file")

    def close(self) -> None:
        """Let others have it; of a run that was refused before it began nothing is left."""
        try:
            # One that is broken, or has no room, stays.
            with suppress(sqlite3.DatabaseError, OSError):
                self._remove_unused()
        finally:
            self._base.close()

    def _remove_unused(self) -> None:
        if self.fact("run") is None:
            # While it is held, so that nobody else's is taken away; where a file that is open
            # cannot be, it stays, empty.
            self.one("PRAGMA journal_mode = DELETE")
            self.path.unlink()

    @contextmanager
    def change(self) -> Generator[None]:
        """All that happens inside is kept, or nothing is.

        Raises:
            ExportError: It cannot be written: the disk is full or gone.
        """
        with whole(self.path):
            try:
                self._base.execute("BEGIN IMMEDIATE")
                yield
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise

    def one(self, query: str, *values: Any) -> Any:
        """The first value of the first row; None without one."""
        found = self._base.execute(query, values).fetchone()
        return found and found[0]

    def rows(self, query: str, *values: Any) -> sqlite3.Cursor:
        """What a query finds."""
        return self._base.execute(query, values)

    def many(self, query: str, values: Iterable[Any]) -> int:
        """Change by each of ``values``; how many rows changed."""
        return self._base.executemany(query, values).rowcount

    def fact(self, name: str) -> Any:
        """What was noted under ``name``, None when nothing was."""
        text = self.one("SELECT value FROM fact WHERE name = ?", name)
        return None if text is None else json.loads(text)

    def note(self, name: str, value: Any) -> None:
        """Keep ``value``, of JSON types, under ``name``; inside of a `change`."""
        self._base.execute("REPLACE INTO fact VALUES (?, ?)", (name, json.dumps(value)))

    def harden(self) -> None:
        """From now on a commit outlasts a loss of power."""
        self._base.execute("PRAGMA synchronous = FULL")

    def shrink(self) -> None:
        """Give the disk back what is not used any more, if there is room to."""
        with suppress(sqlite3.OperationalError):
            self._base.execute("VACUUM")

    def belong(self, identity: Mapping[str, Any]) -> None:
        """Be the checkpoint of the export that ``identity`` describes, and of no other.

        Raises:
            ConfigurationError: It is another's; everything that differs is named.
        """
        held = self.fact("identity")
        if held is None:
            with self.change():
                self.note("identity", dict(identity))
            return
        wanted = json.loads(json.dumps(identity))
        self.compare(held, wanted)

    def compare(self, held: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        """Refuse what was said otherwise when it began."""
        differ = [
            f"{name} is {_shown(held.get(name))} there and {_shown(value)} here"
            for name, value in wanted.items()
            if held.get(name) != value
        ]
        if differ:
            raise ConfigurationError(
                f"{self.path} belongs to another export: {'; '.join(differ)}",
                hint="Say the same as then, or name another checkpoint",
            )


@contextmanager
def whole(path: Path) -> Generator[None]:
    """Say in our words when the file or its disk is at fault, and not what was asked of it.

    Raises:
        ExportError: It is.
    """
    try:
        yield
    except sqlite3.DatabaseError as exc:
        damage = _DAMAGE.get(getattr(exc, "sqlite_errorcode", 0) & 0xFF)
        if damage is None:
            raise
        raise ExportError(f"{damage[0]} {path}: {exc}", hint=damage[1]) from exc


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file stands there; None where none does."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _shown(value: Any) -> str:
    if _checks.is_list(value):
        return ", ".join(map(str, value))
    return "not set" if value is None else str(value)
