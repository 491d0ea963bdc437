"""Servers to call, each in a process of its own, ended by its process id."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from .answers import ORDER, WHOAMI
from .question import Case
from .rounds import ROOT, environment

_CONFIGURATION = """
daemon off;
master_process off;
worker_rlimit_nofile 30000;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=16384;
        default_type application/json;
        location / {{ return 201 '{order}'; }}
        location /v2/identity/whoami {{ return 200 '{whoami}'; }}
    }}
}}
"""


class NotStartedError(Exception):
    """A server did not start; the message is what it said."""


@contextmanager
def orders(_: Case) -> Generator[Mapping[str, Any]]:
    """Takes orders as fast as it can: nginx where it is installed and starts, else our own."""
    with ExitStack() as stack:
        yield _begun(stack, nginx())


def _begun(stack: ExitStack, binary: str | None) -> Mapping[str, Any]:
    """Either server, which ``stack`` ends; nginx is named when it does not start."""
    if binary is None:
        return stack.enter_context(answers({}))
    try:
        return stack.enter_context(_nginx(binary))
    except NotStartedError as exc:
        sys.stderr.write(f"nginx did not start: {exc}\n")
    own = stack.enter_context(answers({}))
    return {**own, "what": f"{own['what']}, since nginx did not start"}


@contextmanager
def paced(case: Case) -> Generator[Mapping[str, Any]]:
    """Answers with the pages that ``case`` asks for, after the latency that it asks for."""
    with answers(case.settings["server"]) as server:
        yield server


def nginx() -> str | None:
    """Where nginx is; distributions keep it off the path of ordinary users."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which("nginx", path=path)


@contextmanager
def answers(plan: Mapping[str, Any]) -> Generator[Mapping[str, Any]]:
    """The server of our own; see its module."""
    command = [sys.executable, "-m", "benchmarks.harness.answers", json.dumps(plan)]
    process = subprocess.Popen(command, env=environment(), cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        port = int(process.stdout.readline())
        yield _known("an asyncio protocol in its own process", port, process.pid)
    finally:
        end(process)


@contextmanager
def serving(module: str, *arguments: object) -> Generator[tuple[Any, int]]:
    """What the server that ``module`` is says on its first line, and its process id.

    It serves until its input ends.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment(), cwd=ROOT) as process:
        assert process.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
        assert process.stdout is not None  # noqa: S101 - as above
        yield json.loads(process.stdout.readline()), process.pid
        process.stdin.close()


@contextmanager
def _nginx(binary: str) -> Generator[Mapping[str, Any]]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "nginx.conf"
        text = _CONFIGURATION.format(folder=folder, port=port, order=ORDER, whoami=WHOAMI)
        configuration.write_text(text, encoding="utf-8")
        command = [binary, "-p", folder, "-c", str(configuration)]
        said = Path(folder) / "stderr"
        with said.open("wb") as stderr:
            process = subprocess.Popen(command, stderr=stderr)
        try:
            if not listens(port, process):
                raise NotStartedError(_complaint(said))
            yield _known("nginx, one worker", port, process.pid)
        finally:
            end(process)


def _known(what: str, port: int, pid: int) -> Mapping[str, Any]:
    return {"what": what, "url": f"http://127.0.0.1:{port}", "pid": pid}


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _complaint(said: Path) -> str:
    """The line that says what is wrong; what it could do without comes before."""
    lines = said.read_text(encoding="utf-8", errors="replace").splitlines() or ["it said nothing"]
    return next((line for line in lines if "[emerg]" in line), lines[-1])


def listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until somebody listens on ``port``; not, when ``process`` ends before or takes 4 s."""
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    return False


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server and wait until it is gone."""
    process.terminate()
    process.wait(10)
    if process.stdout is not None:
        process.stdout.close()
