"""Counting instructions: they do not depend on what else the machine does."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from .question import Candidate
from .rounds import ROOT, MeasurementError, environment

_COLLECTED = re.compile(r"Collected : (\d+)")
_FEW, _MANY = 50, 350
_LIMIT = 600.0  # seconds; a program takes fifty times as long here


def valgrind() -> str | None:
    """Where valgrind is, if it is installed."""
    return shutil.which("valgrind")


def per_call(candidate: Candidate, settings: Mapping[str, Any]) -> float:
    """Instructions that one call takes: two runs that differ in the number of calls only.

    Raises:
        MeasurementError: A run failed.
    """
    few, many = (
        _count(_measurement(candidate, {**settings, "calls": calls})) for calls in (_FEW, _MANY)
    )
    return (many - few) / (_MANY - _FEW)


def of_code(code: str) -> float:
    """Instructions of an interpreter that runs ``code``."""
    return _count([sys.executable, "-c", code])


def _measurement(candidate: Candidate, settings: Mapping[str, Any]) -> list[str]:
    told = json.dumps({**settings, **candidate.settings})
    return [sys.executable, "-m", "benchmarks.harness.measure", candidate.run, told]


def _count(command: list[str]) -> float:
    binary = valgrind()
    if binary is None:
        raise MeasurementError("valgrind is not installed, which counts instructions")
    _run(command)  # the first time, byte code is compiled
    tool = [binary, "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    found = _COLLECTED.search(_run([*tool, *command]))
    if found is None:
        raise MeasurementError("valgrind counted nothing")
    return float(found[1])


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, env=environment(), cwd=ROOT, capture_output=True, timeout=_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"took more than {_LIMIT:.0f} s") from None
    said = done.stderr.decode(errors="replace")
    if done.returncode:
        last = (said.strip().splitlines() or ["it said nothing"])[-1]
        raise MeasurementError(f"ended with {done.returncode}: {last}")
    return said
