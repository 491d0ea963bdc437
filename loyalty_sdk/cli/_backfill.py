"""``loyalty backfill``: many writes from a file, which may be killed at any moment."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from loyalty_sdk._models import plain
from loyalty_sdk.backfill import Backfill, FileSource
from loyalty_sdk.backfill._mapping_guess import guess
from loyalty_sdk.backfill._mapping_toml import write_mapping
from loyalty_sdk.backfill._place import check_apart, files_of
from loyalty_sdk.backfill._plan import plan
from loyalty_sdk.backfill._report import write_report
from loyalty_sdk.backfill._sources_mended import mended
from loyalty_sdk.errors import ConfigurationError

from ._backfill_after import compare, report, rows, take_back
from ._backfill_options import OPERATIONS, columns_of, existing, journal_of, mapping_options
from ._backfill_run import Sending, limit_of
from ._backfill_words import plan_lines
from ._connection import (
    Connection,
    add_options,
    allow_http_option,
    json_option,
    provider_option,
    rate_option,
    settings_option,
)
from ._failures import DONE, FAILED
from ._output import complain

if TYPE_CHECKING:
    from loyalty_sdk import LoyaltyClient
    from loyalty_sdk.backfill import Plan

_written = click.Path(dir_okay=False, path_type=Path)
_seconds = click.FloatRange(min=0, min_open=True, max=86_400)
_journal = click.option(
    "--journal",
    type=_written,
    help="What was done so far; FILE.journal unless given. It belongs on a local disk.",
)
_to_vendor = add_options(
    provider_option,
    settings_option,
    click.option(
        "--settle",
        type=_seconds,
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="After which a write that was given up on takes no effect any more.",
    ),
    rate_option,
    allow_http_option,
    json_option,
)


@click.group(invoke_without_command=True)
@click.pass_context
def backfill(ctx: click.Context) -> None:
    """Send every row of a file, once; the process may be killed at any moment.

    What is about to leave is written into a journal first. The same command goes on where the
    last one ended, however that was.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@backfill.command()
@click.argument("file", type=existing)
@_to_vendor
@mapping_options
@_journal
@click.option(
    "--concurrency",
    type=click.IntRange(1, 10_000),
    default=64,
    show_default=True,
    help="Rows on their way at once.",
)
@click.option(
    "--deadline",
    type=_seconds,
    metavar="SECONDS",
    help="For one row with all its tries; three times --settle and 30 more unless given.",
)
@click.option(
    "--max-rejected",
    type=click.FloatRange(0, 100),
    default=50.0,
    show_default=True,
    metavar="PERCENT",
    help="Stop when more of the rows are refused.",
)
@click.option(
    "--patience",
    type=_seconds,
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="Stop when nothing gets through for so long.",
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, and send nothing.")
@click.option("--mended", "mends", is_flag=True, help="FILE holds mended dead letters.")
@click.option(
    "--resend-unknown",
    is_flag=True,
    help="Send rows again that nobody can decide: each lands at least once, perhaps twice.",
)
@click.option(
    "--adopt",
    is_flag=True,
    help="Go on with a copied or restored journal, or begin another: rows are looked up first.",
)
@click.option("--report", "picture", type=_written, help="Write a report as HTML when it ends.")
def run(file: Path, journal: Path | None, **given: Any) -> int:
    """Send every row of FILE: CSV, JSON Lines, either in gzip, or Parquet."""
    columns = columns_of(given)
    source = mended(file, columns) if given["mends"] else FileSource(file, columns)
    connection = _connection(given)
    client = connection.client(settle=given["settle"])
    target = journal_of(file, journal)
    if given["dry_run"]:
        limit = limit_of(client, connection.rate)
        made = asyncio.run(_plan(client, source, limit, target, adopt=given["adopt"]))
        return _show_plan(made, source, limit, client, as_json=connection.as_json)
    if given["picture"] is not None:
        check_apart(given["picture"], file, *files_of(target))
        _check_folder(given["picture"])
    sending = Sending(
        backfill=Backfill(
            client,
            source,
            journal=target,
            operation=columns.operation,
            concurrency=given["concurrency"],
            max_rejected_share=given["max_rejected"] / 100,
            patience=given["patience"],
            deadline=given["deadline"],
            resend_unknown=given["resend_unknown"],
            adopt=given["adopt"],
            mends=given["mends"],
        ),
        client=client,
        source=source,
        columns=columns,
        journal=target,
        resends=given["resend_unknown"],
        concurrency=given["concurrency"],
        limit=limit_of(client, connection.rate),
        as_json=connection.as_json,
    )
    try:
        return asyncio.run(sending.run())
    finally:
        if given["picture"] is not None and target.is_file():
            _draw(target, given["picture"], tell=not connection.as_json)


def _check_folder(picture: Path) -> None:
    """Hours later would be too late to say so."""
    if not picture.parent.is_dir():
        raise ConfigurationError(f"--report: {picture.parent} is no folder")


def _draw(journal: Path, picture: Path, *, tell: bool) -> None:
    """Write the report; what keeps it from being written says nothing of the rows."""
    try:
        write_report(journal, picture)
    except OSError as exc:
        complain(f"{picture}: {exc.strerror}", FAILED)
    else:
        if tell:
            click.echo(f"{picture} is the report")


def _connection(given: dict[str, Any]) -> Connection:
    return Connection(
        provider=given["provider"],
        settings=given["settings"],
        deadline=30.0,
        rate=given["rate"],
        allow_http=given["allow_http"],
        as_json=given["as_json"],
    )


async def _plan(
    client: LoyaltyClient, source: FileSource, limit: float | None, journal: Path, *, adopt: bool
) -> Plan:
    operation = source.columns.operation
    async with client:
        return await plan(
            client.provider, source, operation, rate=limit, journal=journal, adopt=adopt
        )


def _show_plan(
    made: Plan, source: FileSource, limit: float | None, client: LoyaltyClient, *, as_json: bool
) -> int:
    if as_json:
        click.echo(json.dumps(plain_plan(made)))
    else:
        click.echo("\n".join(plan_lines(made, source.name, limit, client.provider)))
    return FAILED if made.bad or made.dead else DONE


def plain_plan(made: Any) -> dict[str, Any]:
    """A plan as JSON types."""
    found = attrs.asdict(made, recurse=False)
    found["first"] = [{"line": each.row.line, "request": each.request} for each in made.first]
    found["first_bad"] = [attrs.asdict(each) for each in made.first_bad]
    return {"event": "plan"} | {name: plain(value) for name, value in found.items()}


@backfill.command()
@click.argument("file", type=existing)
@click.option("--operation", type=click.Choice(OPERATIONS), help="A guess unless given.")
@click.option("--output", type=_written, help="Write it there instead of printing it.")
def init(file: Path, operation: Any, output: Path | None) -> int:
    """Look at FILE and write the mapping of its columns, with what is a guess.

    Check it, then give it to `loyalty backfill run --mapping`.
    """
    found = guess(file, operation)
    text = write_mapping(found.columns, file.name, found.names, found.remarks)
    if output is None:
        click.echo(text, nl=False)
    else:
        if output.exists():
            raise click.UsageError(f"{output} exists already")
        output.write_text(text, encoding="utf-8")
        click.echo(f"{output} is written: check it, guesses are marked")
    for field in found.lacking:
        click.echo(f"no column was found for {field}, which every row needs", err=True)
    return FAILED if found.lacking else DONE


for command in (compare, take_back, rows, report):
    backfill.add_command(command)
