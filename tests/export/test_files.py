"""Files: formats by name, whole or not there, and equal for equal rows."""

from __future__ import annotations

import gc
import gzip
import json
import sys
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it has no types
import pytest

from loyalty_sdk import ConfigurationError, Customer, Transaction, TransactionKind
from loyalty_sdk.export import COLUMNS, FORMATS
from loyalty_sdk.export import _parquet as parquet
from loyalty_sdk.export._files import Draft, Format, format_of, numbered, unnumbered
from loyalty_sdk.export._rows import csv_row

ROWS = [
    Transaction(
        id=str(number),
        customer=None if number % 2 else Customer(id="1001"),
        points=number,
        pending=0,
        balance=None if number % 3 else number,
        kind=TransactionKind.EARNED,
        created_at=datetime(2026, 5, 1, 8, number, 0, 5000, tzinfo=UTC),
        reason=None,
        raw={"id": number},
    )
    for number in range(5)
]


def write(path: Path, *, raw: bool = False) -> Path:
    """A file of `ROWS`, in two goes."""
    form = format_of(str(path), raw=raw)
    draft = Draft(path, "token", form)
    lines = [form.encode(row) for row in ROWS]
    draft.write(lines[:3])
    draft.write(lines[3:])
    draft.publish(overwrite=False)
    return path


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("raw", [False, True])
def test_equal_rows_make_equal_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, *, raw: bool
) -> None:
    """No name, no time of making, no chance stands in a file."""
    days = count(1)
    monkeypatch.setattr(time, "time", lambda: next(days) * 86_400.0)
    one = write(tmp_path / f"one{ending}", raw=raw).read_bytes()
    assert one == write(tmp_path / f"two{ending}", raw=raw).read_bytes()
    assert {f"one{ending}", f"two{ending}"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".ndjson"])
def test_gz_packs_the_same_lines(tmp_path: Path, ending: str) -> None:
    """`.gz` behind a name changes how it is kept and nothing else."""
    packed = gzip.decompress(write(tmp_path / f"rows{ending}.gz").read_bytes())
    assert write(tmp_path / f"rows{ending}").read_bytes() == packed
    assert len(ROWS) + (ending == ".csv") == packed.count(b"\n")


def test_parquet_has_types(tmp_path: Path) -> None:
    """Points are integers, times know their zone, nothing is null; the vendor's row is JSON."""
    table = pq.read_table(write(tmp_path / "rows.parquet", raw=True))
    assert [*COLUMNS, "raw"] == table.column_names
    types = {field.name: str(field.type) for field in table.schema}
    assert {"int64"} == {types[name] for name in ("points", "pending", "balance")}
    assert "timestamp[us, tz=UTC]" == types["created_at"]
    rows = table.to_pylist()
    assert [row.created_at for row in ROWS] == [row["created_at"] for row in rows]
    assert ["1001", None, "1001", None, "1001"] == [row["customer_id"] for row in rows]
    assert [row.raw for row in ROWS] == [json.loads(row["raw"]) for row in rows]


def test_parquet_groups_bound_what_waits_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group is written as soon as it is full."""
    monkeypatch.setattr(parquet, "_GROUP", 2)
    file = pq.ParquetFile(write(tmp_path / "rows.parquet"))
    assert [3, 2] == [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]


def test_an_empty_parquet_file_has_its_columns(tmp_path: Path) -> None:
    """Readers that expect columns find them."""
    path = tmp_path / "rows.parquet"
    Draft(path, "token", format_of(str(path), raw=False)).publish(overwrite=False)
    assert (0, list(COLUMNS)) == (pq.read_table(path).num_rows, pq.read_table(path).column_names)


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra, imported when it is first asked for."""
    monkeypatch.delitem(sys.modules, "loyalty_sdk.export._parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'async-loyalty-sdk\[parquet\]'"):
        format_of("rows.parquet", raw=False)
    assert "csv" == format_of("rows.csv", raw=False).name


@pytest.mark.parametrize("path", ["rows", "rows.txt", "rows.parquet.gz", "csv", "rows.gz", ".csv"])
def test_a_name_that_says_nothing_is_refused(path: str) -> None:
    """Nothing is guessed; Parquet packs its own columns."""
    with pytest.raises(ConfigurationError, match="does not say what it is to hold"):
        format_of(path, raw=False)


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    """Until it is published nothing stands in its place, and an old file stays."""
    path = tmp_path / "rows.csv"
    path.write_text("old")
    draft = Draft(path, "token", format_of(str(path), raw=False))
    draft.write([b"new\n"])
    assert "old" == path.read_text()
    draft.discard()
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_a_draft_that_is_given_up_is_silent(tmp_path: Path, ending: str) -> None:
    """What packs it must not write its end when it is collected: the file is closed by then."""
    path = tmp_path / f"rows.{ending}"
    draft = Draft(path, "token", format_of(str(path), raw=False))
    draft.discard()
    del draft
    gc.collect()
    assert [] == list(tmp_path.iterdir())


def test_a_draft_that_a_kill_left_is_written_over(tmp_path: Path) -> None:
    """What a dead process left is of no account, and does not pile up."""
    (tmp_path / ".rows.csv.token.part").write_text("half a row, and much more than there will be")
    path = write(tmp_path / "rows.csv")
    assert b"half" not in path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_a_writer_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    """Not even its draft."""

    def fail(_: object) -> Any:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        Draft(tmp_path / "rows.csv", "token", Format("csv", csv_row, fail))
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "third", "none"),
    [
        ("a/points-{run}.csv", "a/points-0003.csv", "a/points.csv"),
        ("points_{run}.csv.gz", "points_0003.csv.gz", "points.csv.gz"),
        ("points.{run}.csv", "points.0003.csv", "points.csv"),
        ("{run}.csv", "0003.csv", "export.csv"),
        ("points.csv", "points.csv", "points.csv"),
    ],
)
def test_the_number_of_a_run_has_a_place(path: str, third: str, none: str) -> None:
    """Runs of one export make files beside one another, and share a checkpoint."""
    assert (Path(third), Path(none)) == (numbered(path, 3), unnumbered(path))
