"""The key under which a row stands in a journal, and at the vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk._models import Activity, PointsAdjustment

from ._letters import fields_of
from ._rows import BadRow

if TYPE_CHECKING:
    from ._rows import Row

SOME_LINEAGE = "the-journal-s-own-id"
"""As long as a real one, for a plan, which has no journal."""


def named(row: Row) -> Row:
    """``row``, which has a key, under the one of its journal: an activity's id is its name's."""
    if isinstance(row.value, Activity):
        return attrs.evolve(row, key=f"{_apart(row.value.name)}:{row.key}")
    return row


def own_id(key: str, name: str) -> str:
    """The id of an activity of that name whose row stands under ``key``: `named`, undone."""
    return key.removeprefix(f"{_apart(name)}:")


def _apart(name: str) -> str:
    """``name``, so that nobody can take its end for the beginning of an id.

    No name is empty, so none of the others begins with a colon.
    """
    return f":{len(name)}:{name}" if ":" in name else name


def without_key(row: Row) -> BadRow:
    """``row``, which has no key and is no file's, as the dead letter that it is."""
    wanted = "wanted a key of its own, which a row that is no file's is known by, got nothing"
    problems = (f"{_field(row)}: {wanted}",)
    raw = fields_of(row.value)
    return BadRow(row.ordinal, row.offset, row.line, None, raw, problems, "fields")


def by_place(row: Row, lineage: str) -> Row:
    """A row without a key of its own is known by its journal and its place in the input."""
    key = f"{lineage}-{row.ordinal}"
    value: Any = row.value
    return attrs.evolve(row, key=key, value=attrs.evolve(value, **{_field(row): key}))


def _field(row: Row) -> str:
    return "reference" if isinstance(row.value, PointsAdjustment) else "id"
