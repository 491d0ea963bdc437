"""Whom the rows are sent to."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.harness.question import Case
from benchmarks.harness.rounds import ROOT, environment
from benchmarks.harness.target import orders


@contextmanager
def target(case: Case) -> Generator[Mapping[str, Any]]:
    """A server that is as fast as can be, or one that keeps a limit where ``case`` has one."""
    limit = case.settings.get("limit")
    with orders(case) if limit is None else _vendor(limit) as known:
        yield known


@contextmanager
def _vendor(limit: int) -> Generator[Mapping[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.backfill.vendor", str(limit)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment(), cwd=ROOT) as process:
        assert process.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
        assert process.stdout is not None  # noqa: S101 - as above
        url = json.loads(process.stdout.readline())
        yield {"what": f"the sandbox, limit {limit} a second", "url": url, "pid": process.pid}
        process.stdin.close()
