"""Neutral values made of what people wrote, by cattrs and without coercion."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache, partial
from types import GenericAlias, NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

import attrs

from loyalty_sdk import _checks
from loyalty_sdk.errors import Problem, ValidationError

from ._json import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cattrs import Converter

T = TypeVar("T")

_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_HUGE = re.compile(r"[+-]?0*[1-9][0-9]{19,}")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# Not more than microseconds: datetime would cut the rest off in silence.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)


def structure(mapping: Mapping[str, Any], kind: type[T], *, texts: bool = False) -> T:
    """A neutral value made of what its ``to_dict()`` gave, or of what a person wrote like it.

    Args:
        mapping: Keys are the attributes' names; one with a default may be missing.
        kind: `Customer`, `Activity`, `Order`, `PointsAdjustment`, `Transaction`, `Receipt`.
        texts: Whether it comes from a table that holds nothing but text: see `read_texts`.

    Raises:
        ValidationError: Lists every problem by path. Nothing is coerced: see
            `configure_converter`.
    """
    try:
        return _converter(texts=texts, detailed=False).structure(mapping, kind)
    except Exception:  # noqa: BLE001 - the slower converter says all that is wrong, by path
        return _structure_in_detail(mapping, kind, texts=texts)


def _structure_in_detail(mapping: Mapping[str, Any], kind: type[T], *, texts: bool) -> T:
    converter = _converter(texts=texts, detailed=True)
    try:
        return converter.structure(mapping, kind)
    except Exception as exc:  # noqa: BLE001 - none escapes: each becomes a problem with its path
        problems = [
            Problem(path.removeprefix(".") or "$", message) for path, message in _problems(exc)
        ]
    broken = {_head(problem) for problem in problems}
    problems += _further_problems(converter, mapping, kind, broken)
    raise ValidationError.of(kind.__name__, problems)


def from_cells(
    kind: Any, places: Mapping[str, int], fixed: Mapping[str, Any], *, texts: bool
) -> Callable[[Sequence[Any]], Any]:
    """What makes values of rows whose cells stand in the same places every time.

    It does what `structure` does, in half the time, and does not say what is wrong with a row
    that it raises for: `structure` does.

    Args:
        kind: As for `structure`.
        places: Where each field stands, parts with a dot: ``customer.id``. A cell that holds
            nothing is left out: None, and ``""`` where ``texts``.
        fixed: What is the same for every row.
        texts: As for `structure`.
    """
    nothing = ("", None) if texts else (None,)
    if not attrs.has(kind):
        return _mapping_maker(places, fixed, nothing)
    hook_of = _converter(texts=texts, detailed=False).get_structure_hook
    types: Any = {field.name: field.type for field in attrs.fields(attrs.resolve_types(kind))}
    own = [(name, place, hook_of(types[name]), types[name]) for name, place in _own(places)]
    same = [(name, value, hook_of(types[name]), types[name]) for name, value in _own(fixed)]
    parts = [
        (part, from_cells(types[part], _of(part, places), _of(part, fixed), texts=texts))
        for part in {path.partition(".")[0] for path in (*places, *fixed) if "." in path}
    ]

    def make(cells: Sequence[Any]) -> Any:
        given = {name: hook(value, wanted) for name, value, hook, wanted in same}
        for name, place, hook, wanted in own:
            if (cell := cells[place]) not in nothing:
                given[name] = hook(cell, wanted)
        for name, make_part in parts:
            given[name] = make_part(cells)
        return kind(**given)

    return make


def _mapping_maker(
    places: Mapping[str, int], fixed: Mapping[str, Any], nothing: tuple[Any, ...]
) -> Callable[[Sequence[Any]], Any]:
    """The same for a part that is a mapping: the value that holds it checks it."""

    def make(cells: Sequence[Any]) -> dict[str, Any]:
        given = {name: cells[at] for name, at in places.items() if cells[at] not in nothing}
        return {**given, **fixed}

    return make


def _own(paths: Mapping[str, T]) -> list[tuple[str, T]]:
    return [(path, found) for path, found in paths.items() if "." not in path]


def _of(part: str, paths: Mapping[str, T]) -> dict[str, T]:
    return {
        path.removeprefix(f"{part}."): found
        for path, found in paths.items()
        if path.startswith(f"{part}.")
    }


def read_texts(converter: Converter) -> None:
    """Let a ``converter`` made by `configure_converter` read what a table of texts holds.

    What it changes, and no more:

    - `int` is made of plain digits with at most a sign: ``"-20"``, not ``"20.0"`` nor ``" 20"``;
    - `bool` is made of ``"true"`` or ``"false"``, written so;
    - a `Sequence` and a `Mapping` are made of JSON text.
    """
    converter.register_structure_hook(int, _int_of_text)
    converter.register_structure_hook(bool, _bool_of_text)
    converter.register_structure_hook_func(_made_of(Mapping), _mapping_of_text)
    sequence = partial(_sequence, converter)
    converter.register_structure_hook_func(
        _made_of(Sequence), lambda value, kind: sequence(_json_of(value), kind)
    )


def configure_converter(converter: Converter) -> None:
    """Make a cattrs ``converter`` as strict as neutral values need it.

    What it changes:

    - a value is made of a mapping only, unknown keys are refused by name, and a
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
    from loyalty_sdk._models import Value  # noqa: PLC0415 - it imports this package

    converter.register_structure_hook(str, _text)
    for kind, rule in ((int, _checks.integer), (bool, _boolean)):
        converter.register_structure_hook(kind, _as_it_is(rule))
    converter.register_structure_hook(Decimal, _decimal)
    converter.register_structure_hook(datetime, _datetime)
    converter.register_structure_hook(StrEnum, _member)
    converter.register_structure_hook_factory(_made_of(Literal), _literal_hook)
    converter.register_structure_hook_func(_made_of(Mapping), _as_it_is(_mapping))
    converter.register_structure_hook_func(_made_of(Sequence), partial(_sequence, converter))
    converter.register_structure_hook_factory(_is_a(Value), partial(_value_hook, converter))
    converter.register_structure_hook_factory(_is_optional, partial(_optional_hook, converter))


