"""Reading files: every row once, in its place, as it stands there, or as a dead letter."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import os
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_sdk import ConfigurationError, Customer, InputError, Order, PointsAdjustment
from loyalty_sdk.backfill._letters import text_of
from loyalty_sdk.backfill._mapping import Columns
from loyalty_sdk.backfill._rows import BadRow, Position, Row
from loyalty_sdk.backfill._sources import FileSource, source_of
from loyalty_sdk.backfill._sources_lines import LONGEST, Lines

POINTS = Columns(operation="adjust_points")
ORDERS = Columns(operation="create_order")
ADA = Customer(id="1", email="ada@example.com")
HEAD = b"customer_id,points,reference\n"


async def read(source: Any, start: Position | None = None) -> list[Row | BadRow]:
    """All rows of ``source`` from ``start`` on."""
    return [row async for row in source.rows(start)]


def written(folder: Path, name: str, content: bytes) -> Path:
    """A file with that content."""
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


async def rows_of(folder: Path, content: bytes, **mapping: Any) -> list[Row | BadRow]:
    """The rows of a CSV file of adjustments."""
    columns = Columns(operation="adjust_points", **mapping)
    return await read(FileSource(written(folder, "points.csv", content), columns))


def values_of(rows: list[Row | BadRow]) -> list[Any]:
    """The values of rows that can all be sent."""
    return [row.value for row in rows if isinstance(row, Row)]


def sent(rows: list[Row | BadRow]) -> list[tuple[str, int]]:
    """Customer and points of the rows that can be sent."""
    return [
        (row.value.customer_id, row.value.points)
        for row in rows
        if isinstance(row, Row) and isinstance(row.value, PointsAdjustment)
    ]


def problems(rows: list[Row | BadRow]) -> list[tuple[int | None, tuple[str, ...]]]:
    """Line and problems of the rows that cannot be sent."""
    return [(row.line, row.problems) for row in rows if isinstance(row, BadRow)]


async def test_a_row_is_what_its_cells_say(tmp_path: Path) -> None:
    """Ids keep their zeros, points become numbers, and the reference is the row's key."""
    [row] = await rows_of(tmp_path, HEAD + b"0012,-20,t-1\n")

    value = PointsAdjustment(customer_id="0012", points=-20, reference="t-1")
    assert Row(0, len(HEAD), 2, "t-1", value, "0012") == row


async def test_an_empty_cell_is_no_value(tmp_path: Path) -> None:
    """What may be missing is missing, and what may not is a problem."""
    rows = await rows_of(tmp_path, HEAD + b"1,5,\n1,,r\n")

    assert isinstance(rows[0], Row)
    assert None is rows[0].key
    assert [(3, ("points: is empty",))] == problems(rows)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
async def test_any_newline_ends_a_line(tmp_path: Path, end: bytes) -> None:
    """Unix, Windows and old Macs agree on the rows and on the numbers of their lines."""
    rows = await rows_of(tmp_path, HEAD.replace(b"\n", end) + end.join([b"1,5,a", b"", b"2,6,b"]))

    assert [("1", 5), ("2", 6)] == sent(rows)
    assert [2, 4] == [row.line for row in rows]


async def test_newlines_may_be_mixed(tmp_path: Path) -> None:
    """A file that was put together from others is read as one."""
    rows = await rows_of(tmp_path, b"\xef\xbb\xbf" + HEAD + b"1,1,a\r\n2,2,b\r3,3,c\n4,4,d")

    assert [("1", 1), ("2", 2), ("3", 3), ("4", 4)] == sent(rows)
    assert [3 + len(HEAD), 10 + len(HEAD), 16 + len(HEAD), 22 + len(HEAD)] == [
        row.offset for row in rows
    ]


async def test_newlines_in_quotes_belong_to_the_cell(tmp_path: Path) -> None:
    """A cell may hold newlines, delimiters and quotes; the next row's line counts them."""
    content = b'customer_id,points,reason\n1,5,"a\r\nb, ""c"""\n2,6,d\n'
    first, second = await rows_of(tmp_path, content)

    assert isinstance(first, Row)
    assert 'a\r\nb, "c"' == getattr(first.value, "reason", None)
    assert (2, 4) == (first.line, second.line)


