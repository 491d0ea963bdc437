"""Compares a journal with the vendor's transactions and balances."""

from __future__ import annotations

import asyncio
from collections import Counter
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk._look import Finding, Sight, Window
from loyalty_sdk._models import TransactionKind
from loyalty_sdk.errors import ConflictError, LoyaltyError, ValidationError

from ._reading import Reading, trace_as_sent
from ._states import Entry, State

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from loyalty_sdk._client import LoyaltyClient
    from loyalty_sdk._flow import Flow, Request, Response
    from loyalty_sdk._look import Trace
    from loyalty_sdk._models import Transaction


class Difference(StrEnum):
    """How the journal and the vendor's records differ."""

    MISSING = "missing"
    """Applied, says the journal; the vendor does not show it."""
    UNEXPECTED = "unexpected"
    """Not applied, says the journal; the vendor shows it."""
    LANDED = "landed"
    """Unknown, says the journal; the vendor shows it."""
    DOUBLED = "doubled"
    """The vendor shows it more than once."""
    POINTS = "points"
    """The vendor shows it with other points, or other content."""
    BALANCE = "balance"
    """The customer's balances do not follow from the changes that are listed."""
    UNDECIDED = "undecided"
    """The vendor's records do not say whether it was applied, or cannot be read."""


@attrs.frozen(kw_only=True)
class Found:
    """One difference.

    Attributes:
        kind: Which.
        customer_id: Whose.
        entry: The journal's row; None where it is not about one.
        detail: In words.
    """

    kind: Difference
    customer_id: str
    entry: Entry | None
    detail: str


async def verify(
    client: LoyaltyClient[Any], journal: str | Path, *, concurrency: int = 16
) -> AsyncGenerator[Found, None]:
    """Every difference between a journal and the vendor's records; only reads.

    Each customer's history is read once, and each order where the vendor has orders.

    Args:
        client: Of the same provider and host.
        journal: Its path; a run may be using it.
        concurrency: Customers looked at at once.

    Raises:
        JournalError: There is none, or it is another provider's.
    """
    reading = Reading(Path(journal), client)
    try:
        waiting: set[asyncio.Task[list[Found]]] = set()
        try:
            async for entries in reading.customers():
                check = _Customer(client, reading.operation, entries).check()
                waiting.add(asyncio.ensure_future(check))
                if len(waiting) >= concurrency:
                    done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    for found in _all(done):
                        yield found
            for found in _all((await asyncio.wait(waiting))[0] if waiting else set()):
                yield found
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
    finally:
        reading.close()


def _all(done: set[asyncio.Task[list[Found]]]) -> list[Found]:
    return [found for task in done for found in task.result()]


def remembering(flow: Flow[Any], seen: dict[str, Response]) -> Generator[Request, Response, Any]:
    """``flow`` that asks nothing twice: one customer's rows share the pages they are on."""
    try:
        request = next(flow)
        while True:
            if request.target not in seen:
                seen[request.target] = yield request
            request = flow.send(seen[request.target])
    except StopIteration as end:
        return end.value


