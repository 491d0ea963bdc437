"""Whom the rows are sent to."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness.question import Case
from benchmarks.harness.target import orders, serving

# Where temporary files lie in memory, these still lie on a disk.
_ON_DISK = Path("/var/tmp")  # noqa: S108 - a folder of our own is made in it


@contextmanager
def target(case: Case) -> Generator[Mapping[str, Any]]:
    """A folder for files, and a server: as fast as can be, or with the limit of ``case``."""
    limit = case.settings.get("limit")
    # Here and not in the process that is measured: that one may be ended at any moment.
    disk = _ON_DISK if _ON_DISK.is_dir() else None
    server = orders(case) if limit is None else _vendor(limit)
    with tempfile.TemporaryDirectory(dir=disk) as folder, server as known:
        yield {**known, "folder": folder}


@contextmanager
def _vendor(limit: int) -> Generator[Mapping[str, Any]]:
    with serving("benchmarks.backfill.vendor", limit) as (url, pid):
        yield {"what": f"the sandbox, limit {limit} a second", "url": url, "pid": pid}
