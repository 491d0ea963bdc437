"""``loyalty sandbox``, as another program sees it."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import loyalty_sdk
from loyalty_sdk.cli import _demo_view, _sandbox
from loyalty_sdk.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-u", "-m", "loyalty_sdk", "sandbox"]
# As a shell starts a background job.
IGNORING = ["bash", "-c", "trap '' INT; exec \"$@\"", "bash", *COMMAND]


@pytest.fixture
def start() -> Iterator[Any]:
    """Starts a command with pipes and ends it with the test."""
    started: list[subprocess.Popen[str]] = []

    def popen(*command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        process.kill()
        process.communicate()


def environment(process: subprocess.Popen[str]) -> dict[str, str]:
    """What a shell would know after the printed lines were pasted into it."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    for line in process.stdout:
        if line.startswith("# Paste"):
            break
        if not line.startswith("#"):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            found[name] = value
    return found


@pytest.mark.parametrize(
    ("command", "number"),
    [(COMMAND, signal.SIGINT), (IGNORING, signal.SIGINT), (COMMAND, signal.SIGTERM)],
)
async def test_what_it_prints_is_all_a_client_needs_until_a_signal(
    command: list[str], number: signal.Signals, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment it prints leads to every vendor; Ctrl-C ends it quietly with 0."""
    process = start(*command, "--port=0")
    for name, value in (await asyncio.to_thread(environment, process)).items():
        monkeypatch.setenv(name, value)
    for name in Sandbox().providers:
        async with loyalty_sdk.connect(name) as client:
            assert (await client.run(client.provider.whoami())).program
    process.send_signal(number)
    assert (("", ""), 0) == (await asyncio.to_thread(process.communicate), process.returncode)


def test_the_demos_last_lines_work_when_pasted(start: Any) -> None:
    """The three lines run as they are in Python's own console, and leave no complaint."""
    served = set(environment(start(*COMMAND, "--port=0")).values())
    [url] = [value for value in served if value.startswith("http://")]
    sandbox = Sandbox()
    for name in sandbox.providers:
        lines = _demo_view.next_lines(name, sandbox.vendor(name).settings())
        pasted = "\n".join(lines).replace(f"http://127.0.0.1:{_sandbox.PORT}", url)
        console = subprocess.run(
            [sys.executable, "-"],
            input=pasted,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (3, 0, "") == (len(lines), console.returncode, console.stderr)
        assert f"operation='adjust_points', provider='{name}'" in console.stdout
        assert "<Outcome.APPLIED: 'applied'>" in console.stdout


def test_a_port_that_is_taken_is_one_line() -> None:
    """Whoever starts it twice reads what is wrong, and no traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [*COMMAND, f"--port={port}"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (2, "", 1) == (ended.returncode, ended.stdout, ended.stderr.count("\n"))
    assert f"cannot listen on port {port}" in ended.stderr


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
async def test_what_is_no_port_is_refused(port: str, loyalty: Any) -> None:
    """The range is checked before anything listens."""
    ended = await loyalty("sandbox", f"--port={port}")
    assert (2, "", 1) == (ended.code, ended.out, ended.err.count("\n"))


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [([], (_sandbox.PORT, {"limits": False})), (["--port=7", "--limits"], (7, {"limits": True}))],
)
async def test_the_options_reach_the_sandbox(
    arguments: list[str], wanted: Any, loyalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port is the one the demo's last lines name unless given; limits are off unless asked."""
    made: list[Any] = []

    async def serve(_: Any) -> None:
        made.append(1)

    monkeypatch.setattr(_sandbox, "Sandbox", lambda port, **options: made.append((port, options)))
    monkeypatch.setattr(_sandbox, "_serve", serve)
    assert (0, [wanted, 1]) == ((await loyalty("sandbox", *arguments)).code, made)
