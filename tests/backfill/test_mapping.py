"""Which column becomes which field, said in code, in TOML, or guessed from a file."""

from __future__ import annotations

import gzip
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk import ConfigurationError, InputError
from loyalty_sdk.backfill import Columns
from loyalty_sdk.backfill._mapping import fields_of
from loyalty_sdk.backfill._mapping_guess import guess
from loyalty_sdk.backfill._mapping_toml import read_mapping, write_mapping


def made(**arguments: Any) -> Columns:
    """A mapping, as a caller without type checks may make it."""
    return Columns(**{"operation": "adjust_points"} | arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operation": "delete"}, "the operation is unknown. One of create_order, track_activity"),
        ({"columns": {"pionts": "p"}}, "adjust_points has no field pionts. It has customer_id,"),
        ({"values": {"properties.x": 5}}, "adjust_points has no field properties.x"),
        ({"columns": {"points": "p"}, "values": {"points": 5}}, "both a column and one value for"),
        ({"columns": {5: "p"}}, "columns: wanted FIELD = something"),
        ({"columns": {"points": None}}, "columns: wanted FIELD = something"),
        ({"columns": {"points": ["p"]}}, "columns: points: wanted the name of a column, got list"),
        ({"ignore": [["p"], "q"]}, "ignore: wanted the name of a column, got list"),
        ({"columns": {"points": "p"}, "ignore": ["p"]}, "both mapped and ignored: p. Take them"),
        ({"delimiter": "x"}, "the delimiter must be"),
        ({"encoding": "klingon"}, "encoding 'klingon' is unknown"),
        ({"encoding": "a\0b"}, "encoding 'a\\x00b' is unknown"),
        ({"encoding": "undefined"}, "encoding undefined cannot be read here"),
        ({"encoding": "idna"}, "encoding idna cannot be read here"),
        ({"encoding": "utf-16"}, "encoding utf-16 cannot be read here. Convert it to UTF-8"),
        (
            {"operation": "track_activity", "columns": {"properties": "p", "properties.a": "a"}},
            "both properties and a part of them",
        ),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(arguments: dict[str, Any], message: str) -> None:
    """It is refused when it is made, by the name of what is wrong."""
    with pytest.raises(ConfigurationError) as failure:
        made(**arguments)
    assert message in str(failure.value)


def test_equal_mappings_have_equal_texts() -> None:
    """What decides nothing, the order and what is ignored, does not make another input of it."""
    one = made(columns={"points": "p", "reason": "r"}, ignore=["x"])
    other = made(columns={"reason": "r", "points": "p"}, ignore="y")

    assert one.canonical() == other.canonical()
    assert ("y",) == other.ignore
    assert one.canonical() != made(columns={"points": "q", "reason": "r"}).canonical()
    # A field that is ignored is not sent.
    assert one.canonical() != made(columns=one.columns, ignore="reference").canonical()
    assert one.canonical() != made(columns={"points": "p"}, values={"reason": "r"}).canonical()
    json.loads(one.canonical())


def test_a_column_that_is_taken_serves_no_other_field() -> None:
    """`email` is the customer's address unless somebody says it is something else."""
    mapping = made(operation="create_order", columns={"tracking_id": "email"})

    assert ("customer.email", "customer_email") == mapping.candidates()["customer.email"]


def test_a_mapping_file_says_what_columns_take(tmp_path: Path) -> None:
    """Dotted fields may be quoted or not, as TOML has it."""
    (tmp_path / "m.toml").write_text(
        'operation = "create_order"\nencoding = "latin-1"\ndelimiter = ";"\nignore = ["a"]\n'
        '[columns]\n"customer.id" = "who"\ncustomer.email = "mail"\n'
        '[values]\npayment_status = "paid"\nguest = true\n'
    )
    mapping = Columns(**read_mapping(tmp_path / "m.toml"))

    assert {"customer.id": "who", "customer.email": "mail"} == mapping.columns
    assert {"payment_status": "paid", "guest": True} == mapping.values
    assert ("latin-1", ";", ("a",)) == (mapping.encoding, mapping.delimiter, mapping.ignore)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("operation = ", "is no TOML"),
        ("colums = {}", "colums is unknown. Known: operation, encoding, delimiter, ignore,"),
        ("operation = 5", "operation: wanted text, got int"),
        ('ignore = "a"', "ignore: wanted a list, got str"),
        ("values = []", "values: wanted a table, got list"),
    ],
)
def test_a_mapping_file_that_cannot_be_meant_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    """A misspelt table would silently map nothing."""
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(ConfigurationError) as failure:
        read_mapping(tmp_path / "m.toml")
    assert message in str(failure.value)


def test_a_missing_mapping_file_is_named(tmp_path: Path) -> None:
    """One clear error."""
    with pytest.raises(ConfigurationError, match=r"m\.toml: No such file"):
        read_mapping(tmp_path / "m.toml")


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@given(column=NAMES, value=NAMES, ignored=st.lists(NAMES, max_size=3))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, column: str, value: str, ignored: list[str]
) -> None:
    """Whatever characters a column's name has."""
    mapping = made(
        columns={"points": column},
        values={"reason": value},
        ignore=[name for name in ignored if name != column],
        encoding="cp1252",
        delimiter=";",
    )
    path = tmp_path_factory.getbasetemp() / "generated.toml"
    path.write_text(write_mapping(mapping, column, [column], {"points": "a guess"}), "utf-8")

    assert mapping == Columns(**read_mapping(path))


