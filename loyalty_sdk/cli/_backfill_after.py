"""What is done with a journal afterwards: compare, look, take back, report."""

from __future__ import annotations

import json
from contextlib import aclosing
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loyalty_sdk.backfill import State, undo, verify
from loyalty_sdk.backfill._report import write_report
from loyalty_sdk.backfill._report_data import read_letters

from ._backfill_options import existing, journal_of
from ._connection import Connection, connected
from ._failures import DONE, FAILED
from ._output import complain, one_line

if TYPE_CHECKING:
    from loyalty_sdk import LoyaltyClient
    from loyalty_sdk.backfill import Found, Undo

_written = click.Path(dir_okay=False, path_type=Path)
_journal = click.argument("journal", type=existing)
STATES = tuple(state.name.lower() for state in State)


@click.command("verify")
@_journal
@click.option(
    "--concurrency", type=click.IntRange(1, 1000), default=16, show_default=True, metavar="NUMBER",
    help="Customers looked at at once.",
)  # fmt: skip
@connected
def compare(connection: Connection, journal: Path, concurrency: int) -> int:
    """Compare JOURNAL with the vendor's records and print every difference. Only reads."""

    async def look(client: LoyaltyClient) -> int:
        count = 0
        async with aclosing(verify(client, journal, concurrency=concurrency)) as differences:
            async for found in differences:
                count += 1
                click.echo(_as_json(found) if connection.as_json else _sentence(found))
        return count

    count = connection.run(look)
    if not connection.as_json:
        click.echo({0: "no difference", 1: "1 difference"}.get(count, f"{count:,} differences"))
    return FAILED if count else DONE


def _sentence(found: Found) -> str:
    row = found.entry
    where = "" if row is None else f", {_place(row.line, row.ordinal)}, {row.key}"
    return one_line(f"{found.kind}: customer {found.customer_id}{where}: {found.detail}")


def _place(line: int | None, ordinal: int) -> str:
    return f"line {line}" if line is not None else f"row {ordinal}"


def _as_json(found: Found) -> str:
    row = found.entry
    return json.dumps(
        {
            "kind": found.kind.value,
            "customer_id": found.customer_id,
            "line": row and row.line,
            "key": row and row.key,
            "state": row and row.state.name.lower(),
            "detail": found.detail,
        }
    )


@click.command("undo")
@_journal
@click.option("--output", type=_written, help="JOURNAL.undo.jsonl unless given.")
@click.option(
    "--reason", default="Correction", show_default=True, help="May be shown to the shopper."
)
@connected
def take_back(connection: Connection, journal: Path, output: Path | None, reason: str) -> int:
    """Write the adjustments that take back what JOURNAL applied. Sends nothing.

    The file is the input of a further `loyalty backfill run --operation adjust_points`.
    """
    target = output or journal.with_name(f"{journal.name}.undo.jsonl")
    done = connection.run(lambda client: undo(client, journal, target, reason=reason))
    if connection.as_json:
        click.echo(json.dumps(_numbers(done)))
    else:
        click.echo("\n".join(_undone(done, connection.provider)))
    return FAILED if done.unclear or done.unknown else DONE


def _numbers(done: Undo) -> dict[str, Any]:
    return {
        "path": str(done.path),
        "written": done.written,
        "points": done.points,
        "unclear": done.unclear,
        "unknown": done.unknown,
        "replaced": done.replaced,
    }


def _undone(done: Undo, provider: str) -> list[str]:
    lines = [
        f"{done.path}: {done.written:,} adjustments, {done.points:+,} points; nothing was sent"
    ]
    if done.unclear:
        lines.append(f"{done.unclear:,} applied rows are left out: nobody says what they changed")
    if done.unknown:
        lines.append(f"{done.unknown:,} rows are left out: nobody knows whether they were applied")
    command = f"loyalty backfill run {done.path} --provider {provider} --operation adjust_points"
    if done.replaced and journal_of(done.path, None).exists():
        lines.append(
            "Other adjustments stood there and may have been sent: another journal and --adopt "
            "look each up first; without --adopt, what was sent is sent again"
        )
        command += f" --journal {_next_journal(done.path)} --adopt"
    return [*lines, f"Look at it, then: {command}"]


def _next_journal(path: Path) -> Path:
    """Beside the journals of what stood in ``path`` before."""
    names = (path.with_name(f"{path.name}.{number}.journal") for number in count(2))
    return next(name for name in names if not name.exists())


@click.command()
@_journal
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    multiple=True,
    help="Only these; all unless given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
def rows(journal: Path, states: tuple[str, ...], *, as_json: bool) -> None:
    """Print what JOURNAL holds of each row, in the order of the input."""
    wanted = [State[name.upper()] for name in states] or list(State)
    for letter in read_letters(journal, wanted):
        row = {
            "line": letter.line,
            "key": letter.key,
            "customer_id": letter.customer_id,
            "state": letter.state.name.lower(),
            "error": letter.error or None,
        }
        if as_json:
            click.echo(json.dumps(row))
        else:
            cells = ("-" if each is None else one_line(str(each)) for each in row.values())
            click.echo("  ".join(cells))


@click.command()
@_journal
@click.option("--output", type=_written, help="JOURNAL.report.html unless given.")
def report(journal: Path, output: Path | None) -> int:
    """Write what JOURNAL says of all its runs as one HTML file. E-mail addresses are masked."""
    target = output or journal.with_name(f"{journal.name}.report.html")
    try:
        write_report(journal, target)
    except OSError as exc:
        return complain(f"{target}: {exc.strerror}", FAILED)
    click.echo(str(target))
    return DONE
