"""A run that a signal ends leaves no server and no folder behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from benchmarks.harness.rounds import ROOT, environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


# Whoever runs the tests may not hear that a terminal is closed, nor does what they start then.
HEARING = """
import runpy, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def children(pid: int) -> Iterator[int]:
    """The processes below ``pid``, however deep."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[1]) == pid:
            child = int(stat.parent.name)
            yield child
            yield from children(child)


def below(process: subprocess.Popen[bytes], most: int) -> set[int]:
    """What runs below ``process`` once it has started all that it starts."""
    for _ in range(600):
        found = set(children(process.pid))
        if len(found) >= most:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing was started")


def left_of(processes: set[int]) -> set[int]:
    """Who is there after ten seconds."""
    until = time.monotonic() + 10
    while left := {pid for pid in processes if Path(f"/proc/{pid}").exists()}:
        if time.monotonic() > until:
            break
        time.sleep(0.02)
    return left


@pytest.mark.parametrize(
    ("command", "most", "number"),
    [
        # The server, and who calls it.
        (["benchmarks", "run", "backfill"], 2, signal.SIGTERM),
        (["benchmarks.backfill"], 2, signal.SIGHUP),
        # Redis where it is installed, who measures, and below that a server and a sender.
        (["benchmarks.limits", "--only", "500/s"], 3 + bool(which("redis-server")), signal.SIGTERM),
    ],
)
def test_a_signal_ends_all_that_a_run_has_started(
    command: list[str], most: int, number: signal.Signals, tmp_path: Path
) -> None:
    """Servers, what is measured, and their folders."""
    told = {**environment(), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", HEARING, *command], cwd=ROOT, env=told)
    try:
        started = below(process, most)
        process.send_signal(number)
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()

    left = left_of(started)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert 128 + number == process.returncode
    assert set() == left
    assert [] == list(tmp_path.iterdir())