@pytest.mark.parametrize("mark", [b";", b"\t", b"|"])
async def test_the_delimiter_is_found_in_the_first_line(tmp_path: Path, mark: bytes) -> None:
    """Semicolons, tabs and bars are as good as commas."""
    content = (HEAD + b"1,5,a\n").replace(b",", mark)

    assert [("1", 5)] == sent(await rows_of(tmp_path, content))


async def test_the_delimiter_can_be_said(tmp_path: Path) -> None:
    """Where names of columns hold other delimiters, guessing would go wrong."""
    content = b'customer_id;points;reference;"a,b,c,d"\n1;5;r;x\n'
    assert [("1", 5)] == sent(await rows_of(tmp_path, content, ignore="*"))
    content = b"customer_id;points;reference;a,b,c,d\n1;5;r;x\n"
    assert [("1", 5)] == sent(await rows_of(tmp_path, content, delimiter=";", ignore="*"))


async def test_what_is_not_meant_surely_is_a_dead_letter(tmp_path: Path) -> None:
    """Nothing is coerced: the column, the type and what was wanted are named, never the value."""
    rows = await rows_of(tmp_path, HEAD + b"1, 5,a\n1,5.0,b\n1,1e3,c\n,5,d\n1,0,e\n1,7,f\n")

    whole = 'points: wanted a whole number in plain digits like "-20", got str'
    assert [("1", 7)] == sent(rows)
    assert [
        (2, (whole,)),
        (3, (whole,)),
        (4, (whole,)),
        (5, ("customer_id: is empty",)),
        (6, ("points: must not be 0",)),
    ] == problems(rows)
    assert ["a", "b", "c", "d", "e", "f"] == [row.key for row in rows]


@pytest.mark.parametrize("total", ["NaN", "Infinity", "1e400", "9,99", "0x10", "٣", "-1", "1_000"])
async def test_odd_totals_are_dead_letters(tmp_path: Path, total: str) -> None:
    """Money is plain decimal text of a size that exists."""
    content = f'id,customer_id,total\nA-1,1,"{total}"\n'.encode()
    [row] = await read(FileSource(written(tmp_path, "o.csv", content), ORDERS))

    assert isinstance(row, BadRow)
    [problem] = row.problems
    assert problem.startswith("total: ")
    assert {"id": "A-1", "customer_id": "1", "total": total} == row.raw


async def test_problems_name_column_and_field(tmp_path: Path) -> None:
    """A mapped column is named as the file names it, with the field it was meant for."""
    content = b"who,how many\n1,x\n"
    columns = {"customer_id": "who", "points": "how many"}
    [row] = await rows_of(tmp_path, content, columns=columns)

    assert isinstance(row, BadRow)
    assert (
        'how many (points): wanted a whole number in plain digits like "-20", got str',
    ) == row.problems


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("p.csv", {"points": 1.5}, r"^points \(the same for every row\): wanted an int, got float"),
        ("p.csv", {"points": "5", "reference": ""}, r"^reference \(the .*: must not be empty"),
        ("p.jsonl", {"points": "5"}, r"^points \(the same for every row\): wanted an int, got str"),
        (None, {"points": "5"}, r"^points \(the same for every row\): wanted an int, got str"),
    ],
)
def test_one_value_that_is_right_for_no_row_is_one_error(
    tmp_path: Path, name: str | None, values: dict[str, Any], message: str
) -> None:
    """It would make dead letters of all rows; what may be text depends on the kind of file."""
    rows: Any = [] if name is None else written(tmp_path, name, b"customer_id\n")
    with pytest.raises(ConfigurationError, match=message):
        source_of(rows, Columns(operation="adjust_points", values=values))


IGNORED = [
    {"customer_id": "7", "id": "A", "total": 5, "guest": True, "email": "ada@example.com"},
    {"customer": {"id": "7", "email": "ada@example.com"}, "id": "A", "total": 5},
    {"customer": {"id": "8", "email": "x"}, "customer_id": "7", "id": "A", "total": 5},
]


