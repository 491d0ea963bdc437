"""Where a journal may lie, and that one process at a time uses it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from loyalty_sdk.errors import ConfigurationError, JournalError

if TYPE_CHECKING:
    from collections.abc import Iterable

MOUNTS = Path("/proc/self/mountinfo")

# SQLite's write-ahead log needs memory shared by all who use the file, and locks that work.
_REMOTE = re.compile(
    r"9p|afs|beegfs|ceph|cifs|coda|davfs2?|glusterfs|gpfs|lustre|ncpfs|nfs\d?|orangefs|smb3?|smbfs"
    r"|fuse\.(ceph|davfs2?|gcsfuse|glusterfs|goofys|mergerfs-nfs|rclone|s3fs|sshfs|gvfsd-fuse)"
)


def check_local(path: Path, mounts: Path = MOUNTS) -> None:
    """Refuse a journal on a network file system, as far as the system tells.

    Raises:
        JournalError: It lies on one; the message names its kind.
    """
    kind = filesystem_of(path, mounts)
    if kind is not None and _REMOTE.fullmatch(kind):
        raise JournalError(
            f"{path} lies on a network file system ({kind}), where two machines could use it",
            hint="Put the journal on a disk of this machine",
        )


def filesystem_of(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of the file system that ``path`` lies on; None where nobody tells."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None  # only Linux has it
    return _innermost(str(path.resolve()), (line.split(" ") for line in lines))


def _innermost(path: str, mounts: Iterable[list[str]]) -> str | None:
    """https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html."""
    depth, kind = -1, None
    for fields in mounts:
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        under = path == point or path.startswith(point.rstrip("/") + "/")
        # Of two on one point the later one covers the other.
        if under and len(point) >= depth:
            depth, kind = len(point), fields[fields.index("-") + 1]
    return kind


def files_of(journal: Path) -> list[Path]:
    """A journal, and what stands beside it."""
    suffixes = ("", "-wal", "-shm", ".lock", ".rejected.jsonl")
    return [journal.with_name(f"{journal.name}{suffix}") for suffix in suffixes]


def check_apart(target: Path, *kept: Path) -> None:
    """Refuse to write ``target`` over what is still needed.

    Raises:
        ConfigurationError: It is one of those files, or would be while it is written.
    """
    needed = {each.resolve() for each in kept}
    # Nothing is replaced before it is whole: until then it has another name.
    for name in (target.name, f"{target.name}.part", f".{target.name}.part"):
        if (written := target.with_name(name)).resolve() in needed:
            raise ConfigurationError(f"{written} would be overwritten", hint="Name another file")


def take(file: int) -> None:
    """Lock an open file until it is closed, however the process ends.

    Raises:
        BlockingIOError: Somebody else has it.
        ConfigurationError: The system cannot.
    """
    try:
        import fcntl  # noqa: PLC0415 - Windows has none
    except ImportError:
        raise ConfigurationError("a journal needs a system with flock") from None
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """Keeps a second process, or a second run in this one, from using a journal.

    It goes with the process, however that ends; the file beside the journal stays.
    """

    def __init__(self, journal: Path) -> None:
        # Beside the journal itself, and not beside a link to it.
        journal = journal.resolve()
        self._path = journal.with_name(journal.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Take it.

        Raises:
            JournalError: Somebody else has it, or the file cannot be made.
        """
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            take(self._file)
        except BlockingIOError:
            self.release()
            raise JournalError(
                f"another process uses the journal {self._path.with_suffix('')}",
                hint="Wait for it to end",
            ) from None
        except OSError as exc:
            raise JournalError(f"{self._path}: {exc.strerror}") from exc

    def release(self) -> None:
        """Let it go."""
        assert self._file is not None  # noqa: S101 - for the type checker: it is held
        os.close(self._file)
