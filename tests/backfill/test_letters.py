"""A dead letter says exactly what its input held, and is judged by the rules of its input."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk import Activity, InputError
from loyalty_sdk.backfill import BadRow, Columns, FileSource, Row, mended
from loyalty_sdk.backfill._letters import meant, sayable, text_of
from loyalty_sdk.backfill._mapping_objects import Objects
from loyalty_sdk.backfill._rows import Position
from loyalty_sdk.wire import read_json

NAIVE = datetime(2026, 1, 1, 15, 30)  # noqa: DTZ001 - that it has no zone is the point
ID = UUID(int=7)

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.text(st.characters(exclude_categories=()))
)
_keys = st.text("!ab", max_size=3) | st.sampled_from(["!float", "!!Decimal"])
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner) | st.dictionaries(_keys, inner), max_leaves=8
)


def again(value: Any) -> Any:
    """``value`` out of a letter."""
    return meant(read_json(text_of(sayable(value))))


def kinds(value: Any) -> Any:
    """The types in ``value``, which may equal each other: 5 and 5.0."""
    if isinstance(value, dict):
        return {key: kinds(item) for key, item in value.items()}
    return [kinds(item) for item in value] if isinstance(value, list) else type(value)


@given(_values)
def test_what_comes_out_of_a_letter_went_into_it(value: Any) -> None:
    """No number becomes text or another number, no text a mark, and no mark text."""
    assert (value, kinds(value)) == (again(value), kinds(again(value)))


_odd = _values | st.binary() | st.dates() | st.uuids() | st.sampled_from(["5", "[]", "paid"])
_fields = st.sampled_from(["id", "customer_id", "total", "guest", "placed_at", "discount_codes"])


@given(st.dictionaries(_fields, _odd, min_size=1))
def test_a_row_is_the_same_out_of_its_letter(odd: dict[str, Any]) -> None:
    """Neither is one made that was none at first, nor another one, and words stay the same."""
    order = {"id": "1", "customer_id": "1", "total": "5"} | odd
    orders = Objects(Columns(operation="create_order"))
    assert orders.build(Position(), order) == orders.build(Position(), again(order))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (ID, "UUID"),
        (b"5", "bytes"),
        (date(2026, 1, 1), "date"),
        pytest.param(1 << 20_000, "int", id="endless"),
        ({"!float": "many"}, "float"),
        ({"!float": ["9.9"]}, "float"),
        ({"!\0": ""}, "value"),
    ],
)
def test_what_cannot_be_made_again_is_an_object_of_that_name(value: Any, kind: str) -> None:
    """It is no text and no number, so that nothing takes it, and messages say what it was."""
    found = meant(value if isinstance(value, dict) else json.loads(text_of(sayable(value))))
    assert kind == type(found).__name__
    assert not isinstance(found, str | int | float | dict)


@pytest.mark.parametrize("text", ["1E+999999999", "1E-999999999", "0E+999999999"])
def test_an_endless_number_stays_short(text: str) -> None:
    """A few characters of JSON must not become a gigabyte where somebody writes them out."""
    assert {"!Decimal": text} == sayable(Decimal(text))
    assert Decimal(text) == again(Decimal(text))


def test_a_key_that_is_no_text_does_not_pass_for_one() -> None:
    """What stands under the number 5 is not what stands under its digits."""
    assert "int key" == type(again({5: 6})["5"]).__name__
    assert "int key" == type(again({5: 6, "5": 6})["5"]).__name__


class _Silent:
    """Of a class of the caller's own, which does not say what it is."""

    def __repr__(self) -> str:
        """Nothing."""
        raise LookupError


def test_what_does_not_say_what_it_is_goes_by_its_type() -> None:
    """A letter is written all the same."""
    assert {"!_Silent": ""} == sayable(_Silent())


def _deep(how: str, levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] if how == "list" else {"a": value}
    return value


