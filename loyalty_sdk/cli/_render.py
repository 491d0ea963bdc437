"""Tables for people: as wide as the terminal and no wider, plain when piped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ._output import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from loyalty_sdk._models import Page, Transaction

WIDE = 100
"""Columns from which a table has room for more than the essentials."""


def terminal() -> Console:
    """A console of the terminal's width; words are shown as they are, never as markup."""
    return Console(markup=False, emoji=False, highlight=False)


def show(console: Console, what: RenderableType) -> None:
    """Print ``what`` without the blanks rich fills lines with, which pipes would keep.

    Raises:
        OSError: It cannot be written; rich would end the program instead.
    """
    with console.capture() as captured:
        console.print(what)
    lines = captured.get().splitlines()
    click.echo("\n".join(line.rstrip() for line in lines), color=True)


def cell(text: str | None, style: str = "") -> Text:
    """Text of anybody's making as a table cell; nothing is a dash."""
    return Text("-", "dim") if text is None else Text(printable(text), style)


def points(number: int) -> Text:
    """A signed change, green when it gives and red when it takes."""
    if not number:
        return Text("0", "dim")
    return Text(f"{number:+}", "green" if number > 0 else "red")


def balance(number: int | None) -> Text:
    """What can be spent, or a dash where the vendor does not say."""
    return cell(None if number is None else str(number))


def remark(row: Transaction) -> str | None:
    """What a row is about, in few words."""
    return row.reason or (f"order {row.order_id}" if row.order_id else None)


class History:
    """Pages of transactions as one table, printed page by page."""

    def __init__(self, *, with_customer: bool) -> None:
        self._console = terminal()
        self._wide = self._console.width >= WIDE
        self._with_customer = with_customer
        self._started = False

    def show(self, page: Page[Transaction]) -> None:
        """Print one page; the first brings the headings."""
        table = self._table(header=not self._started)
        for row in page.items:
            table.add_row(*self._cells(row))
        if page.items or not self._started:
            show(self._console, table)
        self._started = True

    def _table(self, *, header: bool) -> Table:
        # Least widths, so that the pages' columns stand below one another.
        table = Table(box=None, show_header=header, expand=True, padding=(0, 1, 0, 0))
        table.add_column("When (UTC)", min_width=19, no_wrap=True)
        table.add_column("Kind", min_width=8, no_wrap=True)
        for heading in ("Points", "Pending", "Balance"):
            table.add_column(heading, min_width=7, justify="right", no_wrap=True)
        if self._with_customer:
            table.add_column("Customer", width=16 if self._wide else 12, no_wrap=True)
        table.add_column("About", ratio=1, no_wrap=True)
        return table

    def _cells(self, row: Transaction) -> Iterable[Text]:
        yield cell(f"{row.created_at:%Y-%m-%d %H:%M:%S}")
        yield cell(row.kind.value)
        yield points(row.points)
        yield points(row.pending)
        yield balance(row.balance)
        if self._with_customer:
            yield cell(None if row.customer is None else row.customer.id)
        yield cell(remark(row))
