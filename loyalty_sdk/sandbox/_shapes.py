"""Checks of request bodies, as strict as the vendors' schemas.

A shape maps field names to checks. A check takes a value and returns what is wrong with it,
or None.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

MOST = 2**53
"""The largest whole number that JSON carries to any reader unharmed."""

Check = Callable[[Any], str | None]
Shape = Mapping[str, Check]


def problems(
    body: object, shape: Shape, *, required: Collection[str] = (), closed: bool = False
) -> dict[str, str]:
    """What is wrong with ``body``, by field; empty when nothing is.

    Args:
        body: The decoded body.
        shape: A check for each field.
        required: Fields that must be there.
        closed: Whether fields outside the shape are wrong.
    """
    if not isinstance(body, dict):
        return {"body": "must be an object"}
    fields = cast("dict[str, Any]", body)
    wrong = {name: "is required" for name in required if name not in fields}
    for name, value in fields.items():
        check = shape.get(name)
        found = check(value) if check else ("is not a known field" if closed else None)
        if found:
            wrong[name] = found
    return wrong


def text(value: object) -> str | None:
    """A string."""
    return None if isinstance(value, str) else "must be a string"


def boolean(value: object) -> str | None:
    """True or false."""
    return None if isinstance(value, bool) else "must be a boolean"


def number(value: object) -> str | None:
    """Any number."""
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    return None if fits else "must be a number"


def anything(_: object) -> str | None:
    """No check."""
    return None


def mapping(value: object) -> str | None:
    """An object."""
    return None if isinstance(value, dict) else "must be an object"


def integer(least: int | None = None, most: int | None = None) -> Check:
    """A whole number within bounds, both inclusive."""

    def check(value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return "must be an integer"
        if (least is not None and value < least) or (most is not None and value > most):
            return f"must be between {least} and {most}" if most else f"must be {least} or more"
        return None

    return check


def either(*checks: Check) -> Check:
    """What passes one of ``checks``."""
    return lambda value: None if any(c(value) is None for c in checks) else checks[0](value)


def optional(check: Check) -> Check:
    """Null, or what passes ``check``."""
    return lambda value: None if value is None else check(value)


def choice(*values: str) -> Check:
    """One of ``values``."""
    return lambda value: None if value in values else f"must be one of {', '.join(values)}"


def array(check: Check) -> Check:
    """A list whose items all pass ``check``."""

    def items(value: object) -> str | None:
        if not isinstance(value, list):
            return "must be an array"
        wrong = map(check, cast("Iterable[object]", value))
        return next((f"[{index}] {found}" for index, found in enumerate(wrong) if found), None)

    return items


def decimal(value: object) -> str | None:
    """A decimal number from 0 to what JSON carries anywhere, as a string."""
    if not isinstance(value, str):
        return "must be a decimal string"
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return "must be a decimal string"
    return None if amount.is_finite() and 0 <= amount <= MOST else "must be 0 or more"


def money(value: object) -> str | None:
    """The same, or as a number."""
    return decimal(str(value) if number(value) is None else value)


def moment(value: object) -> str | None:
    """An ISO 8601 date and time."""
    fits = isinstance(value, str) and parse_time(value) is not None
    return None if fits else "must be an ISO 8601 date and time"


def parse_time(value: str) -> datetime | None:
    """``value`` in UTC, to the millisecond; None when it is no ISO 8601.

    A time without an offset is taken for UTC; no vendor says what it takes it for.
    """
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return whole_milliseconds(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


def whole_milliseconds(moment: datetime) -> datetime:
    """``moment`` in UTC, rounded down."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def print_time(moment: datetime) -> str:
    """``moment`` as vendors print it: UTC, milliseconds, ``Z``."""
    # Cut, for a moment without its zone would be one more to make for each row of a page.
    return moment.isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"
