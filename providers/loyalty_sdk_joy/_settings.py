"""How a merchant tells this adapter what activities and orders mean to Joy.

Joy's REST API takes neither: it knows points calls and social programs. `Joy` checks these
values when it is made, and names what is wrong by its path, ``activities['signup'].points``.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any

import attrs

from loyalty_sdk import _checks
from loyalty_sdk._provider import check_key
from loyalty_sdk.errors import ConfigurationError, Problem

MOST_POINTS = 2**53 - 1
"""The largest number that JSON carries to any reader unharmed; Joy documents no bound."""

# Both factors have at most 30 digits on either side of the point: see `_checks.money`.
_EXACT = Context(prec=130)


@attrs.frozen
class AwardPoints:
    """The activity is worth a fixed number of points.

    Args:
        points: 1 to 2**53 - 1.
        reason: Shown to the shopper; the activity's name stands in Joy's ``reason`` unless
            given.
    """

    points: int
    reason: str | None = None


@attrs.frozen
class SocialInteraction:
    """The activity is what one of the merchant's social earning programs rewards.

    Joy keeps nothing of the activity but who did it.

    Args:
        event: Joy's name of it, ``follow_instagram``; the accepted ones are not documented.
        earning_id: Id of the earning program; one of the two is needed.
    """

    event: str | None = None
    earning_id: str | None = None


@attrs.frozen
class PointsPerUnit:
    """An order earns ``rate`` points for each unit of money, rounded down.

    Args:
        rate: More than 0; multiplied with the order's ``total``.
        reason: Shown to the shopper; ``order <id>`` stands in Joy's ``reason`` unless given.
    """

    rate: Decimal
    reason: str | None = None

    def points(self, total: Decimal) -> int:
        """What an order of ``total`` earns; exact, whatever the size."""
        return int(_EXACT.multiply(total, self.rate))


@attrs.frozen
class JoyCalculator:
    """An order earns what Joy's own place-order programs say.

    Joy calculates for products, and an `Order` has none: it is sent as one product with the
    order's id, quantity 1 and the order's ``total`` as its price. Programs that include or
    exclude products can't tell; use `Joy.calculate_points` where that matters.

    Args:
        source_name: Where the order came from; Joy takes ``web`` unless given.
        reason: As in `PointsPerUnit`.
    """

    source_name: str | None = None
    reason: str | None = None


Activities = Mapping[str, AwardPoints | SocialInteraction]
Orders = PointsPerUnit | JoyCalculator


def check_keys(**keys: object) -> None:
    """Refuse keys that are missing or that no header can hold.

    Raises:
        ConfigurationError: Names them, and the variables that would do.
    """
    missing = [name for name, key in keys.items() if key is None]
    if missing:
        names = " and ".join(missing)
        variables = " and ".join(f"JOY_{name.upper()}" for name in missing)
        raise ConfigurationError(
            f"missing: {names}", hint=f"Pass {names}, or set {variables} in the environment"
        )
    for name, key in keys.items():
        check_key(name, key)


def check_settings(activities: Any, orders: Any) -> None:
    """Refuse what cannot work, all of it at once.

    Raises:
        ConfigurationError: Names every problem by its path.
    """
    problems: list[Problem] = []
    if _checks.is_mapping(activities):
        for name, meaning in activities.items():
            _checks.identifier(problems, f"activities key {name!r}", name)
            _check_activity(problems, f"activities[{name!r}]", meaning)
    elif activities is not None:
        _checks.complain(problems, "activities", "a mapping of names", activities)
    if orders is not None:
        _check_orders(problems, orders)
    if problems:
        raise ConfigurationError("; ".join(map(str, problems)))


def _check_activity(problems: list[Problem], path: str, meaning: object) -> None:
    if isinstance(meaning, AwardPoints):
        check_amount(problems, f"{path}.points", meaning.points)
        _optional_text(problems, path, meaning, "reason")
    elif isinstance(meaning, SocialInteraction):
        _optional_text(problems, path, meaning, "event", "earning_id")
        if not meaning.event and not meaning.earning_id:
            problems.append(Problem(path, "needs an event or an earning_id"))
    else:
        _checks.complain(problems, path, "AwardPoints or SocialInteraction", meaning)


def _check_orders(problems: list[Problem], meaning: object) -> None:
    if isinstance(meaning, PointsPerUnit):
        found = len(problems)
        _checks.money(problems, "orders.rate", meaning.rate)
        if len(problems) == found and not meaning.rate:
            problems.append(Problem("orders.rate", "must be more than 0"))
        _optional_text(problems, "orders", meaning, "reason")
    elif isinstance(meaning, JoyCalculator):
        _optional_text(problems, "orders", meaning, "source_name", "reason")
    else:
        _checks.complain(problems, "orders", "PointsPerUnit or JoyCalculator", meaning)


def _optional_text(problems: list[Problem], path: str, value: object, *names: str) -> None:
    for name in names:
        if getattr(value, name) is not None:
            _checks.text(problems, f"{path}.{name}", getattr(value, name))


def check_amount(
    problems: list[Problem], path: str, value: object, *, least: int | None = 1
) -> None:
    """A number of points that Joy's JSON can carry, at least ``least`` unless that is None."""
    if not isinstance(value, int) or isinstance(value, bool):
        _checks.complain(problems, path, "an int", value)
    elif abs(value) > MOST_POINTS:
        problems.append(Problem(path, "does not fit into a JSON number (2**53 - 1)"))
    elif least is not None and value < least:
        problems.append(Problem(path, f"must be at least {least}"))
