"""What stands in a dead letter: JSON that is read again as exactly what the input held.

Whatever JSON has no word for is marked with its type, ``{"!float": "9.99"}``: left as it is, it
is refused in the words in which it was refused at first, and never taken for something else.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk import _checks
from loyalty_sdk.wire import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loyalty_sdk._models import Activity, Order, PointsAdjustment

_MARK = "!"
_LONGEST = 4096
# Python refuses to write longer numbers.
_BITS = 14_000

_DIGITS = 1000
# Far from where Python ends. A row that can be sent is less deep: its properties are 32 at most.
_DEEPEST = 50

_READERS: dict[str, Callable[[str], Any]] = {
    "float": float,
    "Decimal": Decimal,
    "datetime": datetime.fromisoformat,
}


@attrs.frozen
class _Lost:
    """What nothing can make again, in a class of its type's name."""

    said: Any


def fields_of(value: Activity | Order | PointsAdjustment) -> Any:
    """What a letter says of a row that had been read, by the names of its fields."""
    return sayable(read_json(value.to_json()))


def sayable(value: Any, inside: tuple[int, ...] = ()) -> Any:
    """``value`` as what `text_of` can write and `read_json` reads the same; `meant` undoes it.

    Args:
        value: Anything.
        inside: The ids of what it stands in, which may be itself.
    """
    if _is_read_the_same(value):
        return value
    if not (_checks.is_mapping(value) or _checks.is_list(value)):
        return _marked(value)
    if id(value) in inside or len(inside) == _DEEPEST:
        return {f"{_MARK}{type(value).__name__}": "nested too deep"}
    return _parts(value, (*inside, id(value)))


def _parts(value: Mapping[Any, Any] | Sequence[Any], inside: tuple[int, ...]) -> Any:
    if not _checks.is_mapping(value):
        return [sayable(item, inside) for item in value]
    # Where a number and its text are both keys, the one that is refused stays.
    items = sorted(value.items(), key=lambda item: not isinstance(item[0], str))
    return _escaped({str(key): _under(key, item, inside) for key, item in items})


def _is_read_the_same(value: Any) -> bool:
    if isinstance(value, Decimal):
        return _is_read_as_decimal(value)
    if isinstance(value, int):
        return value.bit_length() < _BITS
    return value is None or isinstance(value, str)


def _is_read_as_decimal(value: Decimal) -> bool:
    # Whoever writes 1E+999999999 digit by digit fills the memory.
    modest = value.is_finite() and abs(value.adjusted()) < _DIGITS
    return modest and not str(value).lstrip("-").isdigit()


def _under(key: Any, value: Any, inside: tuple[int, ...]) -> Any:
    """A key that is no text must not pass for one that is."""
    if isinstance(key, str):
        return sayable(value, inside)
    return {f"{_MARK}{type(key).__name__} key": _shown(value)}


def _shown(value: Any) -> str:
    try:
        return repr(value)[:_LONGEST]
    except Exception:  # noqa: BLE001 - it may be nested too deep, or of a class of the caller's
        return ""


def _escaped(value: dict[str, Any]) -> dict[str, Any]:
    """``value``, which may look like a mark and be none."""
    mark = _mark_of(value)
    return value if mark is None else {_MARK + mark: value[mark]}


def _marked(value: Any) -> dict[str, Any]:
    if isinstance(value, datetime):
        return {f"{_MARK}datetime": value.isoformat()}
    if isinstance(value, _Lost):
        return {f"{_MARK}{type(value).__name__}": value.said}
    if isinstance(value, int):
        return {f"{_MARK}int": f"of {value.bit_length()} bits"}
    text = str(value) if isinstance(value, Decimal) else _shown(value)
    return {f"{_MARK}{type(value).__name__}": text[:_LONGEST]}


def _mark_of(value: Mapping[Any, Any]) -> str | None:
    """The only key of ``value``, if it begins like a mark."""
    only = next(iter(value)) if len(value) == 1 else None
    return only if isinstance(only, str) and only.startswith(_MARK) else None


def meant(value: Any) -> Any:
    """What `sayable` was given; what nothing can make again is an object of that type's name."""
    if _checks.is_list(value):
        return [meant(item) for item in value]
    if not _checks.is_mapping(value):
        return value
    mark = _mark_of(value)
    if mark is None:
        return {key: meant(item) for key, item in value.items()}
    if mark.startswith(_MARK * 2):
        return {mark.removeprefix(_MARK): meant(value[mark])}
    return _made(mark.removeprefix(_MARK), value[mark])


def _made(name: str, text: Any) -> Any:
    try:
        return _READERS[name](text)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        # Messages name the type, so that it is refused in the same words.
        return type(name if name.isprintable() else "value", (_Lost,), {})(text)


def without_accidents(value: Any) -> Any:
    """``value``, as `sayable` has it, without texts that hold an address or an order of a set."""
    if _checks.is_list(value):
        return [without_accidents(item) for item in value]
    if not _checks.is_mapping(value):
        return value
    mark = _mark_of(value) or ""
    if mark.startswith(_MARK) and mark[1:2] != _MARK and mark[1:] not in _READERS:
        return mark
    return {key: without_accidents(value[key]) for key in sorted(value)}


def text_of(value: Any) -> str:
    """``value`` as JSON, numbers digit by digit; halves of characters are escaped."""
    if isinstance(value, Decimal):
        return str(value)
    if _checks.is_mapping(value):
        return f"{{{', '.join(f'{text_of(key)}: {text_of(value[key])}' for key in value)}}}"
    if _checks.is_list(value):
        return f"[{', '.join(map(text_of, value))}]"
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() or _is_whole(text) else json.dumps(value)


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
