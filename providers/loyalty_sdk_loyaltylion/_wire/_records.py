"""Records of everything else, and the ids in them as text."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from loyalty_sdk._models import Page
from loyalty_sdk.wire import convert, decode_json, salvage
from loyalty_sdk_loyaltylion._models import (
    ActivityRecord,
    CustomerRecord,
    OrderRecord,
    Record,
    Site,
)

from ._lists import after, rows_of

T = TypeVar("T", bound=Record)


def read_activities(body: bytes) -> Page[ActivityRecord]:
    """A page of activities; raises like `read_records`."""
    return read_records(body, "activities", ActivityRecord)


def read_customers(body: bytes) -> Page[CustomerRecord]:
    """A page of customers; raises like `read_records`."""
    return read_records(body, "customers", CustomerRecord)


def read_orders(body: bytes) -> Page[OrderRecord]:
    """A page of orders; raises like `read_records`."""
    return read_records(body, "orders", OrderRecord)


def read_sites(body: bytes) -> tuple[Site, ...]:
    """All sites; raises like `read_records`."""
    return read_records(body, "sites", Site).items


def read_records(body: bytes, key: str, kind: type[T]) -> Page[T]:
    """A page whose rows stand under ``key``.

    Raises:
        MalformedResponseError: It is no page, or a row lacks the id its class requires.
    """
    rows, cursor = rows_of(body, key)
    items = [_record(row, kind, f"$.{key}[{index}]") for index, row in enumerate(rows)]
    return Page(tuple(items), after(cursor))


def read_order(body: bytes) -> OrderRecord:
    """The one order of `get_order`, which comes without a wrapper."""
    return _record(decode_json(body), OrderRecord, "$")


def _record(row: Any, kind: type[T], path: str) -> T:
    parts = _with_text_ids(convert(row, dict[str, Any], path))
    return salvage({**parts, "raw": row}, kind, path)


def _with_text_ids(parts: dict[str, Any]) -> dict[str, Any]:
    """``parts`` with the ids in it as text: LoyaltyLion has numbers and text, we have text."""
    return {name: _with_text_id(name, part) for name, part in parts.items()}


def _with_text_id(name: str, part: Any) -> Any:
    if isinstance(part, dict):
        return _with_text_ids(cast("dict[str, Any]", part))
    is_id = type(part) is int and (name == "id" or name.endswith("_id"))
    return str(part) if is_id else part
