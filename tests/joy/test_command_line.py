"""Joy's settings that are no text, given on the command line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from loyalty_sdk.cli import main
from loyalty_sdk.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    """A running sandbox that the environment leads to."""
    async with Sandbox() as running:
        for name, value in running.settings("joy").items():
            monkeypatch.setenv(f"JOY_{name.upper()}", value)
        monkeypatch.setenv("LOYALTY_PROVIDER", "joy")
        yield running


async def test_activities_and_orders_can_be_given_a_meaning(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--set activities.NAME=`` and ``--set orders=`` do what the settings do in Python."""
    track = ["track", "review", "--customer=7", "--set=activities.review=50"]
    order = ["order", "A-1", "--customer=7", "--total=12.60", "--payment-status=paid"]
    assert 0 == await asyncio.to_thread(main, track)
    assert 0 == await asyncio.to_thread(main, [*order, "--set=orders=1.5"])
    assert [50, 18] == [entry.points for entry in sandbox.ledger("joy", "7")]
    assert "" == capsys.readouterr().err


async def test_without_a_meaning_nothing_is_sent(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """An activity that means nothing to Joy is bad configuration: 2, one line."""
    assert 2 == await asyncio.to_thread(main, ["track", "review", "--customer=7"])
    assert 1 == capsys.readouterr().err.count("\n")
    assert [] == sandbox.arrivals
