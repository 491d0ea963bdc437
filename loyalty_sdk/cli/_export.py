"""``loyalty export``: all transactions into a file, and on where it stopped."""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any

import attrs
import click

from loyalty_sdk._models import plain
from loyalty_sdk.export import OVERLAP, WINDOWS, Export

from ._connection import Connection, connected
from ._failures import DONE, INTERRUPTED
from ._filters import narrowed
from ._output import complain, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loyalty_sdk import LoyaltyClient
    from loyalty_sdk.export import Progress, Summary

_EVERY = {True: 0.25, False: 10.0}
"""Seconds between two lines of progress: on a terminal, and elsewhere."""

_DOING = {"asking": "asking for customers", "reading": "reading", "writing": "writing"}


@click.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--customers",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="Only these: the merchant's ids, one a line; - reads standard input.",
)
@click.option(
    "--customer", "named", multiple=True, metavar="ID", help="Only this one. May be repeated."
)
@narrowed
@click.option("--raw", is_flag=True, help="The vendor's own row too, as JSON.")
@click.option(
    "--since",
    type=click.Choice(["last"]),
    help="Go on where the last run ended; everything if there was none.",
)
@click.option(
    "--overlap",
    type=click.IntRange(min=0, max=10**8),
    default=int(OVERLAP.total_seconds()),
    show_default=True,
    metavar="SECONDS",
    help="How far --since last steps back for rows that showed up late; none comes twice.",
)
@click.option(
    "--windows",
    type=click.IntRange(min=1, max=1000),
    default=WINDOWS,
    show_default=True,
    help="Requests waited for at once.",
)
@click.option("--page-size", type=click.IntRange(min=1), help="Rows fetched at once.")
@click.option(
    "--checkpoint", metavar="FILE", help="Where progress is kept.  [default: beside FILE]"
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
@click.option("--restart", is_flag=True, help="Give up what an earlier run has read.")
@connected
def export(connection: Connection, file: str, **options: Any) -> int:
    """Write all transactions to FILE, oldest first.

    FILE ends in .csv, .jsonl or .ndjson, each perhaps with .gz behind it, or in .parquet. It
    appears when it is whole. Interrupted or killed, the same command goes on where it stopped.
    For a new file each time, put {run} into its name: points-{run}.csv.
    """
    customers = _customers(options.pop("customers"), options.pop("named"))
    since_last = options.pop("since") is not None
    overlap = timedelta(seconds=options.pop("overlap"))
    options["kinds"] = options["kinds"] or None
    show = _Progress(as_json=connection.as_json)

    async def run(client: LoyaltyClient) -> Summary:
        made = Export(
            client, file, customers=customers, since_last=since_last, overlap=overlap, **options
        )
        show.begin(connection.provider)
        return await made.run(show)

    try:
        summary = connection.run(run)
    except KeyboardInterrupt:
        show.end()
        return complain("interrupted; the same command goes on where it stopped", INTERRUPTED)
    finally:
        show.end()
    _conclude(summary, as_json=connection.as_json)
    return DONE


def _customers(listed: IO[str] | None, named: tuple[str, ...]) -> Iterator[str] | None:
    """Ids from the options, None for everybody; read as they are taken."""
    if listed is None and not named:
        return None

    def ids() -> Iterator[str]:
        yield from named
        # A byte order mark is no part of an id.
        lines = (line.removeprefix("\ufeff").strip() for line in listed or ())
        try:
            yield from filter(None, lines)
        except UnicodeDecodeError as exc:
            raise click.BadParameter(
                f"it is no UTF-8 text: {exc}", param_hint="--customers"
            ) from exc

    return ids()


class _Progress:
    """Shows how far a run is: one line that changes on a terminal, a line now and then elsewhere.

    With ``--json`` it is objects on standard output.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._live = not as_json and sys.stderr.isatty()
        self._began = self._shown = time.monotonic()
        self._width = 0
        self._told = False

    def begin(self, vendor: str) -> None:
        """Show on a terminal that something happens, until there is more to say."""
        if self._live:
            self._say(f"asking {vendor}")

    def __call__(self, progress: Progress) -> None:
        """Show ``progress``, unless the last one is too young."""
        if not self._told and not self._as_json:
            self._told = True
            if progress.rows and progress.phase == "reading":
                self.end()
                click.echo(f"going on: {progress.rows:,} rows were read before", err=True)
        now = time.monotonic()
        if now - self._shown < _EVERY[self._live]:
            return
        self._shown = now
        if self._as_json:
            _json("progress", progress)
        else:
            self._say(self._sentence(progress, now - self._began))

    def _sentence(self, progress: Progress, seconds: float) -> str:
        text = f"{_DOING[progress.phase]}: {progress.rows:,} rows"
        if progress.phase == "reading":
            text += f", {progress.done:,} of {progress.total:,} parts"
        return f"{text}, {seconds:,.0f} s"

    def _say(self, text: str) -> None:
        # Blanks wipe what a longer line left behind.
        start, end = ("\r", "") if self._live else ("", "\n")
        click.echo(start + text.ljust(self._width) + end, nl=False, err=True)
        self._width = len(text) if self._live else 0

    def end(self) -> None:
        """Leave a changing line behind."""
        if self._width:
            self._say("")
            click.echo("\r", nl=False, err=True)
            self._width = 0


def _json(event: str, values: Progress | Summary) -> None:
    from loyalty_sdk.wire import encode  # noqa: PLC0415 - msgspec is imported when first needed

    fields = attrs.asdict(values)
    path = fields.get("path")
    if path is not None:
        # A name may be no text; JSON has to be.
        fields["path"] = os.fsencode(path).decode(errors="replace")
    click.echo(bytes(encode({"event": event, **plain(fields)})))


def _conclude(summary: Summary, *, as_json: bool) -> None:
    if as_json:
        _json("done", summary)
    else:
        click.echo(printable(_sentence(summary)))
    if summary.unknown:
        shown = ", ".join(map(_short, summary.unknown_customers[:10]))
        more = ", ..." if summary.unknown > 10 else ""
        count = f"{summary.unknown:,} customer{'' if summary.unknown == 1 else 's'}"
        complain(f"warning: the vendor does not know {count}: {shown}{more}", DONE)


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:57] + "..."


def _sentence(summary: Summary) -> str:
    """``points.csv: 1,204 rows until 2026-05-01T08:30:00Z``."""
    rows = f"{summary.rows:,} {'new ' if summary.incremental else ''}row"
    text = f"{summary.path}: {rows}{'' if summary.rows == 1 else 's'}"
    return f"{text} until {plain(summary.created_until)}"
