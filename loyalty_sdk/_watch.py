"""Tells listeners what happens in a call. A call to which nobody listens has no watch."""

from __future__ import annotations

import re
import time
from asyncio import CancelledError
from contextlib import suppress
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs

from . import logs
from ._models import Outcome, Receipt
from .errors import APIError, LoyaltyError
from .hooks import CallEnded, CallStarted, Retrying, TryEnded, TryStarted, Waited

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from ._call import Call
    from ._flow import Request, Response
    from ._options import Guarded
    from .hooks import Event

T = TypeVar("T")

_numbers = count(1)
_NOTHING: Mapping[str, Any] = {}
# Where a message ends, and who may read it, is no listener's business.
_RESERVED = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VERSION = re.compile("v[0-9]+")


@attrs.define(eq=False)
class Watch:
    """What listeners hear of one call.

    Attributes:
        logged: Whether the log is told too.
        started: Whether its beginning was told.
    """

    provider: str
    operation: str
    listeners: tuple[Guarded, ...]
    logged: bool = False
    number: int = attrs.field(factory=_numbers.__next__)
    started: bool = False
    _tries: int = 0
    _sent_at: float = 0.0

    def tell(self, kind: type[Event], seen: Mapping[str, Any] = _NOTHING, **what: Any) -> Event:
        """Tell every listener; ``seen`` is for the log alone."""
        event = kind(call=self.number, provider=self.provider, operation=self.operation, **what)
        for each in self.listeners:
            _hear(each, event)
        if self.logged:
            # A filter or a handler that fails must not break the call.
            with suppress(Exception):
                logs.write(event, seen)
        return event

    async def over(self, call: Call, run: Awaitable[T]) -> T:
        """Await the whole call, and tell of its beginning and its end."""
        began = time.monotonic()
        self.started = True
        self.tell(CallStarted)
        try:
            result = await run
        except BaseException as error:
            receipt = getattr(error, "receipt", None)
            self._end(call, receipt, type(error).__name__, began)
            raise
        self._end(call, result, None, began)
        return result

    def _end(self, call: Call, result: object, error: str | None, began: float) -> None:
        receipt = result if isinstance(result, Receipt) else call.writes and call.receipt()
        self.tell(
            CallEnded,
            outcome=receipt.outcome if receipt else None,
            reconciled=bool(receipt and receipt.reconciled),
            tries=self._tries,
            error=error,
            seconds=time.monotonic() - began,
        )

    async def wait(self, reason: Literal["connection", "rate"], turn: Awaitable[float]) -> None:
        """Await a turn, and tell if it took any time."""
        began = time.monotonic()
        try:
            waited = await turn
        except BaseException:
            self.tell(Waited, reason=reason, seconds=time.monotonic() - began, granted=False)
            raise
        if waited:
            self.tell(Waited, reason=reason, seconds=waited, granted=True)

    def depart(
        self,
        origin: str,
        request: Request,
        headers: Mapping[str, str],
        resends: int,
        *,
        looks: bool,
    ) -> dict[str, str]:
        """Tell of a request; its headers, with what listeners put in."""
        self._tries += not looks
        event = self.tell(
            TryStarted,
            logs.of_request(request, headers) if self.logged else _NOTHING,
            method=request.method,
            template=without_ids(request.template),
            origin=origin,
            resends=resends,
            looks=looks,
        )
        assert isinstance(event, TryStarted)  # noqa: S101 - for the type checker
        self._sent_at = time.monotonic()
        return {**_allowed(event.headers, headers), **headers}

    def arrive(self, response: Response, keys: Callable[[], Iterable[str]], *, looks: bool) -> None:
        """Tell of an answer, which may quote the ``keys``."""
        failure = response.failure
        error = None if failure is None else type(failure).__name__
        seen = logs.of_response(response, keys()) if self.logged else _NOTHING
        self._land(response.status, error, seen, looks=looks)

    def lose(self, error: BaseException, *, looks: bool) -> None:
        """Tell of an answer that will not come."""
        self._land(None, type(error).__name__, looks=looks)

    def _land(
        self,
        status: int | None,
        error: str | None,
        seen: Mapping[str, Any] = _NOTHING,
        *,
        looks: bool,
    ) -> None:
        seconds = time.monotonic() - self._sent_at
        self.tell(TryEnded, seen, status=status, error=error, seconds=seconds, looks=looks)

    def retry(self, seconds: float, failure: LoyaltyError) -> None:
        """Tell of a repeat after ``failure``."""
        status = failure.status if isinstance(failure, APIError) else 0
        self.tell(Retrying, seconds=seconds, reason=str(status or type(failure).__name__))

    def resend(self) -> None:
        """Tell of a write that was shown absent and is sent again."""
        self.tell(Retrying, seconds=0.0, reason=Outcome.ABSENT.value)


def _hear(guarded: Guarded, event: Event) -> None:
    try:
        guarded.listener(event)
    except (Exception, CancelledError):  # noqa: BLE001 - no failure of it may reach the call
        if not guarded.failed:
            guarded.failed = True
            logs.log.exception("a listener failed; its next failures are not logged")


def _allowed(added: Mapping[Any, Any], headers: Mapping[str, str]) -> dict[str, str]:
    """What listeners added, without what would change the request or break it."""
    taken = _RESERVED | {name.lower() for name in headers}
    return {
        name: value
        for name, value in added.items()
        if isinstance(name, str)
        and isinstance(value, str)
        and name.lower() not in taken
        and _HEADER.fullmatch(name)
        and value.isascii()
        and value.isprintable()
    }


@lru_cache(maxsize=512)
def without_ids(template: str) -> str:
    """``template`` with ``{}`` for what could be an id in a path that somebody wrote out."""
    return "/".join("{}" if _may_be_id(part) else part for part in template.split("/"))


def _may_be_id(segment: str) -> bool:
    if segment.startswith("{") or _VERSION.fullmatch(segment):
        return False
    odd = any(not (character.isalpha() or character in "_-.") for character in segment)
    return odd or len(segment) > 40
