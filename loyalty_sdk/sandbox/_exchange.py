"""One request's way through the sandbox: arrival, faults, limits, vendor, answer."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

import attrs
from aiohttp import web

from ._arrivals import Arrival
from ._cache import ListCache
from ._damage import delay, misbehave, replacement
from ._fault_kinds import PAGING
from ._faults import Fault, Faults
from ._routes import Endpoint, Router
from ._server import Listener, Reply, abort, wire
from .vendor import Access, Answer, Call, VendorSandbox

if TYPE_CHECKING:
    from ._clock import Clock
    from ._limits import SlidingLimit
    from ._switches import Switches

_NOBODY = Access("")
_SECRET = frozenset({"authorization", "proxy-authorization", "cookie"})


class _Asked(NamedTuple):
    """An endpoint, and the call it is asked with."""

    endpoint: Endpoint
    call: Call


class Exchange:
    """Everything a request passes through."""

    def __init__(
        self,
        clock: Clock,
        switches: Switches,
        vendors: list[VendorSandbox],
        limits: dict[str, SlidingLimit],
        *,
        arrivals_kept: int | None = None,
    ) -> None:
        self.arrivals: list[Arrival] = []
        self.faults = Faults()
        self._clock = clock
        self._switches = switches
        self._router = Router(vendors)
        self._limits = limits
        self._kept = arrivals_kept
        self._secret = _SECRET.union(*(vendor.credential_headers for vendor in vendors))
        self._cache = ListCache(clock, switches)
        self._draw = Random(switches.seed)  # noqa: S311 - repeatable on purpose

    async def serve(self, listener: Listener, request: web.BaseRequest) -> Reply:
        """Answer ``request``, or misbehave."""
        path, _, query = request.raw_path.partition("?")
        vendor = self._router.vendor(path)
        arrival = self._arrive(request, path, query, vendor)
        if dropped := self.faults.draw(arrival, unread=True):
            return abort(request, reset=dropped[0].options["reset"])
        try:
            arrival.body = await request.read()
        except (web.RequestPayloadError, ConnectionError):
            return abort(request)
        except web.HTTPRequestEntityTooLarge as exc:
            # The rest of the body is still to come: the connection is of no more use.
            return self._reply(arrival, Answer(exc.status), stays=False)
        struck = self.faults.draw(arrival)
        if vendor is None:
            return self._reply(arrival, Answer(404))
        return await self._answer(listener, request, arrival, vendor, struck)

    def _arrive(
        self, request: web.BaseRequest, path: str, query: str, vendor: VendorSandbox | None
    ) -> Arrival:
        arrival = Arrival(
            time=self._clock.now(),
            method=request.method,
            path=path,
            query=query,
            headers=request.headers,
            provider=vendor.name if vendor else None,
            secret=self._secret,
        )
        self.arrivals.append(arrival)
        # Twice as many, so that the list is not moved for every request.
        if self._kept is not None and len(self.arrivals) >= 2 * self._kept:
            del self.arrivals[: -self._kept or None]
        return arrival

    async def _answer(
        self,
        listener: Listener,
        request: web.BaseRequest,
        arrival: Arrival,
        vendor: VendorSandbox,
        struck: list[Fault],
    ) -> Reply:
        await _wait(listener, struck, applied=False)
        fault = struck[-1] if struck and struck[-1].kind != "latency" else None
        origin = f"http://127.0.0.1:{listener.port}"
        answer = self._true_answer(self._find(request, arrival, vendor, origin), vendor, fault)
        await _wait(listener, struck, applied=True)
        if fault is None:
            return self._reply(arrival, answer)
        answer = replacement(vendor, self._clock, arrival, fault) or answer
        arrival.status = None if fault.kind in {"drop", "hang"} else answer.status
        return await misbehave(listener, self._clock, request, fault, answer)

    def _reply(self, arrival: Arrival, answer: Answer, *, stays: bool = True) -> Reply:
        arrival.status = answer.status
        if arrival.method == "HEAD":
            answer = attrs.evolve(answer, body=b"")
        return Reply(wire(self._clock, answer, stays=stays), stays=stays)

    def _find(
        self, request: web.BaseRequest, arrival: Arrival, vendor: VendorSandbox, origin: str
    ) -> _Asked | None:
        found = self._router.find(arrival.method, arrival.path)
        if found is None:
            return None
        endpoint, path = found
        arrival.template = endpoint.route.template
        query = arrival.params if arrival.query else {}
        call = Call(arrival, request.headers, path, _NOBODY, query, origin)
        call.access = vendor.authenticate(call) or _NOBODY
        return _Asked(endpoint, call)

    def _true_answer(
        self, asked: _Asked | None, vendor: VendorSandbox, fault: Fault | None
    ) -> Answer:
        """What the vendor says; nothing when the fault keeps the request from it."""
        if asked and fault and fault.kind in PAGING:
            asked.call.paging = fault.kind
        kept_away = fault is not None and not fault.applied
        with vendor.ledger.lock:
            vendor.ledger.settle()
            answer = Answer(200) if kept_away else self._ask(vendor, asked)
            if asked and self._switches.stranger:
                self._meddle(asked)
        return answer

    def _ask(self, vendor: VendorSandbox, asked: _Asked | None) -> Answer:
        if asked is None:
            return vendor.error(404, "Not found", code="NOT_FOUND")
        access, route = asked.call.access, asked.endpoint.route
        if access is _NOBODY:
            return vendor.error(401, "Unauthorized")
        limit = self._limits.get(vendor.name)
        if limit and not limit.admits(access.key):
            return self._rate_limited(vendor)
        if not access.may(route.scope):
            return vendor.error(403, "Forbidden")
        if route.listing and self._cache.on:
            return self._listed(asked)
        return self._handled(asked)

    def _handled(self, asked: _Asked) -> Answer:
        endpoint = asked.endpoint
        answer = endpoint.handler(asked.call)
        if endpoint.route.writes and answer.ok and not self._switches.write_success:
            return endpoint.vendor.unsuccessful() or answer
        return answer

    def _rate_limited(self, vendor: VendorSandbox) -> Answer:
        answer, seconds = vendor.rate_limited(), self._switches.limit_retry_after
        return answer if seconds is None else answer.plus(("Retry-After", f"{seconds:g}"))

    def _listed(self, asked: _Asked) -> Answer:
        arrival = asked.call.arrival
        key = (asked.call.access.key, f"{arrival.path}?{arrival.query}")
        answer = self._cache.get(key, asked.call.headers)
        if answer is None:
            answer = self._handled(asked)
            self._cache.put(key, answer)
        return answer

    def _meddle(self, asked: _Asked) -> None:
        """Let a stranger do what was asked for, too."""
        if not asked.endpoint.route.points or asked.call.access is _NOBODY:
            return
        if self._draw.random() < self._switches.stranger:
            # A call of its own: ours may still have to take effect.
            asked.endpoint.handler(attrs.evolve(asked.call, stranger=True))


async def _wait(listener: Listener, struck: list[Fault], *, applied: bool) -> None:
    for fault in struck:
        if fault.kind == "latency" and fault.applied is applied:
            await listener.pause(delay(fault))
