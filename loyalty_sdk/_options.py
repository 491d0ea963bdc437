"""What `connect` and `with_options` decide about calls."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, get_args

import attrs

from . import _checks
from ._lanes import LaneName
from ._policy import RetryPolicy
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._announce import BeforeSend
    from .hooks import Listener

# Nobody waits longer for a request to take effect; far beyond it, times cannot be told.
_LONGEST_SETTLE = 86_400.0


def _seconds(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise ConfigurationError(f"{field.name} must be a number of seconds, more than 0")


def _at_most_a_day(_: object, field: attrs.Attribute[Any], value: float) -> None:
    if value > _LONGEST_SETTLE:
        raise ConfigurationError(f"{field.name} must be at most {_LONGEST_SETTLE:g} seconds")


def instance_of(wanted: type) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """The check for an attribute that a caller without type checks may have got wrong."""

    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, wanted):
            got = _checks.kind(value)
            raise ConfigurationError(f"{field.name}: wanted a {wanted.__name__}, got {got}")

    return check


def _hook(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        got = _checks.kind(value)
        raise ConfigurationError(f"{field.name}: wanted an async function, got {got}")


def _lane(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value not in get_args(LaneName):
        raise ConfigurationError(f"{field.name} must be one of {', '.join(get_args(LaneName))}")


@attrs.define(eq=False)
class Guarded:
    """A listener of which only the first failure is logged.

    Attributes:
        failed: Whether it was.
    """

    listener: Listener
    failed: bool = False


def _guarded(listeners: Any) -> tuple[Guarded, ...]:
    try:
        found = tuple(listeners)
    except TypeError:
        got = _checks.kind(listeners)
        raise ConfigurationError(f"listeners: wanted a list of functions, got {got}") from None
    for each in found:
        if not isinstance(each, Guarded) and not _is_function(each):
            wrong = _checks.kind(each)
            raise ConfigurationError(f"listeners: wanted functions that are not async, got {wrong}")
    return tuple(each if isinstance(each, Guarded) else Guarded(each) for each in found)


def _is_function(listener: Any) -> bool:
    is_async = iscoroutinefunction(listener) or iscoroutinefunction(
        getattr(listener, "__call__", None)  # noqa: B004 - its own call may be async
    )
    return callable(listener) and not is_async


@attrs.frozen(kw_only=True)
class Options:
    """See `connect` and `LoyaltyClient.with_options`.

    Raises:
        ConfigurationError: Names what is wrong.
    """

    retry: RetryPolicy = attrs.field(validator=instance_of(RetryPolicy))
    deadline: float | None = attrs.field(validator=attrs.validators.optional(_seconds))
    settle: float = attrs.field(validator=[_seconds, _at_most_a_day])
    queue_timeout: float | None = attrs.field(validator=attrs.validators.optional(_seconds))
    before_send: BeforeSend | None = attrs.field(validator=_hook)
    listeners: tuple[Guarded, ...] = attrs.field(default=(), converter=_guarded)
    lane: LaneName = attrs.field(default="interactive", validator=_lane)

    @property
    def queue(self) -> float | None:
        """Seconds a call waits for its first grant before its clock starts; None: it runs."""
        if self.lane == "interactive":
            return None
        return float("inf") if self.queue_timeout is None else self.queue_timeout