class _Customer:
    """One customer's rows beside one customer's history."""

    def __init__(self, client: LoyaltyClient[Any], operation: str, entries: list[Entry]) -> None:
        self._client = client
        self._operation = operation
        self._entries = entries
        self._id = entries[0].customer_id or ""
        self._pages: dict[str, Response] = {}
        self._unmarked: list[tuple[Entry, Trace]] = []
        self._told = set[str]()

    async def check(self) -> list[Found]:
        """All differences."""
        found: list[Found] = []
        for entry in self._entries:
            try:
                found += await self._row(entry)
            except ConflictError as error:
                found.append(self._found(Difference.POINTS, entry, error.message))
            except LoyaltyError as error:
                # What cannot be sent never was, as the journal says too.
                if not (entry.state.dead and isinstance(error, ValidationError)):
                    found.append(self._found(Difference.UNDECIDED, entry, error.message))
        try:
            listing = self._client.list_transactions(customer_id=self._id)
            history = [row async for row in listing]
        except LoyaltyError as error:
            return [*found, self._found(Difference.UNDECIDED, None, error.message)]
        return [
            *found,
            *self._by_points(history),
            *self._twice_earned(history),
            *self._gaps(history),
        ]

    def _found(self, kind: Difference, entry: Entry | None, detail: str) -> Found:
        return Found(kind=kind, customer_id=self._id, entry=entry, detail=detail)

    async def _row(self, entry: Entry) -> list[Found]:
        trace = await trace_as_sent(self._client, self._operation, entry)
        if trace is None:
            return [self._found(Difference.UNDECIDED, entry, "it leaves nothing to find it by")]
        if trace.adjusts and trace.marker is None:
            self._unmarked.append((entry, trace))
            return []
        look = self._client.provider.look(trace, Window(sent_at=None))
        sight: Sight = await self._client.run(remembering(look, self._pages))
        if sight.finding is Finding.PROVEN:
            self._told.update(row.id for row in sight.rows)
        return self._judge(entry, sight)

    def _judge(self, entry: Entry, sight: Sight) -> list[Found]:
        applied = entry.state is State.APPLIED
        if sight.finding is Finding.UNDECIDED:
            return [self._found(Difference.UNDECIDED, entry, sight.note)] if applied else []
        if sight.finding is Finding.ABSENT:
            return [self._found(Difference.MISSING, entry, "it is not there")] if applied else []
        if len(sight.rows) > 1:
            times = f"it is there {len(sight.rows)} times"
            return [self._found(Difference.DOUBLED, entry, times)]
        if not applied:
            unknown = entry.state in {State.UNKNOWN, State.SENT}
            kind = Difference.LANDED if unknown else Difference.UNEXPECTED
            return [self._found(kind, entry, "it is there")]
        points = sight.rows[0].points if sight.rows else None
        if (
            points is not None
            and self._operation == "adjust_points"
            and (str(points) != entry.amount)
        ):
            sent = f"{points} points, where {entry.amount} were sent"
            return [self._found(Difference.POINTS, entry, sent)]
        return []

    def _by_points(self, history: list[Transaction]) -> list[Found]:
        """Adjustments that carry nothing to tell them by: as many of each size as there are."""
        there = Counter(
            row.points
            for row in history
            if row.kind is TransactionKind.ADJUSTED and row.id not in self._told
        )
        left: list[tuple[Entry, int]] = []
        for entry, trace in self._unmarked:
            points = trace.points or 0
            if entry.state is State.APPLIED:
                if there[points]:
                    there[points] -= 1
                else:
                    left.append((entry, points))
        found = [self._lacking(entry, points, there) for entry, points in left]
        sizes = {trace.points or 0 for _, trace in self._unmarked}
        surplus = {points: count for points, count in there.items() if count > 0}
        for points in sorted(surplus.keys() & sizes):
            more = f"{surplus[points]} more adjustments of {points} points than were applied"
            found.append(self._found(Difference.UNDECIDED, None, more))
        return found

    def _lacking(self, entry: Entry, points: int, there: Counter[int]) -> Found:
        """A removal may have been less than was asked for, down to what was there."""
        less = next((each for each in sorted(there) if points < each <= 0 and there[each]), None)
        if less is None:
            none = f"no adjustment of {points} points is left for it"
            return self._found(Difference.MISSING, entry, none)
        there[less] -= 1
        some = f"no adjustment of {points} points is left for it; one of {less} may be it"
        return self._found(Difference.UNDECIDED, entry, some)

    def _twice_earned(self, history: list[Transaction]) -> list[Found]:
        earned = Counter(row.order_id for row in history if row.kind is TransactionKind.EARNED)
        if self._operation != "create_order":
            return []
        return [
            self._found(Difference.DOUBLED, entry, f"it earned {earned[entry.key]} times")
            for entry in self._entries
            if earned[entry.key] > 1
        ]

    def _gaps(self, history: list[Transaction]) -> list[Found]:
        return [
            self._found(Difference.BALANCE, None, f"{older.balance} before row {newer.id}")
            for newer, older in pairwise(history)
            if newer.balance is not None
            and older.balance is not None
            and newer.balance - newer.points != older.balance
        ]
