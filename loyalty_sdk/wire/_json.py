"""JSON to attrs classes and back.

Vendor data is decoded by msgspec, which is strict about types: cattrs would make ``1`` of
``1.9`` and ``"None"`` of ``None``.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args

import attrs
import msgspec

from loyalty_sdk import _checks
from loyalty_sdk._secrets import MaskedBytes
from loyalty_sdk.errors import MalformedResponseError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

T = TypeVar("T")

Id = int | Annotated[str, msgspec.Meta(min_length=1)]
"""A vendor's id as it stands in an answer: a number, or text that is not empty."""

Aware = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with its offset from UTC; without one nobody knows which moment it is."""


class Shape(msgspec.Struct, kw_only=True, gc=False):
    """What a part of an answer looks like, with the vendor's field names.

    Read two to three times faster than an attrs class; it never leaves the adapter.
    """


_EXPONENT = re.compile(rb"[0-9]E[+-][0-9]")


def _simple(value: Any) -> Any:
    """A subclass of a JSON type as that type, which is all msgspec knows."""
    kinds: tuple[Any, ...] = (str, int, float)
    for kind in kinds:
        if isinstance(value, kind):
            return kind.__new__(kind, value)
    if isinstance(value, Decimal):
        return Decimal(value)
    if isinstance(value, datetime):
        return datetime.combine(value.date(), value.timetz())
    if _checks.is_mapping(value):
        return dict(value)
    raise TypeError(f"{_checks.kind(value)} is not a JSON type")


_encoder = msgspec.json.Encoder(enc_hook=_simple)
_number_encoder = msgspec.json.Encoder(enc_hook=_simple, decimal_format="number")


def encode(value: Any, *, decimals: Literal["text", "number"] = "text") -> MaskedBytes:
    """``value`` as compact JSON; a `Decimal` becomes text or a number, digit by digit."""
    encoder = _encoder if decimals == "text" else _number_encoder
    body = encoder.encode(value)
    if b"E" in body and _EXPONENT.search(body):
        body = encoder.encode(_written_out(value, decimals))
    return MaskedBytes(body)


def _written_out(value: Any, decimals: Literal["text", "number"]) -> Any:
    """``value`` with every `Decimal` as it stands in JSON: msgspec would use exponents."""
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text if decimals == "text" else msgspec.Raw(text.encode())
    if _checks.is_mapping(value):
        return {key: _written_out(item, decimals) for key, item in value.items()}
    if _checks.is_list(value):
        return [_written_out(item, decimals) for item in value]
    return value


def decode_json(body: bytes) -> Any:
    """``body`` as plain JSON types.

    Raises:
        MalformedResponseError: It is not JSON.
    """
    return decode(body, Any)


def decode(body: bytes, kind: type[T] | Any) -> Any:
    """``body`` as ``kind``, an attrs class with the vendor's field names, or any type.

    Raises:
        MalformedResponseError: It is not JSON, or its shape differs; ``path`` says where.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as exc:
        raise _unexpected(exc, "$") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedResponseError(f"the answer is not JSON: {kind_of(body)}") from exc


def decode_leniently(body: bytes) -> Any:
    """Like `decode_json`, but also where a part that nobody asked for is damaged.

    `decode` skips unknown fields without looking into them, so what it took may hold bytes
    that are no UTF-8, or numbers beyond any float.
    """
    try:
        return json.loads(body.decode(errors="replace"))
    except (ValueError, RecursionError) as exc:
        raise MalformedResponseError(f"the answer is not JSON: {kind_of(body)}") from exc


def read_json(text: str, *, decimals: bool = True) -> Any:
    """JSON that people or their programs wrote, as plain types.

    A number with a point or an exponent becomes a `Decimal`, or a float if ``decimals`` is
    False. What Python's `json` lets pass is
    refused: NaN and Infinity, which are no JSON, and two values under one key.

    Raises:
        ValueError: It is not JSON; the message says why and quotes no value.
    """
    try:
        return _exact(text) if decimals else _plain(text)
    except json.JSONDecodeError as exc:
        raise ValueError(f"{exc.msg} at character {exc.pos + 1}") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("one key stands twice in an object")
    return found


