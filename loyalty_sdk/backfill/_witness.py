"""What stands of a journal outside of it, so that an older copy is told from it.

A copy of a journal looks like the journal, but does not know what was sent after it was
made: to go on from one would send those rows again.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import attrs

from loyalty_sdk.errors import ConfigurationError, JournalError

from ._place import take

_LENGTH = 56
_LINE = re.compile(rb"runs (\d{20}) sequence (\d{20})\n")


def state_directory() -> Path:
    """Where witnesses are kept unless it is said: in ``XDG_STATE_HOME``, by XDG's rules."""
    given = os.environ.get("XDG_STATE_HOME", "")
    base = Path(given) if given.startswith("/") else _home() / ".local" / "state"
    return base / "loyalty_sdk" / "backfill"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # as of a user whom only a container's number names
        raise ConfigurationError(
            "this user has no home directory to keep the state of backfills in",
            hint="Set XDG_STATE_HOME to a directory that stays",
        ) from None


@attrs.frozen
class Extent:
    """How far a journal had come.

    Attributes:
        runs: How many were begun with it.
        sequence: How many groups were committed.
    """

    runs: int
    sequence: int


class Witness:
    """One journal's file in the state directory.

    It is written after every group, and reaches the disk at the beginning and the end of a
    run: so the journal may be ahead of it after a power cut, and never behind.
    """

    def __init__(self, directory: Path, lineage: str) -> None:
        self._path = directory / lineage
        self._file: int | None = None

    def open(self) -> None:
        """Take it: one run at a time, whatever names and copies its journal has.

        Raises:
            JournalError: Somebody else has it, or the state directory cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            take(self._file)
        except BlockingIOError:
            self.close()
            raise JournalError(
                "another process uses this journal under another name, or a copy of it",
                hint="Wait for it to end",
            ) from None
        except OSError as exc:
            raise self._unwritable(exc) from exc

    def read(self) -> Extent | None:
        """What it says; None where it says nothing yet.

        Raises:
            JournalError: It cannot be understood.
        """
        text = os.pread(self._opened, 2 * _LENGTH, 0)
        if not text:
            return None
        if (found := _LINE.fullmatch(text)) is None:
            raise JournalError(f"{self._path} is damaged", hint="`adopt` makes it anew")
        return Extent(int(found[1]), int(found[2]))

    def begin(self, extent: Extent) -> None:
        """Write ``extent``, which is on the disk when this returns, and nothing else.

        Raises:
            JournalError: The state directory cannot be written.
        """
        try:
            self.write(extent)
            os.truncate(self._opened, _LENGTH)
            os.fsync(self._opened)
        except OSError as exc:
            raise self._unwritable(exc) from exc

    def _unwritable(self, exc: OSError) -> JournalError:
        return JournalError(
            f"the state directory cannot be written: {self._path}: {exc.strerror}",
            hint="Name another one: XDG_STATE_HOME, or state_directory=",
        )

    def write(self, extent: Extent) -> None:
        """Say how far the journal has come."""
        line = f"runs {extent.runs:020d} sequence {extent.sequence:020d}\n"
        os.pwrite(self._opened, line.encode(), 0)

    def close(self) -> None:
        """Stop; what was written is on the disk then."""
        try:
            os.fsync(self._opened)
        finally:
            os.close(self._opened)

    @property
    def _opened(self) -> int:
        assert self._file is not None  # noqa: S101 - for the type checker: it is open
        return self._file


def check(extent: Extent | None, journal: Extent, name: str) -> None:
    """Refuse a journal that is not the one the witness saw last.

    Raises:
        JournalError: It is an older copy, or was used elsewhere.
    """
    hint = (
        "Use the newest copy. If there is none, adopt this one: every row that has no outcome"
        " is then looked up before it is sent"
    )
    if extent is None and not journal.sequence:
        return  # killed before its first row was written down
    if extent is None:
        raise JournalError(
            f"{name} was never used here: nothing shows that it is not an older copy", hint=hint
        )
    if journal.runs < extent.runs or journal.sequence < extent.sequence:
        raise JournalError(
            f"{name} is an older copy: it ends with run {journal.runs}, step {journal.sequence};"
            f" the journal itself had come to run {extent.runs}, step {extent.sequence}",
            hint=hint,
        )
    # A run is counted in the journal first: a kill in between leaves it one ahead.
    if journal.runs > extent.runs + 1:
        raise JournalError(f"{name} was used elsewhere since its last run here", hint=hint)
