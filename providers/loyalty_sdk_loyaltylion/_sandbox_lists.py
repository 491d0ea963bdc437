"""The sandbox's LoyaltyLion as lists: pages, cursors, filters, the ``Link`` header.

https://developers.loyaltylion.com/api-reference/pagination
"""

from __future__ import annotations

import base64
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk.errors import LoyaltyError
from loyalty_sdk.sandbox.vendor import (
    Account,
    Answer,
    Call,
    Entry,
    Ordered,
    Record,
    Table,
    json_answer,
    shapes,
)
from loyalty_sdk.wire import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ._sandbox import LoyaltyLionSandbox

_DATES = ("created_at_min", "created_at_max")
_UPDATES = ("updated_at_min", "updated_at_max")
# Of the largest id; Python refuses to read numbers of thousands of digits.
_DIGITS = 19
# The method of `Rows` that prints a row of each list.
_ROWS = {
    "transactions": "transaction",
    "activities": "activity",
    "orders": "order",
    "customers": "customer",
}


class _Refused(Exception):  # noqa: N818 - it unwinds, and is no error
    """A parameter is wrong; the text names it."""


@attrs.frozen(kw_only=True)
class _Place:
    """What a cursor holds: where the page begins, and the filters of the first request.

    Attributes:
        last: The row before the page, None at the head of the list.
        back: The same of the page before; a cycle of pages needs it.
        previous: Whether the page lies towards the head.
        ascending: Whether the list is read by ascending id, as ``since_id`` does.
        lap: How often the list began again.
        filters: Filters that count; what stands next to the cursor does not.
    """

    last: int | None = None
    back: int | None = None
    previous: bool = False
    ascending: bool = False
    lap: int = 0
    filters: dict[str, str] = attrs.field(factory=dict[str, str])

    def token(self) -> str:
        """The place as an opaque cursor."""
        packed = encode(attrs.astuple(self, recurse=False))
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def of(cls, token: str) -> _Place:
        """The place a cursor stands for."""
        try:
            packed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            held = decode(packed, tuple[int | None, int | None, bool, bool, int, dict[str, str]])
        except (LoyaltyError, ValueError):
            raise _Refused("cursor") from None
        return cls(**dict(zip((field.name for field in attrs.fields(cls)), held, strict=True)))


@attrs.frozen
class _Query:
    """One list request, read."""

    place: _Place
    limit: int
    skip: int

    @property
    def filters(self) -> dict[str, str]:
        """The filters that count."""
        return self.place.filters

    def moment(self, name: str) -> datetime | None:
        """The filter ``name`` as a time, None when it was not given."""
        if name not in self.filters:
            return None
        found = shapes.parse_time(self.filters[name])
        if found is None:
            raise _Refused(name)
        return found

    @classmethod
    def of(cls, call: Call, names: tuple[str, ...]) -> _Query:
        """Read ``call``; parameters beyond ``names`` are ignored without a word."""
        given = call.query
        limit = _number(given, "limit", 100, least=1, most=500)
        if "cursor" in given:
            return cls(_Place.of(given["cursor"]), limit, 0)
        filters = {name: given[name] for name in names if name in given}
        if "since_id" in given:
            since = _number(given, "since_id", 0)
            return cls(_Place(last=since, ascending=True, filters=filters), limit, 0)
        page = _number(given, "page", 1, least=1)
        return cls(_Place(filters=filters), limit, (page - 1) * limit)


