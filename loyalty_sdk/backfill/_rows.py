"""What a backfill reads: rows, bad rows, and where each of them stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from loyalty_sdk._models import Activity, Order, PointsAdjustment


@attrs.frozen
class Position:
    """Where a row stands in its input; reading can begin there.

    Attributes:
        ordinal: How many rows, bad ones included, stand before it.
        offset: Bytes before it in an uncompressed file; None where nobody can seek.
        line: The line it begins on, from 1; None where there are no lines.
    """

    ordinal: int = 0
    offset: int | None = None
    line: int | None = None


@attrs.frozen
class Row:
    """One row that can be sent.

    Attributes:
        ordinal, offset, line: Of its `Position`.
        key: The caller's own key, which becomes the write's reference: an order's or an
            activity's ``id``, an adjustment's ``reference``; None where the input has none.
        value: What to send, checked.
        customer_id: Whose it is; rows of one customer never overtake each other.
    """

    ordinal: int
    offset: int | None
    line: int | None
    key: str | None
    value: Order | Activity | PointsAdjustment
    customer_id: str

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self.ordinal, self.offset, self.line)


@attrs.frozen
class BadRow:
    """One row that cannot be sent: a dead letter. It has an ordinal like any other row.

    Attributes:
        ordinal, offset, line: Of its `Position`.
        key: The caller's own key, where at least that could be read.
        raw: The row as JSON types: a mapping by column where it could be taken apart, else
            the text, cut where it is endless. A number with a point is a `Decimal`; what JSON
            cannot say is marked with its type: ``{"!float": "9.99"}``.
        problems: What is wrong, one sentence each: column, type of the value, what was
            wanted. Values are never quoted.
        form: Of ``raw``: ``cells`` of a table of texts, ``columns`` of anything else, or
            ``fields`` where it goes by the names of the fields.
    """

    ordinal: int
    offset: int | None
    line: int | None
    key: str | None
    raw: Any
    problems: tuple[str, ...]
    form: Literal["cells", "columns", "fields"] = "columns"

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self.ordinal, self.offset, self.line)


class Source(Protocol):
    """An input that gives the same rows in the same order every time it is read.

    A file is read again from any `Position`. An iterable can be read once; it begins with
    the row of ordinal 0, or where the caller let it begin.
    """

    @property
    def fingerprint(self) -> str | None:
        """Size and a hash of a file, asked in a thread; None where rows come but once."""
        ...

    @property
    def mapping(self) -> str:
        """Operation and columns as canonical text; another one makes other rows."""
        ...

    @property
    def name(self) -> str:
        """What to call the input in messages: the file's name."""
        ...

    def estimated_rows(self) -> int | None:
        """Rows in the whole input, as far as can be told by now; None if not at all."""
        ...

    def rows(self, start: Position | None = None, /) -> AsyncIterator[Row | BadRow]:
        """Rows from ``start`` on, the row there included; from the first without it.

        Raises:
            InputError: The input cannot be read at all, or not further: it is missing or
                truncated, or has no such columns. Rows already given stand.
        """
        ...
