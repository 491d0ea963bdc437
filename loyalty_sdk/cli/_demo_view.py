"""What the demo prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import click
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ._render import WIDE, balance, cell, points, remark, show, terminal
from ._sandbox import PORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from loyalty_sdk._models import Transaction

_ABREAST = 2
"""Histories that stand side by side; three would not fit into 80 columns."""


@attrs.frozen
class Step:
    """One line of the demo: what was done, and what the customer can spend since."""

    provider: str
    operation: str
    outcome: str
    points: int | None
    balance: int
    about: str


class View:
    """The demo on a terminal, or plain in a pipe."""

    def __init__(self) -> None:
        self._console = terminal()
        self._titles: Mapping[str, str] = {}
        self._last = ""

    def open(self, url: str, titles: Mapping[str, str]) -> None:
        """Say what is going to happen."""
        self._titles = titles
        *first, last = titles.values()
        names = f"{', '.join(first)} and {last}" if first else last
        self._say(f"The sandbox stands in for {names} at {url}.", "bold")
        self._say("The same lines of code now talk to each, over HTTP.\n")

    def step(self, step: Step) -> None:
        """Print one step; the first brings the headings."""
        table = _plain(header=not self._last, gap=2)
        table.add_column("Vendor", width=max(map(len, self._titles.values())), no_wrap=True)
        table.add_column("Operation", width=17, no_wrap=True)
        table.add_column("Outcome", width=8, no_wrap=True)
        table.add_column("Points", width=6, justify="right", no_wrap=True)
        table.add_column("Balance", width=7, justify="right", no_wrap=True)
        table.add_column("About", ratio=1, no_wrap=True)
        title = "" if step.provider == self._last else self._titles[step.provider]
        style = "green" if step.outcome == "applied" else ""
        table.add_row(
            cell(title, "bold"),
            step.operation,
            cell(step.outcome, style),
            cell(None) if step.points is None else points(step.points),
            balance(step.balance),
            cell(step.about),
        )
        show(self._console, table)
        self._last = step.provider

    def compare(self, histories: Mapping[str, Sequence[Transaction]]) -> None:
        """Print the histories side by side, newest first."""
        self._say("\nWhat the vendors now say, newest first, in one form:\n", "bold")
        names = list(histories)
        for start in range(0, len(names), _ABREAST):
            grid = Table.grid(expand=True, padding=(0, 2))
            abreast = names[start : start + _ABREAST]
            for _ in abreast:
                grid.add_column(ratio=1)
            grid.add_row(*(self._history(name, histories[name]) for name in abreast))
            if start:
                self._say("")
            show(self._console, grid)

    def close(self, provider: str, settings: Mapping[str, str], *, agrees: bool) -> None:
        """Print the verdict and the three lines to go on with."""
        if agrees:
            self._say("\nThe sandbox's ledger agrees with every line above.", "bold green")
        else:
            self._say("\nThe sandbox's ledger does not agree:", "bold red")
        self._say("\nNext: run `loyalty sandbox` in one terminal, `python` in another, and paste")
        self._say("these three lines there:\n")
        for line in next_lines(provider, settings):
            # Not through rich, which would break it: a terminal's wrapping can be copied.
            click.echo(line)

    def _history(self, name: str, rows: Sequence[Transaction]) -> RenderableType:
        wide = self._console.width >= WIDE
        table = _plain(header=True, gap=1)
        if wide:
            table.add_column("Time", width=8, no_wrap=True)
        table.add_column("Kind", width=8, no_wrap=True)
        for heading in ("Points", "Pending", "Balance") if wide else ("Points", "Balance"):
            table.add_column(heading, width=7, justify="right", no_wrap=True)
        table.add_column("About", ratio=1, no_wrap=True)
        for row in rows:
            table.add_row(*_facts(row, wide=wide))
        return Group(Text(self._titles[name], "bold underline"), table)

    def _say(self, text: str, style: str = "") -> None:
        show(self._console, Text(text, style))


def next_lines(provider: str, settings: Mapping[str, str]) -> list[str]:
    """Three lines of Python that work once ``loyalty sandbox`` runs where it runs by default."""
    given = {**settings, "base_url": f"http://127.0.0.1:{PORT}"}
    arguments = ", ".join(f'{name}="{value}"' for name, value in given.items())
    adjustment = 'loyalty_sdk.PointsAdjustment(customer_id="1001", points=50)'
    return [
        "import asyncio, loyalty_sdk",
        f'client = loyalty_sdk.connect("{provider}", {arguments})',
        f"print(asyncio.run(client.adjust_points({adjustment})))",
    ]


def _facts(row: Transaction, *, wide: bool) -> Iterator[Text]:
    if wide:
        yield cell(f"{row.created_at:%H:%M:%S}")
    yield cell(row.kind.value)
    yield points(row.points)
    if wide:
        yield points(row.pending)
    yield balance(row.balance)
    yield cell(remark(row))


def _plain(*, header: bool, gap: int) -> Table:
    return Table(box=None, show_header=header, expand=True, pad_edge=False, padding=(0, gap, 0, 0))
