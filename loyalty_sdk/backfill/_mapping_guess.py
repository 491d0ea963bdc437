"""A look at a file, and what its columns may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

import attrs

from loyalty_sdk import _checks
from loyalty_sdk.errors import ConfigurationError, InputError

from ._mapping import Columns, Operation, columns_named_like, fields_of
from ._sources import format_of
from ._sources_csv import CsvFile
from ._sources_json import JsonLinesFile
from ._sources_lines import open_file
from ._sources_parquet import ParquetFile

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TypeAlias

_ROWS = 200
"""Rows that are looked at."""

_BYTES = 1 << 20
"""Bytes that are looked at for the encoding."""

_NAMES: Mapping[str, str] = {
    "customer.id": "customerid customer shopperid userid clientid memberid buyerid",
    "customer_id": "customerid customer shopperid userid clientid memberid buyerid id",
    "customer.email": "email customeremail emailaddress mail shopperemail",
    "id": "id orderid order orderno ordernumber eventid activityid transactionid uuid",
    "total": "total ordertotal totalprice grandtotal amount totalamount price sum value revenue",
    "total_shipping": "totalshipping shipping shippingcost shippingtotal",
    "total_paid": "totalpaid paid amountpaid paidamount",
    "payment_status": "paymentstatus status financialstatus",
    "number": "number ordernumber",
    "merchant_number": "merchantnumber ordername",
    "placed_at": "placedat orderedat orderdate createdat date timestamp time",
    "occurred_at": "occurredat happenedat createdat date timestamp time",
    "name": "name activity event action activityname eventname rule",
    "points": "points pointsdelta delta credit adjustment pointschange amount",
    "reason": "reason comment description message",
    "note": "note staffnote internalnote adminnote",
    "reference": "reference ref key ticket ticketid uuid adjustmentid id",
    "guest": "guest isguest",
    "ip_address": "ipaddress ip",
    "user_agent": "useragent browser",
    "referral_id": "referralid",
    "tracking_id": "trackingid",
}

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_AWARE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})")

Fits: TypeAlias = Callable[[str], object]

_SHAPES: Mapping[str, tuple[Fits, str]] = {
    "total": (_DECIMAL.fullmatch, "no plain decimals like 99.99"),
    "total_shipping": (_DECIMAL.fullmatch, "no plain decimals like 99.99"),
    "total_paid": (_DECIMAL.fullmatch, "no plain decimals like 99.99"),
    "points": (_WHOLE.fullmatch, "no whole numbers"),
    "customer.email": (lambda text: "@" in text, "no e-mail addresses"),
    "placed_at": (_AWARE.fullmatch, "no times with an offset from UTC like 2026-05-01T10:00:00Z"),
    "occurred_at": (_AWARE.fullmatch, "no times with an offset from UTC like 2026-05-01T10:00:00Z"),
    "payment_status": (
        ("not_paid", "partially_paid", "paid").__contains__,
        "none of not_paid, partially_paid, paid",
    ),
    "guest": (("true", "false").__contains__, "neither true nor false"),
}


@attrs.frozen
class Guess:
    """What a file's columns may be.

    Attributes:
        columns: The mapping, to be checked by somebody who knows the file.
        remarks: Why, by field.
        names: All columns of the file.
        lacking: Fields that a row must have and that nothing was found for.
    """

    columns: Columns
    remarks: Mapping[str, str]
    names: tuple[str, ...]
    lacking: tuple[str, ...]


def guess(path: Path, operation: Operation | None = None) -> Guess:
    """Look at the first rows of ``path``.

    Raises:
        InputError: It cannot be read.
        ConfigurationError: Nobody says what its rows are, and its columns do not either.
    """
    encoding = "utf-8" if _is_utf8(path) else "cp1252"
    samples = _samples(path, encoding)
    operation = operation or _operation(samples, path)
    chosen: dict[str, str] = {}
    remarks: dict[str, str] = {}
    for field in fields_of(operation):
        _choose(field, samples, chosen, remarks)
    fields = fields_of(operation)
    lacking = tuple(name for name, needed in fields.items() if needed and name not in chosen)
    left = tuple(name for name in samples if name not in chosen.values())
    columns = Columns(operation=operation, columns=chosen, ignore=left, encoding=encoding)
    return Guess(columns, remarks, tuple(samples), lacking)


def _choose(
    field: str,
    samples: Mapping[str, Sequence[str]],
    chosen: dict[str, str],
    remarks: dict[str, str],
) -> None:
    for column in _alike(field, samples):
        if column in chosen.values():
            continue
        wrong = _unfit(field, samples[column])
        if wrong is None:
            chosen[field] = column
            remarks.pop(field, None)
            if column not in columns_named_like(field):
                remarks[field] = "a guess"
            return
        remarks.setdefault(field, f"{column}? It holds {wrong}")


def _alike(field: str, columns: Iterable[str]) -> list[str]:
    """Columns that may be ``field`` by their name, the likeliest first."""
    names = [field.replace("_", "").replace(".", ""), *_NAMES.get(field, "").split()]
    ranked: list[tuple[int, str]] = []
    for column in columns:
        plain = re.sub(r"[^a-z0-9]", "", column.lower())
        rank = next((number for number, name in enumerate(names) if plain == name), None)
        if rank is None and field not in {"id", "customer_id", "reference", "name"}:
            begins = (number for number, name in enumerate(names) if plain.startswith(name))
            rank = next((100 + number for number in begins), None)
        if rank is not None:
            ranked.append((rank, column))
    return [column for _, column in sorted(ranked, key=lambda pair: pair[0])]


def _unfit(field: str, values: Sequence[str]) -> str | None:
    fits, wrong = _SHAPES.get(field, (None, None))
    filled = [value for value in values if value]
    if fits is None or _mostly(fits, filled):
        return None
    stripped = _mostly(fits, [value.strip() for value in filled])
    return f"{wrong}: there are blanks around them" if stripped else wrong


def _mostly(fits: Fits, values: Sequence[str]) -> bool:
    # Some bad rows are what dead letters are for; a column of them is another column.
    return 2 * sum(map(bool, map(fits, values))) >= len(values)


def _operation(samples: Mapping[str, Sequence[str]], path: Path) -> Operation:
    """What the rows are most likely meant as."""
    if _best("points", samples, exactly=True):
        return "adjust_points"
    if _best("total", samples, exactly=False):
        return "create_order"
    if _best("name", samples, exactly=False):
        return "track_activity"
    doubts = {
        column: wrong
        for field in ("points", "total", "name")
        for column in _alike(field, samples)
        if (wrong := _unfit(field, samples[column])) is not None
    }
    found = [", ".join(samples), *(f"{name}? It holds {wrong}" for name, wrong in doubts.items())]
    raise ConfigurationError(
        f"no column of {path.name} says what its rows are: {'. '.join(found)}",
        hint=f"Say --operation, one of {', '.join(get_args(Operation))}",
    )


def _best(field: str, samples: Mapping[str, Sequence[str]], *, exactly: bool) -> str | None:
    found = [each for each in _alike(field, samples) if _unfit(field, samples[each]) is None]
    if exactly:
        found = [each for each in found if "amount" not in each.lower()]
    return next(iter(found), None)


def _is_utf8(path: Path) -> bool:
    if path.suffix.lower() in {".gz", ".parquet", ".pq"}:
        return True
    with open_file(path) as file:
        begin = file.read(_BYTES)
    try:
        begin.decode()
    except UnicodeDecodeError as exc:
        # The last character may have been cut in two.
        return exc.start >= _BYTES - 4
    return True


def _samples(path: Path, encoding: str) -> dict[str, list[str]]:
    """The first values of each column, as text."""
    kind = format_of(path)
    columns = Columns(operation="create_order", encoding=encoding)
    if kind is CsvFile:
        return _of_csv(path, columns)
    if kind is JsonLinesFile:
        return _of_objects(JsonLinesFile(path, columns).first_objects(_ROWS), path)
    return {name: [] for name in ParquetFile(path, columns).names()}


def _of_csv(path: Path, columns: Columns) -> dict[str, list[str]]:
    rows = CsvFile(path, columns).first_rows(_ROWS)
    header = rows.pop(0)
    whole = [row for row in rows if len(row) == len(header)]
    return {name: [row[place] for row in whole] for place, name in enumerate(header)}


def _of_objects(objects: list[Any], path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in objects:
        if _checks.is_mapping(each):
            for name, value in _flat(each):
                found.setdefault(name, []).append("" if value is None else str(value))
    if not found:
        raise InputError(f"{path.name} has no JSON objects in its first lines")
    return found


def _flat(given: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in given.items():
        if name == "customer" and _checks.is_mapping(value):
            yield from ((f"customer.{part}", each) for part, each in value.items())
        else:
            yield name, value
