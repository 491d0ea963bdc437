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


@pytest.mark.parametrize("what", ["note", "email"])
async def test_a_row_may_be_repaired_in_anything(shop: Any, what: str) -> None:
    """Also where neither its customer nor its amount is another one then."""
    if what == "note":  # which this vendor cannot keep
        operation, right = "adjust_points", _rows()[0]
        wrong = right | {"note": "for staff"}
    else:
        operation = "create_order"
        right = {"id": "o", "customer_id": "1", "total": "5", "email": "ada@example.com"}
        wrong = right | {"email": "ada"}
        shop.sandbox.faults.add("error", match="POST", status=422, times=1)
    given = {"operation": operation, "max_rejected_share": 1}

    for row, applied in ((wrong, 0), (wrong, 0), (right, 1), (right, 1)):
        summary = await shop.run([row], **given)
        assert (applied, 1 - applied) == (summary.applied, summary.dead)
    assert 1 == sum(each.applied for each in shop.sandbox.arrivals if each.method == "POST")


async def test_what_is_repaired_and_refused_again_is_not_sent_in_every_run(shop: Any) -> None:
    """It is known by all that was refused of it, in whatever order that comes again."""
    shop.sandbox.faults.add("error", match="POST", status=422)
    first = {"id": "o", "customer_id": "1", "total": "5", "email": "a"}
    second = first | {"email": "b"}
    given = {"operation": "create_order", "max_rejected_share": 1}

    for row in (first, second, second, first, second):
        assert 1 == (await shop.run([row], **given)).dead
    assert 2 == len(shop.writes())

    again = await shop.run([second | {"email": "c"}, second], **given)
    assert (2, 3) == (again.dead, len(shop.writes()))


async def test_a_repaired_row_takes_the_place_that_has_its_key(shop: Any) -> None:
    """Two had it, and under one key there is room for one row."""
    shop.sandbox.add_customer(shop.provider, "1")
    row: dict[str, Any] = {"customer_id": "1", "reference": "a"}
    first = await shop.run([row | {"points": points} for points in ("five", 9_999_999)])
    assert 2 == first.dead

    repaired = await shop.run([row | {"points": 5}])
    assert (1, 1) == (repaired.applied, repaired.dead)
    assert [5] == shop.points("1")


def test_the_order_of_properties_makes_no_other_row() -> None:
    """Whoever makes them of a set gives them in another one in another process."""
    ada = Customer(id="1", email="ada@example.com")
    values = [
        Activity(name="review", id="1", customer=ada, properties=properties)
        for properties in ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    ]
    assert 1 == len({digest_of(Row(0, None, None, "review:1", value, "1")) for value in values})


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
