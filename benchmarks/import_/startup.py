"""New interpreters that import something, make a client and end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from statistics import median
from typing import Any

# What stands in front measures; it imports nothing that a bare interpreter has not.
_PEAK = "import sys, benchmarks.harness.usage as u; sys.stdout.write(str(u.peak_mib()))"


def measure(settings: Mapping[str, Any]) -> dict[str, float]:
    """What ``code`` costs beyond a bare interpreter, in turns with one."""
    code, url = settings["code"], settings["url"]
    _cost(code, url)  # the first time, byte code is compiled
    turns = [(_cost("pass", url), _cost(code, url)) for _ in range(settings["turns"])]
    return {
        "cpu_ms": median(theirs[0] - bare[0] for bare, theirs in turns) * 1e3,
        "wall_ms": median(theirs[1] - bare[1] for bare, theirs in turns) * 1e3,
        "mib": _peak(code, url) - _peak("pass", url),
    }


def _cost(code: str, url: str) -> tuple[float, float]:
    """Processor and wall seconds of an interpreter that runs ``code``; ``url`` is its argument."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code, url])
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the interpreter ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, wall


def _peak(code: str, url: str) -> float:
    command = [sys.executable, "-c", f"{code}\n{_PEAK}", url]
    done = subprocess.run(command, capture_output=True, check=True)
    return float(done.stdout)