@pytest.mark.parametrize(
    ("given", "ignore"),
    [
        (IGNORED[0], ("guest", "email")),
        (IGNORED[1], ("customer.email",)),
        (IGNORED[2], ("customer",)),
    ],
)
async def test_a_field_that_is_ignored_is_not_sent(
    given: dict[str, Any], ignore: tuple[str, ...]
) -> None:
    """Whoever ignores a column does not want it at the vendor, whatever it is called."""
    source = source_of([given], Columns(operation="create_order", ignore=ignore))
    order = Order(id="A", customer=Customer(id="7"), total=Decimal(5))

    assert [order] == values_of(await read(source))


async def test_a_column_that_is_ignored_is_no_field(tmp_path: Path) -> None:
    """The same in a table; a part of what is ignored otherwise may still be mapped."""
    content = b"customer_id,points,reason,reference\n1,5,a suspect,r\n"
    rows = await rows_of(tmp_path, content, ignore=("reason", "reference"))
    assert [PointsAdjustment(customer_id="1", points=5)] == values_of(rows)

    columns = Columns(
        operation="adjust_points", columns={"reason": "meta.why"}, ignore=("meta", "note")
    )
    given = {"customer_id": "1", "points": 5, "meta": {"why": "a gift"}, "note": "rude"}
    rows = await read(source_of([given, given | {"meta": {}}], columns))
    assert ["a gift", None] == [value.reason for value in values_of(rows)]


async def test_a_part_of_a_customer_may_be_mapped() -> None:
    """It needs not be ignored besides."""
    columns = Columns(operation="create_order", columns={"customer.id": "customer.ref"})
    given = {"customer": {"ref": "7"}, "id": "A", "total": 5}
    order = Order(id="A", customer=Customer(id="7"), total=Decimal(5))

    assert [order] == values_of(await read(source_of([given], columns)))


async def test_a_row_of_another_width_is_a_dead_letter(tmp_path: Path) -> None:
    """Cells too many or too few would stand under the wrong names."""
    rows = await rows_of(tmp_path, HEAD + b"1,5\n1,5,a,b\n2,6,c\n")

    assert [("2", 6)] == sent(rows)
    assert [
        (2, ("has 2 cells; the first line names 3 columns",)),
        (3, ("has 4 cells; the first line names 3 columns",)),
    ] == problems(rows)


async def test_bytes_of_another_encoding_are_dead_letters(tmp_path: Path) -> None:
    """The rows around them are read; with the encoding said, so are these."""
    content = b"customer_id,points,reason\n1,5,Andr\xe9\n2,6,ok\n"
    rows = await rows_of(tmp_path, content)
    assert [("2", 6)] == sent(rows)
    assert [(2, ("reason: is not text in utf-8: another encoding?",))] == problems(rows)
    assert isinstance(rows[0], BadRow)
    assert "Andr\udce9" == rows[0].raw["reason"]

    rows = await rows_of(tmp_path, content, encoding="latin-1")
    assert "André" == getattr(getattr(rows[0], "value", None), "reason", None)


async def test_a_key_that_is_no_text_is_no_key(tmp_path: Path) -> None:
    """What a dead letter is found by must be something that can be written down."""
    [row] = await rows_of(tmp_path, HEAD + b"1,5,a\xff\n")

    assert None is row.key
    text_of(getattr(row, "raw", None)).encode()


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_utf16_is_one_clear_error(tmp_path: Path, mark: bytes) -> None:
    """A spreadsheet's "Unicode text" is refused by its name."""
    path = written(tmp_path, "points.csv", mark + HEAD.decode().encode("utf-16-le"))
    with pytest.raises(InputError, match=r"points\.csv is UTF-16. Convert it to UTF-8"):
        FileSource(path, POINTS)


async def test_a_cell_too_long_is_a_dead_letter(tmp_path: Path) -> None:
    """Ten megabytes in a cell cost that row alone, and what stands in it is taken for no row."""
    inside = b"7,7,phantom\n" * 900_000
    content = HEAD + b'1,5,"' + inside + b'"\n2,6,b\n3,7,' + b"x" * 200_000 + b"\n4,8,d\n"
    rows = await rows_of(tmp_path, content)

    assert [("2", 6), ("4", 8)] == sent(rows)
    [(line, [why]), (other, [same])] = problems(rows)
    assert (2, 900_004) == (line, other)
    limit = csv.field_size_limit()
    assert f"a cell has more than {limit} characters; the row takes lines 2 to 900002" == why
    assert f"a cell has more than {limit} characters" == same
    assert all(len(row.raw) <= 4096 for row in rows if isinstance(row, BadRow))


