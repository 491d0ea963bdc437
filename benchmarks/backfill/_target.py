"""Whom the rows are sent to."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.harness.question import Case
from benchmarks.harness.target import orders, serving


@contextmanager
def target(case: Case) -> Generator[Mapping[str, Any]]:
    """A server that is as fast as can be, or one that keeps a limit where ``case`` has one."""
    limit = case.settings.get("limit")
    with orders(case) if limit is None else _vendor(limit) as known:
        yield known


@contextmanager
def _vendor(limit: int) -> Generator[Mapping[str, Any]]:
    with serving("benchmarks.backfill.vendor", limit) as (url, pid):
        yield {"what": f"the sandbox, limit {limit} a second", "url": url, "pid": pid}
