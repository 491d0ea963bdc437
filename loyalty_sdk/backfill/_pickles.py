"""Rows and receipts as bytes that a journal keeps."""

from __future__ import annotations

import io
import pickle
from typing import Any

# A journal may come from anywhere: reading one makes these and runs nothing else.
_TAKEN = {
    "builtins": {"set", "frozenset"},
    "copyreg": {"_reconstructor"},
    "datetime": {"datetime", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "functools": {"partial"},
    "loyalty_sdk._call": {"Sent"},
    "loyalty_sdk._look": {"Trace"},
    "loyalty_sdk._models._activity": {"Activity"},
    "loyalty_sdk._models._adjustment": {"PointsAdjustment"},
    "loyalty_sdk._models._customer": {"Customer"},
    "loyalty_sdk._models._order": {"DiscountCode", "Order"},
    "loyalty_sdk._models._receipt": {"Receipt"},
    "loyalty_sdk._models._transaction": {"Transaction"},
    "loyalty_sdk._models._words": {"Outcome", "TransactionKind"},
    "loyalty_sdk.backfill._rows": {"Row"},
}


def freeze(value: Any) -> bytes:
    """``value`` as bytes."""
    return pickle.dumps(value, protocol=5)


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
