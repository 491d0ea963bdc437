"""The command line under test, and a provider made for its tests."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import pytest

from loyalty_sdk.cli import main

ACME = Path(__file__).parent / "acme"


@attrs.frozen
class Ended:
    """What a run of the command line left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


Loyalty = Callable[..., Awaitable[Ended]]


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No width, colour or vendor of the machine's own reaches a test."""
    for name in ("LOYALTY_PROVIDER", "FORCE_COLOR", "NO_COLOR", "LINES", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def loyalty(capfd: pytest.CaptureFixture[str]) -> Loyalty:
    """Runs ``loyalty ARGUMENT...`` beside the test's loop, as another program would run."""

    async def run(*arguments: str) -> Ended:
        code = await asyncio.to_thread(main, arguments)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return run


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The class of a provider that is installed as ``acme`` and remembers what it was given."""
    monkeypatch.syspath_prepend(ACME)
    monkeypatch.setenv("ACME_KEY", "acme-key")
    kind: Any = import_module("acme_loyalty").Acme
    yield kind
    sys.modules.pop("acme_loyalty")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The name of a provider that is installed and cannot be imported."""
    folder = tmp_path / "broken-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[loyalty_sdk.providers]\nbroken = no_such_module:X\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "broken"


@pytest.fixture
def post_thread() -> Iterator[str]:
    """The URL of a server that acknowledges every write, from another thread."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Acknowledging) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{listener.server_address[1]}"
        listener.shutdown()
        thread.join()


class _Acknowledging(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Its threads must not keep the test waiting for idle connections.
    timeout = 1

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Stay silent."""
