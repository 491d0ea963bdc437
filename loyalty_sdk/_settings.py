"""What a deployment may set for every client: by argument, else by environment, else as it is."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import attrs

from ._secrets import masked
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

UNSET: Any = object()
"""Stands for an argument that was not given, where None means something."""

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def _seconds(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not float(text):
        raise ValueError("wanted a number of seconds, more than 0")
    return float(text)


def _whole(text: str) -> int:
    if not _NUMBER.fullmatch(text) or "." in text or not int(text):
        raise ValueError("wanted a whole number, at least 1")
    return int(text)


def _limit(text: str) -> int | str:
    if text in {"off", "adaptive"}:
        return text
    try:
        return _whole(text)
    except ValueError:
        raise ValueError("wanted a whole number of requests a second, off or adaptive") from None


@attrs.frozen
class General:
    """One setting that every vendor's clients have.

    Attributes:
        name: Argument of `connect`, `RetryPolicy` or `SessionPool`.
        env: Environment variable read when it is not given.
        parse: Makes the value of a text; raises ValueError with what it wanted.
        default: What holds when there is neither.
        secret: Whether its value must never be shown.
    """

    name: str
    env: str
    parse: Callable[[str], Any]
    default: Any
    secret: bool = False

    def value(self, given: Any = UNSET) -> Any:
        """What holds.

        Raises:
            ConfigurationError: The environment says what cannot be; it is not quoted.
        """
        if given is not UNSET:
            return given
        text = masked(os.environ.get(self.env))
        if not text:
            return self.default
        try:
            return self.parse(text)
        except ValueError as exc:
            raise ConfigurationError(f"{self.env}: {exc}") from None

    @property
    def is_set(self) -> bool:
        """Whether the environment says anything."""
        return bool(os.environ.get(self.env))


DEADLINE = General("deadline", "LOYALTY_DEADLINE", _seconds, 30.0)
SETTLE = General("settle", "LOYALTY_SETTLE", _seconds, 60.0)
QUEUE_TIMEOUT = General("queue_timeout", "LOYALTY_QUEUE_TIMEOUT", _seconds, None)
RATE_LIMIT = General("rate_limit", "LOYALTY_RATE_LIMIT", _limit, None)
ATTEMPTS = General("attempts", "LOYALTY_ATTEMPTS", _whole, 4)
ATTEMPT_TIMEOUT = General("attempt_timeout", "LOYALTY_ATTEMPT_TIMEOUT", _seconds, 8.0)
CONNECTIONS = General("connections", "LOYALTY_CONNECTIONS", _whole, 100)
PROXY = General("proxy", "LOYALTY_PROXY", masked, None, secret=True)

GENERAL = (
    DEADLINE,
    SETTLE,
    QUEUE_TIMEOUT,
    RATE_LIMIT,
    ATTEMPTS,
    ATTEMPT_TIMEOUT,
    CONNECTIONS,
    PROXY,
)
