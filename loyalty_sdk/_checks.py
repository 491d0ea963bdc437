"""The rules every value is checked by before it is sent.

Each rule takes the list of problems found so far, the path of the value and the value,
and adds to the list; so one error can name everything that is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeGuard, TypeVar

from .errors import Problem, ValidationError

T = TypeVar("T")

Rule = Callable[[list[Problem], str, Any], object]
"""What checks a value: it takes the problems found so far, the value's path and the value."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_INTEGER_BITS = 63  # and the sign
_MONEY_DIGITS = 30  # on either side of the point; text of 1E+999999 would fill the memory
_JSON_DEPTH = 32


def kind(value: object) -> str:
    """What ``value`` is, in words that give nothing of it away."""
    return "nothing" if value is None else type(value).__name__


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether ``value`` maps something, said so that type checkers keep up."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether ``value`` is a list or tuple, said so that type checkers keep up."""
    return isinstance(value, list | tuple)


def complain(problems: list[Problem], path: str, wanted: str, value: object) -> None:
    """Add "wanted ..., got <type>" for ``path``."""
    problems.append(Problem(path, f"wanted {wanted}, got {kind(value)}"))


def finish(subject: str, problems: list[Problem]) -> None:
    """Raise one `ValidationError` for all problems, if there are any."""
    if problems:
        raise ValidationError.of(subject, problems)


def expect(wanted: type[T], value: T) -> T:
    """``value``, which a caller without type checks may have got wrong.

    Raises:
        ValidationError: It is something else.
    """
    if not isinstance(value, wanted):
        problem = Problem("value", f"wanted {_article(wanted)}, got {kind(value)}")
        raise ValidationError.of("the argument", [problem])
    return value


def replayable(adjustment: object, tried_at: object, *, replay: bool) -> datetime:
    """The moment of the earlier try, of a replay that can be looked for.

    Raises:
        ValidationError: It is no adjustment, or one without a reference, a naive moment, or a
            moment without ``replay``.
    """
    reference = getattr(adjustment, "reference", None)
    problems: list[Problem] = []
    is_type(problems, "replay", replay, bool)
    if not replay:
        problems.append(Problem("tried_at", "means nothing without replay=True"))
    identifier(problems, "reference", reference)
    if tried_at is not None:
        moment(problems, "tried_at", tried_at)
    finish("the replay", problems)
    return tried_at if isinstance(tried_at, datetime) else datetime.now(UTC)


def is_type(problems: list[Problem], path: str, value: object, wanted: type) -> bool:
    """Whether ``value`` is exactly what an attribute of that type should hold."""
    if isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)):
        return True
    complain(problems, path, _article(wanted), value)
    return False


def _article(wanted: type) -> str:
    name = wanted.__name__
    return f"an {name}" if name[0].lower() in "aeio" else f"a {name}"


def integer(problems: list[Problem], path: str, value: object) -> bool:
    """An `int` that 64 bits can carry; no bool."""
    if not is_type(problems, path, value, int):
        return False
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        problems.append(Problem(path, "does not fit into 64 bits"))
        return False
    return True


def between(least: int, most: int) -> Rule:
    """The rule for an `int` that is neither below ``least`` nor above ``most``."""

    def check(problems: list[Problem], path: str, value: Any) -> None:
        if is_type(problems, path, value, int) and not least <= value <= most:
            problems.append(Problem(path, f"must be between {least} and {most}"))

    return check


def one_of(*values: str) -> Rule:
    """The rule for one of ``values``, written exactly so."""

    def check(problems: list[Problem], path: str, value: object) -> None:
        if value not in values:
            complain(problems, path, f"one of {', '.join(values)}", value)

    return check


def text(problems: list[Problem], path: str, value: object) -> bool:
    """Unicode text that UTF-8 can carry."""
    if not isinstance(value, str):
        complain(problems, path, "a str", value)
        return False
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            problems.append(Problem(path, "contains a lone surrogate, which UTF-8 cannot carry"))
            return False
    return True


def identifier(problems: list[Problem], path: str, value: object) -> None:
    """Text that may become part of a URL: not empty, no control character, no dot segment."""
    if not text(problems, path, value) or not isinstance(value, str):
        return
    if not value:
        problems.append(Problem(path, "must not be empty"))
    elif value in {".", ".."}:
        problems.append(Problem(path, "must not be '.' or '..': URLs swallow them"))
    elif not (value.isascii() and value.isprintable()) and _CONTROL.search(value):
        problems.append(Problem(path, "contains a control character"))


def money(problems: list[Problem], path: str, value: object) -> None:
    """A finite, non-negative `Decimal`."""
    if not isinstance(value, Decimal):
        complain(problems, path, "a Decimal", value)
    elif not value.is_finite():
        problems.append(Problem(path, "must be finite"))
    elif value < 0:
        problems.append(Problem(path, "must not be negative"))
    elif value.adjusted() >= _MONEY_DIGITS or int(value.as_tuple().exponent) < -_MONEY_DIGITS:
        problems.append(Problem(path, f"has over {_MONEY_DIGITS} digits before or after the point"))


def moment(problems: list[Problem], path: str, value: object) -> None:
    """A `datetime` that knows its offset from UTC."""
    if not isinstance(value, datetime):
        complain(problems, path, "an aware datetime", value)
    elif value.utcoffset() is None:
        problems.append(Problem(path, "wanted an aware datetime, got one without a time zone"))
    else:
        try:
            value.astimezone(UTC)
        except OverflowError:
            problems.append(Problem(path, "is outside the years 1 to 9999 in UTC"))


def json_value(problems: list[Problem], path: str, value: object, depth: int = 0) -> None:
    """Something JSON can say without loss: no NaN, no other class, text for keys."""
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        text(problems, path, value)
    elif isinstance(value, int):
        integer(problems, path, value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            problems.append(Problem(path, "must be finite"))
    elif not (is_mapping(value) or is_list(value)):
        complain(problems, path, "a JSON value (text, number, bool, None, list or mapping)", value)
    elif depth == _JSON_DEPTH:
        # What holds itself would be walked for ever.
        problems.append(Problem(path, f"is nested more than {_JSON_DEPTH} deep"))
    else:
        _json_items(problems, path, value, depth + 1)


def _json_items(
    problems: list[Problem], path: str, value: Mapping[Any, Any] | Sequence[Any], depth: int
) -> None:
    if is_mapping(value):
        for key, item in value.items():
            if text(problems, f"{path} key", key):
                json_value(problems, f"{path}.{key}", item, depth)
    else:
        for index, item in enumerate(value):
            json_value(problems, f"{path}[{index}]", item, depth)
