"""What a process has used so far."""

from __future__ import annotations

import gc
import os
import resource
import sys
from pathlib import Path


def peak_mib() -> float:
    """The most memory this process has held, in MiB.

    The kernel's ``ru_maxrss`` counts what the parent held before it started this program, so
    on Linux it is not what is asked.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return _field(status.read_text(encoding="ascii"), "VmHWM") / 1024
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)


def cpu_seconds(pid: int) -> float | None:
    """Processor seconds that another process has used; None where the system does not say."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    # The name stands in parentheses and may hold anything.
    fields = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def allow_files() -> None:
    """Let this process and its children open as many files as the system lets them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def settle_garbage() -> None:
    """Take what was imported out of the garbage collector's sight.

    A full collection costs as much as a thousand calls, and whether one falls into a short
    count of instructions is chance.
    """
    gc.collect()
    gc.freeze()


def _field(status: str, name: str) -> float:
    lines = status.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name}:")).split()[1])
