"""What a fault makes of an answer."""

from __future__ import annotations

import math
import random
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import attrs

from ._server import Listener, Reply, abort, wire
from .vendor import Answer, VendorSandbox, json_answer

if TYPE_CHECKING:
    from aiohttp import web

    from ._arrivals import Arrival
    from ._clock import Clock
    from ._faults import Fault

_HTML = "text/html; charset=utf-8"
_LOGIN_PAGE = (
    b"<!DOCTYPE html><html><title>Log in</title><body>Please log in to the network</body></html>"
)


async def misbehave(  # noqa: PLR0911 - one for each kind
    listener: Listener, clock: Clock, request: web.BaseRequest, fault: Fault, answer: Answer
) -> Reply:
    """Answer as ``fault`` wants; ``answer`` is what the vendor would say."""
    options = fault.options
    match fault.kind:
        case "drop":
            return abort(request, reset=options["reset"])
        case "hang":
            return await _hang(listener, request)
        case "drip":
            return await _drip(listener, request, wire(clock, answer), options["seconds"])
        case "truncate":
            return _truncated(clock, answer, options["keep"])
        case "wrong_length":
            length = max(0, len(answer.body) + options["by"])
            return Reply(wire(clock, answer, length=length))
        case "garble":
            half = answer.body[: len(answer.body) // 2]
            body = half + b"\xff\xfe\x00{"
            return Reply(wire(clock, attrs.evolve(answer, body=body), stays=False), stays=False)
        case _:
            return Reply(wire(clock, answer))


def replacement(  # noqa: PLR0911 - one for each kind
    vendor: VendorSandbox, clock: Clock, arrival: Arrival, fault: Fault
) -> Answer | None:
    """The answer that ``fault`` gives instead of the vendor's, None when it gives none."""
    options = fault.options
    match fault.kind:
        case "rate_limit":
            return vendor.rate_limited().plus(*_retry_after(clock, options))
        case "error":
            return _error(vendor, options).plus(*_retry_after(clock, options))
        case "redirect":
            location = options["location"] or f"{arrival.path}?redirected=1"
            return Answer(options["status"], b"", (("Location", location),))
        case "accepted":
            return Answer(202)
        case "success_false":
            return vendor.unsuccessful() or json_answer(200, {"success": False})
        case "captive":
            return Answer(200, _LOGIN_PAGE, (), _HTML)
        case _:
            return None


def delay(fault: Fault) -> float:
    """How long a latency lasts this time."""
    seconds: float = fault.options["seconds"]
    jitter: float = fault.options["jitter"]
    # Its own generator: the draw that decides who is struck must not depend on it.
    drawn = random.Random(fault.seed + fault.struck).random()  # noqa: S311 - repeatable on purpose
    return seconds + drawn * jitter


def _error(vendor: VendorSandbox, options: dict[str, Any]) -> Answer:
    status, body = options["status"], options["body"]
    if body is None:
        return vendor.error(status, "Something went wrong")
    return Answer(status, body.encode(), (), _HTML)


def _retry_after(clock: Clock, options: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    wanted = options["retry_after"]
    if wanted is None:
        return ()
    if options["as_date"]:
        # Dates have whole seconds: rounded up, so that nobody is called back too early.
        wanted = formatdate(math.ceil(clock.time() + wanted), usegmt=True)
    return (("Retry-After", str(wanted)),)


def _truncated(clock: Clock, answer: Answer, keep: float) -> Reply:
    # An answer without a body claims one, else there would be nothing to cut.
    length = len(answer.body) or 16
    kept = attrs.evolve(answer, body=answer.body[: int(len(answer.body) * keep)])
    return Reply(wire(clock, kept, length=length), stays=False)


async def _hang(listener: Listener, request: web.BaseRequest) -> Reply:
    while request.transport is not None:
        await listener.pause(0.1)
    return Reply(stays=False)


async def _drip(listener: Listener, request: web.BaseRequest, data: bytes, seconds: float) -> Reply:
    size = -(-len(data) // 20)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    for piece in pieces:
        if request.transport is not None:
            request.transport.write(piece)
        await listener.pause(seconds / len(pieces))
    return Reply()
