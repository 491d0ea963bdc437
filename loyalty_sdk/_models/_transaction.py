"""What became of points: the rows of a history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial, reduce
from operator import getitem
from typing import Any, cast

import attrs

from loyalty_sdk._secrets import shown_text

from ._customer import Customer
from ._value import Value
from ._words import TransactionKind


class RawPage:
    """The bytes a page came in, decoded once, when somebody first asks for a row.

    Rows share it, so that keeping every vendor field costs nothing until it is read.
    """

    __slots__ = ("_body", "_path", "_rows")

    def __init__(self, body: bytes, *path: str) -> None:
        self._body = body
        self._path = path
        self._rows: Any = None

    def row(self, index: int) -> Any:
        """Row ``index`` as plain JSON types."""
        if self._rows is None:
            from loyalty_sdk.wire import decode_leniently  # noqa: PLC0415 - imported when first needed

            body = decode_leniently(self._body)
            # Assigned once it is whole: another thread may be reading the same page.
            self._rows = reduce(getitem, self._path, body)
        return self._rows[index]


@attrs.frozen(kw_only=True, weakref_slot=False)
class Transaction(Value):
    """One row of a customer's points history.

    Attributes:
        id: The vendor's id of the row.
        customer: None where the vendor does not say.
        points: Signed change of what the customer can spend.
        pending: Signed change of what is not yet approved.
        balance: What can be spent after this row; None where the vendor gives none.
        kind: Why the points changed.
        created_at: Aware, UTC.
        reason: Text the vendor keeps with the row, if any.
        order_id: The order behind the row, if any.
        raw: The vendor's own row as plain JSON types; outside equality and `to_dict`.
    """

    id: str
    customer: Customer | None
    points: int
    pending: int
    balance: int | None
    kind: TransactionKind
    created_at: datetime
    reason: str | None = attrs.field(default=None, repr=shown_text)
    order_id: str | None = None
    _raw: tuple[RawPage, int] | Mapping[str, Any] = attrs.field(
        factory=dict[str, Any], eq=False, repr=False, alias="raw"
    )

    @property
    def raw(self) -> Mapping[str, Any]:
        """The vendor's own row; decoded on first use."""
        raw = self._raw
        return raw[0].row(raw[1]) if isinstance(raw, tuple) else raw

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickled row takes its own fields along, not the page it came in.
        fields = {field.alias: getattr(self, field.name) for field in attrs.fields(Transaction)}
        return partial(Transaction, **fields | {"raw": self.raw}), ()


# A frozen class sets each attribute through `object.__setattr__`, which takes half of the time
# that a row takes. This one has the same slots, so that its instances can become transactions.
_Draft: Any = attrs.make_class(
    "_Draft",
    {
        field.name: attrs.field(default=field.default, alias=field.alias)
        for field in attrs.fields(Transaction)
    },
    bases=(Value,),
    kw_only=True,
    eq=False,
    slots=True,
    weakref_slot=False,
)


def transaction(**fields: Any) -> Transaction:
    """A `Transaction`, made faster than by its class."""
    made = _Draft(**fields)
    made.__class__ = Transaction
    return cast("Transaction", made)