@pytest.mark.parametrize("filler", [b"", b"9,9,inner\n" * 20_000], ids=["short", "long"])
async def test_a_quote_never_closed_is_one_dead_letter(tmp_path: Path, filler: bytes) -> None:
    """All that stands behind it may be part of the cell, so none of it is sent."""
    rows = await rows_of(tmp_path, HEAD + b'1,5,a\n2,6,"b\n3,7,c\n' + filler)

    assert [("1", 5)] == sent(rows)
    last = 4 + filler.count(b"\n")
    assert [
        (3, (f"a quote is opened and never closed; the row takes lines 3 to {last}",))
    ] == problems(rows)


async def test_a_quote_in_the_wrong_place_costs_its_row(tmp_path: Path) -> None:
    """A broken row does not take its neighbours along."""
    rows = await rows_of(tmp_path, HEAD + b'1,5,"5" disk"\n2,6,b\n')

    assert [("2", 6)] == sent(rows)
    assert [(2, ("is no CSV: ',' expected after '\"'",))] == problems(rows)
    assert '1,5,"5" disk"' == getattr(rows[0], "raw", None)


async def test_many_bad_rows_are_as_many_dead_letters(tmp_path: Path) -> None:
    """However many are bad, each is told of, and the good one among them is found."""
    content = HEAD + b"1,x,a\n" * 10_000 + b"2,5,b\n" + b"\xff\n" * 10_000
    rows = await rows_of(tmp_path, content)

    assert [("2", 5)] == sent(rows)
    assert list(range(20_001)) == [row.ordinal for row in rows]


@pytest.mark.parametrize("name", ["points.csv", "points.csv.gz"])
async def test_reading_goes_on_anywhere(tmp_path: Path, name: str) -> None:
    """From the position of any row on come the same rows again, in a packed file too."""
    body = b"".join(b'%d,5,"r\n%d"\n\n' % (number, number) for number in range(40))
    source = FileSource(written(tmp_path, name, HEAD + body + b"1,x,bad\n"), POINTS)
    rows = await read(source)

    assert 41 == len(rows)
    assert (rows[0].offset is None) is name.endswith(".gz")
    for place in (0, 1, 20, 40):
        assert rows[place:] == await read(source, rows[place].position)


async def test_jsonl_goes_on_anywhere_too(tmp_path: Path) -> None:
    """Offsets stand for bytes, whatever the characters are."""
    lines = [
        json.dumps({"customer_id": f"é{n}", "points": n + 1}, ensure_ascii=False) for n in range(9)
    ]
    content = "\n\n".join(lines).encode()
    source = FileSource(written(tmp_path, "points.jsonl", content), POINTS)
    rows = await read(source)

    assert [f"é{number}" for number in range(9)] == [who for who, _ in sent(rows)]
    assert rows[4:] == await read(source, rows[4].position)
    assert rows[4:] == await read(source, Position(4))


async def test_a_truncated_gzip_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    """The rows that are whole come first, then one clear error; half a row is no row."""
    body = b"".join(b"%d,%d,r%d\n" % (n, n * 7919 % 10_007 + 1, n * n) for n in range(50_000))
    path = written(tmp_path, "points.csv.gz", HEAD + body)
    path.write_bytes(path.read_bytes()[:-20_000])
    rows: list[Row | BadRow] = []
    with pytest.raises(InputError, match=r"points\.csv\.gz is damaged or truncated") as failure:
        await collect(FileSource(path, POINTS), rows)

    assert 1000 < len(rows) < 50_000
    assert f"beyond line {len(rows) + 1}" in str(failure.value)
    assert [(str(n), n * 7919 % 10_007 + 1) for n in range(len(rows))] == sent(rows)


async def collect(source: FileSource, rows: list[Row | BadRow]) -> None:
    """Keep the rows that come before a failure."""
    async for row in source.rows():
        rows.append(row)  # noqa: PERF401 - a comprehension would lose them


