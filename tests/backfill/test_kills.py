"""A process that is killed again and again; at full size in `tests.backfill.soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from .kills import Play, play


@pytest.mark.parametrize(
    ("provider", "operation"), [("loyaltylion", "create_order"), ("joy", "adjust_points")]
)
async def test_a_killed_backfill_loses_and_doubles_nothing(
    tmp_path: Path, provider: str, operation: str
) -> None:
    """Under faults and late arrivals, every row lands once; an older journal is refused."""
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

    verdict = await play(one, tmp_path)

    assert ([], [], []) == (verdict.lost, verdict.doubled, verdict.hidden)
    assert 120 == verdict.states.total() == verdict.states["APPLIED"] + verdict.states["UNKNOWN"]
    assert 2 == verdict.killed
    assert one.restores == ("is an older copy" in verdict.refused)
