"""A small vendor's half, and requests sent as bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest

from loyalty_sdk.sandbox import Sandbox
from loyalty_sdk.sandbox.vendor import (
    Access,
    Answer,
    Call,
    Entry,
    VendorSandbox,
    json_answer,
    route,
    shapes,
)

POINTS: shapes.Shape = {"points": shapes.integer(), "note": shapes.text}


class AcmeSandbox(VendorSandbox):
    """A vendor with one write and one list."""

    name = "acme"
    prefix = "/acme/"
    row_prefix = "row-"
    default_keys = ("sandbox",)
    scopes = ("give", "look")
    credential_headers = frozenset({"x-acme-key"})
    documented_limit = 3

    def settings(self) -> dict[str, str]:
        """One key."""
        return {"key": "sandbox"}

    def authenticate(self, call: Call) -> Access | None:
        """By one header."""
        return self.access(call.headers.get("X-Acme-Key"))

    def error(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> Answer:
        """Everything it is told."""
        return json_answer(status, {"problem": message, "code": code, "details": details})

    @route("POST", "/acme/points/{customer}", scope="give", points=True)
    def give(self, call: Call) -> Answer:
        """Give or take points."""
        customer_id, body = call.path["customer"], call.json()
        if wrong := self.check(body, POINTS, ("points",), closed=True):
            return wrong
        if self.refuses_customer(customer_id, nested=True):
            return self.error(404, "unknown customer")
        if self.refuses_removal(customer_id, -body["points"]):
            return self.error(400, "too few points")
        self.effect(call, lambda: self._write(call, customer_id, body))
        return json_answer(200, {"success": True})

    def unsuccessful(self) -> Answer:
        """The opposite."""
        return json_answer(200, {"success": False, "says": "acme"})

    @route("PUT", "/acme/points/{customer}", scope="give")
    def put(self, call: Call) -> Answer:
        """The same by other means."""
        return self.give(call)

    @route("GET", "/acme/points/{customer}", scope="look", listing=True)
    def rows(self, call: Call) -> Answer:
        """Ids of the rows, newest first, as lists show them."""
        account = self.ledger.account(call.path["customer"])
        keep: Callable[[Entry], bool] | None = self.ledger.shown()
        rows = account.entries.page(100, keep=keep)[0] if account else []
        return json_answer(200, {"rows": [row.id for row in rows], "paging": call.paging})

    @route("GET", "/acme/echo/{one}/{two}")
    def echo(self, call: Call) -> Answer:
        """What the path was read as."""
        return json_answer(200, dict(call.path))

    def _write(self, call: Call, customer_id: str, body: dict[str, Any]) -> None:
        account = self.ledger.open_account(customer_id)
        points = body["points"]
        if points < 0:
            points = -self.removable(account, -points)
        note = self.note(call, body.get("note"))
        self.ledger.write(account, points, kind="adjusted", note=note, origin=self.author(call))


@pytest.fixture
def acme() -> type[AcmeSandbox]:
    """The small vendor."""
    return AcmeSandbox


@attrs.frozen
class Reply:
    """What came back before the connection ended or the answer was complete."""

    raw: bytes

    @property
    def head(self) -> str:
        """Status line and headers."""
        return self.raw.partition(b"\r\n\r\n")[0].decode()

    @property
    def status(self) -> int:
        """HTTP status."""
        return int(self.head.split()[1])

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name."""
        lines = self.head.split("\r\n")[1:]
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    @property
    def body(self) -> bytes:
        """All that came after the head."""
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


Ask = Callable[..., Awaitable[Reply]]


@pytest.fixture
def ask() -> Ask:
    """Send one request as bytes and read until the connection ends.

    ``ask(sandbox, "GET", "/path", body=None, **headers)``; underscores in header names stand
    for hyphens.
    """

    async def send(
        sandbox: Sandbox, method: str, target: str, body: Any = None, **headers: str
    ) -> Reply:
        data = b"" if body is None else json.dumps(body).encode()
        named = {"X-Acme-Key": "sandbox", "Connection": "close"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {target} HTTP/1.1", "Host: sandbox", f"Content-Length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in named.items()]
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(sandbox.url).port)
        try:
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
            return Reply(await reader.read(-1))
        finally:
            writer.close()

    return send


@pytest.fixture
def give(ask: Ask) -> Ask:
    """``give(sandbox, points, note=None, customer="1")``: the small vendor's write."""

    async def send(
        sandbox: Sandbox, points: int, note: str | None = None, customer: str = "1"
    ) -> Reply:
        body = {"points": points} | ({} if note is None else {"note": note})
        return await ask(sandbox, "POST", f"/acme/points/{customer}", body)

    return send