def test_a_file_that_is_no_gzip_is_refused(tmp_path: Path) -> None:
    """An ending promises what the content has to keep."""
    (tmp_path / "points.csv.gz").write_bytes(HEAD)
    with pytest.raises(InputError, match="damaged or truncated"):
        FileSource(tmp_path / "points.csv.gz", POINTS)


async def test_json_keeps_every_digit(tmp_path: Path) -> None:
    """A JSON number becomes a Decimal of the same digits, never a float."""
    content = b'{"id": "A", "customer": {"id": "1"}, "total": 12345678901234567890.10}\n'
    [row] = await read(FileSource(written(tmp_path, "orders.jsonl", content), ORDERS))

    assert isinstance(row, Row)
    assert isinstance(row.value, Order)
    assert Decimal("12345678901234567890.10") == row.value.total


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"id": "A", "total": NaN}', "is no JSON: NaN is no JSON"),
        ('{"id": "A", "id": "B"}', "is no JSON: one key stands twice in an object"),
        ('{"id": ', "is no JSON: Expecting value at character 7"),
        ("[" * 100_000, "is no JSON: it is nested too deep"),
        ("[1]", "wanted a mapping or Order, got list"),
        (
            '{"id": "A", "customer_id": "1", "total": 1e400}',
            "total: has over 30 digits before or after the point",
        ),
        ('{"id": 7, "customer_id": "1", "total": 5}', "id: wanted a str, got int"),
        ('{"id": "A", "customer_id": "1", "total": null}', "total: is missing"),
        ('{"id": "A", "customer_id": "1"}', "total: is missing"),
        (
            '{"id": "A", "customer_id": "1", "total": 5, "totl_paid": 5}',
            "totl_paid: is no field of create_order; map it or ignore it",
        ),
        ('{"id": "A", "customer": "1", "total": 5}', "customer: wanted a mapping, got str"),
        (
            '{"id": "A", "customer": {"id": "1", "age": 5}, "total": 5}',
            "customer.age: is no field of create_order; map it or ignore it",
        ),
        (
            '{"id": "A\\ud800", "customer_id": "1", "total": 5}',
            "id: contains a lone surrogate, which UTF-8 cannot carry",
        ),
    ],
)
async def test_bad_json_is_a_dead_letter(tmp_path: Path, line: str, problem: str) -> None:
    """Whatever is wrong with a line is said, and the next line is read."""
    good = b'{"id": "B", "customer_id": "1", "total": "5.00"}'
    path = written(tmp_path, "orders.jsonl", line.encode() + b"\n" + good)
    bad, row = await read(FileSource(path, ORDERS))

    assert isinstance(bad, BadRow)
    assert (1, (problem,)) == (bad.line, bad.problems)
    text_of(bad.raw).encode()
    assert "B" == row.key


async def test_what_to_dict_gives_is_read_back(tmp_path: Path) -> None:
    """A value written as JSON is the same value again."""
    order = Order(id="A", customer=ADA, total=Decimal("9.90"), guest=True)
    path = written(tmp_path, "orders.jsonl", order.to_json().encode())
    [row] = await read(FileSource(path, ORDERS))

    assert order == getattr(row, "value", None)


async def test_parts_are_reached_by_a_dot(tmp_path: Path) -> None:
    """A column may be a path, and a field may be a path; the rest is ignored where it is said."""
    columns = Columns(
        operation="track_activity",
        columns={"customer.id": "who.id", "properties.stars": "stars", "name": "kind"},
        values={"properties.source": "import"},
        ignore=("junk",),
    )
    content = b'{"who": {"id": "7", "x": 1}, "kind": "review", "stars": 4.5, "junk": {}}'
    [row] = await read(FileSource(written(tmp_path, "a.jsonl", content), columns))

    assert isinstance(row, Row)
    assert ("7", None) == (row.customer_id, row.key)
    assert {"stars": 4.5, "source": "import"} == getattr(row.value, "properties", None)


async def test_properties_that_a_float_cannot_hold_are_refused(tmp_path: Path) -> None:
    """Not even an activity's free properties lose a digit."""
    columns = Columns(operation="track_activity", ignore=("*",))
    content = (
        b'{"name": "n", "customer": {"id": "1", "x": 2}, "y": 3,'
        b' "properties": {"a": [0.1, 1.00000000000000000001]}}'
    )
    [row] = await read(FileSource(written(tmp_path, "a.jsonl", content), columns))

    assert isinstance(row, BadRow)
    [problem] = row.problems
    assert problem.startswith("properties.a[1]: wanted a JSON value")


