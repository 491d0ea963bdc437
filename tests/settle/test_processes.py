"""A process that is killed while it writes, and one that takes over."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from typing import Any

import pytest

from loyalty_sdk import PointsAdjustment, connect
from loyalty_sdk.sandbox import Arrival, Sandbox

_WRITER = """
import asyncio, sys
import loyalty_sdk
from loyalty_sdk import PointsAdjustment

provider, url, replay = sys.argv[1:]
keys = {"loyaltylion": {"api_key": "pat_sandbox", "reference_in_reason": True},
        "joy": {"app_key": "sandbox", "secret_key": "sandbox"}}

async def announce(about):
    print(about.number, flush=True)

async def main():
    client = loyalty_sdk.connect(
        provider, base_url=url, settle=0.4, deadline=10, before_send=announce, **keys[provider]
    )
    async with client:
        adjustment = PointsAdjustment(customer_id="1", points=50, reference="ticket-8812")
        receipt = await client.adjust_points(adjustment, replay=replay == "replay")
        print(receipt.outcome, flush=True)

asyncio.run(main())
"""


@pytest.fixture(params=["marked", "fresh"])
async def vendor(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A sandbox whose customer has a row with a marker, or none at all."""
    async with Sandbox() as sandbox:
        settings: dict[str, dict[str, Any]] = {
            "loyaltylion": {"reference_in_reason": True},
            "joy": {},
        }
        for name, more in settings.items():
            if request.param == "fresh":
                continue
            async with connect(name, **sandbox.settings(name), **more) as client:
                earlier = PointsAdjustment(customer_id="1", points=50, reference="ticket-881")
                await client.adjust_points(earlier)
        yield sandbox


async def _start(provider: str, sandbox: Sandbox, how: str) -> Process:
    # Coverage would lose what a killed process ran, and other tests run the rest.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITER, provider, sandbox.url, how, stdout=PIPE, env=environ
    )


async def _line(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


@pytest.mark.parametrize(
    ("held", "landed_before"),
    [
        ({"kind": "latency", "seconds": 5.0, "applied": True}, 1),
        ({"kind": "latency", "seconds": 0.3}, 0),
        ({"kind": "hang"}, 0),
        ({"kind": "drop", "unread": True, "reset": True}, 0),
    ],
    ids=["applied, not answered", "applied after the kill", "never applied", "never read"],
)
async def test_a_write_whose_process_was_killed_lands_once(
    vendor: Sandbox, held: dict[str, object], landed_before: int
) -> None:
    """`replay=True` finds what the dead process did, or waits and does it; at both vendors."""
    await asyncio.gather(
        *(_lands_once(vendor, each, held, landed_before) for each in ("loyaltylion", "joy"))
    )


async def _lands_once(
    vendor: Sandbox, provider: str, held: dict[str, object], landed_before: int
) -> None:
    def write(arrival: Arrival) -> bool:
        return (provider, "POST") == (arrival.provider, arrival.method)

    vendor.faults.add(match=write, times=1, **held)  # type: ignore[arg-type]
    first = await _start(provider, vendor, "first")
    assert "1" == await _line(first)
    while not any(write(arrival) and arrival.fault for arrival in vendor.arrivals):
        await asyncio.sleep(0.01)
    while landed_before > _landed(vendor, provider):
        await asyncio.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    # At once: what is held back for a moment must not have landed yet.
    assert landed_before == _landed(vendor, provider)
    await first.wait()

    second = await _start(provider, vendor, "replay")
    said, _ = await second.communicate()
    assert "applied" == said.decode().split()[-1]
    assert 1 == _landed(vendor, provider)


def _landed(vendor: Sandbox, provider: str) -> int:
    rows = vendor.ledger(provider, "1")
    texts = [f"{row.reason} {row.note}" for row in rows]
    return sum("[ref:ticket-8812]" in text for text in texts)
