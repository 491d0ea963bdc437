"""What the runs have in common: the Redis through which processes share a rate."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.harness.question import Case
from benchmarks.harness.target import end, free_port, listens

_COUNTS = "one that counts arrivals by its own clock"


@contextmanager
def target(_: Case) -> Generator[Mapping[str, Any]]:
    """A Redis of our own, where one is installed; each run starts the server it calls."""
    binary = shutil.which("redis-server")
    if binary is None:
        yield {"what": _COUNTS, "redis": None}
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        options = {"port": port, "bind": "127.0.0.1", "save": "", "dir": folder}
        told = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        process = subprocess.Popen([binary, *told], stdout=subprocess.DEVNULL)
        try:
            if not listens(port, process):
                raise RuntimeError("redis-server did not start")
            what = f"{_COUNTS}, Redis {_version(binary)}"
            yield {"what": what, "redis": f"redis://127.0.0.1:{port}/0"}
        finally:
            end(process)


def _version(binary: str) -> str:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    return next((word[2:] for word in said.split() if word.startswith("v=")), "of no known version")
