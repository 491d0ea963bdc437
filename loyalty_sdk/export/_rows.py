"""A transaction as one line of a file, and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from loyalty_sdk import wire
from loyalty_sdk._models import Customer, Transaction, TransactionKind, timestamp

Encode = Callable[[Transaction], bytes]
"""Makes of a row what a checkpoint keeps and a sink writes."""

COLUMNS = (
    "id",
    "customer_id",
    "customer_email",
    "points",
    "pending",
    "balance",
    "kind",
    "created_at",
    "reason",
    "order_id",
)
"""Of CSV and Parquet; ``raw`` follows where it is asked for."""


def columns(*, raw: bool) -> tuple[str, ...]:
    """The names of the columns."""
    return (*COLUMNS, "raw") if raw else COLUMNS


def values(row: Transaction) -> tuple[Any, ...]:
    """What stands in `COLUMNS`."""
    customer = row.customer
    return (
        row.id,
        None if customer is None else customer.id,
        None if customer is None else customer.email,
        row.points,
        row.pending,
        row.balance,
        row.kind.value,
        row.created_at,
        row.reason,
        row.order_id,
    )


def csv_header(*, raw: bool) -> bytes:
    """The first line of CSV."""
    return (",".join(columns(raw=raw)) + "\n").encode()


def csv_row(row: Transaction) -> bytes:
    r"""The row as CSV (RFC 4180, but ``\n``): None is nothing, and text without letters ``""``."""
    return utf8(_cells(row) + "\n")


def csv_row_with_raw(row: Transaction) -> bytes:
    """The same, and behind it the vendor's own row as JSON."""
    return utf8(f"{_cells(row)},{_cell(as_json(row.raw).decode())}\n")


def _cells(row: Transaction) -> str:
    customer = row.customer
    whose = "," if customer is None else f"{_cell(customer.id)},{_cell(customer.email)}"
    balance = "" if row.balance is None else row.balance
    return (
        f"{_cell(row.id)},{whose},{row.points},{row.pending},{balance},{row.kind.value},"
        f"{timestamp(row.created_at)},{_cell(row.reason)},{_cell(row.order_id)}"
    )


def _cell(text: str | None) -> str:
    if text is None:
        return ""
    # Most are numbers or single words, which this tells fastest.
    if text.isalnum() or not _needs_quotes(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def _needs_quotes(text: str) -> bool:
    # Blanks at the ends too, which some readers strip; and text without letters is not nothing.
    special = '"' in text or "," in text or "\n" in text or "\r" in text
    return special or text != text.strip() or not text


def json_row(row: Transaction) -> bytes:
    """The row as one line of JSON, as `Transaction.to_json` makes it."""
    return as_json(_plain(row)) + b"\n"


def json_row_with_raw(row: Transaction) -> bytes:
    """The same with ``raw``, the vendor's own row."""
    return as_json(_plain(row) | {"raw": row.raw}) + b"\n"


def as_json(value: Any) -> bytes:
    """``value`` as compact JSON, whatever a vendor put into it."""
    try:
        return wire.encode(value)
    except UnicodeEncodeError:
        return utf8(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def utf8(text: str) -> bytes:
    """Half a surrogate pair, which JSON can say and UTF-8 cannot, becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _plain(row: Transaction) -> dict[str, Any]:
    # Not `to_dict`, which takes five times as long: every value of a row is known here.
    customer = row.customer
    return {
        "id": row.id,
        "customer": customer and {"id": customer.id, "email": customer.email},
        "points": row.points,
        "pending": row.pending,
        "balance": row.balance,
        "kind": row.kind.value,
        "created_at": timestamp(row.created_at),
        "reason": row.reason,
        "order_id": row.order_id,
    }


def restore(line: bytes) -> Transaction:
    """The row of `json_row`; ``raw`` is empty where it was left out."""
    fields = wire.decode_json(line)
    customer = fields["customer"]
    return Transaction(
        **fields
        | {
            "customer": customer and Customer(**customer),
            "kind": TransactionKind(fields["kind"]),
            "created_at": datetime.fromisoformat(fields["created_at"]),
        }
    )
