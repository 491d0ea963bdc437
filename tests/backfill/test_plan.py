"""A plan reads everything, counts it as a run would, and sends nothing."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from loyalty_sdk import (
    Activity,
    InputError,
    Order,
    PointsAdjustment,
    Provider,
    Request,
    Response,
    Safety,
    Trace,
    UnsupportedOperationError,
    ValidationError,
    wire,
)
from loyalty_sdk.backfill import Columns, FileSource, IterableSource, Plan, plan


class Shop(Provider):
    """Takes at most 100 points at once; may or may not mark its rows."""

    name: ClassVar[str] = "shop"
    title: ClassVar[str] = "Shop"
    limitations: ClassVar[Mapping[str, str]] = {"track_activity": "it has no such thing"}

    def __init__(self, *, marks: bool = True, alone: bool = False) -> None:
        self.marks, self.sole_writer = marks, alone

    def adjust_points(self, adjustment: PointsAdjustment, /) -> Generator[Request, Response, None]:
        """Refuses what is too much."""
        if adjustment.points > 100:
            raise ValidationError("at most 100 points")
        yield Request(
            method="POST",
            template="/points",
            path="/points",
            query=(("for", adjustment.customer_id),),
            body=wire.encode({"points": adjustment.points}),
            safety=Safety.ONCE,
            trace=Trace(
                operation="adjust_points",
                customer_id=adjustment.customer_id,
                marker="m" if self.marks else None,
                adjusts=True,
            ),
        )

    def create_order(self, order: Order, /) -> Generator[Request, Response, None]:
        """Leaves nothing to find it by."""
        yield Request(method="PUT", template="/o", path="/o", safety=Safety.IDEMPOTENT)


class Tracking(Provider):
    """Begins with something that is no request."""

    name: ClassVar[str] = "tracking"

    def track_activity(self, activity: Activity, /) -> Any:
        """Waits."""
        yield None


POINTS = Columns(operation="adjust_points")


def adjustments(*rows: tuple[str, int, str | None]) -> IterableSource:
    """Rows of adjustments."""
    items = [{"customer_id": who, "points": points, "reference": key} for who, points, key in rows]
    return IterableSource(items, POINTS)


async def made(source: Any, provider: Provider | None = None, **how: Any) -> Plan:
    """The plan of a run."""
    return await plan(provider or Shop(), source, "adjust_points", **how)


async def test_every_row_is_counted_once() -> None:
    """As sendable, refused by the provider, doubled, or not well-formed."""
    source = adjustments(
        ("1", 50, "a"),
        ("2", -20, "b"),
        ("1", 10, "a"),
        ("3", 500, "c"),
        ("4", 0, "d"),
        ("1", 7, None),
    )
    found = await made(source)

    assert (6, 2, 4) == (found.rows, found.sendable, found.bad)
    assert (1, 1, 0) == (found.refused, found.doubled, found.keyless)
    assert (2, (("1", 1), ("2", 1))) == (found.customers, found.busiest)
    assert (50, 20, Decimal()) == (found.points_given, found.points_taken, found.total)
    assert [2, 3, 4] == [row.ordinal for row in found.first_bad]
    nameless = "wanted a key of its own, which a row that is no file's is known by, got nothing"
    assert {
        (f"reference: {nameless}", 1),
        ("its key stands in the input before", 1),
        ("at most 100 points", 1),
        ("points: must not be 0", 1),
    } == set(found.problems)


async def test_a_files_rows_need_no_keys(tmp_path: Path) -> None:
    """They are known by their places, and counted apart."""
    file = tmp_path / "rows.csv"
    file.write_text("customer_id,points,reference\n1,5,a\n1,6,\n")
    found = await made(FileSource(file, POINTS))

    assert (2, 1) == (found.sendable, found.keyless)


async def test_the_first_rows_are_shown_as_they_would_be_sent() -> None:
    """Method, path, query and body of the first three; of no more, whatever the size."""
    found = await made(adjustments(*((str(n), n, str(n)) for n in range(1, 9))))

    assert ['POST /points?for=1 {"points":1}', 'POST /points?for=2 {"points":2}'] == [
        each.request for each in found.first[:2]
    ]
    assert 3 == len(found.first)


async def test_orders_are_summed() -> None:
    """To the cent."""
    columns = Columns(operation="create_order", values={"customer.id": "1"})
    rows = [{"id": str(number), "total": "0.10"} for number in range(3)]
    found = await plan(Shop(), IterableSource(rows, columns), "create_order", rate=0.5)

    assert Decimal("0.30") == found.total
    assert "PUT /o" == found.first[0].request
    assert 6.0 == found.seconds


async def test_activities_are_not_summed() -> None:
    """Nobody but the vendor knows what they earn."""
    columns = Columns(operation="track_activity")
    rows = [{"name": "n", "id": "a", "customer_id": "1"}]
    found = await plan(Tracking(), IterableSource(rows, columns), "track_activity")

    assert (1, 0, Decimal(), "") == (
        found.sendable,
        found.points_given,
        found.total,
        found.first[0].request,
    )


async def test_time_is_rows_by_rate() -> None:
    """Without a limit nobody can say how long it takes."""
    rows = [("1", 5, str(number)) for number in range(40)]
    assert 2.0 == (await made(adjustments(*rows), rate=20.0)).seconds
    assert None is (await made(adjustments(*rows))).seconds


@pytest.mark.parametrize(
    ("provider", "unknown"),
    [(Shop(marks=False), 2), (Shop(marks=False, alone=True), 0), (Shop(), 0)],
)
async def test_rows_that_could_be_anybodys_may_stay_unknown(provider: Shop, unknown: int) -> None:
    """One in a thousand, where neither a marker nor the merchant's word tells them apart."""
    rows = [("1", 5, str(number)) for number in range(1001)]
    found = await made(adjustments(*rows), provider)

    assert (unknown > 0, unknown) == (found.unmarked, found.expected_unknown)


