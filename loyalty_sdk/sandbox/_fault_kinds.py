"""Which faults there are, what each can be told, and which requests it is for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Literal, get_args

from loyalty_sdk.errors import ConfigurationError

from ._arrivals import Arrival

FaultKind = Literal[
    "latency", "rate_limit", "error", "redirect", "accepted", "success_false", "captive",
    "drop", "hang", "truncate", "wrong_length", "garble", "drip",
    "repeat", "cycle", "endless", "empty",
]  # fmt: skip
Match = str | Callable[[Arrival], bool]

FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
"""Every kind; `Faults.add` says what each does."""
PAGING = frozenset({"repeat", "cycle", "endless", "empty"})
# They damage the true answer, so there must be one.
_ALWAYS_APPLIED = PAGING | {"truncate", "wrong_length", "garble", "drip"}

_OPTIONS: dict[str, dict[str, Any]] = {
    "latency": {"seconds": 0.1, "jitter": 0.0},
    "rate_limit": {"retry_after": None, "as_date": False},
    "error": {"status": 500, "retry_after": None, "as_date": False, "body": None},
    "redirect": {"status": 307, "location": None},
    "drop": {"unread": False, "reset": False},
    "truncate": {"keep": 0.5},
    "wrong_length": {"by": -1},
    "drip": {"seconds": 1.0},
}


def _within(least: float, most: float) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, int | float) and not isinstance(v, bool) and least <= v <= most


def _text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "seconds": (_within(0, math.inf), "a number, 0 or more"),
    "jitter": (_within(0, math.inf), "a number, 0 or more"),
    "keep": (_within(0, 1), "a number from 0 to 1"),
    "by": (lambda v: type(v) is int and v != 0, "a whole number other than 0"),
    "status": (lambda v: type(v) is int and 300 <= v <= 599, "from 300 to 599"),
    "retry_after": (lambda v: _text(v) or _within(0, math.inf)(v), "seconds or text"),
    "as_date": (_flag, "True or False"),
    "unread": (_flag, "True or False"),
    "reset": (_flag, "True or False"),
    "body": (_text, "text"),
    "location": (_text, "text"),
}


def check_odds(share: Any, times: Any) -> None:
    """Refuse a share or a number of times that is none."""
    if not _within(0, 1)(share):
        raise ConfigurationError("share is a number from 0 to 1")
    if times is not None and (type(times) is not int or times < 0):
        raise ConfigurationError("times is a whole number of 0 or more, or None for no limit")


def whether_applied(kind: str, options: dict[str, Any], *, applied: bool | None) -> bool:
    always = kind in _ALWAYS_APPLIED
    if applied is False and always:
        raise ConfigurationError(f"{kind} needs the true answer: applied is always True")
    if applied and options.get("unread"):
        raise ConfigurationError("a request that was not read cannot be applied")
    return always if applied is None else applied


def options_of(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    known = _OPTIONS.get(kind, {})
    for name, value in given.items():
        if name not in known:
            hint = f"It has: {', '.join(known) or 'none'}"
            raise ConfigurationError(f"{kind} has no option {name}", hint=hint)
        passes, wanted = _CHECKS[name]
        if not passes(value):
            raise ConfigurationError(f"{name} is {wanted}, not {value!r}")
    options = known | given
    if options.get("as_date") and not isinstance(options["retry_after"], int | float):
        raise ConfigurationError("as_date needs a retry_after in seconds")
    return options


def matcher(match: Match | None) -> Callable[[Arrival], bool]:
    if match is None:
        return lambda _: True
    if callable(match):
        return match
    method, _, path = match.partition(" ") if not match.startswith("/") else ("", "", match)
    if not re.fullmatch("[A-Z]*", method) or (path and not path.startswith(("/", "*"))):
        raise ConfigurationError(
            f"match is 'POST', '/path/*', 'POST /path/{{id}}' or a function, not {match!r}"
        )
    pattern = re.compile(_pattern(path) if path else ".*", re.DOTALL)
    return lambda arrival: (
        (not method or arrival.method == method) and pattern.fullmatch(arrival.path) is not None
    )


def _pattern(path: str) -> str:
    parts = re.split(r"(\*\*|\*|\{[^}]*\})", path)
    return "".join(
        ".*" if part == "**" else "[^/]*" if part[:1] in {"*", "{"} else re.escape(part)
        for part in parts
    )
