"""Text and bytes that do not show themselves.

They are what they hold, for the wire; only their `repr` is masked, which is what
tracebacks with locals, debuggers and loggers print.
"""

from __future__ import annotations

from typing import Any


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


def masked(key: Any) -> Any:
    """``key`` as a `SecretStr` if it is text; whatever else it is, as it is."""
    return SecretStr(key) if isinstance(key, str) else key
