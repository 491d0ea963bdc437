"""A process that is killed again and again; at full size in `tests.backfill.soak`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from .kills import Play, play


async def test_a_killed_backfill_loses_and_doubles_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Under faults and late arrivals, every row lands once; an older journal is refused."""
    orders, points = (tmp_path_factory.mktemp("killed") for _ in range(2))
    await asyncio.gather(
        _every_row_lands_once(orders, "loyaltylion", "create_order"),
        _every_row_lands_once(points, "joy", "adjust_points"),
    )


async def _every_row_lands_once(folder: Path, provider: str, operation: str) -> None:
    one = Play(
        provider=provider,
        operation=operation,
        rows=120,
        kills=2,
        customers=23,
        settle=0.5,
        deadline=5.0,
        restores=provider == "loyaltylion",
    )

    verdict = await play(one, folder)

    assert ([], [], []) == (verdict.lost, verdict.doubled, verdict.hidden)
    assert 120 == verdict.states.total() == verdict.states["APPLIED"] + verdict.states["UNKNOWN"]
    assert 2 == verdict.killed
    assert one.restores == ("is an older copy" in verdict.refused)
