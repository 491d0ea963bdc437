"""One run of an export: where it begins, where it ends, and how far it has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs

from loyalty_sdk._models import timestamp
from loyalty_sdk.errors import ConfigurationError

from ._spool import PROGRAM, last_of, name_of
from ._windows import initial, micros, moment, spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from ._checkpoint import Checkpoint
    from ._clock import Clock
    from ._spool import Spool

Phase = Literal["asking", "reading", "writing", "done"]
"""Asking who the customers are, reading their rows, writing them out."""

_NOTE = "run"


@attrs.frozen(kw_only=True)
class Run:
    """What a checkpoint knows of the run it is in, or of the last one.

    Attributes:
        number: 1 for the first.
        low: Where the rows asked for begin, in microseconds since 1970; None for the first.
        until: Its end in microseconds since 1970, which never moves: rows that appear
            meanwhile are the next run's.
        overlap: How far the next run will step back, in microseconds.
        incremental: Whether it goes on where the last one ended.
        given: What else must stay the same until it ends.
        phase: What is being done.
        cursor: Of the list of customers while asking.
        delivered: Batches that a consumer has taken.
    """

    number: int
    low: int | None
    until: int
    overlap: int
    incremental: bool
    given: Mapping[str, Any]
    phase: Phase
    cursor: str | None = None
    delivered: int = 0


def held(base: Checkpoint) -> Run | None:
    """The run that ``base`` is in, or its last one."""
    fields = base.fact(_NOTE)
    return None if fields is None else Run(**fields)


def note(base: Checkpoint, run: Run, **changes: Any) -> Run:
    """Keep how far ``run`` has come; inside of a change."""
    changed = attrs.evolve(run, **changes)
    base.note(_NOTE, attrs.asdict(changed, recurse=False))
    return changed


@attrs.frozen(kw_only=True)
class Wish:
    """What the caller asked of a run.

    Attributes:
        since_last: Whether to go on where the last run ended.
        created_from, created_until: Bounds of all rows.
        overlap: How far to step back behind the last run's newest row.
        by_customer: Whether customers are units.
        customers: The given ones, as filters; None to ask the vendor.
    """

    since_last: bool
    created_from: datetime | None
    created_until: datetime | None
    overlap: timedelta
    by_customer: bool
    customers: Iterable[Mapping[str, Any]] | None


def resume(base: Checkpoint, wish: Wish, *, restart: bool) -> Run | None:
    """The run to go on with; None when a new one is to begin.

    Raises:
        ConfigurationError: There is one, and it was asked for otherwise.
    """
    run = held(base)
    if run is None or run.phase == "done" or restart:
        return None
    if run.incremental and not wish.since_last:
        raise ConfigurationError(
            f"{base.path} is in the middle of a run that went on where an earlier one had ended",
            hint="Say since last to finish it, or restart to give it up",
        )
    if wish.since_last and not run.incremental and last_of(base, 0)[0] is not None:
        raise ConfigurationError(
            f"{base.path} is in the middle of a run of everything, after others",
            hint="Finish it without since last, or restart to give it up",
        )
    base.compare(run.given, _given(wish))
    if run.overlap != spans(wish.overlap):
        raise ConfigurationError(
            f"{base.path} is in the middle of a run with an overlap of"
            f" {run.overlap / 1_000_000:,.15g} seconds",
            hint="Say the same to finish it, or restart to give it up",
        )
    if wish.customers is not None and not _same(base, wish.customers):
        raise ConfigurationError(
            f"{base.path} is in the middle of a run with other customers",
            hint="Finish it with those it began with, or restart to give it up",
        )
    return run


def plan(base: Checkpoint, wish: Wish, clock: Clock) -> Run:
    """A run that ends with this second, by the vendor's clock, or where the caller said.

    Raises:
        ConfigurationError: The overlap is longer than the checkpoint's memory.
    """
    overlap = spans(wish.overlap)
    last, gap = last_of(base, overlap)
    last = last if wish.since_last else None
    if last is not None and gap is not None:
        raise ConfigurationError(
            f"overlap: {base.path} knows the rows it has handed out from {timestamp(gap)} on,"
            " no further back",
            hint="Take a shorter overlap",
        )
    until = _end(wish, clock.end, last)
    before = held(base)
    return Run(
        number=before.number + 1 if before else 1,
        low=None if wish.created_from is None else micros(wish.created_from),
        until=until,
        overlap=overlap,
        incremental=last is not None,
        given=_given(wish),
        phase="asking" if wish.by_customer and wish.customers is None else "reading",
    )


def begin(base: Checkpoint, spool: Spool, wish: Wish, run: Run, clock: Clock) -> Run:
    """Make ``run`` the one that the checkpoint is in."""
    with base.change():
        spool.clear()
        _fill(base, spool, wish, run, micros(clock.now))
        return note(base, run)


def _end(wish: Wish, now: datetime, last: int | None) -> int:
    """Never before ``last``, or the rows between would be handed out twice."""
    end = micros(min(now, wish.created_until or now))
    if last is None:
        return end
    if wish.created_until is not None and micros(wish.created_until) < last:
        raise ConfigurationError(
            f"created_until: the last run came as far as {timestamp(moment(last))} already",
            hint="Take a later one, or make an export of its own",
        )
    # The clocks of a vendor's servers differ.
    return max(end, last)


def _fill(base: Checkpoint, spool: Spool, wish: Wish, run: Run, now: int) -> None:
    if wish.customers is not None:
        add_customers(spool, run, wish.customers)
    elif not wish.by_customer:
        last = base.one("SELECT reach FROM history WHERE name = ?", PROGRAM)
        bounds = (run.low, last - run.overlap if run.incremental else None)
        low = max((bound for bound in bounds if bound is not None), default=None)
        spool.add_windows(initial(low, run.until, now))


def add_customers(spool: Spool, run: Run, customers: Iterable[Mapping[str, Any]]) -> None:
    """Make units of ``customers``; inside of a change."""
    back = run.overlap if run.incremental else None
    spool.add_customers(customers, run.low, run.until, back)


def _given(wish: Wish) -> dict[str, Any]:
    until = wish.created_until
    return {"created_until": None if until is None else timestamp(until)}


def _same(base: Checkpoint, customers: Iterable[Mapping[str, Any]]) -> bool:
    """Whether these are the customers of the run, in any order."""
    with base.change():
        base.rows("CREATE TEMP TABLE asked (name TEXT PRIMARY KEY) WITHOUT ROWID")
        base.many(
            "INSERT OR IGNORE INTO asked VALUES (?)", ((name_of(each),) for each in customers)
        )
        known = base.one("SELECT count(*) FROM asked JOIN unit ON history = name")
        given = base.one("SELECT count(*) FROM asked")
        total = base.one("SELECT count(*) FROM unit")
        base.rows("DROP TABLE asked")
    return bool(known == given == total)
