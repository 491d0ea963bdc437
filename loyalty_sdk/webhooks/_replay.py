"""Each event once, although vendors send at least once."""

from __future__ import annotations

import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from loyalty_sdk.errors import ConfigurationError, WebhookInProgressError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from ._events import Event

_DAY = 86_400.0
_HELD, _DONE = "held", "done"


class Store(Protocol):
    """Where `once` remembers events; every process that receives them has to share it.

    Each method is one command of Redis: ``SET key state NX GET EX seconds`` (Redis 7 or
    newer), ``SET key state EX seconds`` and ``DEL key``.
    """

    async def add(self, key: str, state: str, seconds: float, /) -> str | bytes | None:
        """Keep ``state`` for ``seconds`` unless something is kept under ``key`` already.

        Both in one step: of two that come at once, one adds.

        Returns:
            What was kept there before, which stays; None when ``state`` is kept now.
        """
        ...

    async def replace(self, key: str, state: str, seconds: float, /) -> None:
        """Keep ``state`` for ``seconds``, whatever is there."""
        ...

    async def remove(self, key: str, /) -> None:
        """Forget what is kept under ``key``, if anything is."""
        ...


class MemoryStore:
    """A `Store` inside this process, for one that receives alone; a restart forgets it.

    Args:
        capacity: Most events remembered; the oldest makes room.
        clock: Seconds that never run backwards.

    Raises:
        ConfigurationError: ``capacity`` is below 1.
    """

    def __init__(
        self, capacity: int = 100_000, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if capacity < 1:
            raise ConfigurationError("MemoryStore: capacity must be at least 1")
        self._capacity = capacity
        self._clock = clock
        # Another thread's loop may receive, too.
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[str, float]] = {}

    def __len__(self) -> int:
        """How many events it holds, some of which may have expired."""
        return len(self._kept)

    async def add(self, key: str, state: str, seconds: float, /) -> str | None:
        """See `Store.add`."""
        with self._lock:
            before, until = self._kept.get(key, (None, 0.0))
            if before is not None and self._clock() < until:
                return before
            self._keep(key, state, seconds)
        return None

    async def replace(self, key: str, state: str, seconds: float, /) -> None:
        """See `Store.replace`."""
        with self._lock:
            self._keep(key, state, seconds)

    async def remove(self, key: str, /) -> None:
        """See `Store.remove`."""
        with self._lock:
            self._kept.pop(key, None)

    def _keep(self, key: str, state: str, seconds: float) -> None:
        now = self._clock()
        self._kept.pop(key, None)
        while self._kept:
            oldest = next(iter(self._kept))
            if len(self._kept) < self._capacity and now < self._kept[oldest][1]:
                break
            del self._kept[oldest]
        self._kept[key] = state, now + seconds


@asynccontextmanager
async def once(
    event: Event, store: Store, *, lease: float = 60.0, keep: float = 7 * _DAY
) -> AsyncGenerator[bool, None]:
    """Whether ``event`` is here for the first time; what stands in the block handles it.

    If the block ends well, the event is done, and another delivery of it gets False. If it
    raises or is cancelled, the event is free again for the vendor's next try. If the process
    dies inside, it is free after ``lease``: so what the block did before may be done twice.

    Args:
        event: Verified. One without an id is always first: nothing tells it from another.
        store: Where events are remembered.
        lease: Seconds the block may take before another delivery is let in; more than it
            ever takes.
        keep: Seconds to remember what is done; longer than the vendor goes on sending again.

    Raises:
        WebhookInProgressError: Another delivery of it is in its block at this moment.

    Example::

        async with webhooks.once(event, store) as first:
            if first:
                await handle(event)
    """
    if event.id is None:
        yield True
        return
    key = f"loyalty-webhook:{event.provider}:{event.id}"
    if _is_done(event, await store.add(key, _HELD, lease)):
        yield False
        return
    until = time.monotonic() + lease
    try:
        yield True
    except BaseException:
        # Later than that it may be somebody else's.
        if time.monotonic() < until:
            await store.remove(key)
        raise
    await store.replace(key, _DONE, keep)


def _is_done(event: Event, state: str | bytes | None) -> bool:
    if state is None:
        return False
    if (state.decode() if isinstance(state, bytes) else state) == _DONE:
        return True
    error = WebhookInProgressError(
        "another delivery of this event is being handled", hint="Let the vendor send it again"
    )
    error.provider, error.operation = event.provider, "webhook"
    raise error
