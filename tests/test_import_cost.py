"""What importing the package and making a client cost those who do not call yet."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

import pytest

from loyalty_sdk._registry import installed, load

HEAVY = {"aiohttp", "asyncio", "attr", "backoff", "cattrs", "click", "msgspec", "rich", "ssl"}
"""What takes long to import; every client needs attrs."""


def client(provider: str) -> str:
    """A program that makes a client of ``provider``, with its keys from the environment."""
    return f"import loyalty_sdk; loyalty_sdk.connect({provider!r})"


def environment() -> dict[str, str]:
    """Any keys for every provider; nothing that measures children, and byte code is kept."""
    dropped = ("COVERAGE_", "LOYALTY_", "PYTHONDONTWRITEBYTECODE")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    settings = [setting for name in installed() for setting in load(name).settings]
    keys = {setting.env: "sandbox" for setting in settings if setting.env and setting.secret}
    return kept | keys


def run(code: str) -> str:
    """What ``code`` prints in a new interpreter."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    return done.stdout


def cost(code: str) -> float:
    """CPU seconds that ``code`` takes in a new interpreter, beyond those of its own start."""
    clock = "from time import process_time as now; start = now(); {}; print(now() - start)"
    return float(run(clock.format(code)))


def test_import_defers_what_is_heavy() -> None:
    """`import loyalty_sdk` imports no dependency and no event loop."""
    loaded = run("import loyalty_sdk, sys; print(*sys.modules)")

    assert set() == HEAVY & set(loaded.split())


@pytest.mark.parametrize("provider", installed())
def test_making_a_client_defers_what_calls_need(provider: str) -> None:
    """A client that has not called yet has neither connections nor a loop nor JSON."""
    loaded = run(f"{client(provider)}; import sys; print(*sys.modules)")

    assert {"attr"} == HEAVY & set(loaded.split())


def test_making_a_client_costs_less_than_aiohttp() -> None:
    """An import takes a tenth of the CPU of `import aiohttp`, with a client at most 0.6 of it."""
    programs = ["import aiohttp", "import loyalty_sdk", *map(client, installed())]
    for program in programs:
        run(program)  # the first time, byte code is compiled
    rounds = [[cost(program) for program in programs] for _ in range(5)]
    base, alone, *clients = (statistics.median(column) for column in zip(*rounds, strict=True))

    assert 0.1 > alone / base
    assert [] == [ratio for ratio in (each / base for each in clients) if ratio > 0.6]
