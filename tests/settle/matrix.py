"""The fault matrix: worlds in which any two of everything that can differ meet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .covering import pairwise
from .faults import AT_ONCE, LATE, LOOKS, NAMES, WITHIN_LIMITS, Late
from .stage import FLAVOURS, World

# With what is held back, 15 s at most, these add up to less than a minute.
_SLOW = 20.0

SWITCHES: dict[str, tuple[Any, ...]] = {
    "effect_delay": (0.0, _SLOW),
    "list_lag": (0.0, _SLOW),
    "cached_lists": ("no", "polite", "stubborn"),
    "notes": ("as_is", "cut_50", "cut_255", "trimmed", "escaped", "dropped"),
    "duplicate_orders": ("accept", "ignore", "overwrite", "409", "422"),
    "duplicate_activities": ("accept", "ignore", "overwrite", "409", "422"),
    "activity_time": ("date", "now"),
    "unmatched_activities": ("row", "no_row"),
    "below_zero": ("clamp", "refuse", "negative"),
    "unknown_customers": ("create", "404", "404_nested"),
    "point_data": ("activity", "empty"),
    "write_success": (True, False),
    "shared_order_ids": (False, True),
    "date_bounds": ("inclusive", "exclusive"),
    "stranger": (0.0, 0.3),
}
HELD_BACK = ("none", "500", *LATE)
_AROUND: dict[str, tuple[Any, ...]] = {
    "flavour": FLAVOURS,
    "look": (None, *((look, 0.5) for look in LOOKS)),
    "connecting": ("fine", "refused", "dns", "reset"),
    # Time to look and to send again, or less than the vendor needs to settle.
    "deadline": (900.0, 30.0),
    "reset": (False, True),
    "limited": (False, True),
}


def worlds(seed: int, calls: int) -> Iterator[World]:
    """Worlds in which every pair of positions is found, and every fault with each of them."""
    for number, row in enumerate(pairwise({**_AROUND, **SWITCHES}, seed)):
        switches = {name: row.pop(name) for name in SWITCHES}
        if row["flavour"] == "sole writer":
            switches["stranger"] = 0.0  # else the merchant would have lied
        names = WITHIN_LIMITS if row["limited"] else NAMES
        yield World(seed=1000 * seed + number, calls=calls, switches=switches, names=names, **row)


def fair(flavour: str, seed: int, calls: int) -> World:
    """A world that keeps its promises, with time to look: here shares can be compared."""
    stranger = 0.0 if flavour == "sole writer" else 0.05
    return World(
        seed=seed,
        flavour=flavour,
        calls=calls,
        faulty=0.5,
        switches={"effect_delay": _SLOW, "list_lag": _SLOW, "stranger": stranger},
    )


def blind(flavour: str, look: str, seed: int, calls: int) -> World:
    """A world in which no look ever succeeds."""
    return World(seed=seed, flavour=flavour, look=(look, 1.0), calls=calls)


BROKEN: dict[str, dict[str, Any]] = {
    "effect after settle": {"late": Late(61, 110), "names": HELD_BACK},
    "vendor slower than settle": {"switches": {"effect_delay": 75.0}, "names": tuple(AT_ONCE)},
    "list later than settle": {"switches": {"list_lag": 110.0}},
    "notes dropped": {"switches": {"notes": "dropped"}},
    "notes cut": {"switches": {"notes": "cut_50"}},
}
"""Ways in which a vendor breaks what a look relies on: A1, A1, A2, A3, A3."""


def forgetful(flavour: str, seed: int, calls: int) -> World:
    """A vendor that kept the notes, and in the middle of the run begins to drop them."""
    return World(
        seed=seed,
        flavour=flavour,
        calls=calls,
        operations=("order", "up", "down"),
        twice=0.0,
        deadline=3600.0,
        forgetful="dropped",
    )


def broken(how: str, flavour: str, seed: int, calls: int) -> World:
    """A world in which one of the three statements is not true."""
    operations = ("order", "up", "down")
    # One misfortune for each, and time to find out.
    return World(
        seed=seed,
        flavour=flavour,
        calls=calls,
        operations=operations,
        twice=0.0,
        deadline=3600.0,
        **BROKEN[how],
    )
