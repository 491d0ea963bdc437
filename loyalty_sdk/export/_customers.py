"""Customers as they were given: checked one by one, as they are taken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from loyalty_sdk import _checks
from loyalty_sdk.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


class Customers:
    """Merchant's ids as the filters that list their rows; each is checked when it is taken.

    Raises:
        ConfigurationError: One text instead of many, nothing that can be gone through, or ids
            that were taken before and are gone; a run without customers would end well and
            lose all their rows. Or a database that they come from has failed.
        ValidationError: An id is none; it says which.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        _check_ids(ids)
        self._ids = ids
        self._taken = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        ids = iter(self._ids)
        if self._taken and ids is self._ids:
            hint = "Give a list, or make another Export for another run"
            raise ConfigurationError("customers: they can be read only once, and were", hint=hint)
        self._taken = True
        for number, customer_id in enumerate(_given(ids), 1):
            problems: list[Problem] = []
            _checks.identifier(problems, f"id {number}", customer_id)
            _checks.finish("the list of customers", problems)
            yield {"customer_id": customer_id}


def _check_ids(ids: Any) -> None:
    if isinstance(ids, str):
        raise ConfigurationError("customers: wanted some ids, got one text", hint=f"[{ids!r}]")
    if not isinstance(ids, Iterable):
        kind = type(ids).__name__
        hint = "Give a list; what comes from an async generator is collected first"
        raise ConfigurationError(f"customers: wanted some ids, got {kind}", hint=hint)


def _given(ids: Iterator[str]) -> Iterator[str]:
    try:
        yield from ids
    except sqlite3.Error as exc:
        # Else it would be taken for the checkpoint's.
        hint = "They are taken in a thread of the export's: give a list, if that is the reason"
        why = str(exc).rstrip(".")
        raise ConfigurationError(f"customers: they cannot be read: {why}", hint=hint) from exc
