"""``loyalty transactions``: the points history as a table or as JSON Lines."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from loyalty_sdk.errors import CursorError

from ._connection import Connection, connected
from ._filters import narrowed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from loyalty_sdk import LoyaltyClient, Page, Transaction


@click.command()
@click.option("--customer", metavar="ID", help="The merchant's own id; some vendors need one.")
@narrowed
@click.option("--page-size", type=click.IntRange(min=1), help="Rows fetched at once.")
@click.option("--cursor", help="Go on where an earlier run stopped; it brings its filters along.")
@click.option("--pages", type=click.IntRange(min=1), help="Stop after so many; prints the cursor.")
@connected
def transactions(
    connection: Connection, customer: str | None, pages: int | None, **filters: Any
) -> None:
    """List a customer's points history, newest first; without --customer everybody's."""
    filters["kinds"] = filters["kinds"] or None

    async def listing(client: LoyaltyClient) -> None:
        try:
            # No more is asked for than is to be shown.
            rows = client.list_transactions(customer_id=customer, prefetch=pages is None, **filters)
        except CursorError as exc:
            raise click.UsageError(str(exc)) from None
        async with contextlib.aclosing(rows.by_page()) as found:
            await _show_pages(found, connection, customer, pages)

    connection.run(listing)


async def _show_pages(
    found: AsyncIterator[Page[Transaction]],
    connection: Connection,
    customer: str | None,
    limit: int | None,
) -> None:
    show = _json_lines if connection.as_json else _table(with_customer=customer is None)
    count = 0
    async for page in found:
        show(page)
        count += 1
        if count == limit:
            if page.cursor is not None:
                click.echo(f"More with --cursor {page.cursor}", err=True)
            return


def _json_lines(page: Page[Transaction]) -> None:
    for row in page.items:
        click.echo(row.to_json().encode())


def _table(*, with_customer: bool) -> Callable[[Page[Transaction]], None]:
    from ._render import History  # noqa: PLC0415 - JSON needs no rich

    return History(with_customer=with_customer).show
