"""The sandbox's Joy as lists: pages by row id, filters, order, counts.

https://devdocs.joy.so/joy-rest-api-v2/api-references/activities
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk.sandbox.vendor import Account, Answer, Call, Entry, Ordered, Table, shapes

from ._sandbox_rows import whole

if TYPE_CHECKING:
    from ._sandbox import JoySandbox

_TYPES = ("earn_point", "redeem_point", "adjust_point")
_SOURCES = ("admin", "user", "rest_api", "webhook")
_ORDERS = ("createdAt_desc", "createdAt_asc")
_CUSTOMER_ORDERS = (*_ORDERS, "updatedAt_desc", "updatedAt_asc", "point_desc", "point_asc")

_MOST_ROWS = 1000

Keep = Callable[[Any], bool]


class _Refused(Exception):  # noqa: N818 - it unwinds, and is no error
    """A parameter is wrong; the text names it."""


@attrs.frozen(kw_only=True)
class _Query:
    """One list request, read.

    Attributes:
        table: The rows, of which the newest (or last) comes first unless ``ascending``.
        keep: Which of them; the vendor's own filters.
        anchor: Number of the row the page lies beside, None for the head.
        backwards: Whether it lies towards the head.
        prefix: What ids begin with.
    """

    call: Call
    table: Table[Any]
    keep: Keep | None
    since: datetime | None
    until: datetime | None
    ascending: bool
    limit: int
    anchor: int | None
    backwards: bool
    prefix: str

    def page(self, limit: int, anchor: int | None, *, backwards: bool) -> tuple[list[Any], bool]:
        """Rows beside ``anchor`` in the order of the list, and whether there are more."""
        rows, more = self.table.page(
            limit,
            anchor=anchor,
            ascending=self.ascending is not backwards,
            since=self.since,
            until=self.until,
            keep=self.keep,
        )
        return (rows[::-1] if backwards else rows), more


class Listing:
    """Answers list requests."""

    def __init__(self, vendor: JoySandbox) -> None:
        self._vendor = vendor

    def transactions(self, call: Call) -> Answer:
        """Of one customer, who must be named."""
        if not (call.query.get("shopifyCustomerId") or call.query.get("customerId")):
            return self._vendor.error(400, "shopifyCustomerId or customerId is required")
        account = self._named(call)
        if account is None and self._vendor.switches.unknown_customers == "404":
            return self._vendor.error(404, "Customer not found", code="NOT_FOUND")
        table: Table[Entry] = account.entries if account else Table()
        return self._answer(
            call,
            self._vendor.rows.activity,
            lambda: self._query(
                call,
                table,
                _filed_as(call),
                "act_",
                default=10,
                order=_choice(call, "order", _ORDERS),
            ),
        )

    def customers(self, call: Call) -> Answer:
        """Of the shop."""

        def query() -> _Query:
            order = _choice(call, "order", _CUSTOMER_ORDERS)
            call.query.pop("created_at_min", None)  # no parameter of this list
            table = self._ordered(order)
            return self._query(call, table, _who(call), "cust_", default=20, order=order)

        return self._answer(call, self._vendor.rows.customer, query)

    def account(self, own_id: str) -> Account | None:
        """The customer with Joy's own id."""
        number = _number(own_id, "cust_")
        return None if number is None else self._vendor.ledger.numbered(number)

    def entry(self, own_id: str) -> Entry | None:
        """The row with that id."""
        number = _number(own_id, "act_")
        return None if number is None else self._vendor.ledger.entry(number)

    def _named(self, call: Call) -> Account | None:
        external, own = call.query.get("shopifyCustomerId"), call.query.get("customerId")
        account = self._vendor.ledger.account(external) if external else self.account(own or "")
        # Both given: they must agree, which is not documented.
        if own and account and f"cust_{account.number}" != own:
            return None
        return account

    def _ordered(self, order: str | None) -> Table[Account]:
        accounts = self._vendor.ledger.accounts
        field = (order or "createdAt").partition("_")[0]
        if field == "createdAt":
            return accounts
        name = "updated" if field == "updatedAt" else "balance"
        return Ordered(sorted(accounts.rows, key=attrgetter(name, "number")))

    def _query(  # noqa: PLR0913 - what differs between the two lists
        self,
        call: Call,
        table: Table[Any],
        keep: Keep | None,
        prefix: str,
        *,
        default: int,
        order: str | None,
    ) -> _Query:
        after, before = call.query.get("after"), call.query.get("before")
        if after and before:
            raise _Refused("before")  # both together: not documented
        anchor = _number(after or before or "", prefix)
        if (after or before) and anchor is None:
            raise _Refused("after" if after else "before")
        since, until = self._bounds(call)
        return _Query(
            call=call,
            table=table,
            keep=self._vendor.ledger.shown(keep),
            since=since,
            until=until,
            ascending=bool(order and order.endswith("_asc")),
            limit=_limit(call, default),
            anchor=anchor,
            backwards=bool(before),
            prefix=prefix,
        )

    def _bounds(self, call: Call) -> tuple[datetime | None, datetime | None]:
        """The dates as a table takes them: first inclusive, last exclusive."""
        since, until = _moment(call, "created_at_min"), _moment(call, "created_at_max")
        step = timedelta(milliseconds=1)
        if self._vendor.switches.date_bounds == "exclusive":
            return since and since + step, until
        return since, until and until + step

    def _answer(self, call: Call, row: Callable[[Any], Any], query: Callable[[], _Query]) -> Answer:
        try:
            asked = query()
            count = _flag(call, "hasCount")
        except _Refused as exc:
            return self._vendor.error(400, f"{exc} is invalid", details={str(exc): "is invalid"})
        rows, has_next, has_previous = _turn(asked)
        pagination: dict[str, Any] = {"hasNext": has_next, "hasPre": has_previous}
        if count:
            total = len(asked.page(len(asked.table.rows), None, backwards=False)[0])
            pagination |= {"total": total, "totalPage": -(-total // asked.limit)}
        return self._vendor.succeed(list(map(row, rows)), meta={"pagination": pagination})


def _turn(query: _Query) -> tuple[list[Any], bool, bool]:
    """The rows of a page, and whether there are more after and before it."""
    anchored = query.anchor is not None
    rows, more = query.page(query.limit, query.anchor, backwards=query.backwards)
    match query.call.paging:
        case "repeat" if anchored:
            return _ending_with(query, query.anchor), True, True
        case "cycle" if anchored and (earlier := _earlier(query)):
            return earlier, True, True
        case "empty":
            return [], True, False
        case "endless":
            again = rows or query.page(query.limit, None, backwards=False)[0]
            return again, True, anchored
        case _:
            pass
    if query.backwards:
        return rows, True, more
    return rows, more, anchored


def _ending_with(query: _Query, number: int | None) -> list[Any]:
    """The page whose last row is ``number``."""
    ahead, _ = query.page(query.limit - 1, number, backwards=True)
    return [*ahead, *(row for row in query.table.rows if row.number == number)]


def _earlier(query: _Query) -> list[Any]:
    """The page two before the one after the anchor; nothing when there is none."""
    rows, _ = query.page(2 * query.limit - 1, query.anchor, backwards=True)
    return rows[: query.limit] if len(rows) == 2 * query.limit - 1 else []


def _filed_as(call: Call) -> Keep | None:
    wanted = {
        "type": _choice(call, "type", _TYPES),
        "source": _choice(call, "source", _SOURCES),
        "event": call.query.get("event"),
    }
    filters = [(name, value) for name, value in wanted.items() if value]
    if not filters:
        return None
    return lambda entry: all(getattr(entry.detail, name) == value for name, value in filters)


def _who(call: Call) -> Keep:
    first, last = _moment(call, "updated_at_min"), _moment(call, "updated_at_max")
    part, kind = call.query.get("email", ""), _choice(call, "type", ("member", "guest", "left"))
    tier = call.query.get("tierId")

    def keep(account: Account) -> bool:
        typed = kind in {None, "guest" if account.guest else "member"}
        recent = (not first or account.updated >= first) and (not last or account.updated <= last)
        # Nobody has a tier here.
        return typed and recent and part in (account.email or "") and not tier

    return keep


def _choice(call: Call, name: str, allowed: tuple[str, ...]) -> str | None:
    value = call.query.get(name)
    if value is not None and value not in allowed:
        raise _Refused(name)
    return value


def _flag(call: Call, name: str) -> bool:
    return _choice(call, name, ("true", "false")) == "true"


def _moment(call: Call, name: str) -> datetime | None:
    text = call.query.get(name)
    found = shapes.parse_time(text) if text is not None else None
    if text is not None and found is None:
        raise _Refused(name)
    return found


def _limit(call: Call, default: int) -> int:
    limit = whole(call.query.get("limit", str(default)))
    if limit is None or not 1 <= limit <= _MOST_ROWS:
        raise _Refused("limit")
    return limit


def _number(own_id: str, prefix: str) -> int | None:
    """The number in an id of ours."""
    return whole(own_id.removeprefix(prefix)) if own_id.startswith(prefix) else None
