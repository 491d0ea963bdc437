"""How far one request got, and what its failure therefore means."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import attrs

from loyalty_sdk._flow import Response
from loyalty_sdk.errors import (
    ClientClosedError,
    ConnectError,
    DeadlineExceededError,
    MalformedResponseError,
    TransportError,
)

if TYPE_CHECKING:
    from aiohttp.http import RawResponseMessage

    from loyalty_sdk.errors import LoyaltyError


@attrs.define
class Trip:
    """One request on its way.

    Attributes:
        left: Whether a byte of it may have left.
        head: Of the answer, once it is there.
    """

    left: bool = False
    head: RawResponseMessage | None = None

    def answer(self, body: bytes = b"", failure: LoyaltyError | None = None) -> Response:
        """The answer, with what kept its body from arriving whole."""
        head = self.head
        assert head is not None  # noqa: S101 - for the type checker: it has come
        return Response(
            status=head.code,
            headers=head.headers,
            body=body,
            failure=failure,
            received_at=time.monotonic(),
        )

    def broken(self, exc: Exception, timeout: float | None) -> Response:
        """The answer as far as it came before ``exc``.

        Raises:
            TransportError: Nothing of it came.
        """
        if isinstance(exc, MalformedResponseError):
            return self.answer(failure=exc)
        failure = self._failure(exc, timeout)
        if self.head is None:
            raise failure from exc
        return self.answer(failure=failure)

    def _failure(self, exc: Exception, timeout: float | None) -> TransportError:
        if type(exc) is TimeoutError:  # ours; aiohttp's own are subclasses
            return late("complete answer" if self.left else "connection", timeout, left=self.left)
        if self.left:
            reason = _reason(exc)
            return TransportError(f"the connection broke before the answer was complete: {reason}")
        return ConnectError(f"cannot connect: {_reason(exc)}", hint="Nothing was sent")

    def closed_meanwhile(self) -> LoyaltyError:
        """The error of a call whose pool was closed."""
        if self.left:
            return TransportError("the session pool was closed before the answer was complete")
        return closed()


def closed() -> ClientClosedError:
    """The error of a call that finds its pool closed."""
    return ClientClosedError("the session pool is closed", hint="Make a new client")


def late(what: str, timeout: float | None, *, left: bool) -> DeadlineExceededError:
    """The error for ``what`` not having come in ``timeout`` seconds."""
    error = DeadlineExceededError(f"no {what} within {timeout:.3g} s")
    error.bytes_left = left
    return error


def _reason(exc: Exception) -> str:
    # aiohttp's own texts may quote the URL, and with it ids: only the system's are taken.
    cause = getattr(exc, "os_error", None)
    number = getattr(exc, "errno", None)
    said = cause.strerror if cause else os.strerror(number) if number else None
    return said or type(exc).__name__
