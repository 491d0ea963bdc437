"""Fixtures for the core's tests: a server that does what it is told, and a small provider."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import settings

from loyalty_sdk import (
    Activity,
    Credential,
    Flow,
    Identity,
    LoyaltyClient,
    Order,
    Page,
    Provider,
    Refusal,
    Request,
    Response,
    RetryPolicy,
    Safety,
    Transaction,
    _account,
    connect,
    get,
    wire,
)

# How long an example takes says how busy the machine is.
settings.register_profile("default", deadline=None)
settings.register_profile("further", deadline=None, max_examples=30)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Tests marked `unmeasured` run untraced: coverage would take more time than they do.

    They play what others cover, thousands of times. Without coverage nothing changes.
    """
    if not pyfuncitem.get_closest_marker("unmeasured"):
        return (yield)
    here, threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        threading.settrace(threads)
        sys.settrace(here)


Reaction = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@attrs.frozen
class Arrival:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def http(status: int = 200, body: bytes = b"{}", **headers: str) -> bytes:
    """A whole HTTP answer; header names are written with underscores."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@attrs.define
class ScriptedServer:
    """A loopback server that answers each request with the next reaction of its script.

    When the script is at its end every request gets an empty JSON object.
    """

    script: list[Reaction] = attrs.field(factory=list)
    arrivals: list[Arrival] = attrs.field(factory=list)
    connections: set[asyncio.StreamWriter] = attrs.field(factory=set)
    url: str = ""
    http: ClassVar[Callable[..., bytes]] = staticmethod(http)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self.connections.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.connections.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *rest = head.decode().strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, target, _ = first.split(" ")
        self.arrivals.append(Arrival(method, target, headers, body))
        reaction = self.script.pop(0) if self.script else http()
        if isinstance(reaction, bytes):
            writer.write(reaction)
        else:
            await reaction(writer)
        return not writer.transport.is_closing()


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A running `ScriptedServer`."""
    scripted = ScriptedServer()
    listener = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    yield scripted
    listener.close()
    for writer in list(scripted.connections):
        writer.transport.abort()
    await asyncio.sleep(0)


@pytest.fixture
def server_thread() -> Iterator[str]:
    """The URL of a server that answers from another thread, for tests with loops of their own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Plain) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{listener.server_address[1]}"
        listener.shutdown()
        thread.join()


class _Plain(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Its threads must not keep the test waiting for idle connections.
    timeout = 1

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


class TinyProvider(Provider):
    """A provider with one endpoint of each kind, whose lists hold whole numbers."""

    name = "tiny"
    title = "Tiny"

    def __init__(self, base_url: str, key: Any = "tiny-key") -> None:
        self.base_url = base_url
        self.credentials = {"Authorization": Credential(key, "Bearer ")}

    def create_order(self, order: Order, /) -> Flow[Transaction | None]:
        """Sent once."""
        yield self.post(Safety.ONCE, order.id)
        return None

    def track_activity(self, activity: Activity, /) -> Flow[Transaction | None]:
        """Sent once, and then unreadable."""
        response = yield self.post(Safety.ONCE, activity.id)
        response.json()
        return None

    def put(self, reference: str) -> Flow[int]:
        """An idempotent write."""
        response = yield self.post(Safety.IDEMPOTENT, reference)
        return response.status

    def post(self, safety: Safety, reference: str | None) -> Request:
        """The request of every write."""
        return Request(
            method="PUT" if safety is Safety.IDEMPOTENT else "POST",
            template="/things/{id}",
            path=f"/things/{reference}",
            body=wire.encode({"secret": "body-secret"}),
            safety=safety,
            reference=reference,
        )

    def list_transactions(  # type: ignore[override]  # numbers do for the core's tests
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[int]]:
        """``{"items": [...], "next": cursor}``."""
        query = {"cursor": cursor, "page_size": filters.get("page_size")}
        page = (yield get("/list", query)).json()
        return Page(tuple(page["items"]), page["next"])

    def whoami(self) -> Flow[Identity]:
        """A read."""
        answer = (yield get("/whoami")).json()
        return Identity(program=answer["program"])

    def refusal(self, response: Response, /) -> Refusal:
        """``{"error": message}``."""
        try:
            return Refusal(message=response.json()["error"], code="tiny")
        except Exception:  # noqa: BLE001 - the rule is: never raises
            return Refusal()

    def acknowledges(self, response: Response, /) -> bool:
        """``{"ok": false}`` is no success."""
        return b"false" not in response.body


@attrs.define
class Clock:
    """Time that passes only where everybody waits for it."""

    now: float

    def monotonic(self) -> float:
        """In place of `time.monotonic`."""
        return self.now


@pytest.fixture
async def skipping(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The test's loop never sleeps: where nothing is left to do, its clock jumps to the next timer.

    So a test may wait for a minute, and how busy the machine is decides nothing.
    """
    clock = Clock(time.monotonic())
    loop: Any = asyncio.get_running_loop()
    selector = loop._selector
    select, submit = selector.select, loop.run_in_executor
    busy: set[asyncio.Future[Any]] = set()

    def submitted(*call: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = submit(*call)
        busy.add(future)
        future.add_done_callback(busy.discard)
        return future

    def jump(timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return select(timeout)
        # A moment for what is on its way through the kernel, from one end to the other; and
        # no moment passes while a thread is at work for the loop, or is waited for at its end.
        at_work = busy or loop._executor_shutdown_called
        ready = select(0) or select(1 if at_work else 0.0005)
        if not (ready or at_work):
            clock.now += timeout
        return ready

    monkeypatch.setattr(loop, "run_in_executor", submitted)
    monkeypatch.setattr(selector, "select", jump)
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes between two lines of a test that has no loop."""
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)


@pytest.fixture
def tiny() -> type[TinyProvider]:
    """The class of the small provider."""
    return TinyProvider


@pytest.fixture
async def client(server: ScriptedServer, skipping: Clock) -> AsyncIterator[LoyaltyClient]:
    """A client of the small provider, quick to give up; by a clock that only waiting moves."""
    provider = TinyProvider(server.url)
    async with connect(provider, deadline=2.0, retry=RetryPolicy(attempt_timeout=0.3)) as made:
        yield made


@pytest.fixture(autouse=True)
def strangers() -> Iterator[None]:
    """No test knows what another left open with the same credentials: ports come again."""
    yield
    _account._held.clear()
    _account._accounts.clear()


@pytest.fixture(autouse=True)
def unlimited(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not wait for a vendor's limit, but those marked `limited`."""
    if request.node.get_closest_marker("limited") is None:
        agree = _account.Account.agree

        def hurry(self: Any, client: object, wanted: Any, documented: Any) -> None:
            agree(self, client, False if wanted is None else wanted, documented)

        monkeypatch.setattr(_account.Account, "agree", hurry)
