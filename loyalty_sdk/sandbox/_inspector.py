"""The sandbox driven from another process: JSON under ``/_sandbox/``, no vendor's prefix.

=======  ===========================  =====================================================
method   path                         what
=======  ===========================  =====================================================
GET      ``/_sandbox/settings``       ``?provider=``: keyword arguments for ``connect``
GET      ``/_sandbox/balance``        ``?provider=&customer_id=``
GET      ``/_sandbox/ledger``         the same: every row, oldest first
GET      ``/_sandbox/arrivals``       ``?since=N``: every request from number N on
DELETE   ``/_sandbox/arrivals``       forget them
GET      ``/_sandbox/faults``         those in force, with how often they struck
POST     ``/_sandbox/faults``         the arguments of `Faults.add`
DELETE   ``/_sandbox/faults``         take all away
POST     ``/_sandbox/clock``          ``{"advance": seconds}``
POST     ``/_sandbox/customers``      the arguments of `Sandbox.add_customer`
POST     ``/_sandbox/transactions``   the arguments of `Sandbox.add_transactions`, ``until`` as text
GET      ``/_sandbox/webhooks``       those sent, with what the receivers answered
POST     ``/_sandbox/webhooks``       the arguments of `Webhooks.send_to`
POST     ``/_sandbox/webhook``        the arguments of `Webhooks.send`
DELETE   ``/_sandbox/webhooks``       send to nobody any more
POST     ``/_sandbox/reset``          ``{"provider": name}``, everybody unless given
=======  ===========================  =====================================================

Answers are 200 with JSON; what is wrong with a request comes as 400 ``{"error": text}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from loyalty_sdk.errors import ConfigurationError, LoyaltyError
from loyalty_sdk.wire import decode_json

from ._server import Reply, wire
from ._shapes import parse_time, print_time
from .vendor import json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from ._arrivals import Arrival
    from ._fault_kinds import FaultKind
    from ._faults import Fault
    from ._rows import Entry
    from ._sandbox import Sandbox

PREFIX = "/_sandbox/"


class Inspector:
    """Answers what another process asks."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._actions: dict[str, Callable[..., Any]] = {
            "GET settings": sandbox.settings,
            "GET balance": self._balance,
            "GET ledger": self._ledger,
            "GET arrivals": self._arrivals,
            "DELETE arrivals": sandbox.arrivals.clear,
            "GET faults": self._faults,
            "POST faults": self._add_fault,
            "DELETE faults": sandbox.faults.clear,
            "POST clock": self._clock,
            "POST customers": self._add_customer,
            "POST transactions": self._add_transactions,
            "GET webhooks": self._webhooks,
            "POST webhooks": sandbox.webhooks.send_to,
            "POST webhook": sandbox.webhooks.send,
            "DELETE webhooks": sandbox.webhooks.clear,
            "POST reset": sandbox.reset,
        }

    async def serve(self, request: web.BaseRequest) -> Reply:
        """Answer ``request``; it is no arrival."""
        path, _, query = request.raw_path.removeprefix(PREFIX).partition("?")
        action = self._actions.get(f"{request.method} {path}")
        if action is None:
            known = ", ".join(self._actions)
            return self._reply(404, {"error": f"no such path; after {PREFIX} there are: {known}"})
        try:
            given = decode_json(await request.read() or b"{}")
            done = action(**dict(parse_qsl(query)) | given)
        except (LoyaltyError, TypeError, ValueError) as exc:
            return self._reply(400, {"error": str(exc)})
        return self._reply(200, {} if done is None else done)

    def _reply(self, status: int, value: Any) -> Reply:
        return Reply(wire(self._sandbox.clock, json_answer(status, value)))

    def _balance(self, provider: str, customer_id: str) -> Any:
        balance = self._sandbox.balance(provider, customer_id)
        return {"balance": balance, "outstanding": self._sandbox.outstanding(provider)}

    def _ledger(self, provider: str, customer_id: str) -> Any:
        return {"ledger": [_entry(row) for row in self._sandbox.ledger(provider, customer_id)]}

    def _arrivals(self, since: str = "0") -> Any:
        return {"arrivals": [_arrival(arrival) for arrival in self._sandbox.arrivals[int(since) :]]}

    def _faults(self) -> Any:
        return {"faults": [_fault(fault) for fault in self._sandbox.faults]}

    def _add_fault(self, kind: FaultKind, **options: Any) -> Any:
        return _fault(self._sandbox.faults.add(kind, **options))

    def _webhooks(self) -> Any:
        names = ("url", "provider", "topic", "statuses")
        sent = self._sandbox.webhooks.sent
        return {
            "webhooks": [
                {name: getattr(one, name) for name in names} | {"body": one.body.decode()}
                for one in sent
            ]
        }

    def _clock(self, advance: float = 0.0) -> Any:
        self._sandbox.clock.advance(advance)
        return {"now": print_time(self._sandbox.clock.now())}

    def _add_customer(self, **facts: Any) -> None:
        self._sandbox.add_customer(**facts)

    def _add_transactions(self, *, until: str | None = None, **facts: Any) -> None:
        newest = None if until is None else parse_time(until)
        if until is not None and newest is None:
            raise ConfigurationError("until is an ISO 8601 date and time")
        self._sandbox.add_transactions(until=newest, **facts)


def _entry(entry: Entry) -> dict[str, Any]:
    names = (
        "id", "customer_id", "points", "pending", "balance", "kind", "reason", "note",
        "order_id", "activity_id", "origin",
    )  # fmt: skip
    return {name: getattr(entry, name) for name in names} | {"time": print_time(entry.time)}


def _arrival(arrival: Arrival) -> dict[str, Any]:
    names = ("method", "path", "query", "provider", "template", "status", "applied", "fault")
    headers = {
        name: "***" if arrival.hides(name) else value for name, value in arrival.headers.items()
    }
    return {name: getattr(arrival, name) for name in names} | {
        "time": print_time(arrival.time),
        "headers": headers,
        "body": arrival.body.decode(errors="replace"),
    }


def _fault(fault: Fault) -> dict[str, Any]:
    names = ("kind", "share", "seed", "times", "applied", "options", "struck", "seen")
    match = fault.match if isinstance(fault.match, str) else None
    return {name: getattr(fault, name) for name in names} | {"match": match}
