"""Many visitors at once, while the vendor misbehaves."""

from __future__ import annotations

import asyncio
from pathlib import Path

from loyalty_sdk.sandbox import Sandbox

from .load import Load, misbehave, settle, visit
from .server import Server, environment, start

TROUBLE = ("Traceback", "Unclosed", "never retrieved", "was destroyed", "ResourceWarning")


def test_what_must_not_be_is_seen() -> None:
    """A double, a loss and a false denial are each found by the tally."""
    load = Load(told={"a": "applied", "b": "applied", "c": "absent", "d": "unknown", "e": "left"})
    load.landed.update({"a": 2, "c": 1, "d": 1})

    assert (["a"], ["b"], ["c"]) == (load.doubled, load.lost, load.hidden)


async def test_200_visitors_and_a_vendor_that_misbehaves(vendor: Sandbox, tmp_path: Path) -> None:
    """Nothing is given twice, nothing is lost or denied, nothing leaks and nothing escapes."""
    app = start("hasty_app", environment(vendor.url), tmp_path, apps=Path(__file__).parent)
    try:
        await asyncio.to_thread(app.wait)
        before = len(app.files())
        misbehave(vendor)
        load = await visit(app.url, vendor, visitors=200, seconds=1.0, deadline=1.8)
        await settle(load, vendor)
        check(load)
        async with asyncio.timeout(10):
            while leaks(app, vendor, before):
                await asyncio.sleep(0.05)
        assert await asyncio.to_thread(app.stop) in {0, -15}
        assert [] == [word for word in TROUBLE if word in app.printed]
    finally:
        app.process.kill()
        app.process.wait()


def check(load: Load) -> None:
    """What has to hold after every load."""
    assert ([], [], []) == (load.doubled, load.lost, load.hidden), load.table()
    assert {"applied", "unknown", "left", "not_sent", "absent", "rejected"} >= set(load.outcomes)
    assert 0 < load.outcomes["applied"]
    assert 0 < load.arrivals["GET"], "nothing was looked for"
    assert 0 < load.outcomes["left"]
    assert "no marker" not in load.landed


def leaks(app: Server, vendor: Sandbox, before: int) -> bool:
    """Whether it holds more than it did before, and the idle connections its pool may keep."""
    kept = app.sockets(vendor.url)
    return kept > 100 or len(app.files()) > before + kept
