"""What a journal says of all its runs, counted for people."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections import Counter
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING

import attrs

from loyalty_sdk.errors import JournalError

from ._opening import read_only
from ._rejected import key_of
from ._states import State

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping
    from pathlib import Path

BUCKETS = 120
"""Most points of a curve."""

_LONGEST_PAUSE = 30
_LISTED = 20
_MOST = 10
# Latencies are counted in steps of a tenth, which is as exact as a curve shows.
_STEP = math.log(1.1)
_MAIL = re.compile(r"[^\s@<>\"',;:]+@[\w.-]*\w")


@attrs.frozen
class Span:
    """A stretch of time in which something ended.

    Attributes:
        at: Seconds from the beginning; time when nothing ran is left out.
        seconds: How long it is.
        counts: Rows that ended in it, by state.
        median, slow: Seconds from the last try to the outcome: of half the rows, and of 95 in
            100; None where nothing was sent.
    """

    at: float
    seconds: float
    counts: Mapping[State, int]
    median: float | None
    slow: float | None


@attrs.frozen
class Slow:
    """A customer whose rows took long.

    Attributes:
        customer_id: Who.
        rows: How many were sent.
        seconds: What they took, one after the other.
        longest: The longest of them.
    """

    customer_id: str
    rows: int
    seconds: float
    longest: float


@attrs.frozen
class Letter:
    """A row that needs somebody's eyes."""

    line: int | None
    key: str | None
    customer_id: str | None
    state: State
    error: str


@attrs.frozen(kw_only=True)
class Findings:
    """What a report shows.

    Attributes:
        facts: What the journal belongs to.
        counts: Rows by state.
        spans: The runs over time.
        breaks: Where, in seconds from the beginning, one run ended and another began.
        began, ended: Unix times of the first and the last outcome; None without any.
        resent: Rows that left more than once.
        slowest: The customers whose rows took longest.
        doubled: The first rows that the vendor shows more than once.
        letters: The first dead letters.
        unknown: The first rows that nobody can decide.
        problems: The most frequent problems.
    """

    facts: Mapping[str, str]
    counts: Mapping[State, int]
    spans: tuple[Span, ...]
    breaks: tuple[float, ...]
    began: float | None
    ended: float | None
    resent: int
    slowest: tuple[Slow, ...]
    doubled: tuple[Letter, ...]
    letters: tuple[Letter, ...]
    unknown: tuple[Letter, ...]
    problems: tuple[tuple[str, int], ...]


def masked(text: str | None) -> str:
    """``text`` without e-mail addresses: a report is passed on."""
    return _MAIL.sub(lambda found: f"{found[0][0]}***@***", text or "")


def read_findings(journal: Path) -> Findings:
    """Count what ``journal`` holds; it is only read, and may be in use.

    Raises:
        JournalError: It is missing, or no journal.
    """
    with _opened(journal) as base:
        return _findings(base)


def count_unknown(journal: Path) -> int:
    """Rows of ``journal`` that nobody can decide; 0 where there is no journal.

    Raises:
        JournalError: It is no journal.
    """
    if not journal.is_file():
        return 0
    query = "SELECT count(*) FROM rows WHERE state = ?"
    with _opened(journal) as base:
        [count] = base.execute(query, (State.UNKNOWN.value,)).fetchone()
    return int(count)


def read_letters(journal: Path, states: Iterable[State]) -> Iterator[Letter]:
    """Rows of ``journal`` in one of ``states``, in the order of the input, as they are.

    Raises:
        JournalError: It is missing, or no journal.
    """
    with _opened(journal) as base:
        yield from _letters(base, tuple(states))


@contextmanager
def _opened(journal: Path) -> Generator[sqlite3.Connection]:
    try:
        with closing(read_only(journal)) as base:
            yield base
    except sqlite3.Error as exc:
        raise JournalError(f"{journal} cannot be read: {exc}") from exc


def _findings(base: sqlite3.Connection) -> Findings:
    seconds = _by_second(base)
    active, breaks = _without_pauses(sorted(seconds))
    [began, ended] = base.execute("SELECT min(ended), max(ended) FROM rows").fetchone()
    [resent] = base.execute("SELECT count(*) FROM rows WHERE tries > 1").fetchone()
    dead = (State.REJECTED, State.INVALID)
    return Findings(
        facts=dict(base.execute("SELECT name, value FROM facts")),
        counts=dict.fromkeys(State, 0)
        | {
            State(state): count
            for state, count in base.execute("SELECT state, count(*) FROM rows GROUP BY state")
        },
        spans=tuple(_spans(seconds, active)) if seconds else (),
        breaks=tuple(breaks),
        began=began,
        ended=ended,
        resent=resent,
        slowest=tuple(_slowest(base)),
        doubled=tuple(_first(_doubled(base))),
        letters=tuple(_first(_letters(base, dead))),
        unknown=tuple(_first(_letters(base, (State.UNKNOWN,)))),
        problems=tuple(_problems(base)),
    )


