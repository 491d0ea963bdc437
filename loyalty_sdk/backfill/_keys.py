"""The key under which a row stands in a journal, and at the vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk._models import Activity, PointsAdjustment

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


def by_place(row: Row, lineage: str) -> Row:
    """A row without a key of its own is known by its journal and its place in the input."""
    key = f"{lineage}-{row.ordinal}"
    field = "reference" if isinstance(row.value, PointsAdjustment) else "id"
    value: Any = row.value
    return attrs.evolve(row, key=key, value=attrs.evolve(value, **{field: key}))
