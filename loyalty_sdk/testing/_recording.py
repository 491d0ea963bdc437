"""What an adapter's flows really send, and what its half of the sandbox answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from loyalty_sdk._connect import connect
from loyalty_sdk._policy import RetryPolicy
from loyalty_sdk._pool import SessionPool
from loyalty_sdk.errors import LoyaltyError

from ._subject import PLAIN_ID, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from loyalty_sdk._flow import Request, Response
    from loyalty_sdk.sandbox import Sandbox

# What ends a path, changes its meaning, or is changed on the way when it is not encoded.
HOSTILE_IDS = (
    "../orders", "a/b", "é", "%2F", "$signup", "a?b=c", "a#b", "a b", "a+b", "a&b=c", "100%",
    "{id}", "a;b", '"', "\\", "\N{SNOWMAN}",
)  # fmt: skip


@attrs.frozen
class Sent:
    """One request of a flow.

    Attributes:
        request: As the adapter described it.
        target: Path and query as they arrived.
        answer: The body that came back.
    """

    request: Request
    target: str
    answer: bytes


@attrs.frozen
class Recording:
    """Every request of every flow, by the id that stood for all ids and by flow."""

    sent: Mapping[str, Mapping[str, tuple[Sent, ...]]]

    @property
    def plain(self) -> Mapping[str, tuple[Sent, ...]]:
        """Those with a plain id, by flow."""
        return self.sent[PLAIN_ID]

    def every(self) -> Iterator[tuple[str, Sent]]:
        """All of them, each with a name to complain under."""
        for an_id, flows in self.sent.items():
            for flow, group in flows.items():
                yield from ((f"{flow} with the id {an_id!r}", each) for each in group)


class _RecordingPool(SessionPool):
    """A pool that remembers what went through it."""

    def __init__(self) -> None:
        super().__init__()
        self.passed: list[tuple[Request, Response]] = []

    async def send(
        self,
        origin: str,
        request: Request,
        headers: Mapping[str, str],
        timeout: float | None,
    ) -> Response:
        response = await super().send(origin, request, headers, timeout)
        self.passed.append((request, response))
        return response


_recordings: dict[type[Subject], Recording] = {}


def recorded(subject: Subject) -> Recording:
    """What the flows of ``subject`` send with a plain id and with each hostile one."""
    kind = type(subject)
    if kind not in _recordings:
        _recordings[kind] = asyncio.run(_record(subject))
    return _recordings[kind]


async def _record(subject: Subject) -> Recording:
    async with subject.sandbox() as sandbox:
        sent = {an_id: await _run(subject, sandbox, an_id) for an_id in HOSTILE_IDS}
        # Last, and with a history, so that the answers have rows.
        sandbox.add_customer(subject.name, PLAIN_ID, email="shopper@example.com", points=7)
        return Recording({PLAIN_ID: await _run(subject, sandbox, PLAIN_ID), **sent})


async def _run(subject: Subject, sandbox: Sandbox, an_id: str) -> dict[str, tuple[Sent, ...]]:
    provider = subject.provider(**sandbox.settings(subject.name))
    sent: dict[str, tuple[Sent, ...]] = {}
    pool = _RecordingPool()
    async with pool:
        client = connect(provider, pool=pool, retry=RetryPolicy(attempts=1), deadline=10.0)
        for flow, start in subject.every_flow(provider, an_id).items():
            sandbox.arrivals.clear()
            pool.passed.clear()
            # A vendor may refuse an id it does not know: the request is what counts.
            with suppress(LoyaltyError):
                await client.run(start())
            sent[flow] = tuple(
                Sent(request, f"{arrival.path}?{arrival.query}".rstrip("?"), response.body)
                for (request, response), arrival in zip(pool.passed, sandbox.arrivals, strict=True)
            )
    return sent
