"""The processes a run needs: each is ended by its own process id."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from benchmarks.harness.rounds import ROOT, environment


def start(module: str, plan: Mapping[str, Any]) -> subprocess.Popen[str]:
    """A module of ours with its plan."""
    told = json.dumps({**plan, "parent": os.getpid()})
    return subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.limits.{module}", told],
        cwd=ROOT,
        env=environment(),
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
