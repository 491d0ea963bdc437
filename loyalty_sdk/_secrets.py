"""Text and bytes that do not show themselves.

They are what they hold, for the wire; only their `repr` is masked, which is what
tracebacks with locals, debuggers and loggers print.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

_ADDRESS = re.compile(r"""[^\s@<>()\[\],;:'"]{1,256}(@|%40)[^\s@<>()\[\],;:'"]{0,256}""")
# Of a key. Anything shorter is none, and would make stars of every other word.
_SHORTEST = 4


class SecretStr(str):
    """A `str` whose `repr` shows nothing: a key, or a header made of one."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class MaskedBytes(bytes):
    """`bytes` whose `repr` shows the length only: a request's or an answer's body."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


class MaskedDict(dict[str, Any]):
    """A `dict` whose `repr` shows the size only: a body that is being made."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} fields>"


def masked(key: Any) -> Any:
    """``key`` as a `SecretStr` if it is text; whatever else it is, as it is."""
    return SecretStr(key) if isinstance(key, str) else key


def without_addresses(text: str) -> str:
    """``text`` with stars for every e-mail address in it."""
    return _ADDRESS.sub("***", text)


def without_keys(value: Any, keys: Iterable[str]) -> Any:
    """``value``, of JSON, with stars for the keys in its texts; empty where it is too deep."""
    known = sorted({key for key in keys if len(key) >= _SHORTEST}, key=len, reverse=True)
    stars = re.compile("|".join(map(re.escape, known)) or "(?!)")
    try:
        return _starred(value, stars)
    except RecursionError:
        return {}


def _starred(value: Any, stars: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return stars.sub("***", value)
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {_starred(name, stars): _starred(each, stars) for name, each in fields.items()}
    if isinstance(value, list | tuple):
        some = cast("Iterable[Any]", value)
        return [_starred(each, stars) for each in some]
    return value


def shown(value: Any) -> str:
    """The `repr` of ``value`` where it is None or empty, and else stars; for attrs fields."""
    return "'***'" if value else repr(value)


def shown_text(value: str | None) -> str:
    """The `repr` of ``value`` without e-mail addresses; for attrs fields."""
    return repr(value and without_addresses(value))
