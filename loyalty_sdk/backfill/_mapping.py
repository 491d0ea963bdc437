"""Which column of an input becomes which field of the value that is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs

from loyalty_sdk import _checks
from loyalty_sdk._models import Activity, Order, PointsAdjustment
from loyalty_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TypeAlias

Operation = Literal["create_order", "track_activity", "adjust_points"]
"""What a row can be sent as."""

Kind: TypeAlias = "type[Order | Activity | PointsAdjustment]"

KINDS: Mapping[str, Kind] = {
    "create_order": Order,
    "track_activity": Activity,
    "adjust_points": PointsAdjustment,
}
"""The class of the values that an operation sends."""

KEYS: Mapping[str, str] = {
    "create_order": "id",
    "track_activity": "id",
    "adjust_points": "reference",
}
"""The field that is the caller's own key, and the write's reference."""

ALL_OTHERS = "*"

_ALIASES = {
    "customer.id": ("customer.id", "customer_id"),
    "customer.email": ("customer.email", "customer_email", "email"),
}
_SEPARATORS = (",", ";", "\t", "|")


def fields_of(operation: str) -> dict[str, bool]:
    """Every field by its path, ``customer.id``, and whether a row must have it."""
    found: dict[str, bool] = {}
    for field in attrs.fields(KINDS[operation]):
        if field.name == "customer":
            found |= {"customer.id": True, "customer.email": False}
        else:
            found[field.name] = field.default is attrs.NOTHING
    return found


def columns_named_like(field: str) -> tuple[str, ...]:
    """The columns that are taken for ``field`` when nobody says which it is."""
    return _ALIASES.get(field, (field,))


def _frozen(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(values)


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _text(name: str) -> Callable[[Any, Any, Any], None]:
    def check(_: object, __: object, pairs: Mapping[Any, Any]) -> None:
        wrong = [key for key, value in pairs.items() if not isinstance(key, str) or value is None]
        if wrong:
            raise ConfigurationError(f"{name}: wanted FIELD = something")

    return check


def _are_columns(_: object, what: Any, named: Any) -> None:
    """The validator of columns by field, and of columns alone."""
    for name in named:
        column = named[name] if _checks.is_mapping(named) else name
        if not isinstance(column, str):
            where = what.name if column is name else f"{what.name}: {name}"
            raise ConfigurationError(
                f"{where}: wanted the name of a column, got {_checks.kind(column)}"
            )


@attrs.frozen(kw_only=True)
class Columns:
    """How rows become the values that are sent. Whatever is not said goes by name.

    Args:
        operation: ``create_order``, ``track_activity`` or ``adjust_points``.
        columns: The column of a field, where its name is another: ``{"total": "amount_eur"}``.
            A field in a part is written ``customer.id`` or ``properties.stars``.
        values: What is the same for every row, by field: ``{"reason": "Sorry"}``.
        ignore: Columns that are not sent, fields among them; ``*`` for all that are no field.
            Any other column that is no field is refused, since it may be a field misspelt.
        encoding: Of a text file.
        delimiter: Between cells, of a table in text; found in the first line unless given.

    Raises:
        ConfigurationError: It names what the operation does not have.
    """

    operation: Operation
    columns: Mapping[str, str] = attrs.field(
        factory=dict[str, str],
        converter=_frozen,
        validator=[_text("columns"), _are_columns],
        hash=False,
    )
    values: Mapping[str, Any] = attrs.field(
        factory=dict[str, Any], converter=_frozen, validator=_text("values"), hash=False
    )
    ignore: tuple[str, ...] = attrs.field(default=(), converter=_names, validator=_are_columns)
    encoding: str = "utf-8"
    delimiter: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.operation not in get_args(Operation):
            raise ConfigurationError(
                "the operation is unknown", hint=f"One of {', '.join(get_args(Operation))}"
            )
        given = {*self.columns, *self.values}
        if unknown := sorted(given - self._known()):
            raise ConfigurationError(
                f"{self.operation} has no field {', '.join(unknown)}",
                hint=f"It has {', '.join(fields_of(self.operation))}",
            )
        if "properties" in given and any(path.startswith("properties.") for path in given):
            raise ConfigurationError("both properties and a part of them")
        if both := sorted(self.columns.keys() & self.values.keys()):
            raise ConfigurationError(f"both a column and one value for {', '.join(both)}")
        if both := sorted({*self.columns.values()} & {*self.ignore}):
            raise ConfigurationError(
                f"both mapped and ignored: {', '.join(both)}", hint="Take them out of `ignore`"
            )
        if self.delimiter not in (None, *_SEPARATORS):
            raise ConfigurationError("the delimiter must be a comma, a semicolon, a tab or a bar")
        _check_encoding(self.encoding)

    def _known(self) -> set[str]:
        given = {*self.columns, *self.values}
        properties = {path for path in given if path.startswith("properties.")}
        return {*fields_of(self.operation)} | (
            properties if self.operation == "track_activity" else set()
        )

    @property
    def kind(self) -> Kind:
        """The class of the values."""
        return KINDS[self.operation]

    def candidates(self) -> dict[str, tuple[str, ...]]:
        """By field, the columns that may hold it, the likeliest first."""
        left_out = {*self.columns.values(), *self.ignore}
        found = {path: (column,) for path, column in self.columns.items()}
        return found | {
            path: tuple(name for name in names if name not in left_out)
            for path, names in self._by_name()
        }

    def _by_name(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The fields of which nobody says anything, and the columns called like them."""
        given = {*self.columns, *self.values}
        for path in fields_of(self.operation):
            if not any(each == path or each.startswith(f"{path}.") for each in given):
                yield path, columns_named_like(path)

    def canonical(self) -> str:
        """All that decides which rows come out, as text that is equal for equal meaning."""
        # A customer may be one column, with the fields as its parts.
        fields = {"customer", *(name for _, names in self._by_name() for name in names)}
        meaning = {
            "operation": self.operation,
            "columns": dict(self.columns),
            "values": dict(self.values),
            "ignore": sorted(fields & {*self.ignore}),
            "encoding": self.encoding,
            "delimiter": self.delimiter,
        }
        return json.dumps(meaning, sort_keys=True, separators=(",", ":"), default=str)


def _check_encoding(name: str) -> None:
    marks = '\r\n",;\t|'
    try:
        # Also decoded as lines are: some codecs cannot pass on what is no text of theirs.
        alike = marks.encode(name) == marks.encode("ascii") and (
            marks.encode().decode(name, "surrogateescape") == marks
        )
    except UnicodeError:
        alike = False
    except (LookupError, ValueError):
        raise ConfigurationError(f"encoding {name!r} is unknown") from None
    if not alike:
        # Lines are found in the bytes, so that reading can begin at any of them.
        raise ConfigurationError(f"encoding {name} cannot be read here", hint="Convert it to UTF-8")


def pick(candidates: Mapping[str, Iterable[str]], columns: Iterable[str]) -> dict[str, str]:
    """The column that each field is read from, of those there are."""
    there = set(columns)
    found: dict[str, str] = {}
    for path, names in candidates.items():
        column = next((name for name in names if name in there), None)
        if column is not None:
            found[path] = column
    return found
