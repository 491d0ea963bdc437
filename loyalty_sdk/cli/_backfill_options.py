"""What is told of an input on the command line, and in a mapping file beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loyalty_sdk.backfill import Columns
from loyalty_sdk.backfill._mapping_toml import read_mapping

from ._connection import add_options
from ._values import pair, unique

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATIONS = ("create_order", "track_activity", "adjust_points")
JOURNAL, REJECTED = ".journal", ".rejected.jsonl"

existing = click.Path(exists=True, dir_okay=False, path_type=Path)
"""A file that is there."""

mapping_options = add_options(
    click.option("--operation", type=click.Choice(OPERATIONS), help="As what each row is sent."),
    click.option(
        "--mapping",
        type=existing,
        metavar="TOML",
        help="What becomes of the columns; `loyalty backfill init` writes one.",
    ),
    click.option(
        "--map",
        "columns",
        type=pair,
        multiple=True,
        metavar="FIELD=COLUMN",
        help="The column of a field, where its name is another. May be repeated.",
    ),
    click.option(
        "--value",
        "values",
        type=pair,
        multiple=True,
        metavar="FIELD=TEXT",
        help="What is the same for every row. May be repeated.",
    ),
    click.option(
        "--ignore",
        multiple=True,
        metavar="COLUMN",
        help="A column that means nothing here; '*' for all that are left. May be repeated.",
    ),
    click.option("--encoding", metavar="NAME", help="Of a text file; UTF-8 unless given."),
    click.option("--delimiter", metavar="CHAR", help="Between cells; found unless given."),
)
"""Options that say what becomes of the columns of an input."""


def columns_of(given: Mapping[str, Any]) -> Columns:
    """The mapping file and the options together; the options have the last word.

    Raises:
        click.UsageError: Nobody says what the rows are sent as.
        ConfigurationError: The file cannot be read, or the operation has no such field.
    """
    said = read_mapping(given["mapping"]) if given["mapping"] else {}
    for name in ("operation", "encoding", "delimiter"):
        if given[name] is not None:
            said[name] = given[name]
    for name, option in (("columns", "--map"), ("values", "--value")):
        said[name] = said.get(name, {}) | unique(given[name], option)
    said["ignore"] = (*said.get("ignore", ()), *given["ignore"])
    if "operation" not in said:
        raise click.UsageError(f"--operation is missing: one of {', '.join(OPERATIONS)}")
    return Columns(**_texts(said))


def _texts(said: dict[str, Any]) -> dict[str, Any]:
    """A value of the command line is text; where a number is wanted, its digits are one."""
    points = said["values"].get("points")
    if isinstance(points, str) and points.lstrip("+-").isdecimal() and points.isascii():
        return said | {"values": said["values"] | {"points": int(points)}}
    return said


def journal_of(file: Path, journal: Path | None) -> Path:
    """Where the journal is, unless told: beside the input."""
    if journal is not None:
        return journal
    if file.name.endswith(REJECTED):
        return file.with_name(file.name.removesuffix(REJECTED))
    return file.with_name(file.name + JOURNAL)
