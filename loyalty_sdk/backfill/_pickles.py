"""Rows and receipts as bytes that a journal keeps."""

from __future__ import annotations

import io
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import attrs

from loyalty_sdk import wire
from loyalty_sdk._models import Activity, Order, PointsAdjustment

from ._rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in (Activity, Order, PointsAdjustment)}
_MOMENTS: dict[Any, str] = {Activity: "occurred_at", Order: "placed_at"}

# A journal may come from anywhere: reading one makes these and runs nothing else.
_TAKEN = {
    "builtins": {"float", "frozenset", "int", "set", "str"},
    "copyreg": {"_reconstructor"},
    "datetime": {"datetime", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "functools": {"partial"},
    "loyalty_sdk._call": {"Sent"},
    "loyalty_sdk._look": {"Trace"},
    "loyalty_sdk._models._customer": {"Customer"},
    "loyalty_sdk._models._receipt": {"Receipt"},
    "loyalty_sdk._models._transaction": {"Transaction"},
    "loyalty_sdk._models._words": {"Outcome", "TransactionKind"},
}


def freeze_row(row: Row) -> bytes:
    """``row`` as JSON, which is made and read in a fraction of the time that a pickle takes."""
    value: Any = row.value
    name = _MOMENTS.get(type(value), "")
    moment = getattr(value, name, None)
    if moment is not None and moment.tzinfo is not UTC:
        # Whatever its offset is: some had seconds once, which JSON's cannot have.
        row = attrs.evolve(row, value=attrs.evolve(value, **{name: moment.astimezone(UTC)}))
    return bytes(wire.encode((type(value).__name__, row)))


def thaw_row(data: bytes) -> Row:
    """What `freeze_row` was given.

    Raises:
        Exception: The bytes are damaged.
    """
    name, fields = wire.decode_json(data)
    return Row(**fields | {"value": wire.convert(fields["value"], _KINDS[name])})


def freeze(value: Any) -> bytes:
    """``value`` as bytes, in which texts, numbers and times have no class of the caller's own."""
    file = io.BytesIO()
    _Freeze(file, protocol=5).dump(value)
    return file.getvalue()


class _Freeze(pickle.Pickler):
    def reducer_override(self, value: Any, /) -> Any:
        """What `thaw` takes in place of what it does not: time zones are made by code."""
        kind: Any = value.__class__
        if isinstance(value, datetime):
            return NotImplemented if value.tzinfo is UTC and kind is datetime else _in_utc(value)
        if kind.__name__ in _TAKEN.get(kind.__module__, ()):
            return NotImplemented
        for plain, convert in _PLAIN.items():
            if isinstance(value, plain):
                return plain, (convert(value),)
        return NotImplemented


# An enum's own `__str__` may give its name.
_PLAIN: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int,
    float: float,
    Decimal: Decimal,
}


def _in_utc(moment: datetime) -> tuple[Any, ...]:
    there = moment.astimezone(UTC)
    return cast("tuple[Any, ...]", datetime.combine(there.date(), there.time(), UTC).__reduce__())


def thaw(data: bytes) -> Any:
    """What `freeze` was given.

    Raises:
        pickle.UnpicklingError: The bytes are damaged, or ask for what no journal holds.
    """
    return _Thaw(io.BytesIO(data)).load()


class _Thaw(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if name not in _TAKEN.get(module, ()):
            raise pickle.UnpicklingError(f"a journal holds no {module}.{name}")
        return super().find_class(module, name)