def _holds_itself() -> Any:
    value: dict[str, Any] = {"b": []}
    value["a"] = value["c"] = value["b"]
    value["b"] += [value, value]
    return value


@pytest.mark.parametrize(
    "value",
    [*(_deep(how, levels) for how in ("list", "dict") for levels in (400, 700))],
    ids=["400 lists", "700 lists", "400 dicts", "700 dicts"],
)
async def test_a_row_that_is_nested_deep_ends_no_run(shop: Any, tmp_path: Path, value: Any) -> None:
    """Its letter says so where it is cut, and is refused in the same words when it is played."""
    rows = tmp_path / "rows.jsonl"
    row = {"customer_id": "1", "points": 5}
    lines = [row | {"reference": "a", "points": value}, row | {"reference": "b"}]
    rows.write_text("".join(f"{json.dumps(each)}\n" for each in lines))

    first = await shop.run(rows)
    assert (1, 1) == (first.applied, first.dead)
    letter = first.rejected.read_text()
    assert f'{{"!{type(value).__name__}": "nested too deep"}}' in letter
    again = await shop.run(mended(first.rejected, Columns(operation="adjust_points")), mends=True)
    assert (1, letter) == (again.dead, first.rejected.read_text())


@pytest.mark.parametrize("field", ["properties", "points"])
async def test_a_row_that_holds_itself_is_one_dead_letter(shop: Any, field: str) -> None:
    """Whether it goes into it or is walked by whoever checks it; the next row is read."""
    ada = {"id": "1", "email": "ada@example.com"}
    bad = {"name": "review", "id": "1", "customer": ada, field: _holds_itself()}
    good = {"name": "review", "id": "2", "customer": ada}
    for _ in range(2):
        summary = await shop.run([bad, good], operation="track_activity")
        assert (1, 1) == (summary.applied, summary.dead)


async def test_a_letter_into_which_somebody_nests_too_much_stays_one(tmp_path: Path) -> None:
    """As it would be if its input had held that; the next letter is read."""
    path = tmp_path / "x.rejected.jsonl"
    rows = {"customer_id": "1", "points": _deep("dict", 900)}, {"customer_id": "1", "points": 5}
    letters = [{"ordinal": n, "form": "fields", "row": row} for n, row in enumerate(rows)]
    path.write_text("".join(f"{json.dumps(each)}\n" for each in letters))
    bad, row = [each async for each in mended(path, Columns(operation="adjust_points")).rows()]
    assert (BadRow, "fields", Row) == (type(bad), getattr(bad, "form", None), type(row))


def in_rows(path: Path) -> list[tuple[Any, ...]]:
    """What the letters in ``path`` say, but for what is wrong."""
    letters = map(json.loads, path.read_text().splitlines())
    return [(each["ordinal"], each["form"], each["row"]) for each in letters]


def _parquet(folder: Path) -> Any:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    nanos = pa.array([1, 1], pa.int64()).cast(pa.timestamp("ns", tz="UTC"))
    columns = {"id": ["1", "2"], "customer_id": ["1", "1"], "total": [9.99, 10.1]}
    places = {"placed_at": pa.array([NAIVE] * 2), "email": nanos, "payment_status": ["paid"] * 2}
    parquet.write_table(pa.table(columns | places), folder / "rows.parquet")
    return folder / "rows.parquet"


def _lines(folder: Path) -> Any:
    path = folder / "rows.jsonl"
    order = {"id": "7", "customer_id": "1", "total": "1.5", "payment_status": "paid"}
    wrong = ({"guest": "false", "discount_codes": "[]"}, {"customer_id": 5}, {"id": 5.0})
    path.write_text("".join(f"{json.dumps(order | each)}\n" for each in wrong) + "{\n")
    return path


