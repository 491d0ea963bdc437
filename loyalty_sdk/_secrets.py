"""Text and bytes that do not show themselves.

They are what they hold, for the wire; only their `repr` is masked, which is what
tracebacks with locals, debuggers and loggers print.
"""

from __future__ import annotations

import re
from typing import Any

_ADDRESS = re.compile(r"""[^\s@<>()\[\],;:'"]{1,256}(@|%40)[^\s@<>()\[\],;:'"]{0,256}""")


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


def shown(value: Any) -> str:
    """The `repr` of ``value`` where it is None or empty, and else stars; for attrs fields."""
    return "'***'" if value else repr(value)


def shown_text(value: str | None) -> str:
    """The `repr` of ``value`` without e-mail addresses; for attrs fields."""
    return repr(value and without_addresses(value))
