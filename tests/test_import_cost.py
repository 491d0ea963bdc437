"""What `import loyalty_sdk` costs those who only import it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

HEAVY = {"aiohttp", "asyncio", "attr", "backoff", "cattrs", "click", "msgspec", "rich", "ssl"}


def run(code: str) -> str:
    """What ``code`` prints in a new interpreter that nothing measures."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return done.stdout


def cost(module: str) -> float:
    """CPU seconds that importing ``module`` takes in a new interpreter."""
    clock = "from time import process_time as now; start = now(); import {}; print(now() - start)"
    return float(run(clock.format(module)))


def test_import_defers_what_is_heavy() -> None:
    """`import loyalty_sdk` imports no dependency and no event loop."""
    loaded = run("import loyalty_sdk, sys; print(*sys.modules)")

    assert set() == HEAVY & set(loaded.split())


def test_a_heavy_name_is_there_when_asked_for() -> None:
    """What is deferred arrives by itself on first use."""
    loaded = run("import loyalty_sdk, sys; loyalty_sdk.connect; print(*sys.modules)")

    assert HEAVY & set(loaded.split())


def test_import_costs_less_than_aiohttp() -> None:
    """`import loyalty_sdk` costs less CPU than `import aiohttp`, measured in turns."""
    rounds = [(cost("loyalty_sdk"), cost("aiohttp")) for _ in range(5)]
    ours, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))

    assert ours < theirs