async def test_an_operation_nobody_has_is_refused() -> None:
    """Before anything is read."""
    with pytest.raises(UnsupportedOperationError, match=r"Shop has no track_activity\. it has no"):
        await plan(Shop(), adjustments(), "track_activity")


async def test_an_input_that_breaks_off_has_no_plan(tmp_path: Path) -> None:
    """Half a plan would be taken for a whole one."""
    path = tmp_path / "p.csv"
    path.write_bytes(b"customer_id,points\n1,5\n")
    source = FileSource(path, POINTS)
    path.unlink()
    with pytest.raises(InputError):
        await made(source)


async def test_problems_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many different ones there are, memory stays what it is."""
    monkeypatch.setattr("loyalty_sdk.backfill._plan._MOST_PROBLEMS", 1)
    found = await made(adjustments(*(("1", points, None) for points in (0, 500, 0, 0))))

    assert ((("points: must not be 0", 3),), 3) == (found.problems, len(found.first_bad))


async def test_rows_are_counted_under_the_keys_they_would_have(tmp_path: Path) -> None:
    """An activity's id is its name's own; a row without a key is sent under one that is made."""

    class Notes(Shop):
        limitations: ClassVar[Mapping[str, str]] = {}

        def track_activity(self, activity: Activity, /) -> Generator[Request, Response, None]:
            if activity.id is None or len(activity.id) > 22:
                raise ValidationError("no such id")
            yield Request(method="POST", template="/a", path="/a", safety=Safety.ONCE)

    path = tmp_path / "rows.csv"
    rows = ["signup,1", "review,1", "review,1", *["visit,"] * 11]
    path.write_text("name,id,customer_id\n" + "".join(f"{row},c\n" for row in rows))
    made = await plan(
        Notes(), FileSource(path, Columns(operation="track_activity")), "track_activity"
    )

    assert (14, 9, 1, 4) == (made.rows, made.sendable, made.doubled, made.refused)
    assert 7 == made.keyless