class Listing:
    """Answers list requests."""

    def __init__(self, vendor: LoyaltyLionSandbox) -> None:
        self._vendor = vendor

    def transactions(self, call: Call, merchant_id: str | None = None) -> Answer:
        """Of one customer, or of the program; here ``page`` is no parameter."""
        call.query.pop("page", None)
        names = _DATES if merchant_id is not None else (*_DATES, "customer_id")

        def answer(query: _Query) -> Answer:
            table = self._transactions(query, merchant_id)
            if call.query.get("type") == "csv":
                return self._csv(call, query, table)
            return self._page(call, query, table, "transactions")

        return self._answer(call, names, answer)

    def activities(self, call: Call) -> Answer:
        """Of the program."""
        table = self._vendor.ledger.activities
        return self._answer(
            call, _DATES, lambda query: self._page(call, query, table, "activities")
        )

    def orders(self, call: Call) -> Answer:
        """Of the program."""
        table = self._vendor.ledger.orders
        return self._answer(
            call,
            (*_DATES, *_UPDATES),
            lambda query: self._page(call, query, table, "orders", _updated(query)),
        )

    def customers(self, call: Call) -> Answer:
        """Of the program; ``email`` is found anywhere in the address."""

        def answer(query: _Query) -> Answer:
            updated, part = _updated(query), query.filters.get("email", "")

            def keep(account: Account) -> bool:
                return part in (account.email or "") and updated(account)

            return self._page(call, query, self._sorted(query), "customers", keep)

        names = (*_DATES, *_UPDATES, "email", "sort_field", "sort_direction")
        return self._answer(call, names, answer)

    def _transactions(self, query: _Query, merchant_id: str | None) -> Table[Entry]:
        ledger = self._vendor.ledger
        if merchant_id is not None:
            account = ledger.account(merchant_id)
        elif "customer_id" in query.filters:
            account = ledger.numbered(_number(query.filters, "customer_id", 0))
        else:
            return ledger.entries
        return account.entries if account else Table()

    def _sorted(self, query: _Query) -> Table[Account]:
        """Customers as ``sort_field`` and ``sort_direction`` want; newest first unless given."""
        accounts = self._vendor.ledger.accounts
        field = query.filters.get("sort_field", "id")
        direction = query.filters.get("sort_direction", "desc")
        if field not in {"id", "updated_at"}:
            raise _Refused("sort_field")
        if direction not in {"asc", "desc"}:
            raise _Refused("sort_direction")
        if (field, direction) == ("id", "desc"):
            return accounts
        key = attrgetter("number") if field == "id" else attrgetter("updated", "number")
        return Ordered(sorted(accounts.rows, key=key, reverse=direction == "asc"))

    def _answer(
        self, call: Call, names: tuple[str, ...], answer: Callable[[_Query], Answer]
    ) -> Answer:
        try:
            return answer(_Query.of(call, names))
        except _Refused as exc:
            return self._vendor.error(400, "Invalid request", details={str(exc): "is invalid"})

    def _page(
        self,
        call: Call,
        query: _Query,
        table: Table[Any],
        name: str,
        keep: Callable[[Any], bool] | None = None,
    ) -> Answer:
        rows, prev, following = self._turn(call, query, table, keep)
        row: Callable[[Any], dict[str, Any]] = getattr(self._vendor.rows, _ROWS[name])
        body = {name: list(map(row, rows)), "cursor": {"prev": prev, "next": following}}
        return json_answer(200, body, _link(call, query, prev, following))

    def _csv(self, call: Call, query: _Query, table: Table[Entry]) -> Answer:
        """Columns and media type are not documented; the cursors are in the ``Link`` header."""
        rows, prev, following = self._turn(call, query, table, None)
        lines = ["id,customer,points_approved,points_pending,created_at"]
        lines += [
            f"{e.number},{e.customer_id},{e.points},{e.pending},{shapes.print_time(e.time)}"
            for e in rows
        ]
        body = "\r\n".join([*lines, ""]).encode()
        return Answer(200, body, _link(call, query, prev, following), "text/csv")

    def _turn(
        self, call: Call, query: _Query, table: Table[Any], keep: Callable[[Any], bool] | None
    ) -> tuple[list[Any], str | None, str | None]:
        """The rows of a page, and the cursors that lead away from it."""
        place = query.place
        rows, more = table.page(
            query.limit,
            anchor=place.last,
            ascending=place.ascending or place.previous,
            since=query.moment("created_at_min"),
            until=query.moment("created_at_max"),
            keep=self._vendor.ledger.shown(keep),
            skip=query.skip,
        )
        if call.paging:
            return _bad_turn(call.paging, query, rows, more=more)
        if place.previous:
            rows.reverse()
            return rows, _before(query, rows) if more else None, _after(query, rows)
        walked = place.last is not None and not place.ascending
        return rows, _before(query, rows) if walked else None, _after(query, rows) if more else None


def _before(query: _Query, rows: list[Any]) -> str | None:
    if not rows:
        return None
    return attrs.evolve(query.place, last=rows[0].number, back=None, previous=True).token()


def _after(query: _Query, rows: list[Any]) -> str | None:
    if not rows:
        return None
    place = query.place
    return attrs.evolve(place, last=rows[-1].number, back=place.last, previous=False).token()


def _bad_turn(
    how: str, query: _Query, rows: list[Any], *, more: bool
) -> tuple[list[Any], str | None, str | None]:
    place, true = query.place, _after(query, rows) if more else None
    again = attrs.evolve(place, lap=place.lap + 1)
    match how:
        case "repeat":
            return rows, None, place.token() if place.last is not None else true
        case "cycle" if place.back is not None:
            return rows, None, attrs.evolve(place, last=place.back, back=None).token()
        case "empty":
            return [], None, again.token()
        case "endless" if not more:
            return rows, None, attrs.evolve(again, last=None, back=None).token()
        case _:
            return rows, None, true


def _link(
    call: Call, query: _Query, prev: str | None, following: str | None
) -> tuple[tuple[str, str], ...]:
    # Seen in the field: "previous" comes first.
    links = [
        f'<{call.origin}{call.arrival.path}?cursor={cursor}&limit={query.limit}>; rel="{rel}"'
        for rel, cursor in (("previous", prev), ("next", following))
        if cursor
    ]
    return (("Link", ", ".join(links)),) if links else ()


def _updated(query: _Query) -> Callable[[Record | Account], bool]:
    """Rows that changed within the filters; older docs have both ends inclusive."""
    first, last = query.moment("updated_at_min"), query.moment("updated_at_max")
    return lambda row: (not first or row.updated >= first) and (not last or row.updated <= last)


def _number(
    given: Mapping[str, str], name: str, default: int, *, least: int = 0, most: int | None = None
) -> int:
    text = given.get(name, str(default))
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else -1
    if value < least or (most is not None and value > most):
        raise _Refused(name)
    return value
