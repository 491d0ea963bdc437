"""Option values, parsed strictly: what is not surely meant is refused, in words that help.

They are plain functions; click adds the option's name to what they raise.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from loyalty_sdk._models import DiscountCode
from loyalty_sdk._settings import RATE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loyalty_sdk import RateLimit

_AMOUNT = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def amount(text: str) -> Decimal:
    """Money: plain digits and at most one point."""
    if _AMOUNT.fullmatch(text) is None:
        raise click.BadParameter(f"wanted an amount such as 99.99, got {text!r}")
    return Decimal(text)


def whole(text: str) -> int:
    """A whole number in plain digits."""
    if _WHOLE.fullmatch(text) is None:
        raise click.BadParameter(f"wanted a whole number, got {text!r}")
    return int(text)


def rate(text: str) -> RateLimit | Literal[False]:
    """A limit: requests a second, ``off`` or ``adaptive``."""
    from loyalty_sdk._limits import limit_said  # noqa: PLC0415 - a `--help` needs none

    try:
        return limit_said(RATE_LIMIT.parse(text))
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from None


def moment(text: str) -> datetime:
    """A time that says its offset from UTC."""
    try:
        found = datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
        if found is not None and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise click.BadParameter(f"wanted a time such as 2026-05-01T08:30:00Z, got {text!r}")
    raise click.BadParameter(
        f"{text!r} does not say its time zone; add Z for UTC, or an offset such as +02:00"
    )


def discount(text: str) -> DiscountCode:
    """``CODE=AMOUNT``; the code may hold ``=`` itself."""
    code, separator, paid = text.rpartition("=")
    if not separator:
        raise click.BadParameter(f"wanted CODE=AMOUNT, got {text!r}")
    return DiscountCode(code=code, amount=amount(paid))


def pair(text: str) -> tuple[str, str]:
    """``NAME=VALUE``. The message never quotes it: it may be a key somebody mistyped."""
    name, separator, value = text.partition("=")
    if not (separator and name):
        raise click.BadParameter("wanted NAME=VALUE")
    return name, value


def keyed(text: str) -> tuple[str, Any]:
    """``KEY=TEXT``, or ``KEY:=JSON`` for anything but text."""
    key, separator, value = text.partition("=")
    if not separator or key in {"", ":"}:
        raise click.BadParameter(f"wanted KEY=TEXT or KEY:=JSON, got {text!r}")
    if not key.endswith(":"):
        return key, value
    try:
        return key[:-1], json.loads(value, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise click.BadParameter(f"what follows {key}= is not JSON") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def unique(pairs: Iterable[tuple[str, Any]], option: str) -> dict[str, Any]:
    """``pairs`` as a dict; giving one name twice is a mistake, not a wish for the last."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise click.UsageError(f"{option} {name} is given twice")
        found[name] = value
    return found
