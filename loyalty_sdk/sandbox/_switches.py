"""How the sandbox behaves where a vendor does not say how it does.

Nothing in this module is documented by a vendor, that is why it can be switched: code that
is right works in all positions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, TypedDict, cast, get_args

import attrs

from loyalty_sdk.errors import ConfigurationError

Notes = Literal["as_is", "cut_50", "cut_255", "trimmed", "escaped", "dropped"]
Duplicates = Literal["accept", "ignore", "overwrite", "409", "422"]
ActivityTime = Literal["date", "now"]
Unmatched = Literal["row", "no_row"]
BelowZero = Literal["clamp", "refuse", "negative"]
UnknownCustomers = Literal["create", "404", "404_nested"]
UnknownFields = Literal["refuse", "ignore"]
PointData = Literal["activity", "empty"]
CachedLists = Literal["no", "polite", "stubborn"]
DateBounds = Literal["inclusive", "exclusive"]


@attrs.frozen
class Rule:
    """What one activity name earns.

    Args:
        points: Points each time, 0 or more.
        limit: How often one customer earns it; None for no limit.
        pending: Whether the points wait for approval.
    """

    points: int
    limit: int | None = None
    pending: bool = False


Rules = Mapping[str, int | Rule | None]


class SwitchOptions(TypedDict, total=False):
    """The keyword arguments that `Sandbox` hands to `Switches`."""

    effect_delay: float
    list_lag: float
    cached_lists: CachedLists
    cache_seconds: float
    notes: Notes
    duplicate_orders: Duplicates
    duplicate_activities: Duplicates
    activity_time: ActivityTime
    unmatched_activities: Unmatched
    below_zero: BelowZero
    unknown_customers: UnknownCustomers
    unknown_fields: UnknownFields
    point_data: PointData
    write_success: bool
    shared_order_ids: bool
    date_bounds: DateBounds
    limit_retry_after: float | None
    stranger: float
    rules: Rules
    seed: int


def _one_of(choices: Any) -> Any:
    def check(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
        allowed = get_args(choices)
        if value not in allowed or not isinstance(value, str):
            names = ", ".join(map(repr, allowed))
            raise ConfigurationError(f"{attribute.name} is one of {names}, not {value!r}")

    return check


def _number(*, most: float = math.inf, optional: bool = False) -> Any:
    def check(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
        if value is None and optional:
            return
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            span = "0 or more" if most == math.inf else f"from 0 to {most:g}"
            raise ConfigurationError(f"{attribute.name} is a number, {span}, not {value!r}")

    return check


def _whole(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"{attribute.name} is a whole number, not {value!r}")


def _flag(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{attribute.name} is True or False, not {value!r}")


def _rules(given: Rules) -> dict[str, Rule | None]:
    return {"*": Rule(10)} | {
        name: Rule(rule) if type(rule) is int else cast("Rule | None", rule)
        for name, rule in given.items()
    }


def _sound(_: Any, __: Any, rules: Mapping[str, object]) -> None:
    for name, rule in rules.items():
        if rule is not None and not (isinstance(rule, Rule) and rule.points >= 0):
            raise ConfigurationError(f"rules[{name!r}] is points (0 or more), a Rule or None")


@attrs.frozen(kw_only=True)
class Switches:
    """Every switch with its position; none of this is documented by a vendor.

    Raises:
        ConfigurationError: A value is none of a switch's positions.
    """

    effect_delay: float = attrs.field(default=0.0, validator=_number())
    """Seconds until an acknowledged write (also one answered with an error after it was
    applied) changes anything."""

    list_lag: float = attrs.field(default=0.0, validator=_number())
    """Longest time in seconds until a list shows a row; drawn for each row, so that rows
    come up out of id order. Reading one order by its id does not lag."""

    cached_lists: CachedLists = attrs.field(default="no", validator=_one_of(CachedLists))
    """``polite``: a list is answered from a cache, with an ``Age`` header, unless the request
    says ``Cache-Control: no-cache``; ``stubborn``: whatever the request says."""

    cache_seconds: float = attrs.field(default=60.0, validator=_number())
    """How long the cache of ``cached_lists`` keeps a list."""

    notes: Notes = attrs.field(default="as_is", validator=_one_of(Notes))
    """What becomes of the texts sent with points: ``cut_50`` and ``cut_255`` keep that many
    characters, ``trimmed`` strips and collapses blanks, ``escaped`` is HTML-escaped."""

    duplicate_orders: Duplicates = attrs.field(default="accept", validator=_one_of(Duplicates))
    """A second order with an id that exists: a second row, ignored, the first one
    overwritten, or an error."""

    duplicate_activities: Duplicates = attrs.field(default="accept", validator=_one_of(Duplicates))
    """The same for a second activity with one name and id."""

    activity_time: ActivityTime = attrs.field(default="date", validator=_one_of(ActivityTime))
    """Whether rows of an activity or order carry the ``date`` that was sent, or now."""

    unmatched_activities: Unmatched = attrs.field(default="row", validator=_one_of(Unmatched))
    """Whether an activity that earns nothing (no rule, a capped rule, a guest) leaves a row."""

    below_zero: BelowZero = attrs.field(default="clamp", validator=_one_of(BelowZero))
    """Taking more than there is: down to 0, refused, or a negative balance."""

    unknown_customers: UnknownCustomers = attrs.field(
        default="create", validator=_one_of(UnknownCustomers)
    )
    """A write for a customer nobody knows creates one or gets 404; ``404_nested``: 404 only
    where the customer's id is part of the path."""

    unknown_fields: UnknownFields = attrs.field(default="refuse", validator=_one_of(UnknownFields))
    """What a body gets that holds a field which its closed schema does not have."""

    point_data: PointData = attrs.field(default="activity", validator=_one_of(PointData))
    """Whether the envelope that acknowledges a change of points holds the row or ``{}``."""

    write_success: bool = attrs.field(default=True, validator=_flag)
    """False: writes are applied and their envelope says ``success: false`` all the same."""

    shared_order_ids: bool = attrs.field(default=False, validator=_flag)
    """True: reading an order answers with the oldest one of that id, which may be another
    site's; False: with the newest one."""

    date_bounds: DateBounds = attrs.field(default="inclusive", validator=_one_of(DateBounds))
    """Whether ``after`` and ``before`` a time include it, where a vendor does not say."""

    limit_retry_after: float | None = attrs.field(default=None, validator=_number(optional=True))
    """``Retry-After`` in seconds of the 429 that a rate limit answers; None for no header."""

    stranger: float = attrs.field(default=0.0, validator=_number(most=1))
    """Share of the point changes beside which somebody else writes an equal row, whether or
    not the change itself was applied."""

    rules: Mapping[str, Rule | None] = attrs.field(
        factory=dict[str, Rule | None], converter=_rules, validator=_sound
    )
    """What activities earn by name: points, a `Rule`, or None for no rule; ``"*"`` stands for
    every other name and earns 10 unless given."""

    seed: int = attrs.field(default=0, validator=_whole)
    """Seeds what is drawn: the lag of each row, and when the stranger writes."""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Switches:
        """The switches of keyword arguments; a name that is none is refused with the list."""
        names = [field.name for field in attrs.fields(cls)]
        unknown = [name for name in options if name not in names]
        if unknown:
            raise ConfigurationError(
                f"the sandbox has no switch {', '.join(unknown)}",
                hint=f"There are: {', '.join(names)}",
            )
        return cls(**options)

    def rule(self, name: str) -> Rule | None:
        """The rule for activities called ``name``, None when there is none."""
        return self.rules[name] if name in self.rules else self.rules["*"]
