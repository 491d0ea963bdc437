"""Rows of an iterable that come again, after they were dead letters, stay one row each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import Activity, Customer, PointsAdjustment
from loyalty_sdk.backfill import BadRow, Columns, MendedSource, Progress, Row, State, mended
from loyalty_sdk.backfill._again import Again, digest_of
from loyalty_sdk.backfill._states import Known


def _rows(**bad: Any) -> list[dict[str, Any]]:
    """Three rows, the second of which is ``bad``."""
    rows: list[dict[str, Any]] = [
        {"customer_id": str(n), "points": n + 1, "reference": f"r-{n}"} for n in range(3)
    ]
    rows[1] |= bad
    return rows


def _mended(path: Path, operation: Any = "adjust_points", **row: Any) -> MendedSource:
    letter = json.loads(path.read_text())
    letter["row"] |= row
    path.write_text(json.dumps(letter))
    return mended(path, Columns(operation=operation))


@pytest.mark.parametrize("bad", [{"points": "five"}, {"points": 9_999_999}])
@pytest.mark.parametrize("key", ["r-1", "other"])
async def test_a_mended_row_comes_again_as_itself(shop: Any, bad: Any, key: str) -> None:
    """Neither as a dead letter nor to be sent, whatever was mended in it, and in every run."""
    shop.sandbox.add_customer(shop.provider, "1")
    first = await shop.run(_rows(**bad))
    assert (2, 1) == (first.applied, first.dead)
    await shop.run(_mended(first.rejected, points=5, reference=key), mends=True)

    for _ in range(2):
        again = await shop.run(_rows(**bad))
        assert (3, 0, None) == (again.applied, again.dead, again.rejected)
    assert [5] == shop.points("1")


async def test_a_row_that_was_mended_under_another_key_is_not_sent_under_its_own(shop: Any) -> None:
    """Its source is repaired too, later: the shopper has it; what differs now is told."""
    first = await shop.run(_rows(points="five"))
    await shop.run(_mended(first.rejected, points=5, reference="other"), mends=True)

    same = await shop.run(_rows(points=5))
    assert (3, 0) == (same.applied, same.dead)
    for _ in range(2):
        same = await shop.run(_rows(points=6))
        assert (3, 1) == (same.applied, same.dead)
    assert "its key is that of row 1 already" == json.loads(same.rejected.read_text())["error"]
    assert [5] == shop.points("1")


@pytest.mark.parametrize("bad", [{"points": "five"}, {"points": 9_999_999}])
async def test_a_row_that_is_repaired_where_it_comes_from_takes_its_letters_place(
    shop: Any, bad: Any
) -> None:
    """It is right now: no letter is left to be mended, and sent for the second time."""
    shop.sandbox.add_customer(shop.provider, "1")
    first = await shop.run(_rows(**bad))
    text = first.rejected.read_text()
    told: list[Progress] = []
    for _ in range(2):
        repaired = await shop.backfill(_rows(points=5)).run(on_progress=told.append)
        assert (3, 0, None) == (repaired.applied, repaired.dead, repaired.rejected)
        assert 0 == sum(count for state, count in told[-1].counts.items() if state.dead)

    first.rejected.write_text(text)
    await shop.run(_mended(first.rejected, points=5, reference="other"), mends=True)
    assert [5] == shop.points("1")


async def test_what_json_cannot_say_is_the_same_row_in_the_next_run(shop: Any) -> None:
    """Its text may hold an address or the order of a set; rows that look alike are counted."""

    def rows() -> list[Any]:
        odd = {"customer_id": "1", "reference": "a"}
        return [odd | {"points": object()}, odd | {"points": object()}, object(), {"é", "b"}]

    for _ in range(3):
        summary = await shop.run(rows())
        assert (0, 4) == (summary.applied, summary.dead)


async def test_a_key_may_be_that_of_a_row_that_could_not_be_made(shop: Any) -> None:
    """In one run both are rows; in the next one both are the same again."""
    rows = [{"customer_id": "1", "points": points, "reference": "a"} for points in ("five", 5, 5)]
    for _ in range(2):
        summary = await shop.run(rows)
        assert (1, 2) == (summary.applied, summary.dead)
    assert [5] == shop.points("1")


async def test_an_activity_is_not_known_by_its_id_alone(shop: Any) -> None:
    """What could not be made may have no name, and an id that looks like a name and an id."""
    ada = Customer(id="1", email="ada@example.com")
    bad = {"name": "review", "id": "$signup:7"}
    first = await shop.run([bad], operation="track_activity")
    row = {"id": "8", "customer": {"id": "1", "email": "ada@example.com"}}
    letter = _mended(first.rejected, "track_activity", **row)
    await shop.run(letter, operation="track_activity", mends=True)

    other = Activity(name="$signup", customer=ada, id="7")
    summary = await shop.run([other], operation="track_activity")
    assert (2, 0) == (summary.applied, summary.dead)


def test_a_row_is_given_once() -> None:
    """The second of two rows that look alike is another one, and so is one of this run."""
    value = PointsAdjustment(customer_id="1", points=5, reference="a")
    row = Row(9, None, None, "a", value, "1")
    bad = BadRow(9, None, None, "a", {"points": "five"}, ("",))
    alike = [Known(n, State.INVALID, run, None, None) for n, run in ((3, 1), (4, 2), (5, 1))]
    applied = Known(2, State.APPLIED, 1, "1", "5")
    again = Again(by_key={"a": applied}, by_digest={digest_of(bad): alike}, had={}, run=2)

    assert [2, None] == [again.same(row) for _ in range(2)]
    assert [3, 5, None] == [again.same(bad) for _ in range(3)]
