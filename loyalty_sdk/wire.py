"""JSON to attrs classes and back.

Vendor data is decoded by msgspec, which is strict about types: cattrs would make ``1`` of
``1.9`` and ``"None"`` of ``None``. cattrs structures what people wrote, strictly too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, cast, get_args, get_origin

import attrs
import msgspec

from . import _checks
from ._secrets import MaskedBytes
from .errors import MalformedResponseError, Problem, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cattrs import Converter

T = TypeVar("T")

Id = int | Annotated[str, msgspec.Meta(min_length=1)]
"""A vendor's id as it stands in an answer: a number, or text that is not empty."""

Aware = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with its offset from UTC; without one nobody knows which moment it is."""

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# Not more than microseconds: datetime would cut the rest off in silence.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _simple(value: Any) -> Any:
    """A subclass of a JSON type as that type, which is all msgspec knows."""
    kinds: tuple[Any, ...] = (str, int, float)
    for kind in kinds:
        if isinstance(value, kind):
            return kind.__new__(kind, value)
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, Any]", value))
    raise TypeError(f"{_checks.kind(value)} is not a JSON type")


_encoder = msgspec.json.Encoder(enc_hook=_simple)


def encode(value: Any) -> MaskedBytes:
    """``value`` as compact JSON; a `Decimal` becomes text."""
    return MaskedBytes(_encoder.encode(value))


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
        return convert(value, kind, path)  # type: ignore[no-any-return]
    except MalformedResponseError:
        if not isinstance(value, dict):
            raise
    parts = (
        (field, _part(value.get(field.name), field, f"{path}.{field.name}"))
        for field in attrs.fields(attrs.resolve_types(kind))  # type: ignore[type-var]
    )
    return kind(**{field.alias: part for field, part in parts if part is not attrs.NOTHING})


def _part(value: object, field: attrs.Attribute[Any], path: str) -> Any:
    """``value`` as ``field`` wants it, or NOTHING where its default takes over."""
    alternatives = get_args(field.type)
    if value is None and (field.default is not attrs.NOTHING or type(None) in alternatives):
        return attrs.NOTHING
    parts = next(filter(attrs.has, alternatives), None)
    try:
        return convert(value, field.type, path) if parts is None else salvage(value, parts, path)
    except MalformedResponseError:
        if type(None) not in alternatives:
            raise
        return attrs.NOTHING


def _unexpected(exc: msgspec.ValidationError, path: str) -> MalformedResponseError:
    message, _, rest = str(exc).partition(" - at ")
    path += rest.strip("`").removeprefix("$")
    error = MalformedResponseError(f"unexpected answer at {path}: {message}")
    error.path = path
    return error


def kind_of(body: bytes) -> str:
    """What an unreadable body looks like, without quoting it."""
    if not body.strip():
        return "it is empty"
    if body.lstrip()[:1] == b"<":
        return f"{len(body)} bytes that look like HTML"
    return f"{len(body)} bytes"


def structure(mapping: Mapping[str, Any], kind: type[T]) -> T:
    """A neutral value made of what its ``to_dict()`` gave, or of what a person wrote like it.

    Args:
        mapping: Keys are the attributes' names; one with a default may be missing.
        kind: `Customer`, `Activity`, `Order`, `PointsAdjustment`, `Transaction`, `Receipt`.

    Raises:
        ValidationError: Lists every problem by path. Nothing is coerced: see
            `configure_converter`.
    """
    from cattrs.errors import BaseValidationError  # noqa: PLC0415 - cattrs when first needed

    try:
        return _converter().structure(mapping, kind)
    except (BaseValidationError, ValidationError) as exc:
        problems = [
            Problem(found.path.removeprefix(".") or "$", found.message)
            for found in _problems(exc, "")
        ]
    problems += _further_problems(mapping, kind, {_head(problem) for problem in problems})
    raise ValidationError.of(kind.__name__, problems)


def configure_converter(converter: Converter) -> None:
    """Make a cattrs ``converter`` strict, the way neutral values need it.

    What it changes:

    - a class is made of a mapping only, unknown keys are refused by name, and a
      transaction's ``raw`` is left out, as in ``to_dict()``;
    - `str`, `int` and `bool` are taken as they are and never converted: not ``"1"`` for 1,
      not 1.9, not True for 1, not ``"false"`` for False;
    - `int` fits into 64 bits, `str` holds no lone surrogate;
    - `Decimal` is made of decimal text or an `int`, never of a float;
    - `datetime` is made of ISO 8601 text with an offset, to the microsecond at most;
    - a `Decimal` or an aware `datetime` that is one already stays;
    - enums and literals take one of their values and name them all otherwise;
    - a `Sequence` is made of a list or tuple, not of text or a mapping, and is a tuple;
    - a `Mapping` stays what it is; the value that holds it checks it.
    """
    from ._models import Transaction, Value  # noqa: PLC0415 - it imports this module

    def is_a(parent: type) -> Any:
        return lambda kind: isinstance(kind, type) and issubclass(kind, parent)

    def made_of(origin: Any) -> Any:
        return lambda kind: get_origin(kind) is origin

    for kind, rule in ((str, _checks.text), (int, _checks.integer), (bool, _boolean)):
        converter.register_structure_hook(kind, partial(_checked, rule))
    converter.register_structure_hook(Decimal, _decimal)
    converter.register_structure_hook(datetime, _datetime)
    converter.register_structure_hook_func(is_a(StrEnum), _member)
    converter.register_structure_hook_func(made_of(Literal), _literal)
    converter.register_structure_hook_func(made_of(Mapping), partial(_checked, _mapping))
    converter.register_structure_hook_func(made_of(Sequence), partial(_sequence, converter))
    converter.register_structure_hook_factory(is_a(Value), partial(_value_hook, converter))
    converter.register_structure_hook(
        Transaction, _value_hook(converter, Transaction, omitted="_raw")
    )


@cache
def _converter() -> Converter:
    from cattrs import Converter  # noqa: PLC0415 - cattrs when first needed

    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    configure_converter(converter)
    return converter


def _value_hook(converter: Converter, kind: type[T], *, omitted: str | None = None) -> Any:
    from cattrs.gen import make_dict_structure_fn, override  # noqa: PLC0415 - as above

    left_out = {omitted: override(omit=True)} if omitted else {}
    make = make_dict_structure_fn(kind, converter, **left_out)

    def hook(value: Any, kind: Any) -> T:
        return make(_checked(_mapping, value, kind), kind)

    return hook


def _checked(rule: Any, value: Any, _kind: Any) -> Any:
    problems: list[Problem] = []
    rule(problems, "", value)
    _checks.finish("it", problems)
    return value


def _wanted(wanted: str, value: object) -> ValidationError:
    problems: list[Problem] = []
    _checks.complain(problems, "", wanted, value)
    return ValidationError.of("it", problems)


def _boolean(problems: list[Problem], path: str, value: object) -> None:
    if not isinstance(value, bool):
        _checks.complain(problems, path, "a bool", value)


def _mapping(problems: list[Problem], path: str, value: object) -> None:
    if not isinstance(value, Mapping):
        _checks.complain(problems, path, "a mapping", value)


def _decimal(value: Any, _kind: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Decimal(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise _wanted('decimal text like "99.99" or an int', value)


def _datetime(value: Any, kind: Any) -> datetime:
    wanted = 'ISO 8601 text with an offset like "2026-05-01T10:00:00Z"'
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if _MOMENT.fullmatch(value) else value
        except ValueError:
            raise _wanted(wanted, value) from None
    if not isinstance(value, datetime):
        raise _wanted(wanted, value)
    return _checked(_checks.moment, value, kind)


def _member(value: Any, kind: type[StrEnum]) -> StrEnum:
    return kind(_one_of([member.value for member in kind], value))


def _literal(value: Any, kind: Any) -> Any:
    return _one_of(get_args(kind), value)


def _one_of(known: Sequence[str], value: Any) -> str:
    if isinstance(value, str) and value in known:
        return value
    raise _wanted(f"one of {', '.join(known)}", value)


def _sequence(converter: Converter, value: Any, kind: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise _wanted("a list or tuple", value)
    (item,) = get_args(kind)
    return converter.structure(value, tuple[item, ...])


def _problems(error: BaseException, path: str) -> Iterator[Problem]:
    """What cattrs and the values themselves found; a path begins with a dot, or is empty."""
    from cattrs.errors import (  # noqa: PLC0415 - as above
        BaseValidationError,
        ForbiddenExtraKeysError,
    )

    if isinstance(error, BaseValidationError):
        for part in error.exceptions:
            yield from _problems(part, path + _step(part))
    elif isinstance(error, ForbiddenExtraKeysError):
        for key in sorted(map(str, error.extra_fields)):
            yield Problem(f"{path}.{key}", "is not known here")
    elif isinstance(error, ValidationError):
        for found in error.problems:
            yield Problem(f"{path}.{found.path}" if found.path else path, found.message)
    elif isinstance(error, KeyError):
        yield Problem(path, "is missing")
    else:
        yield Problem(path, f"cannot be read: {type(error).__name__}")


def _step(part: BaseException) -> str:
    """Where in its whole ``part`` went wrong, as cattrs noted it."""
    for note in getattr(part, "__notes__", ()):
        if hasattr(note, "name"):
            return f".{note.name}"
        if hasattr(note, "type"):
            return f"[{note.index}]"
    return ""


def _further_problems(
    mapping: Any, kind: type[T], broken: set[str]
) -> Iterator[Problem]:
    """What the value itself says of its sound parts, when some could not be structured."""
    if "$" in broken:
        return
    sound = {
        name: _converter().structure(mapping[name], field.type)
        for name, field in attrs.fields_dict(cast("Any", kind)).items()
        if name in mapping and name not in broken
    }
    missing = dict.fromkeys(broken & attrs.fields_dict(cast("Any", kind)).keys())
    try:
        kind(**sound, **missing)
    except ValidationError as exc:
        yield from (found for found in exc.problems if _head(found) not in broken)


def _head(problem: Problem) -> str:
    return re.split(r"[.\[]", problem.path)[0]
