"""Dead letters that somebody mended come back under their old places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import InputError, PointsAdjustment
from loyalty_sdk.backfill import BadRow, Columns, Row, mended

COLUMNS = Columns(operation="adjust_points", columns={"points": "how many"}, ignore=("junk",))


def written(folder: Path, *letters: Any) -> Path:
    """A file of dead letters."""
    path = folder / "p.rejected.jsonl"
    path.write_text(
        "\n".join(each if isinstance(each, str) else json.dumps(each) for each in letters)
    )
    return path


async def test_a_mended_row_keeps_its_place(tmp_path: Path) -> None:
    """Cells stay text as in the table they come from, and an empty one is nothing."""
    row = {"customer_id": "7", "how many": "-5", "reference": "t", "reason": "", "junk": "x"}
    path = written(tmp_path, {"ordinal": 41, "line": 50, "form": "cells", "row": row})
    [found] = [row async for row in mended(path, COLUMNS).rows()]

    value = PointsAdjustment(customer_id="7", points=-5, reference="t")
    assert Row(41, None, 50, "t", value, "7") == found


async def test_a_refused_row_has_its_fields_names(tmp_path: Path) -> None:
    """It had become a value before the vendor refused it."""
    value = PointsAdjustment(customer_id="7", points=-5, reference="t")
    path = written(tmp_path, {"ordinal": 0, "form": "fields", "row": value.to_dict()})
    [found] = [row async for row in mended(path, COLUMNS).rows()]

    assert Row(0, None, None, "t", value, "7") == found


async def test_what_is_not_mended_stays_a_dead_letter(tmp_path: Path) -> None:
    """Text that could not be taken apart wants to be written as an object."""
    path = written(
        tmp_path,
        {"ordinal": 3, "line": 5, "form": "cells", "row": '1,5,"5" disk"'},
        {"ordinal": 4, "line": 6, "form": "cells", "row": {"customer_id": "", "how many": "5"}},
    )
    found = [row async for row in mended(path, COLUMNS).rows()]

    assert [
        (3, ("wanted a mapping or PointsAdjustment, got str",)),
        (4, ("customer_id: is empty",)),
    ] == [(row.ordinal, row.problems) for row in found if isinstance(row, BadRow)]


@pytest.mark.parametrize(
    ("letter", "message"),
    [
        ("{", r"line 1 is no JSON: Expecting property name"),
        ({"row": {}}, r"line 1 is no dead letter\. Mend what stands under `row`"),
        ({"ordinal": True, "row": {}}, r"line 1 is no dead letter"),
        ({"ordinal": 5}, r"line 1 is no dead letter"),
        ([], r"line 1 is no dead letter"),
    ],
)
async def test_what_belongs_to_no_row_ends_the_reading(
    tmp_path: Path, letter: Any, message: str
) -> None:
    """Nobody could say which row of the journal it mends."""
    source = mended(written(tmp_path, letter), COLUMNS)
    with pytest.raises(InputError, match=message):
        [row async for row in source.rows()]