def written(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    """A file with that text."""
    path = folder / name
    content = text.encode(encoding)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def test_columns_are_guessed_by_name_and_content(tmp_path: Path) -> None:
    """What people call things is known; what does not fit by its content is said."""
    text = (
        "Order ID;Customer;E-Mail;amount_eur;Total;Status;created_at;colour\n"
        "0012;55;a@b.c;9.90;ten;paid;2026-05-01 10:00;red\n"
        "0013;56;;1.00;one;;;\n"
        "0014;57;;?;two;;;\n"
    )
    found = guess(written(tmp_path, "shop.csv", text))

    assert {
        "id": "Order ID",
        "customer.id": "Customer",
        "customer.email": "E-Mail",
        "total": "amount_eur",
        "payment_status": "Status",
    } == found.columns.columns
    assert ("Total", "created_at", "colour") == found.columns.ignore
    assert "a guess" == found.remarks["total"]
    assert found.remarks["placed_at"].startswith("created_at? It holds no times with an offset")
    assert () == found.lacking


@pytest.mark.parametrize(
    ("header", "operation"),
    [
        ("customer_id,points", "adjust_points"),
        ("customer_id,id,total", "create_order"),
        ("customer_id,event", "track_activity"),
    ],
)
def test_the_operation_is_guessed(tmp_path: Path, header: str, operation: str) -> None:
    """Points are adjusted, totals are ordered, names are tracked."""
    found = guess(written(tmp_path, "rows.csv", f"{header}\n"))

    assert operation == found.columns.operation
    assert () == found.lacking
    assert "customer_id" in found.columns.columns.values()


def test_what_nothing_speaks_for_has_to_be_said(tmp_path: Path) -> None:
    """The columns are named, so that the next command can be written."""
    path = written(tmp_path, "rows.csv", "who,howmany\n1,5\n")
    with pytest.raises(
        ConfigurationError, match=r"says what its rows are: who, howmany\. Say --op"
    ):
        guess(path)

    found = guess(path, "adjust_points")
    assert ("customer_id", "points") == found.lacking
    text = write_mapping(found.columns, path.name, found.names, found.remarks)
    assert '# points = ""  # NEEDED: which column, or a line under [values]?\n' in text
    assert '# Its columns: "who", "howmany"\n' in text


def test_what_a_column_holds_is_said_where_it_is_doubted(tmp_path: Path) -> None:
    """Somebody who sees a column of that name wants to know why it is not the one."""
    path = written(tmp_path, "rows.csv", "customer_id,points,total\n1, 5,ten\n")
    with pytest.raises(ConfigurationError) as failure:
        guess(path)

    assert (
        "customer_id, points, total. points? It holds no whole numbers: there are blanks around"
        " them. total? It holds no plain decimals like 99.99. Say --operation"
    ) in str(failure.value)


def test_a_column_is_guessed_for_one_field_only(tmp_path: Path) -> None:
    """An order's number is its id where nothing else is, and then no number besides."""
    found = guess(written(tmp_path, "o.csv", "ordernumber,customer,total\n"))

    assert {"id": "ordernumber", "customer.id": "customer", "total": "total"} == (
        found.columns.columns
    )


def test_json_lines_are_looked_at_too(tmp_path: Path) -> None:
    """Parts of a customer are columns; lines that cannot be read are passed over."""
    lines = [
        "{",
        "[]",
        '{"id": "A", "customer": {"id": "1"}, "total": 5, "total_paid": null}',
        '{"id": "B", "customer": {"id": "1"}, "total": 5, "guest": "yes"}',
    ]
    found = guess(written(tmp_path, "orders.jsonl.gz", "\n".join(lines)))

    assert {
        "id": "id",
        "customer.id": "customer.id",
        "total": "total",
        "total_paid": "total_paid",
    } == (found.columns.columns)
    assert "guest? It holds neither true nor false" == found.remarks["guest"]
    with pytest.raises(InputError, match="has no JSON objects in its first lines"):
        guess(written(tmp_path, "none.jsonl", "[]\n"))


def test_parquet_has_names(tmp_path: Path) -> None:
    """They are all that is looked at."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"customer": ["1"], "points": [5]}), tmp_path / "p.parquet")
    found = guess(tmp_path / "p.parquet")

    assert {"customer_id": "customer", "points": "points"} == found.columns.columns


def test_another_encoding_is_seen(tmp_path: Path) -> None:
    """Windows' own is the likeliest where a file is not UTF-8; a cut character is no sign of it."""
    text = "customer_id,points,reason\n1,5,André\n"
    assert "cp1252" == guess(written(tmp_path, "w.csv", text, "cp1252")).columns.encoding
    assert 'encoding = "cp1252"' in write_mapping(
        guess(tmp_path / "w.csv").columns, "w.csv", [], {}
    )
    padding = "x" * ((1 << 20) - len(text.encode()) - 5)
    long = written(tmp_path, "u.csv", f"{text}1,5,{padding}é\n")
    assert "utf-8" == guess(long).columns.encoding


def test_required_fields_are_the_values_own() -> None:
    """A row needs what the value needs, and no more."""
    assert ["customer_id", "points"] == [
        name for name, needed in fields_of("adjust_points").items() if needed
    ]
    assert ["id", "customer.id", "total"] == [
        name for name, needed in fields_of("create_order").items() if needed
    ]
    assert ["name", "customer.id"] == [
        name for name, needed in fields_of("track_activity").items() if needed
    ]


def test_a_columns_name_says_nothing_in_a_mapping(tmp_path: Path) -> None:
    """One with lines of its own stands in a remark, which must not end there."""
    path = tmp_path / "rows.csv"
    path.write_text('"amount\n[values]\nreason=1",id,customer_id\nabc,1,2\n')
    found = guess(path, "create_order")
    text = write_mapping(found.columns, path.name, found.names, found.remarks)
    assert {} == tomllib.loads(text)["values"]
    assert "It holds no plain decimals" in text
