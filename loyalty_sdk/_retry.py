"""When a request is sent again; the only user of backoff."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from ._flow import Acknowledgement, Request, Response, Safety, http_date
from ._secrets import without_addresses
from .errors import (
    APIError,
    LoyaltyError,
    RateWaitTimeoutError,
    TransportError,
    error_for_status,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._policy import RetryPolicy
    from ._provider import Provider


class Tries(Protocol):
    """What the tries of one request are made of.

    Attributes:
        tried: How often it was tried before.
    """

    tried: int

    @property
    def deadline(self) -> float:
        """On `time.monotonic`; no wait reaches beyond it."""
        ...

    async def send(self) -> Response:
        """One try."""
        ...

    def note(self, verdict: Verdict) -> None:
        """Account for what a try proved."""
        ...

    def may_repeat(self) -> bool:
        """Take one repeat out of the budget; False when there is none."""
        ...

    def retrying(self, wait: float, failure: LoyaltyError) -> None:
        """Tell of a repeat: the seconds until then, and why."""
        ...


class Verdict(Enum):
    """What one try of a request proves."""

    NOT_SENT = "not sent"
    """No connection, or nothing left."""
    REFUSED = "refused"
    """429, and any other 4xx but 408."""
    ACCEPTED = "accepted"
    """Its acknowledgement came."""
    OPEN = "open"
    """Anything else: it may have been applied."""
    ABSENT = "absent"
    """Open at first; the vendor's records then showed that it was not applied."""


def verdict(provider: Provider, request: Request, response: Response) -> Verdict:
    """What ``response`` proves about the try it answers."""
    status = response.status
    if status in request.answers:
        return Verdict.ACCEPTED if response.failure is None else Verdict.OPEN
    if 400 <= status < 500 and status != 408:
        return Verdict.REFUSED
    if not response.ok or not _acknowledged(provider, request, response):
        return Verdict.OPEN
    return Verdict.ACCEPTED


def _acknowledged(provider: Provider, request: Request, response: Response) -> bool:
    if request.safety is Safety.SAFE:
        return response.failure is None
    # 202 promises nothing yet, and a page of HTML is somebody else's answer.
    if response.status == 202 or "html" in response.headers.get("Content-Type", "").lower():
        return False
    if request.acknowledged_by is Acknowledgement.STATUS:
        return True
    return response.failure is None and provider.acknowledges(response)


async def exchange(
    provider: Provider, request: Request, policy: RetryPolicy, tries: Tries
) -> Response:
    """Send ``request`` until it is accepted or may not be repeated.

    Args:
        provider: Reads acknowledgements and refusals.
        request: What to send.
        policy: How often.
        tries: Send it.

    Raises:
        LoyaltyError: The last try's failure.
    """
    waits: Iterator[float] | None = None
    attempt = tries.tried + 1
    while True:
        failure: LoyaltyError
        try:
            response = await tries.send()
        except TransportError as exc:
            what, failure = Verdict.OPEN if exc.bytes_left else Verdict.NOT_SENT, exc
            tries.note(what)
        else:
            what = verdict(provider, request, response)
            tries.note(what)
            if what is Verdict.ACCEPTED:
                return response
            failure = refused(provider, response)
            del response  # a traceback with locals must not show its headers
        if attempt >= policy.attempts or not _repeatable(request, what, failure):
            raise failure
        waits = waits or _waits()
        wait = _wait(next(waits), failure, tries.deadline)
        if wait is None:
            raise failure
        if not tries.may_repeat():
            failure.hint = NO_REPEATS_LEFT
            raise failure
        tries.retrying(wait, failure)
        await asyncio.sleep(wait)
        attempt += 1


def patience(
    request: Request, policy: RetryPolicy, deadline: float, settle: float = float("inf")
) -> float:
    """Seconds that one try of ``request`` may take, now."""
    left = max(0.0, deadline - time.monotonic())
    if request.safety is not Safety.ONCE:
        return min(left, policy.attempt_timeout)
    # The answer is the best evidence, but looking for the write needs some time too.
    if request.trace is None or left == float("inf"):
        return left
    reserve = max(0.2 * left, 1.0)
    # Where there is time to show it absent, and to send it again, that is worth more.
    if 2 * (settle + 1.0) <= left:
        reserve = max(reserve, settle + 1.0)
    return left - min(reserve, 0.5 * left)


def _repeatable(request: Request, what: Verdict, failure: LoyaltyError) -> bool:
    if isinstance(failure, RateWaitTimeoutError):
        return False  # it has waited as long as it may
    if what is Verdict.REFUSED:
        return isinstance(failure, APIError) and failure.status == 429
    if what is Verdict.OPEN:
        # An answer that is too long will be too long again.
        again = isinstance(failure, TransportError | APIError)
        return again and request.safety is not Safety.ONCE
    return True


NO_REPEATS_LEFT = (
    "The retry budget of these credentials is used up, so it was not sent again: too many calls"
    " fail at once; see RetryPolicy(budget=...)"
)


def _wait(wait: float, failure: LoyaltyError, deadline: float) -> float | None:
    """Seconds before the next try; None when that would reach beyond the deadline."""
    asked = failure.retry_after if isinstance(failure, APIError) else None
    wait = max(wait, asked or 0.0)
    if time.monotonic() + wait >= deadline:
        if asked is not None and asked >= wait:
            failure.hint = f"The vendor asks to wait {asked:g} s, which is beyond the deadline"
        return None
    return wait


def _waits() -> Iterator[float]:
    import backoff  # noqa: PLC0415 - most calls never wait

    longest: Iterator[float] = backoff.expo(factor=0.2, max_value=8)
    next(longest)  # backoff's generators hand out None first, to be primed with send()
    return map(backoff.full_jitter, longest)


def refused(provider: Provider, response: Response) -> LoyaltyError:
    """The error for an answer that is no success."""
    if response.failure is not None and response.ok:
        return response.failure
    said = provider.refusal(response)
    status = said.status or response.status
    words = f"HTTP {response.status}" + (
        f": {without_addresses(said.message)}" if said.message else ""
    )
    error = error_for_status(status)(words, hint=_HINTS.get(status))
    if 300 <= response.status < 400:
        error.hint = "Redirects are not followed; check base_url"
    error.status = response.status
    error.code = said.code
    error.vendor_message = said.message
    error.details = said.details
    error.retry_after = retry_after(response)
    return error


_HINTS = {
    401: "Check the credentials; `loyalty doctor` tests them",
    402: "The shop's plan does not include this",
    403: "The key lacks a scope, or the plan lacks the feature; `loyalty doctor` tells which",
    429: "Too many requests; send fewer at once",
}


# Seconds. Who asks for more has made a mistake, and would silence the credentials for good.
_LONGEST_PAUSE = 86_400.0


def retry_after(response: Response) -> float | None:
    """Seconds that ``Retry-After`` asks for, given as seconds or as a date; a day at the most.

    None when there is no such header or it cannot be read. A date counts from the answer's
    own ``Date``, so that clocks that differ do no harm.
    """
    value = response.headers.get("Retry-After", "").strip()
    # HTTP wants whole seconds; some servers send fractions all the same.
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return min(float(value), _LONGEST_PAUSE)
    until = http_date(value)
    if until is None:
        return None
    now = response.date or datetime.now(UTC)
    return min(max(0.0, (until - now).total_seconds()), _LONGEST_PAUSE)
