"""That whoever takes rows is async, and can be waited for."""

from __future__ import annotations

from functools import partial
from inspect import isawaitable, isbuiltin, iscoroutinefunction, isfunction, unwrap
from types import MethodType
from typing import TYPE_CHECKING, Any

from loyalty_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from ._values import Batch, Consumer


def check_async(consumer: Consumer) -> None:
    """Refuse a function that is plainly not async before everything is read for it.

    An object, or a lambda, may hand on what an async function returns: `take` looks at that.

    Raises:
        ConfigurationError: It is not.
    """
    function: Any = consumer
    while isinstance(function, partial | MethodType):
        function = function.func if isinstance(function, partial) else function.__func__
    written = isfunction(function) and function.__name__ != "<lambda>"
    if isbuiltin(function) or (written and not iscoroutinefunction(unwrap(function))):
        raise _not_async(function)


async def take(consumer: Consumer, batch: Batch) -> None:
    """Wait until ``consumer`` has ``batch``.

    Raises:
        ConfigurationError: It cannot be waited for; nobody knows what it did with the batch.
        Exception: Whatever it raises.
    """
    taking: object = consumer(batch)
    if not isawaitable(taking):
        raise _not_async(consumer)
    await taking


def _not_async(consumer: object) -> ConfigurationError:
    name = getattr(consumer, "__qualname__", type(consumer).__qualname__)
    return ConfigurationError(f"the consumer {name} is not async", hint="Write it as `async def`")
