"""The processes a run needs: each is ended by its own process id."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

ROOT = Path(__file__).parent.parent.parent


def start(module: str, plan: Mapping[str, Any]) -> subprocess.Popen[str]:
    """A module of ours with its plan."""
    paths = [str(ROOT), str(ROOT / "providers")]
    return subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.limits.{module}", json.dumps(plan)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(process: subprocess.Popen[str]) -> str:
    """The next line it prints."""
    assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
    return process.stdout.readline()


def go(process: subprocess.Popen[str]) -> None:
    """Let it begin."""
    assert process.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
    process.stdin.write("\n")
    process.stdin.flush()


def finish(process: subprocess.Popen[str], timeout: float = 30.0) -> dict[str, Any]:
    """End its input, and read what it found; nothing where it was killed."""
    printed, _ = process.communicate(timeout=timeout)
    found: dict[str, Any] = json.loads(printed) if printed.strip() else {}
    return found


@contextmanager
def redis() -> Generator[str | None]:
    """The address of a Redis of our own; None where none is installed."""
    binary = shutil.which("redis-server")
    if binary is None:
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            binary,
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            folder,
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _await_port(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait()


def _await_port(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("redis-server did not start")