def _mappings(_: Path) -> Any:
    order = {"id": "7", "customer_id": "1", "total": Decimal("1.50"), "payment_status": "paid"}
    wrong = (
        {"customer_id": ID}, {"customer_id": b"5"}, {"customer_id": date(2026, 1, 1)},
        {"customer_id": datetime(2026, 1, 1, tzinfo=UTC)}, {"customer_id": Decimal("5.0")},
        {"customer_id": "a\ud800"}, {"total": 9.99}, {"placed_at": NAIVE}, {"total": float("nan")},
        {"claimed_reward_ids": [Decimal(5)]},
    )  # fmt: skip
    return [order | each for each in wrong]


def _latin(folder: Path) -> Any:
    path = folder / "rows.csv"
    path.write_bytes(b"id,customer_id,total,payment_status\nAndr\xe9,1,5,paid\nb,1,5\n")
    return path


@pytest.mark.parametrize("rows", [_parquet, _lines, _mappings, _latin])
async def test_letters_that_nobody_mended_fare_as_they_did(
    shop: Any, tmp_path: Path, rows: Callable[[Path], Any]
) -> None:
    """Nothing is coerced on the second way in that was refused on the first."""
    first = await shop.run(rows(tmp_path), operation="create_order")
    rows_then = in_rows(first.rejected)
    source = mended(first.rejected, Columns(operation="create_order"))
    again = await shop.run(source, operation="create_order", mends=True)

    assert (0, first.dead) == (again.applied, again.dead)
    assert rows_then == in_rows(again.rejected)
    assert [] == shop.writes()


async def test_a_letter_keeps_what_was_right_in_its_row(shop: Any, tmp_path: Path) -> None:
    """Mending the customer makes no text of a number that stands beside it."""
    rows = tmp_path / "rows.jsonl"
    stars = {"stars": 4.5, "seen": {"!float": "1"}}
    rows.write_text(json.dumps({"name": "review", "id": "r", "properties": stars}) + "\n")
    first = await shop.run(rows, operation="track_activity")
    letter = json.loads(first.rejected.read_text())
    letter["row"]["customer"] = {"id": "1", "email": "ada@example.com"}
    first.rejected.write_text(json.dumps(letter))

    columns = Columns(operation="track_activity")
    [row] = [each async for each in mended(first.rejected, columns).rows()]
    assert isinstance(row, Row)
    assert isinstance(row.value, Activity)
    assert stars == row.value.properties


async def test_a_letter_that_is_mended_wrongly_keeps_its_form(tmp_path: Path) -> None:
    """A refused row has its fields' names still, wherever its columns have others."""
    path = tmp_path / "x.rejected.jsonl"
    row = {"customer_id": "1", "points": "5"}
    path.write_text(json.dumps({"ordinal": 0, "form": "fields", "row": row}))
    columns = Columns(operation="adjust_points", columns={"points": "how many"})
    [bad] = [each async for each in mended(path, columns).rows()]

    assert BadRow(0, None, None, None, row, ("points: wanted an int, got str",), "fields") == bad
    assert Position(0) == bad.position


@pytest.mark.parametrize("form", [None, "cell", [], 5])
async def test_a_letter_without_its_form_is_none(tmp_path: Path, form: Any) -> None:
    """Nobody could say by which rules it is to be judged."""
    path = tmp_path / "x.rejected.jsonl"
    path.write_text(json.dumps({"ordinal": 0, "form": form, "row": {}}))
    with pytest.raises(InputError, match="line 1 is no dead letter"):
        [each async for each in mended(path, Columns(operation="adjust_points")).rows()]


async def test_letters_are_utf8_whatever_their_input_was(shop: Any, tmp_path: Path) -> None:
    """A name out of a file in another encoding is not taken apart on its second way in."""
    rows = tmp_path / "rows.csv"
    rows.write_text("customer_id,points,reference\n1,five,André\n", encoding="cp1252")
    columns = Columns(operation="adjust_points", encoding="cp1252")
    first = await shop.run(FileSource(rows, columns))
    first.rejected.write_text(first.rejected.read_text().replace("five", "5"))

    await shop.run(mended(first.rejected, columns), mends=True)
    assert {"André": "APPLIED"} == shop.states()