async def test_csv_cells_may_hold_json_for_lists(tmp_path: Path) -> None:
    """Rewards and discount codes stand in a cell as JSON; properties likewise."""
    content = (
        b"id,customer_id,total,guest,claimed_reward_ids,discount_codes\n"
        b'A,1,5,true,"[3, 4]","[{""code"": ""X"", ""amount"": 1.50}]"\n'
        b"B,1,5,yes,[3,\n"
        b"C,1,5,false,{,\n"
    )
    rows = await read(FileSource(written(tmp_path, "orders.csv", content), ORDERS))

    assert isinstance(rows[0], Row)
    assert isinstance(rows[0].value, Order)
    assert (True, (3, 4)) == (rows[0].value.guest, rows[0].value.claimed_reward_ids)
    assert Decimal("1.50") == rows[0].value.discount_codes[0].amount
    assert [
        (
            3,
            (
                "claimed_reward_ids: is no JSON: Expecting ',' delimiter at character 3",
                'guest: wanted "true" or "false", got str',
            ),
        ),
        (
            4,
            (
                (
                    "claimed_reward_ids: is no JSON: Expecting property name enclosed in double "
                    "quotes at character 2"
                ),
            ),
        ),
    ] == problems(rows)


async def test_properties_come_from_columns_or_one_json_cell(tmp_path: Path) -> None:
    """Text stays text where a column is mapped; JSON says what it means."""
    columns = Columns(operation="track_activity", columns={"properties.stars": "stars"})
    content = b"name,customer_id,stars\nreview,1,5\nreview,1,\n"
    rows = await read(FileSource(written(tmp_path, "a.csv", content), columns))
    assert [{"stars": "5"}, {}] == [value.properties for value in values_of(rows)]

    content = b'name,customer_id,properties\nreview,1,"{""stars"": 5.5}"\n'
    path = written(tmp_path, "a.csv", content)
    rows = await read(FileSource(path, Columns(operation="track_activity")))
    assert [{"stars": 5.5}] == [value.properties for value in values_of(rows)]


@pytest.mark.parametrize(
    ("content", "mapping", "message"),
    [
        (b"", {}, r"points\.csv is empty"),
        (b"\n\n", {}, r"points\.csv is empty"),
        (b'"customer_id,points\n', {}, r"line 1: unexpected end of data"),
        (b"customer_id\n1\n", {}, r"no column for points; it has customer_id\. Say --map points="),
        (HEAD, {"columns": {"points": "pts"}}, r"no column for points \(pts\)"),
        (b"customer_id,points,pionts\n", {}, r'nothing is made of the columns "pionts"'),
        (b"customer_id,points,\n", {}, r'columns "" \(without a name: the first line may'),
        (HEAD, {"ignore": ["points"]}, r"no column for points; it has customer_id, points, r"),
        (b"customer_id,points,points\n", {}, r'two columns "points"'),
    ],
)
def test_a_file_that_does_not_fit_is_refused_before_anything_is_sent(
    tmp_path: Path, content: bytes, mapping: dict[str, Any], message: str
) -> None:
    """Columns and mapping are compared when the source is made."""
    columns = Columns(operation="adjust_points", **mapping)
    with pytest.raises((InputError, ConfigurationError), match=message):
        FileSource(written(tmp_path, "points.csv", content), columns)


@pytest.mark.parametrize("name", ["points.xlsx", "points", "points.parquet.gz"])
def test_only_known_endings_are_read(tmp_path: Path, name: str) -> None:
    """A guess about the content could read money from the wrong place."""
    with pytest.raises(InputError, match=f"{name}: not known by its ending"):
        FileSource(tmp_path / name, POINTS)


@pytest.mark.parametrize("name", ["points.csv", "points.jsonl", "points.parquet"])
def test_a_missing_file_is_one_clear_error(tmp_path: Path, name: str) -> None:
    """It is found out when the source is made."""
    with pytest.raises(InputError, match="No such file or directory"):
        FileSource(tmp_path / name, POINTS)