_strict: Any = {"parse_constant": _no_constant, "object_pairs_hook": _unique_keys}
_exact = json.JSONDecoder(parse_float=Decimal, **_strict).decode
_plain = json.JSONDecoder(**_strict).decode


def convert(value: object, kind: type[T] | Any, path: str = "$") -> Any:
    """Like `decode`, but of plain JSON types that were found at ``path``."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        raise _unexpected(exc, path) from None


def salvage(value: object, kind: type[T], path: str = "$") -> T:
    """Like `convert`, but part by part where the whole does not fit.

    A part that may be None reads as None when it is of another type, and null reads as
    absent. No part is coerced.

    Args:
        value: Plain JSON types.
        kind: An attrs class with the vendor's field names.
        path: Where ``value`` stands in the answer.

    Raises:
        MalformedResponseError: A part without default is missing, or one that may not be
            None is of another type; ``path`` names it.
    """
    try:
        found: T = convert(value, kind, path)
    except MalformedResponseError:
        if not _checks.is_mapping(value):
            raise
        found = _salvaged(value, kind, path)
    return found


def _salvaged(value: Mapping[str, Any], kind: Any, path: str) -> Any:
    parts: dict[str, Any] = {}
    for name, wanted, optional in _fields(kind):
        part = _part(value.get(name), wanted, f"{path}.{name}", optional=optional)
        if part is not attrs.NOTHING:
            parts[name] = part
    return kind(**parts)


def _fields(kind: Any) -> list[tuple[str, Any, bool]]:
    """The fields of a class: their names, their types, and whether they have a default."""
    if _is_shape(kind):
        return [(each.name, each.type, not each.required) for each in msgspec.structs.fields(kind)]
    known = attrs.fields(attrs.resolve_types(kind))
    return [(each.name, each.type, each.default is not attrs.NOTHING) for each in known]


def _is_shape(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Shape)


def _part(value: object, wanted: Any, path: str, *, optional: bool) -> Any:
    """``value`` as ``wanted``, or NOTHING where its default takes over."""
    alternatives = get_args(wanted)
    if value is None and (optional or type(None) in alternatives):
        return attrs.NOTHING
    parts = next((each for each in alternatives if _is_shape(each) or attrs.has(each)), None)
    try:
        return convert(value, wanted, path) if parts is None else salvage(value, parts, path)
    except MalformedResponseError:
        if type(None) not in alternatives:
            raise
        return attrs.NOTHING


def _unexpected(exc: msgspec.ValidationError, path: str) -> MalformedResponseError:
    message, _, rest = str(exc).partition(" - at ")
    return malformed(path + rest.strip("`").removeprefix("$"), message)


def malformed(path: str, why: str) -> MalformedResponseError:
    """The error for an answer that stops making sense at ``path``."""
    error = MalformedResponseError(f"unexpected answer at {path}: {why}")
    error.path = path
    return error


def in_utc(moment: datetime, path: str) -> datetime:
    """``moment``, which was found at ``path``, in UTC.

    Raises:
        MalformedResponseError: UTC has no such time.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise malformed(path, "there is no such time in UTC") from None


@contextmanager
def located(cursor: str | None) -> Generator[None, None, None]:
    """Let a `MalformedResponseError` say which page it is about."""
    try:
        yield
    except MalformedResponseError as error:
        where = "the first page" if cursor is None else f"the page at cursor {cursor!r}"
        error.hint = f"It is on {where}"
        raise


def kind_of(body: bytes) -> str:
    """What an unreadable body looks like, without quoting it."""
    if not body.strip():
        return "it is empty"
    if body.lstrip()[:1] == b"<":
        return f"{len(body)} bytes that look like HTML"
    return f"{len(body)} bytes"
