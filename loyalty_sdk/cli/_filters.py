"""The options by which every list of transactions is narrowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from loyalty_sdk import TransactionKind

from ._values import moment

if TYPE_CHECKING:
    from collections.abc import Callable

_OPTIONS = (
    click.option(
        "--from", "created_from", type=moment, metavar="TIME", help="Rows of that moment or later."
    ),
    click.option(
        "--until", "created_until", type=moment, metavar="TIME", help="Rows before that moment."
    ),
    click.option(
        "--kind",
        "kinds",
        type=click.Choice([kind.value for kind in TransactionKind]),
        multiple=True,
        help="Only such rows. May be repeated.",
    ),
)


def narrowed(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command`` the options, in the order in which its help shows them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