async def test_a_read_that_fails_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that gives up in the middle is named, without a traceback of its own."""
    lines = Lines(written(tmp_path, "points.csv", HEAD), "utf-8")

    class Failing(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(lines, "_file", Failing())
    with pytest.raises(InputError, match=r"points\.csv cannot be read: Input/output error"):
        next(lines)
    lines.close()


def test_a_line_without_end_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded when somebody hands in a disk image."""
    assert 1 << 26 == LONGEST
    monkeypatch.setattr("loyalty_sdk.backfill._sources_lines.LONGEST", 1 << 20)
    with pytest.raises(InputError, match=r"line 1: over 1 MiB without an end. Is it a text file"):
        FileSource(written(tmp_path, "points.csv", b"x" * (3 << 20)), POINTS)


def test_the_fingerprint_changes_with_every_byte(tmp_path: Path) -> None:
    """A file that was added to, or whose lines of one length changed places, is another input."""
    content = HEAD + b"1,5,a\n" * 40_000 + b"2,6,b\n3,7,c\n" + b"1,5,a\n" * 40_000
    changed = [
        content,
        content + b"1,5,b\n",
        content[:-2] + b"z\n",
        content.replace(b"2,6,b\n3,7,c\n", b"3,7,c\n2,6,b\n"),
    ]
    marks = {FileSource(written(tmp_path, "p.csv", each), POINTS).fingerprint for each in changed}

    assert 4 == len(marks)
    assert FileSource(written(tmp_path, "q.csv", content), POINTS).fingerprint in marks


async def test_the_number_of_rows_is_estimated_and_then_known(tmp_path: Path) -> None:
    """By the bytes that were read; exactly once all of them are."""
    for name in ("points.csv", "points.jsonl.gz"):
        line = HEAD if name.endswith("csv") else b""
        row = b"%06d,5,a\n" if line else b'{"customer_id": "%06d", "points": 5}\n'
        content = line + b"".join(row % number for number in range(30_000))
        source = FileSource(written(tmp_path, name, content), POINTS)
        assert None is source.estimated_rows()
        stream = source.rows()
        for _ in range(20_000):
            await anext(stream)
        estimate = source.estimated_rows()
        assert estimate is not None
        # A packed file is read far ahead, so all that is known of a small one is its least.
        assert (25_000 if line else 20_000) < estimate < 40_000
        await stream.aclose()
        await read(source)
        assert 30_000 == source.estimated_rows()


async def test_a_reader_that_stops_lets_the_file_go(tmp_path: Path) -> None:
    """A consumer that is cancelled in the middle of a wait leaves no open file behind."""
    source = FileSource(written(tmp_path, "p.csv", HEAD + b"1,5,a\n" * 5000), POINTS)

    async def consume() -> None:
        async for _ in source.rows():
            await asyncio.sleep(0)

    task = asyncio.create_task(consume())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 5000 == len(await read(source))


async def test_reading_leaves_the_event_loop_its_turn(tmp_path: Path) -> None:
    """Rows are made in another thread, a few hundred at a time."""
    source = FileSource(written(tmp_path, "p.csv", HEAD + b"1,5,a\n" * 20_000), POINTS)
    turns = 0

    async def watch() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    watcher = asyncio.create_task(watch())
    await read(source)
    watcher.cancel()

    assert turns > 20_000 / 256


