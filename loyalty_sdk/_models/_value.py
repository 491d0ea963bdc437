"""What all neutral values can do, and how they look as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

import attrs

from loyalty_sdk import _checks

if TYPE_CHECKING:
    from collections.abc import Mapping


class Value:
    """What all neutral values can do."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The value as JSON would carry it: money and times as text, enums as their value."""
        return {
            field.name: plain(getattr(self, field.name))
            for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(self)))
            if not field.name.startswith("_")
        }

    def to_json(self) -> str:
        """`to_dict` as compact JSON text."""
        from loyalty_sdk.wire import encode  # noqa: PLC0415 - msgspec is imported when first needed

        return encode(self.to_dict()).decode()


_SCALARS = {str, int, bool, float, type(None)}


def plain(value: Any) -> Any:
    """``value`` in the types JSON has, without loss."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, Value):
        return value.to_dict()
    if _checks.is_mapping(value):
        return {key: item if type(item) in _SCALARS else plain(item) for key, item in value.items()}
    if _checks.is_list(value):
        return [plain(item) for item in value]
    return _plain_scalar(value)


def present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``fields`` that are not None, as `plain` has them."""
    return {
        name: value if type(value) in _SCALARS else plain(value)
        for name, value in fields.items()
        if value is not None
    }


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, Decimal):
        return amount(value)
    if isinstance(value, datetime):
        return timestamp(value)
    return value.value if isinstance(value, StrEnum) else value


def amount(money: Decimal) -> str:
    """``money`` without an exponent, every digit kept; a negative zero is a zero."""
    return format(money or money.copy_abs(), "f")


def timestamp(moment: datetime) -> str:
    """``moment`` as ISO 8601 in UTC with a ``Z``, to the microsecond where it has any."""
    # What vendors sent is in UTC already; converting it again costs more than printing it.
    shown = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return shown.isoformat()[: -len("+00:00")] + "Z"
