"""One thread that commits, in groups, what many tasks have to write down."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from loyalty_sdk.errors import JournalError

from . import _schema as sql
from ._witness import Extent

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ._rows import BadRow, Row
    from ._witness import Witness

T = TypeVar("T")

# Seconds in which what comes together with the first goes along with it: a commit costs the disk
# the same for one row and for sixty. While it is busy they gather by themselves.
_GATHER = 0.0002

Step = tuple[str, tuple[Any, ...]]
"""A statement and its parameters."""


@attrs.define
class _Group:
    """What is committed together, and who waits for it."""

    steps: dict[str, list[tuple[Any, ...]]] = attrs.field(factory=dict[str, list[tuple[Any, ...]]])
    committed: list[asyncio.Future[None]] = attrs.field(factory=list[asyncio.Future[None]])
    questions: list[tuple[Callable[[sqlite3.Connection], Any], asyncio.Future[Any]]] = attrs.field(
        factory=list[tuple["Callable[[sqlite3.Connection], Any]", "asyncio.Future[Any]"]]
    )

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits for it."""
        return not (self.committed or self.questions)


class Writer:
    """Commits as often as the disk allows, everything that has come together meanwhile.

    After a group that could not be committed nothing is any more: everybody who waits, and
    whoever comes later, gets the same `JournalError`.
    """

    def __init__(
        self, database: sqlite3.Connection, witness: Witness, at: Extent, path: Path
    ) -> None:
        self.on_failure: Callable[[], object] = lambda: None
        self.mark: Row | BadRow | None = None
        self._database = database
        self._witness = witness
        self._at = at
        self._name = str(path)
        self._path = path.resolve()
        self._file = _identity(self._path)
        self._loop = asyncio.get_running_loop()
        self._ready = threading.Condition()
        self._group = _Group()
        self._closing = False
        self._failed: Exception | None = None
        self._marked: Row | BadRow | None = None
        self._thread = threading.Thread(target=self._work, name="loyalty-journal", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> JournalError | None:
        """Why nothing can be written any more; a new one for everybody who is told."""
        return None if self._failed is None else self._failure(self._failed)

    def _failure(self, cause: Exception) -> JournalError:
        failure = JournalError(
            f"{self._name} cannot be written: {cause}",
            hint="Nothing was sent that is not in it. Make room or mend it, and run again",
        )
        failure.__cause__ = cause
        return failure

    def write(self, steps: Iterable[Step]) -> asyncio.Future[None]:
        """Done once ``steps`` are on the disk. Steps of one group may change places.

        Raises:
            JournalError: From the future: they are not, or nobody knows.
        """
        future: asyncio.Future[None] = self._loop.create_future()
        if (failure := self.failure) is not None:
            future.set_exception(failure)
            return future
        with self._ready:
            for statement, parameters in steps:
                self._group.steps.setdefault(statement, []).append(parameters)
            self._group.committed.append(future)
            self._ready.notify()
        return future

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """What ``question`` finds, after everything that was written before."""
        future: asyncio.Future[T] = self._loop.create_future()
        if (failure := self.failure) is not None:
            future.set_exception(failure)
            return future
        with self._ready:
            self._group.questions.append((question, future))
            self._ready.notify()
        return future

    def close(self) -> None:
        """Commit what is left and end the thread. Blocks."""
        with self._ready:
            self._closing = True
            self._ready.notify()
        self._thread.join()

    # ------------------------------------------------------------ in the thread

    def _work(self) -> None:
        while (group := self._next()) is not None:
            try:
                self._commit(group)
                answers = [question(self._database) for question, _ in group.questions]
            except Exception as exc:  # noqa: BLE001 - whatever it is, nothing may start after it
                self._fail(group, exc)
            else:
                self._tell(group, answers)

    def _next(self) -> _Group | None:
        with self._ready:
            idle = self._group.is_empty
            while self._group.is_empty:
                if self._closing:
                    return None
                self._ready.wait()
        if idle:
            time.sleep(_GATHER)
        with self._ready:
            group, self._group = self._group, _Group()
            return group

    def _commit(self, group: _Group) -> None:
        mark = self.mark
        if not group.steps and mark is self._marked:
            return
        # What is written into a file that was deleted, nobody will ever read.
        if _identity(self._path) != self._file:
            raise FileNotFoundError(errno.ENOENT, "another file has taken its place")
        sequence = self._at.sequence + 1
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for statement, parameters in group.steps.items():
                self._database.executemany(statement, parameters)
            self._database.execute(sql.COUNT, (sequence,))
            if mark is not None:
                self._database.execute(sql.ADVANCE, (mark.ordinal, mark.offset, mark.line))
            self._database.execute("COMMIT")
        except BaseException:
            # After some failures SQLite has rolled back by itself.
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
        self._at, self._marked = Extent(self._at.runs, sequence), mark
        self._witness.write(self._at)

    def _tell(self, group: _Group, answers: list[Any]) -> None:
        def tell() -> None:
            for future in group.committed:
                if not future.done():
                    future.set_result(None)
            for (_, future), answer in zip(group.questions, answers, strict=True):
                if not future.done():
                    future.set_result(answer)

        self._loop.call_soon_threadsafe(tell)

    def _fail(self, group: _Group, cause: Exception) -> None:
        def tell() -> None:
            self._failed = self._failed or cause
            self.on_failure()
            for future in [*group.committed, *(future for _, future in group.questions)]:
                if not future.done():
                    future.set_exception(self._failure(self._failed))

        self._loop.call_soon_threadsafe(tell)


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