def test_a_path_is_a_file_and_the_rest_is_iterated(tmp_path: Path) -> None:
    """Text is never iterated by its letters."""
    path = written(tmp_path, "p.csv", HEAD)

    assert isinstance(source_of(str(path), POINTS), FileSource)
    assert isinstance(source_of(path, POINTS), FileSource)
    assert "p.csv" == source_of(path, POINTS).name
    assert "the rows" == source_of([], POINTS).name
    assert POINTS == source_of(path, POINTS).columns


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    cells=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12),
    end=st.sampled_from(["\n", "\r\n"]),
)
async def test_whatever_csv_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], end: str
) -> None:
    """Every cell comes back as it was written, and every row from its own position."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["customer_id", "points", "reason", "note"])
    writer.writerows(["1", "5", *row] for row in cells)
    path = tmp_path_factory.getbasetemp() / "generated.csv"
    path.write_bytes(buffer.getvalue().encode())
    source = FileSource(path, POINTS)
    rows = await read(source)

    assert [(a or None, b or None) for a, b in cells] == [
        (value.reason, value.note) for value in values_of(rows)
    ]
    assert rows[-1:] == await read(source, rows[-1].position)


async def test_names_of_columns_may_go_over_lines(tmp_path: Path) -> None:
    """The rows behind them are read like any others."""
    content = b'"customer\nid",points,reference\n1,5,a\n2,6,b\n'
    rows = await rows_of(tmp_path, content, columns={"customer_id": "customer\nid"})
    assert [("1", 5), ("2", 6)] == sent(rows)


async def test_a_place_that_moved_is_no_place_to_begin(tmp_path: Path) -> None:
    """Half a line would be another row: of another customer, with other points."""
    head = b"customer_id,points,reference\n"
    path = written(tmp_path, "p.csv", head + b"1001,5,a\n1002,6,b\n1003,7,c\n")
    [_, second, _] = await read(FileSource(path, POINTS))
    path.write_bytes(head + b"1,5,a\n1002,6,b\n100003,7,cc\n")

    with pytest.raises(InputError, match="has changed: no line begins any more where line 3 did"):
        [row async for row in FileSource(path, POINTS).rows(second.position)]


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz", "p.jsonl"])
async def test_half_a_row_of_a_file_that_grows_is_not_sent(tmp_path: Path, name: str) -> None:
    """Somebody writes it while it is read, and the last row is not all there yet."""
    row = b'{"customer_id": "1", "points": 5'
    lines, half, rest = b"customer_id,points\n1,5\n", b"2,5", b"000\n"
    if name == "p.jsonl":
        lines, half, rest = row + b"}\n", row, b"}\n"
    path = written(tmp_path, name, lines + half)
    source = FileSource(path, POINTS)
    assert source.fingerprint
    rows: list[Row | BadRow] = []
    with path.open("ab") as file:
        file.write(gzip.compress(rest) if name.endswith(".gz") else rest)

    with pytest.raises(InputError, match=f"{name} changed while it was read. What was"):
        await collect(source, rows)
    assert [] == rows
    await collect(source, rows)
    assert 2 == len(rows)


async def test_what_was_read_before_a_file_changed_stands(tmp_path: Path) -> None:
    """The last line is given out once the file is at its end and still what it was."""
    content = b"customer_id,points\n" + b"1,5\n" * 600 + b"2,5"
    path = written(tmp_path, "p.csv", content)
    rows: list[Row | BadRow] = []

    async def grow() -> None:
        async for row in FileSource(path, POINTS).rows():
            if not rows:
                path.write_bytes(content + b"000\n")
            rows.append(row)

    with pytest.raises(InputError, match="changed while"):
        await grow()
    assert [("1", 5)] * 600 == sent(rows)


def test_a_file_that_changes_under_its_fingerprint_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be the mark of a file that never was."""
    path = written(tmp_path, "p.csv", HEAD)
    source = FileSource(path, POINTS)

    def grow(*_: object) -> Any:
        path.write_bytes(HEAD * 2)
        return blake2b()

    monkeypatch.setattr("loyalty_sdk.backfill._sources.file_digest", grow)
    with pytest.raises(InputError, match="changed while"):
        assert source.fingerprint


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl", "p.parquet"])
def test_a_pipe_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    """To open one is to wait for whoever writes it, and that may be nobody."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name} is no regular file\. It is read more than once"):
        FileSource(tmp_path / name, POINTS)


def test_a_file_that_cannot_be_read_has_no_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails is one clear error."""

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    source = FileSource(written(tmp_path, "p.csv", HEAD), POINTS)
    monkeypatch.setattr("loyalty_sdk.backfill._sources.file_digest", fail)
    with pytest.raises(InputError, match=r"p\.csv cannot be read: Input/output error"):
        assert source.fingerprint


def test_a_fingerprint_is_never_an_old_one(tmp_path: Path) -> None:
    """One source may be the input of two runs, and the file change between them."""
    path = written(tmp_path, "p.csv", b"customer_id,points\n1,5\n")
    source = FileSource(path, POINTS)
    before = source.fingerprint
    path.write_bytes(b"customer_id,points\n1,6\n")
    assert before != source.fingerprint
