"""Rows as lines: what stands in them, and that it can be read back."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk import Customer, Transaction, TransactionKind
from loyalty_sdk.export import COLUMNS
from loyalty_sdk.export._rows import (
    csv_header,
    csv_row,
    csv_row_with_raw,
    json_row,
    json_row_with_raw,
    restore,
)

WHEN = datetime(2026, 5, 1, 8, 30, 0, 123000, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def row(**fields: Any) -> Transaction:
    """A row with everything that a row must have."""
    every: dict[str, Any] = {
        "id": "8001",
        "customer": Customer(id="1001", email="ada@example.com"),
        "points": -5,
        "pending": 0,
        "balance": None,
        "kind": TransactionKind.ADJUSTED,
        "created_at": WHEN,
    }
    return Transaction(**every | fields)


ROWS = st.builds(
    Transaction,
    id=TEXT.filter(bool),
    customer=st.none() | st.builds(Customer, id=TEXT, email=st.none() | TEXT),
    points=st.integers(-(2**62), 2**62),
    pending=st.integers(-(2**62), 2**62),
    balance=st.none() | st.integers(-(2**62), 2**62),
    kind=st.sampled_from(TransactionKind),
    created_at=st.datetimes(timezones=st.just(UTC)),
    reason=st.none() | TEXT,
    order_id=st.none() | TEXT,
)


def test_csv_has_every_column_in_the_documented_order() -> None:
    """A row stands below the names of its columns."""
    assert b",".join(name.encode() for name in COLUMNS) + b"\n" == csv_header(raw=False)
    wanted = b"8001,1001,ada@example.com,-5,0,,adjusted,2026-05-01T08:30:00.123000Z,Hi,A-1\n"
    assert wanted == csv_row(row(reason="Hi", order_id="A-1"))


def test_csv_tells_nothing_from_empty_text() -> None:
    """What is missing is nothing, and text without letters is a pair of quotes."""
    line = csv_row(row(customer=None, reason="", balance=0))
    assert line.startswith(b"8001,,,-5,0,0,adjusted,")
    assert line.endswith(b',"",\n')


@given(ROWS)
def test_csv_can_be_read_back_by_others(each: Transaction) -> None:
    """Quotes, commas, line breaks and blanks at the ends survive."""
    lines = list(csv.reader(io.StringIO(csv_row(each).decode(), newline="")))
    whose = ("", "") if each.customer is None else (each.customer.id, each.customer.email or "")
    texts = [each.id, *whose, each.reason or "", each.order_id or ""]
    assert 1 == len(lines)
    assert texts == [lines[0][at] for at in (0, 1, 2, 8, 9)]
    assert [str(each.points), str(each.pending), each.kind.value] == [
        lines[0][at] for at in (3, 4, 6)
    ]
    assert each.created_at == datetime.fromisoformat(lines[0][7])


@given(ROWS)
def test_json_is_what_the_row_itself_makes_of_it(each: Transaction) -> None:
    """A line is `Transaction.to_json`, and reads back as the same row."""
    line = json_row(each)
    assert each.to_json().encode() + b"\n" == line
    assert 1 == line.count(b"\n")
    assert each == restore(line)


def test_times_are_in_utc() -> None:
    """Whatever zone a row's time is in, its line is in UTC."""
    there = WHEN.astimezone(timezone(timedelta(hours=2)))
    assert csv_row(row()) == csv_row(row(created_at=there))


def test_raw_is_the_vendors_own_row() -> None:
    """As JSON in a last column, and as an object in JSON Lines; it reads back."""
    raw = {"id": 8001, "note": 'a "b"', "rate": 0.1}
    each = row(raw=raw)
    assert csv_header(raw=True).endswith(b",raw\n")
    assert raw == json.loads(next(csv.reader([csv_row_with_raw(each).decode()]))[-1])
    line = json_row_with_raw(each)
    assert raw == json.loads(line)["raw"]
    assert raw == restore(line).raw


@pytest.mark.parametrize("encode", [csv_row, csv_row_with_raw, json_row, json_row_with_raw])
def test_half_a_character_stops_no_export(encode: Any) -> None:
    r"""JSON can say ``\ud800``, UTF-8 cannot: what can be shown is shown."""
    line = encode(row(reason="x\ud800y", raw={"note": "x\ud800y \U0001f600"})).decode()
    assert "x\ufffdy" in line
    assert ("raw" in encode.__name__) is ("\U0001f600" in line)
