"""Calls of which nothing is on its way: a run that stops need not wait for them."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Generator


@attrs.define(eq=False)
class Wait:
    """One call, in the task that makes it."""

    _task: asyncio.Task[object]
    given_up: bool = False

    def give_up(self) -> None:
        """End the call; its task goes on."""
        self.given_up = True
        self._task.cancel()

    def is_ours(self) -> bool:
        """Whether the cancellation that was just caught is `give_up`'s and nobody else's."""
        return self.given_up and self._task.uncancel() == 0


class Waits:
    """All that could be given up at this moment."""

    def __init__(self) -> None:
        self._waits: set[Wait] = set()
        self._over = False

    @contextmanager
    def wait(self) -> Generator[Wait]:
        """A call that may be given up while it waits for its turn, for a grant, for an answer."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker: a coroutine runs in one
        wait = Wait(task)
        self._waits.add(wait)
        try:
            yield wait
        finally:
            self.keep(wait)

    def keep(self, wait: Wait) -> None:
        """From now on it is seen through to its end: something is about to leave."""
        self._waits.discard(wait)

    def let(self, wait: Wait) -> None:
        """It may be given up again: what left was refused, and it sleeps before it tries again."""
        if self._over:
            wait.give_up()
        else:
            self._waits.add(wait)

    def give_up(self) -> None:
        """End all of them, and whichever may be given up later."""
        self._over = True
        for wait in [*self._waits]:
            self.keep(wait)
            wait.give_up()
