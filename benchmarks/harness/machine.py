"""What the machine is, as far as it says anything about speed; nothing that names it."""

from __future__ import annotations

import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_DISTRIBUTIONS = (
    "aiohttp",
    "attrs",
    "cattrs",
    "httpx",
    "msgspec",
    "openai",
    "orjson",
    "pydantic",
    "stripe",
    "uvloop",
)


def describe() -> dict[str, Any]:
    """Processor, memory, system, priority, Python and the versions of what is compared."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gib": _memory(),
        "system": f"{platform.system()} {_release(platform.release())}{_priority()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": _versions(),
    }


def sentence(machine: dict[str, Any]) -> str:
    """``machine`` in one line."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, {machine['python']}; {versions}"
    )


def _release(kernel: str) -> str:
    """Its first two numbers: what follows says who built it, and for which machine."""
    numbers = re.match(r"\d+(\.\d+)?", kernel)
    return numbers[0] if numbers else ""


def _priority() -> str:
    """That everything else on the machine has to wait, where it was started so."""
    ordinary = not hasattr(os, "sched_getscheduler") or os.sched_getscheduler(0) == os.SCHED_OTHER
    return "" if ordinary else " (real-time priority)"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _memory() -> int:
    if sys.platform == "win32":
        return 0
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
