"""``loyalty track``, ``order`` and ``adjust``: one write each.

An option's name is the field's name, so none can be forgotten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from loyalty_sdk._models import Activity, Customer, Order, PointsAdjustment
from loyalty_sdk.errors import LoyaltyError

from ._connection import Connection, add_options, connected
from ._failures import DONE, UNKNOWN, code_of
from ._output import complain, give_up_output, printable
from ._values import amount, discount, keyed, moment, unique, whole

if TYPE_CHECKING:
    from loyalty_sdk import LoyaltyClient, Receipt

Write = Callable[["LoyaltyClient"], Awaitable["Receipt"]]

_customer = click.option("--customer", required=True, metavar="ID", help="The merchant's own id.")
_email = click.option("--email", help="The customer's e-mail address.")
_shopper = add_options(
    click.option("--guest", is_flag=True, help="The shopper is no member; guests earn nothing."),
    click.option("--ip-address", help="The shopper's address."),
    click.option("--user-agent", help="The shopper's browser."),
    click.option("--referral-id", help="As the vendor handed it out."),
    click.option("--tracking-id", help="As the vendor handed it out."),
)


@click.command()
@click.argument("name")
@_customer
@_email
@click.option("--id", help="The merchant's id of this occurrence.")
@click.option("--occurred-at", type=moment, metavar="TIME", help="When, with its offset from UTC.")
@click.option(
    "--property",
    "properties",
    type=keyed,
    metavar="KEY=TEXT",
    multiple=True,
    help="What the rule wants: KEY=TEXT, or KEY:=JSON. May be repeated.",
)
@_shopper
@connected
def track(
    connection: Connection,
    customer: str,
    email: str | None,
    properties: tuple[tuple[str, Any], ...],
    **fields: Any,
) -> int:
    """Report that a shopper did something that may earn points.

    NAME is the vendor's name of the rule, such as '$signup'.
    """
    activity = Activity(
        customer=Customer(id=customer, email=email),
        properties=unique(properties, "--property"),
        **fields,
    )
    return _write(connection, customer, lambda client: client.track_activity(activity))


@click.command()
@click.argument("id")
@_customer
@_email
@click.option("--total", type=amount, required=True, help="The order's total.")
@click.option("--total-shipping", type=amount, help="Shipping, part of the total.")
@click.option("--total-paid", type=amount, help="What has been paid.")
@click.option("--payment-status", type=click.Choice(["not_paid", "partially_paid", "paid"]))
@click.option("--number", help="The order number as the shop counts it.")
@click.option("--merchant-number", help="The order number as people quote it.")
@click.option(
    "--discount",
    "discount_codes",
    type=discount,
    metavar="CODE=AMOUNT",
    multiple=True,
    help="A discount code used and its amount. May be repeated.",
)
@click.option(
    "--reward",
    "claimed_reward_ids",
    type=whole,
    metavar="NUMBER",
    multiple=True,
    help="The vendor's id of a reward used. May be repeated.",
)
@click.option("--placed-at", type=moment, metavar="TIME", help="When, with its offset from UTC.")
@_shopper
@connected
def order(connection: Connection, customer: str, email: str | None, **fields: Any) -> int:
    """Report a purchase. ID is the merchant's order id."""
    purchase = Order(customer=Customer(id=customer, email=email), **fields)
    return _write(connection, customer, lambda client: client.create_order(purchase))


@click.command()
@_customer
@click.option(
    "--points", type=whole, metavar="NUMBER", required=True, help="Below 0 takes points away."
)
@click.option("--reason", help="May be shown to the shopper.")
@click.option("--note", help="For staff only, where the vendor has such a field.")
@click.option("--reference", help="Your own key for this adjustment.")
@connected
def adjust(connection: Connection, customer: str, **fields: Any) -> int:
    """Give points to a customer, or take them away."""
    adjustment = PointsAdjustment(customer_id=customer, **fields)
    return _write(connection, customer, lambda client: client.adjust_points(adjustment))


def _write(connection: Connection, customer: str, call: Write) -> int:
    """Do one write and show its receipt, or say loudly that nobody knows what became of it."""
    try:
        receipt = connection.run(call)
    except LoyaltyError as exc:
        if code_of(exc) != UNKNOWN:
            raise
        reason = str(exc)
    except KeyboardInterrupt:
        reason = f"{connection.provider}: interrupted, perhaps after the request had left"
    else:
        return _show(receipt, as_json=connection.as_json)
    look = f"loyalty transactions --provider {connection.provider} --customer {quote(customer)}"
    warning = "OUTCOME UNKNOWN, it may have been applied; do not repeat it before you have looked"
    return complain(f"{warning} ({look}): {reason}", UNKNOWN)


def _show(receipt: Receipt, *, as_json: bool) -> int:
    """Print ``receipt``. That it cannot be printed does not undo the write: the code stays 0."""
    try:
        click.echo(receipt.to_json().encode() if as_json else _sentence(receipt))
    except OSError as exc:
        give_up_output(exc)
        complain(f"{_sentence(receipt)}, but the receipt could not be written", DONE)
    return DONE


def _sentence(receipt: Receipt) -> str:
    """``acme: adjust_points applied (1 attempt): +50 points, balance 120``."""
    tries = f"{receipt.attempts} attempt{'' if receipt.attempts == 1 else 's'}"
    text = f"{receipt.provider}: {receipt.operation} {receipt.outcome} ({tries})"
    row = receipt.transaction
    if row is not None:
        text += f": {row.points:+} points"
        text += "" if row.balance is None else f", balance {row.balance}"
    return printable(text)
