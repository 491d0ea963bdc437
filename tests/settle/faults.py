"""Everything that can go wrong with a write on its way, and with a look at what became of it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import attrs

from loyalty_sdk.sandbox import Sandbox

from .proxy import Exchange, Fault

HEADER = "X-Fault"

_GATEWAY_TIMEOUT = (
    b"HTTP/1.1 504 Gateway Timeout\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nlate"
)


@attrs.frozen
class Late:
    """Faults whose effect comes ``least`` to ``most`` seconds after the client gave up."""

    least: float
    most: float

    async def wait(self, x: Exchange) -> None:
        """Hold the request back."""
        await asyncio.sleep(x.draw.uniform(self.least, self.most))

    async def after_we_gave_up(self, x: Exchange) -> None:
        """Nothing is answered; the request arrives when nobody waits for it any more."""
        await x.gone()
        await self.wait(x)
        await x.ask()
        x.close()

    async def after_504(self, x: Exchange) -> None:
        """A gateway gives up, and what is behind it does not."""
        x.cut(_GATEWAY_TIMEOUT)
        await self.wait(x)
        await x.ask()

    async def cut_and_held(self, x: Exchange) -> None:
        """The connection is reset, and the request still arrives."""
        x.reset()
        await self.wait(x)
        await x.ask()


async def plain(x: Exchange) -> None:
    """Nothing goes wrong."""
    x.write(await x.ask())


async def reset_before(x: Exchange) -> None:
    """The connection is reset and the request is nowhere."""
    x.reset()


async def cut_request(x: Exchange) -> None:
    """Only a part of the request arrives."""
    await x.send_part(x.draw.random())
    x.reset()


async def reset_after(x: Exchange) -> None:
    """The request is applied and the connection reset."""
    await x.ask()
    x.reset()


async def cut_head(x: Exchange) -> None:
    """The answer ends somewhere in its head."""
    answer = await x.ask()
    x.cut(answer[: x.draw.randrange(answer.index(b"\r\n\r\n"))])


async def cut_body(x: Exchange) -> None:
    """The answer ends somewhere in its body, or claims a body it does not have."""
    head, body = _parted(await x.ask())
    x.cut(_sized(head, len(body) + 3) + body[: x.draw.randint(0, len(body))])


async def wrong_length(x: Exchange) -> None:
    """The answer is one byte longer than it says."""
    head, body = _parted(await x.ask())
    x.cut(_sized(head, max(0, len(body) - 1)) + body)


async def garbage(x: Exchange) -> None:
    """The body is nothing anybody could read."""
    head, _ = _parted(await x.ask())
    body = x.draw.randbytes(x.draw.randint(1, 40))
    x.cut(_sized(head, len(body)) + body)


async def drip(x: Exchange) -> None:
    """The answer comes in pieces."""
    answer = await x.ask()
    size = -(-len(answer) // 5)
    for start in range(0, len(answer), size):
        x.write(answer[start : start + size])
        await asyncio.sleep(1)


async def timeout_before(x: Exchange) -> None:
    """Nothing is answered and nothing applied."""
    await x.gone()
    x.close()


async def timeout_after(x: Exchange) -> None:
    """It is applied and not answered."""
    await x.ask()
    await x.gone()
    x.close()


async def stale(x: Exchange) -> None:
    """It works, and the next request finds the connection dead."""
    x.write(await x.ask())
    x.stale = True


# ---------------------------------------------------------------- by the sandbox

_BY_SANDBOX: dict[str, tuple[str, dict[str, Any]]] = {
    "408": ("error", {"status": 408}),
    "408 applied": ("error", {"status": 408, "applied": True}),
    "429": ("rate_limit", {}),
    "429 in a second": ("rate_limit", {"retry_after": 1}),
    "429 at a date": ("rate_limit", {"retry_after": 3, "as_date": True}),
    "429 in an age": ("rate_limit", {"retry_after": 10**9}),
    "429 some time": ("rate_limit", {"retry_after": "soon, -1"}),
    "500": ("error", {"status": 500}),
    "500 applied": ("error", {"status": 500, "applied": True}),
    "503": ("error", {"status": 503, "retry_after": 2}),
    "202": ("accepted", {}),
    "202 applied": ("accepted", {"applied": True}),
    "303": ("redirect", {"status": 303}),
    "303 applied": ("redirect", {"status": 303, "applied": True}),
    "captive portal": ("captive", {}),
    "409": ("error", {"status": 409}),
    "422": ("error", {"status": 422}),
}
_LOOKS_BY_SANDBOX: dict[str, tuple[str, dict[str, Any]]] = {
    "404 page": ("error", {"status": 404, "body": "<h1>Not here</h1>"}),
    "404": ("error", {"status": 404}),
    "403": ("error", {"status": 403}),
    "success false": ("success_false", {}),
    "endless": ("endless", {}),
}


def by_sandbox(name: str) -> Fault:
    """The fault that the sandbox knows by ``name``."""

    async def answer(x: Exchange) -> None:
        x.say(f"{HEADER}: {name}")
        x.write(await x.ask())

    return answer


def prepare(sandbox: Sandbox) -> None:
    """Teach ``sandbox`` the faults it is asked for by header."""
    for name, (kind, options) in (_BY_SANDBOX | _LOOKS_BY_SANDBOX).items():
        sandbox.faults.add(
            kind,  # type: ignore[arg-type]  # a kind, as the sandbox itself checks
            match=lambda arrival, name=name: arrival.headers.get(HEADER) == name,
            **options,
        )


async def cached(x: Exchange) -> None:
    """Somebody in between answers from memory."""
    answer = await x.ask()
    x.write(answer.replace(b"\r\n", b"\r\nAge: 7\r\n", 1))


def look_fault(name: str, path: str) -> Fault:
    """The fault that a look at ``path`` meets."""
    if name == "cached":
        return cached
    # The vendor's own words at an order's address are an answer, not a fault.
    if name == "404" and re.fullmatch(r"/v2/orders/[^?]*", path):
        name = "404 page"
    return by_sandbox(name)


LOOKS = ("404", "403", "cached", "success false", "endless")

AT_ONCE: dict[str, Fault] = {
    "none": plain,
    "reset before": reset_before,
    "request cut": cut_request,
    "reset after": reset_after,
    "head cut": cut_head,
    "body cut": cut_body,
    "wrong length": wrong_length,
    "garbage": garbage,
    "drip": drip,
    "timeout before": timeout_before,
    "timeout after": timeout_after,
    "stale": stale,
    **{name: by_sandbox(name) for name in _BY_SANDBOX if name not in {"409", "422"}},
}
LATE = ("late after timeout", "late after 504", "late after reset")
SECOND = ("409", "422")
NAMES = (*AT_ONCE, *LATE)
# Where there is a rate limit, one such answer holds back everything: nothing would be left to see.
WITHIN_LIMITS = tuple(name for name in NAMES if name != "429 in an age")


def fault(name: str, late: Late) -> Fault:
    """The fault called ``name``."""
    return {
        **AT_ONCE,
        "late after timeout": late.after_we_gave_up,
        "late after 504": late.after_504,
        "late after reset": late.cut_and_held,
        **{name: by_sandbox(name) for name in SECOND},
    }[name]


def _parted(answer: bytes) -> tuple[bytes, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


def _sized(head: bytes, length: int) -> bytes:
    head = re.sub(rb"\r\nContent-Length: \d+", b"", head)
    return head + f"\r\nContent-Length: {length}\r\n\r\n".encode()
