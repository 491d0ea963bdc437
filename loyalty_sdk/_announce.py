"""The moment before a write leaves: whoever keeps a journal is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from .errors import DeadlineExceededError

if TYPE_CHECKING:
    from ._flow import Request
    from ._pool._deadlines import Limit

BeforeSend = Callable[["Try"], Awaitable[None]]
"""Awaited before the first byte of a try; see `connect`."""

before_rest: ContextVar[Callable[[], object] | None] = ContextVar("before_rest", default=None)
"""Called when a write, of which certainly nothing was applied, is to sleep before its next try.

Whoever sets it for a call may cancel that call from then on, until its next ``before_send``.
"""


class Try(NamedTuple):
    """One try of a write that is about to leave.

    Attributes:
        reference: The key the write is known by.
        number: 1 for the first of this call; tries that then never left count.
        at: When, by this machine's clock.
        marker: What the vendor's record will carry, so that it is found again; None where it
            carries nothing.
    """

    reference: str | None
    number: int
    at: datetime
    marker: str | None = None


class HookFailedError(Exception):
    """Carries what a hook raised past everything that would take it for the vendor's."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


async def announce(hook: BeforeSend, request: Request, number: int, limit: Limit) -> None:
    """Await ``hook``, no longer than ``limit``, for a try of ``request``.

    Raises:
        DeadlineExceededError: It has not ended by then.
        HookFailedError: It failed.
    """
    try:
        with limit:
            marker = request.trace and request.trace.marker
            await hook(Try(request.reference, number, datetime.now(UTC), marker))
    except Exception as exc:
        if limit.expired and isinstance(exc, TimeoutError):
            error = DeadlineExceededError("before_send did not end in time")
            error.bytes_left = False
            raise error from exc
        raise HookFailedError(exc) from exc
