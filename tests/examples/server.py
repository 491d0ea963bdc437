"""An example as a process of its own on a free port."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import attrs

EXAMPLES = Path(__file__).parents[2] / "examples"
UVICORN = ("-m", "uvicorn", "--lifespan", "on", "--timeout-graceful-shutdown", "30")
_ESTABLISHED = "01"


@attrs.define
class Server:
    """One example, running.

    Attributes:
        log: Where all that it prints goes.
    """

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def printed(self) -> str:
        """All that it has printed so far."""
        return self.log.read_text()

    async def says(self, text: str, timeout: float = 10.0) -> None:
        """Wait until it has printed ``text``."""
        async with asyncio.timeout(timeout):
            while text not in self.printed:
                await asyncio.sleep(0.005)

    def files(self) -> set[str]:
        """What its open files are, as Linux names them."""
        found = set[str]()
        for entry in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(OSError):  # it may be closed by now
                found.add(str(entry.readlink()))
        return found

    def sockets(self, url: str) -> int:
        """How many of its established connections lead to ``url``, on this machine."""
        there = f"0100007F:{int(url.rpartition(':')[2]):04X}"
        leading = set[str]()
        # The table is read by pieces. While others connect, a row comes twice, or not at all.
        for _ in range(3):
            table = Path(f"/proc/{self.process.pid}/net/tcp").read_text().splitlines()[1:]
            for row in map(str.split, table):
                if (there, _ESTABLISHED) == (row[2], row[3]):
                    leading.add(f"socket:[{row[9]}]")
        return len(leading & self.files())

    def stop(self) -> int:
        """Ask it to end, and wait until it has."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)

    def wait(self) -> None:
        """Wait until it accepts connections."""
        until = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < until:
            with closing(socket.socket()) as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return
            time.sleep(0.02)
        raise AssertionError(f"{self.name} did not start:\n{self.printed}")


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(vendor: str) -> dict[str, str]:
    """The environment of a deployment whose vendor is the sandbox at ``vendor``."""
    return {
        **os.environ,
        "LOYALTYLION_API_KEY": "pat_sandbox",
        "LOYALTYLION_BASE_URL": vendor,
        "LOYALTYLION_WEBHOOK_SECRET": "rotated-out,sandbox",
        "JOY_SECRET_KEY": "sandbox",
        "PYTHONPATH": os.pathsep.join([str(EXAMPLES), os.environ.get("PYTHONPATH", "")]),
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "always::ResourceWarning",
    }


def start(name: str, environ: dict[str, str], folder: Path, *, apps: Path = EXAMPLES) -> Server:
    """Start an example as its first line says."""
    port, log = free_port(), folder / f"{name}.log"
    command = [sys.executable, str(apps / f"{name}.py")]
    if not name.startswith("aiohttp"):
        where = ["--port", str(port), "--app-dir", str(apps)]
        command = [sys.executable, *UVICORN, *where, f"{name}:app"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=environ | {"PORT": str(port)}, stdout=out, stderr=subprocess.STDOUT
        )
    return Server(name, port, process, log)