@attrs.define
class _Second:
    counts: Counter[State] = attrs.field(factory=Counter[State])
    steps: Counter[int] = attrs.field(factory=Counter[int])


def _by_second(base: sqlite3.Connection) -> dict[int, _Second]:
    found: dict[int, _Second] = {}
    query = "SELECT state, tried, ended FROM rows WHERE ended IS NOT NULL"
    for state, tried, ended in base.execute(query):
        second = found.setdefault(int(ended), _Second())
        second.counts[State(state)] += 1
        if tried is not None:
            second.steps[round(math.log(max(ended - tried, 1e-4)) / _STEP)] += 1
    return found


def _without_pauses(seconds: list[int]) -> tuple[dict[int, int], list[float]]:
    """Each second's distance from the beginning, and where pauses were left out."""
    places: dict[int, int] = {}
    breaks: list[float] = []
    left_out = 0
    for number, second in enumerate(seconds):
        pause = second - seconds[number - 1] if number else 0
        if pause > _LONGEST_PAUSE:
            left_out += pause - 1
            breaks.append(float(second - seconds[0] - left_out))
        places[second] = second - seconds[0] - left_out
    return places, breaks


def _spans(seconds: Mapping[int, _Second], places: Mapping[int, int]) -> Iterable[Span]:
    length = max(places.values()) + 1
    width = math.ceil(length / BUCKETS)
    buckets: dict[int, _Second] = {}
    for second, found in seconds.items():
        bucket = buckets.setdefault(places[second] // width, _Second())
        bucket.counts.update(found.counts)
        bucket.steps.update(found.steps)
    for number in range(math.ceil(length / width)):
        bucket = buckets.get(number, _Second())
        # The last bucket may be shorter: its rate would look like a fall.
        lasts = min(width, length - number * width)
        yield Span(
            number * width,
            lasts,
            dict(bucket.counts),
            _share(bucket.steps, 0.5),
            _share(bucket.steps, 0.95),
        )


def _share(steps: Counter[int], share: float) -> float | None:
    """The latency that ``share`` of the rows did not exceed."""
    wanted, passed = share * steps.total(), 0
    for step in sorted(steps):
        passed += steps[step]
        if passed >= wanted:
            return math.exp(step * _STEP)
    return None  # nothing was sent in it


def _slowest(base: sqlite3.Connection) -> Iterable[Slow]:
    query = (
        "SELECT customer, count(*), sum(ended - tried), max(ended - tried) FROM rows"
        " WHERE tried IS NOT NULL AND ended IS NOT NULL AND customer IS NOT NULL"
        " GROUP BY customer ORDER BY max(ended - tried) DESC, customer LIMIT ?"
    )
    for customer, rows, seconds, longest in base.execute(query, (_MOST,)):
        yield Slow(masked(customer), rows, seconds, longest)


def _letters(
    base: sqlite3.Connection, states: tuple[State, ...], such: str = "TRUE"
) -> Iterator[Letter]:
    marks = ", ".join("?" * len(states))
    query = (
        "SELECT line, key, customer, state, error, dead.form, dead.row"  # noqa: S608 - question marks
        f" FROM rows LEFT JOIN dead USING (ordinal) WHERE state IN ({marks}) AND {such}"
        " ORDER BY ordinal"
    )
    values = [state.value for state in states]
    for line, key, customer, found, error, form, text in base.execute(query, values):
        state = State(found)
        # What was mended and got through has a letter still, and a key of its own.
        known = key_of(form, json.loads(text), key) if state.dead and form else key
        yield Letter(line, known, customer, state, error or "")


def _doubled(base: sqlite3.Connection) -> Iterator[Letter]:
    """An applied row has something to say only if it stands there twice."""
    return _letters(base, (State.APPLIED,), "error IS NOT NULL")


def _first(letters: Iterable[Letter]) -> Iterator[Letter]:
    """The first few, as they may be passed on."""
    for each in islice(letters, _LISTED):
        yield Letter(
            each.line, masked(each.key), masked(each.customer_id), each.state, masked(each.error)
        )


def _problems(base: sqlite3.Connection) -> Iterable[tuple[str, int]]:
    query = (
        "SELECT error, count(*) FROM rows WHERE error IS NOT NULL"
        " GROUP BY error ORDER BY count(*) DESC, error LIMIT ?"
    )
    for error, count in base.execute(query, (_MOST,)):
        yield masked(error), count