@cache
def _converter(*, texts: bool, detailed: bool) -> Converter:
    from cattrs import Converter  # noqa: PLC0415 - cattrs is imported when first needed

    converter = Converter(forbid_extra_keys=True, detailed_validation=detailed)
    configure_converter(converter)
    if texts:
        read_texts(converter)
    return converter


def _int_of_text(value: Any, kind: Any) -> Any:
    if isinstance(value, str):
        if _WHOLE.fullmatch(value):
            value = int(value)
        elif _HUGE.fullmatch(value):
            # Not what it says, which may have thousands of digits: too much all the same.
            value = 1 << 64
        else:
            raise _wanted('a whole number in plain digits like "-20"', value)
    return _as_it_is(_checks.integer)(value, kind)


def _bool_of_text(value: Any, kind: Any) -> Any:
    if value in ("true", "false"):  # no set: the value may have no hash
        return value == "true"
    if isinstance(value, str):
        raise _wanted('"true" or "false"', value)
    return _as_it_is(_boolean)(value, kind)


def _mapping_of_text(value: Any, kind: Any) -> Any:
    return _as_it_is(_mapping)(_json_of(value, decimals=False), kind)


def _json_of(value: Any, *, decimals: bool = True) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return read_json(value, decimals=decimals)
    except ValueError as exc:
        raise ValidationError.of("it", [Problem("", f"is no JSON: {exc}")]) from None


def _is_a(parent: type) -> Callable[[Any], bool]:
    return lambda kind: isinstance(kind, type) and issubclass(kind, parent)


def _made_of(origin: Any) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is origin


def _value_hook(converter: Converter, kind: Any) -> Callable[[Any, Any], Any]:
    from cattrs.gen import (  # noqa: PLC0415 - cattrs is imported when first needed
        make_dict_structure_fn,
        override,
    )

    private: Any = {
        name: override(omit=True) for name in attrs.fields_dict(kind) if name.startswith("_")
    }
    make = make_dict_structure_fn(kind, converter, **private)
    mapping = _as_it_is(_mapping)
    return lambda value, kind: make(mapping(value, kind), kind)


def _is_optional(kind: Any) -> bool:
    union = get_origin(kind) in {Union, UnionType}
    return union and len(get_args(kind)) == 2 and NoneType in get_args(kind)


