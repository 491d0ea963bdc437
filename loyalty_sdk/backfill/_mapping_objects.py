"""Rows of objects, each of which names its own columns: JSON, mappings, neutral values."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk import _checks
from loyalty_sdk._models import Activity, Order, PointsAdjustment

from ._mapping import ALL_OTHERS, KINDS, Columns
from ._mapping_rows import Builder, Labels, nested, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._rows import BadRow, Position, Row

_NEUTRAL = Order | Activity | PointsAdjustment
_NOTHING = object()
_PARTS = ("customer.id", "customer.email")


@attrs.define
class Objects:
    """Makes rows of mappings and of neutral values.

    A mapping holds fields by name, or what ``to_dict()`` gives. What stands in it and is no
    field makes a bad row of it, unless the mapping ignores it.

    Args:
        columns: The mapping.
        texts: Whether text may stand for what is none, as in a table; empty text is nothing.
    """

    columns: Columns
    texts: bool = False
    _builder: Builder = attrs.field(init=False)
    _candidates: tuple[tuple[str, tuple[str, ...]], ...] = attrs.field(init=False)
    _nothing: tuple[object, ...] = attrs.field(init=False)
    _ignored: frozenset[str] = attrs.field(init=False)
    _taken: frozenset[str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._builder = Builder(self.columns, self.texts)
        # By identity first, so that a value of any class may be compared.
        self._nothing = (_NOTHING, None, "") if self.texts else (_NOTHING, None)
        self._candidates = tuple(self.columns.candidates().items())
        mapped = self.columns.columns.values()
        self._taken = frozenset((*mapped, *self.columns.ignore))
        # Of a part that is ignored otherwise, somebody may want one thing.
        self._ignored = frozenset(self.columns.ignore).difference(
            column.partition(".")[0] for column in mapped
        )

    def build(self, at: Position, given: Any) -> Row | BadRow:
        """The row at ``at``."""
        kind = KINDS[self.columns.operation]
        if isinstance(given, kind):
            return row_of(at, given, self.columns.operation)
        if isinstance(given, _NEUTRAL) or not _checks.is_mapping(given):
            wanted = f"wanted a mapping or {kind.__name__}, got {_checks.kind(given)}"
            return self._builder.bad(at, given, (wanted,))
        try:
            return self._build(at, given)
        except RecursionError:
            return self._builder.bad(at, given, ("is nested too deep",))

    def _build(self, at: Position, given: Mapping[Any, Any]) -> Row | BadRow:
        offered = given
        if not self._ignored.isdisjoint(given):
            offered = {name: given[name] for name in given if name not in self._ignored}
        rest = dict(offered)
        flat: dict[str, Any] = {}
        chosen: dict[str, str] = {}
        for path, names in self._candidates:
            column, value = _take(offered, rest, names)
            if column is not None:
                chosen[path] = column
            if value not in self._nothing:
                flat[path] = value
        record = nested(flat)
        problems = [*self._whole_customer(record, rest), *self._unused(rest)]
        if problems:
            return self._builder.bad(at, given, problems)
        if "properties" in record:
            record["properties"] = _floats(record["properties"])
        return self._builder.build(at, record, lambda: given, Labels(chosen, self.texts))

    def _whole_customer(self, record: dict[str, Any], rest: dict[Any, Any]) -> Iterable[str]:
        """A customer may stand there as a part, as ``to_dict()`` writes it."""
        part = rest.pop("customer", None)
        if _checks.is_mapping(part):
            named = {f"customer.{name}": (name, part[name]) for name in part}
            left = {path: found for path, found in named.items() if path not in self._taken}
            own = dict(left[path] for path in _PARTS if path in left)
            yield from self._unused({path: None for path in left if path not in _PARTS})
            record["customer"] = {**own, **record.get("customer", {})}
        elif part is not None:
            yield f"customer: wanted a mapping, got {_checks.kind(part)}"

    def _unused(self, rest: Mapping[Any, Any]) -> Iterable[str]:
        if ALL_OTHERS in self.columns.ignore:
            return
        for name in sorted(map(str, rest)):
            if name not in self.columns.ignore:
                yield f"{name}: is no field of {self.columns.operation}; map it or ignore it"


def _take(
    given: Mapping[Any, Any], rest: dict[Any, Any], names: tuple[str, ...]
) -> tuple[str | None, Any]:
    """The first of ``names`` that is there, and its value; a dot may lead into a part."""
    for name in names:
        if name in given:
            rest.pop(name, None)
            return name, given[name]
        value = _inside(given, name) if "." in name else _NOTHING
        if value is not _NOTHING:
            # The parts of a customer are fields, so what is left of one is looked at too.
            if not name.startswith("customer."):
                rest.pop(name.partition(".")[0], None)
            return name, value
    return None, _NOTHING


def _inside(given: Any, path: str) -> Any:
    for step in path.split("."):
        if not (_checks.is_mapping(given) and step in given):
            return _NOTHING
        given = given[step]
    return given


def _floats(value: Any) -> Any:
    """JSON numbers as `float` where nothing is lost; properties are plain JSON."""
    if isinstance(value, Decimal):
        simple = float(value)
        return simple if Decimal(repr(simple)) == value else value
    if _checks.is_mapping(value):
        return {key: _floats(item) for key, item in value.items()}
    return [_floats(item) for item in value] if _checks.is_list(value) else value
