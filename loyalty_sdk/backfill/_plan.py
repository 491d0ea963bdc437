"""What a backfill would do, found out by reading all of the input and sending nothing."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk._flow import Request
from loyalty_sdk._models import Activity, Order, PointsAdjustment
from loyalty_sdk.errors import LoyaltyError, UnsupportedOperationError

from ._keys import by_place, named, without_key
from ._past import Past, past_of
from ._rows import BadRow, Row
from ._states import State

if TYPE_CHECKING:
    from loyalty_sdk._provider import Provider

    from ._rows import Source

_FIRST = 3
_MOST_CUSTOMERS = 5
# Problems have few wordings, but each may name lines of its own.
_MOST_PROBLEMS = 1000
LOST_ANSWERS = 1000
"""One write in so many is taken to lose its answer, where nothing better is known."""

# On disk, in a file without a name that ends with the connection: bounded memory at any size.
_TABLES = """
CREATE TABLE keys (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE customers (id TEXT PRIMARY KEY, rows INTEGER NOT NULL) WITHOUT ROWID;
"""
_CUSTOMER = "INSERT INTO customers VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET rows = rows + 1"


@attrs.frozen
class Sample:
    """A row as it would be sent.

    Attributes:
        row: The row.
        request: Method, path and query of the first request it makes, and its body.
    """

    row: Row
    request: str


@attrs.frozen(kw_only=True)
class Plan:
    """What a run would do.

    Attributes:
        operation: As what each row would be sent.
        rows: In the input.
        sendable: Of these, the rows that would be sent.
        bad: Rows that are dead letters as they stand, refused and doubled ones included.
        refused: Of these, well-formed rows that the provider cannot take.
        doubled: Of these, rows whose key stands in the input before, or in the journal.
        done: Rows that an earlier run with the journal brought where they stay: applied, or
            dead letters.
        dead: Of these, the dead letters.
        doubtful: Rows that left in an earlier run, and nobody knows more: they are looked for,
            and sent again only where they are shown absent.
        adopted: Whether each row is looked for before it is sent.
        keyless: Sendable rows without a key of their own.
        customers: How many have sendable rows.
        busiest: The customers with the most rows, and how many.
        points_given, points_taken: Sums of an input of adjustments; both 0 for others.
        total: The sum of an input of orders; 0 for others.
        seconds: How long it takes at the client's rate; None without a limit.
        first: The first rows as they would be sent.
        first_bad: The first rows that would not be.
        problems: The most frequent problems, and how many rows have each.
        unmarked: Whether a write that lost its answer may stay unknown for ever, because the
            vendor's rows do not say whose they are.
    """

    operation: str
    rows: int
    sendable: int
    bad: int
    refused: int
    doubled: int
    done: int = 0
    dead: int = 0
    doubtful: int = 0
    adopted: bool = False
    keyless: int
    customers: int
    busiest: tuple[tuple[str, int], ...]
    points_given: int
    points_taken: int
    total: Decimal
    seconds: float | None
    first: tuple[Sample, ...]
    first_bad: tuple[BadRow, ...]
    problems: tuple[tuple[str, int], ...]
    unmarked: bool

    @property
    def expected_unknown(self) -> int:
        """Rows that may stay unknown if one answer in a thousand is lost."""
        return -(-self.sendable // LOST_ANSWERS) if self.unmarked else 0


async def plan(  # noqa: PLR0913 - each is one thing a run is told
    provider: Provider,
    source: Source,
    operation: str,
    *,
    rate: float | None = None,
    journal: str | Path | None = None,
    adopt: bool = False,
) -> Plan:
    """Read all of ``source`` and say what a run would do. Sends nothing, and changes no journal.

    Args:
        provider: Who would be sent to; its checks of single rows are made.
        source: The input.
        operation: ``create_order``, ``track_activity`` or ``adjust_points``.
        rate: Requests a second.
        journal: The run's; what stands there is left out. Not whether it is its newest copy,
            nor whose the credentials are: the run itself finds that out.
        adopt: Whether the run would adopt it.

    Raises:
        UnsupportedOperationError: The provider cannot do that at all.
        InputError: The input cannot be read to its end.
        JournalError: The journal is none, or not for this run.
        ConfigurationError: Mended rows have other columns or values than they had at first.
    """
    if not provider.supports(operation):
        hint = provider.limitations.get(operation)
        raise UnsupportedOperationError(f"{provider.title} has no {operation}", hint=hint)
    path = None if journal is None else Path(journal)
    async with past_of(source, operation, provider, path, adopt=adopt) as past:
        with closing(sqlite3.connect("")) as database:
            database.executescript(_TABLES)
            tally = _Tally(provider, operation, past, database)
            async for row in source.rows():
                tally.add(row)
            return tally.plan(rate)


@attrs.define
class _Tally:
    provider: Provider
    operation: str
    past: Past
    database: sqlite3.Connection
    rows: int = 0
    sendable: int = 0
    states: Counter[State] = attrs.field(factory=Counter[State])
    refused: int = 0
    doubled: int = 0
    keyless: int = 0
    given: int = 0
    taken: int = 0
    total: Decimal = Decimal()
    unmarked: bool = False
    first: list[Sample] = attrs.field(factory=list[Sample])
    first_bad: list[BadRow] = attrs.field(factory=list[BadRow])
    problems: Counter[str] = attrs.field(factory=Counter[str])

    def add(self, row: Row | BadRow) -> None:
        """Count one row."""
        self.rows += 1
        if isinstance(row, Row) and row.key is None and not self.past.repeats:
            row = without_key(row)
        if isinstance(row, BadRow):
            if not self._is_met(row):
                self._bury(row)
            return
        own = row.key is not None
        row = named(row) if own else by_place(row, self.past.lineage)
        again = own and not self._is_new(row)
        # What is known by its key alone is met once, and then another row.
        if not (again and not self.past.repeats) and self._is_met(row):
            return
        if again or self.past.holds_another(row):
            self.doubled += 1
            self._bury(
                as_bad(row, f"its key stands in the {'input before' if again else 'journal'}")
            )
        else:
            self.keyless += self._try(row) and not own

    def _is_met(self, row: Row | BadRow) -> bool:
        """Whether an earlier run has begun with it."""
        state = self.past.state_of(row)
        if state is not None:
            self.states[state] += 1
        return state is not None

    def _is_new(self, row: Row) -> bool:
        done = self.database.execute("INSERT OR IGNORE INTO keys VALUES (?)", (row.key,))
        return done.rowcount == 1

    def _try(self, row: Row) -> bool:
        """Whether it would be sent."""
        try:
            request = first_request(self.provider, self.operation, row)
        except LoyaltyError as exc:
            self.refused += 1
            self._bury(as_bad(row, exc.message))
            return False
        self.sendable += 1
        self.database.execute(_CUSTOMER, (row.customer_id,))
        self._sum(row.value)
        if len(self.first) < _FIRST:
            self.first.append(Sample(row, shown(request)))
            self.unmarked = is_unmarked(self.provider, request)
        return True

    def _sum(self, value: Order | Activity | PointsAdjustment) -> None:
        if isinstance(value, PointsAdjustment):
            if value.points > 0:
                self.given += value.points
            else:
                self.taken -= value.points
        elif isinstance(value, Order):
            self.total += value.total

    def _bury(self, row: BadRow) -> None:
        if len(self.first_bad) < _FIRST:
            self.first_bad.append(row)
        for problem in row.problems:
            if problem in self.problems or len(self.problems) < _MOST_PROBLEMS:
                self.problems[problem] += 1

    def plan(self, rate: float | None) -> Plan:
        """What it all comes to."""
        [customers] = self.database.execute("SELECT count(*) FROM customers").fetchone()
        busiest = self.database.execute(
            "SELECT id, rows FROM customers ORDER BY rows DESC, id LIMIT ?", (_MOST_CUSTOMERS,)
        ).fetchall()
        dead = sum(self.states[state] for state in State if state.dead)
        doubtful = sum(self.states[state] for state in State if not state.final)
        return Plan(
            operation=self.operation,
            rows=self.rows,
            sendable=self.sendable,
            bad=self.rows - self.sendable - self.states.total(),
            refused=self.refused,
            doubled=self.doubled,
            done=self.states.total() - doubtful,
            dead=dead,
            doubtful=doubtful,
            adopted=self.past.adopted,
            keyless=self.keyless,
            customers=customers,
            busiest=tuple(busiest),
            points_given=self.given,
            points_taken=self.taken,
            total=self.total,
            seconds=self.sendable / rate if rate else None,
            first=tuple(self.first),
            first_bad=tuple(self.first_bad),
            problems=tuple(self.problems.most_common(_MOST_CUSTOMERS)),
            unmarked=self.unmarked,
        )


def first_request(provider: Provider, operation: str, row: Row) -> Any:
    """The first thing that sending ``row`` would do. Flows do no I/O: nothing is sent.

    Raises:
        LoyaltyError: The provider cannot take it.
    """
    flow = getattr(provider, operation)(row.value)
    try:
        return next(flow)
    finally:
        flow.close()


def shown(request: Any) -> str:
    """``POST /v2/orders {...}``, as it would leave but for the credentials."""
    if not isinstance(request, Request):
        return ""
    body = bytes(request.body).decode(errors="replace") if request.body else ""
    return f"{request.method} {request.target} {body}".rstrip()


def is_unmarked(provider: Provider, request: Any) -> bool:
    """Whether the row that ``request`` leaves could be anybody's."""
    trace = getattr(request, "trace", None)
    if trace is None or provider.sole_writer:
        return False
    return bool(trace.adjusts and trace.marker is None)


def as_bad(row: Row, problem: str) -> BadRow:
    """``row``, which cannot be sent for that reason."""
    raw = row.value.to_dict()
    return BadRow(row.ordinal, row.offset, row.line, row.key, raw, (problem,))
