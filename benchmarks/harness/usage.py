"""What a process has used so far."""

from __future__ import annotations

import gc
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


def busy_seconds(pid: int) -> float | None:
    """Seconds in which another process ran or waited for a core; None where nobody says.

    A server that is kept from running has work to do, so it is not idle. What is counted is the
    main thread, in which all servers here do their work.
    """
    try:
        ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()
    except OSError:
        return None
    return (int(ran) + int(waited)) / 1e9


def idle_share(pid: int, before: float | None, wall: float) -> dict[str, float]:
    """``server_idle``, in per cent of the ``wall`` seconds since it had been busy for ``before``.

    Empty where the system does not say.
    """
    now = busy_seconds(pid)
    if before is None or now is None:
        return {}
    return {"server_idle": max(0.0, 1 - (now - before) / wall) * 100}


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
