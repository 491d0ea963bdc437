"""A record of an input becomes a row that can be sent, or a dead letter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk.errors import ConfigurationError, Problem, ValidationError
from loyalty_sdk.wire import structure

from ._letters import sayable
from ._mapping import KEYS, Columns
from ._rows import BadRow, Position, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from loyalty_sdk._models import Activity, Order, PointsAdjustment

    Neutral = Order | Activity | PointsAdjustment

RAW_CHARACTERS = 4096
"""Most characters kept of a text that could not be taken apart."""

_HALVES = re.compile("[\ud800-\udfff]")
_UNESCAPED = re.compile("[\ud800-\udc7f\udd00-\udfff]")


@attrs.define
class Builder:
    """Makes rows of records, as `Columns` says.

    Args:
        columns: The mapping.
        texts: Whether records hold nothing but text, as in CSV.
    """

    columns: Columns
    texts: bool = False
    _constants: dict[str, Any] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._constants = nested(self.columns.values)

    def build(
        self, at: Position, record: dict[str, Any], raw: Callable[[], Any], labels: Labels
    ) -> Row | BadRow:
        """The row at ``at``.

        Args:
            at: Where it stands.
            record: What it holds, by field, parts nested.
            raw: Makes what stands in the input, for a dead letter.
            labels: The column of each field.
        """
        for name, value in self._constants.items():
            given = record.get(name)
            record[name] = {**given, **value} if isinstance(given, dict) else value
        try:
            value = structure(record, self.columns.kind, texts=self.texts)
        except ValidationError as exc:
            problems = tuple(labels.words(problem, self.columns) for problem in exc.problems)
            key = record.get(KEYS[self.columns.operation])
            return self.bad(at, raw(), problems, key)
        return row_of(at, value, self.columns.operation)

    @staticmethod
    def bad(at: Position, raw: Any, problems: Iterable[str], key: Any = None) -> BadRow:
        """A dead letter; ``raw`` becomes JSON types, see `sayable`."""
        key = key if isinstance(key, str) and key and not _HALVES.search(key) else None
        # Names of columns stand in problems, and may be no text either.
        said = tuple(map(_readable, problems))
        return BadRow(at.ordinal, at.offset, at.line, key, sayable(raw), said)


def check_values(columns: Columns, *, texts: bool) -> None:
    """Refuse what is the same for every row and would make a dead letter of each.

    Raises:
        ConfigurationError: It names every such value.
    """
    if not columns.values:
        return
    labels = Labels({})
    try:
        structure(nested(columns.values), columns.kind, texts=texts)
    except ValidationError as exc:
        # Whatever else a row must have is missing too, and is the columns' to give.
        wrong = [
            each for each in exc.problems if any(_within(each.path, n) for n in columns.values)
        ]
        if wrong:
            said = "; ".join(labels.words(problem, columns) for problem in wrong)
            raise ConfigurationError(said) from None


def row_of(at: Position, value: Neutral, operation: str) -> Row:
    """``value`` as the row at ``at``."""
    key: str | None = getattr(value, KEYS[operation])
    customer: Any = getattr(value, "customer", None)
    owner = customer.id if customer is not None else getattr(value, "customer_id")  # noqa: B009 - only adjustments have it
    return Row(at.ordinal, at.offset, at.line, key, value, owner)


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """``{"customer.id": "1"}`` as ``{"customer": {"id": "1"}}``."""
    found: dict[str, Any] = {}
    for path, value in flat.items():
        part, dot, name = path.partition(".")
        (found.setdefault(part, {}) if dot else found)[name or part] = value
    return found


@attrs.frozen
class Labels:
    """The columns that fields were read from, for messages."""

    columns: Mapping[str, str]
    texts: bool = False

    def words(self, problem: Problem, mapping: Columns) -> str:
        """``amount_eur (total): wanted ...``: the column, the field, and what is wrong."""
        path = problem.path
        field = max(
            (name for name in {*self.columns, *mapping.values} if _within(path, name)),
            key=len,
            default=None,
        )
        message = problem.message
        if field is None:
            return f"{path}: {message}"
        if field in mapping.values:
            return f"{path} (the same for every row): {message}"
        if self.texts and message == "is missing":
            message = "is empty"
        if "lone surrogate" in message and self.texts:
            message = f"is not text in {mapping.encoding}: another encoding?"
        column = self.columns[field]
        return f"{path}: {message}" if column == field else f"{column} ({path}): {message}"


def _within(path: str, field: str) -> bool:
    return path == field or path.startswith((f"{field}.", f"{field}["))


def _readable(text: str) -> str:
    r"""Bytes that were no text become ``\xe9``; a lone half of a character likewise."""
    if _HALVES.search(text) is None:
        return text
    # First the halves that are no escaped bytes, which nothing else can write.
    text = _UNESCAPED.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