def _optional_hook(converter: Converter, kind: Any) -> Callable[[Any, Any], Any]:
    """As cattrs does it, but what stands beside None is looked up once."""
    [other] = (each for each in get_args(kind) if each is not NoneType)
    hook = converter.get_structure_hook(other)
    return lambda value, _kind: None if value is None else hook(value, other)


def _as_it_is(rule: Callable[[list[Problem], str, Any], Any]) -> Callable[[Any, Any], Any]:
    def hook(value: Any, _kind: Any) -> Any:
        problems: list[Problem] = []
        rule(problems, "", value)
        _checks.finish("it", problems)
        return value

    return hook


def _text(value: Any, _kind: Any) -> Any:
    # Nearly all text is plain, and a file has millions of cells.
    return value if type(value) is str and value.isascii() else _any_text(value, _kind)


_any_text = _as_it_is(_checks.text)
_any_moment: Callable[[Any, Any], datetime] = _as_it_is(_checks.moment)


def _boolean(problems: list[Problem], path: str, value: object) -> None:
    _checks.is_type(problems, path, value, bool)


def _mapping(problems: list[Problem], path: str, value: object) -> None:
    if not _checks.is_mapping(value):
        _checks.complain(problems, path, "a mapping", value)


def _wanted(wanted: str, value: object) -> ValidationError:
    problems: list[Problem] = []
    _checks.complain(problems, "", wanted, value)
    return ValidationError.of("it", problems)


def _decimal(value: Any, _kind: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Decimal(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise _wanted('decimal text like "99.99" or an int', value)


def _datetime(value: Any, kind: Any) -> datetime:
    moment = _moment(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise _wanted('ISO 8601 text with an offset like "2026-05-01T10:00:00Z"', value)
    return _any_moment(moment, kind)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None
    except ValueError:
        return None


def _member(value: Any, kind: Any) -> Any:
    return kind(_one_of([member.value for member in kind], value))


def _literal_hook(kind: Any) -> Callable[[Any, Any], Any]:
    known = get_args(kind)
    return lambda value, _kind: _one_of(known, value)


def _one_of(known: Sequence[str], value: Any) -> str:
    if isinstance(value, str) and value in known:
        return value
    raise _wanted(f"one of {', '.join(known)}", value)


def _sequence(converter: Converter, value: Any, kind: Any) -> Any:
    if not _checks.is_list(value):
        raise _wanted("a list or tuple", value)
    items: Any = GenericAlias(list, get_args(kind))
    return tuple(converter.structure(value, items))


def _problems(error: BaseException) -> Iterator[tuple[str, str]]:
    """Paths, empty or with a dot in front, and messages: what cattrs and the value found."""
    from cattrs.errors import (  # noqa: PLC0415 - cattrs is imported when first needed
        BaseValidationError,
        ForbiddenExtraKeysError,
    )

    if isinstance(error, BaseValidationError):
        for part in error.exceptions:
            for path, message in _problems(part):
                yield _step(part) + path, message
    elif isinstance(error, ForbiddenExtraKeysError):
        for key in sorted(map(str, error.extra_fields)):
            yield f".{key}", "is not known here"
    elif isinstance(error, ValidationError):
        for found in error.problems:
            yield (found.path and f".{found.path}"), found.message
    else:
        reason = "is missing" if isinstance(error, KeyError) else f"raised {type(error).__name__}"
        yield "", reason


def _step(part: BaseException) -> str:
    """Where in its whole ``part`` went wrong, as cattrs noted it."""
    for note in getattr(part, "__notes__", ()):
        if hasattr(note, "name"):
            return f".{note.name}"
        if hasattr(note, "type"):
            return f"[{note.index}]"
    return ""


def _further_problems(
    converter: Converter, mapping: Mapping[str, Any], kind: Any, broken: set[str]
) -> Iterator[Problem]:
    """What the value says of its sound parts, when it could not be made of the others."""
    if "$" in broken:
        return
    fields = attrs.fields_dict(kind)
    parts: dict[Any, Any] = {fields[name].alias: None for name in broken & fields.keys()}
    for name in (fields.keys() & mapping.keys()) - broken:
        parts[fields[name].alias] = converter.structure(mapping[name], fields[name].type or Any)
    try:
        kind(**parts)
    except ValidationError as exc:
        yield from (found for found in exc.problems if _head(found) not in broken)


def _head(problem: Problem) -> str:
    return re.split(r"[.\[]", problem.path)[0]
