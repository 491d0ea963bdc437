"""Looks: what a vendor's records say of a write, without I/O."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk import Flow, Page, Request, Response, Transaction, TransactionKind, get
from loyalty_sdk._look import (
    MOST_PAGES,
    Finding,
    History,
    Trace,
    Window,
    by_marker,
    by_points,
    check_seen,
    could_be,
    fresh,
    history,
)
from loyalty_sdk.errors import MalformedResponseError

T = TypeVar("T")

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MARKED = Trace(operation="adjust_points", customer_id="1", marker="a-1", points=5, adjusts=True)
UNMARKED = MARKED._replace(marker=None)
SENT = Window(sent_at=100.0)
UNKNOWN_CLOCK = Window(sent_at=None)


def row(points: int = 5, reason: str | None = None, at: datetime = NOON) -> Transaction:
    """An adjustment."""
    return Transaction(
        id=f"{points} {reason} {at}",
        customer=None,
        points=points,
        pending=0,
        balance=None,
        kind=TransactionKind.ADJUSTED,
        created_at=at,
        reason=reason,
    )


def marked(*references: str | None) -> list[Transaction]:
    """Rows with these references in their reasons."""
    return [row(reason=None if name is None else f"[ref:{name}] text") for name in references]


def answer(date: datetime | None = NOON, received_at: float = 100.0, **changes: Any) -> Response:
    """A vendor's answer, by its own clock and ours."""
    headers = {} if date is None else {"Date": format_datetime(date, usegmt=True)}
    made = Response(status=200, headers=headers, received_at=received_at)
    return attrs.evolve(made, **changes)


def run(flow: Generator[Request, Response, T], *answers: Response) -> T:
    """What ``flow`` makes of ``answers``, every one of which it asks for."""
    asked = next(flow)
    for each in answers[:-1]:
        assert asked.fresh
        asked = flow.send(each)
    with pytest.raises(StopIteration) as end:
        flow.send(answers[-1])
    result: T = end.value.value
    return result


# ------------------------------------------------------------ windows


def test_the_window_starts_at_the_send_on_the_vendors_clock() -> None:
    """The Date of the read, minus the time since the send, minus 10 minutes or 2 seconds."""
    read = answer(NOON, received_at=160.0)
    assert NOON - timedelta(seconds=60 + 600) == SENT.start(read, marked=True)
    assert NOON - timedelta(seconds=60 + 2) == SENT.start(read, marked=False)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e5), st.floats(0, 1e3), st.booleans())
def test_a_row_of_the_write_is_never_before_the_window(
    skew: float,
    until_read: float,
    effect: float,
    marks: bool,  # noqa: FBT001 - hypothesis hands it over by position
) -> None:
    """However the vendor's clock is set, and although Date has whole seconds only."""
    vendor_sent = NOON + timedelta(seconds=skew)
    date = (vendor_sent + timedelta(seconds=until_read)).replace(microsecond=0)
    window, read = Window(sent_at=50.0), answer(date, received_at=50.0 + until_read)
    start = window.start(read, marked=marks)
    assert start is not None
    assert start <= vendor_sent + timedelta(seconds=min(effect, until_read))


def test_a_later_look_s_window_begins_no_earlier() -> None:
    """Whole seconds of Date move the reckoning: a row from before the first look would come in."""
    read = answer(NOON, received_at=160.0)
    begun = NOON - timedelta(seconds=61)
    assert begun == attrs.evolve(SENT, since=begun).start(read, marked=False)
    early = NOON - timedelta(seconds=99)
    assert NOON - timedelta(seconds=62) == attrs.evolve(SENT, since=early).start(read, marked=False)


def test_a_denial_says_from_when_on_it_looked() -> None:
    """Marked or not, so that later looks need look no further back."""
    assert NOON == by_marker(MARKED, [], reason_of, start=NOON).since
    assert NOON == by_points(UNMARKED, [], SENT, sole_writer=False, start=NOON).since


def test_without_our_own_clock_the_window_is_the_whole_history() -> None:
    """Another process's monotonic clock says nothing here, and the wall clock is not used."""
    assert UNKNOWN_CLOCK.start(answer(None), marked=True) is None


def test_an_answer_without_a_date_is_no_look() -> None:
    """Then nobody can say where the window starts."""
    with pytest.raises(MalformedResponseError, match="no Date"):
        SENT.start(answer(None), marked=True)


# ------------------------------------------------------------ what is no look


@pytest.mark.parametrize("age", ["0", "7"])
def test_a_cached_answer_is_no_look(age: str) -> None:
    """Whatever its age: it may be older than the write."""
    with pytest.raises(MalformedResponseError, match="cache"):
        check_seen(answer(headers={"Age": age}))


@pytest.mark.parametrize("status", [201, 202, 203, 204, 206, 404])
def test_an_undocumented_status_is_no_look(status: int) -> None:
    """Only what the vendor documents says something of the records."""
    with pytest.raises(MalformedResponseError, match=str(status)):
        check_seen(answer(status=status))


def test_a_documented_status_beside_200_is_a_look() -> None:
    """A 404 can be the answer to the question."""
    check_seen(answer(status=404), 404)


def one() -> Flow[int]:
    """A read of one answer."""
    response = yield get("/list")
    return response.status


def test_a_look_is_read_past_caches() -> None:
    """The request says so, and result and answer come back."""
    read = answer()
    flow = fresh(one())
    assert next(flow).fresh
    with pytest.raises(StopIteration) as end:
        flow.send(read)
    assert (200, read) == end.value.value


def test_a_page_is_one_answer() -> None:
    """A list operation that asks twice can't be dated."""

    def two() -> Flow[None]:
        yield get("/a")
        yield get("/b")

    flow = fresh(two())
    next(flow)
    with pytest.raises(MalformedResponseError, match="one answer"):
        flow.send(answer())


# ------------------------------------------------------------ histories


def listing(*pages: Page[Transaction]) -> Any:
    """A list operation that has these pages."""
    left = list(pages)

    def operation(cursor: str | None, filters: Mapping[str, Any]) -> Flow[Page[Transaction]]:
        yield get("/list", {"cursor": cursor, **filters})
        return left.pop(0)

    return operation


def hours_ago(*hours: float) -> tuple[Transaction, ...]:
    """Rows of that long ago."""
    return tuple(row(at=NOON - timedelta(hours=ago)) for ago in hours)


def test_a_history_ends_at_the_first_page_beyond_the_window() -> None:
    """A page with no row of the window is beyond it; what it has is kept, but not recent."""
    pages = Page(hours_ago(0), "a"), Page(hours_ago(2), "b"), Page(hours_ago(3), "c")
    found = run(history(listing(*pages), MARKED, SENT, {}), answer(), answer())
    assert [NOON, NOON - timedelta(hours=2)] == [each.created_at for each in found.rows]
    assert hours_ago(0) == found.recent


def test_a_history_ends_with_the_list() -> None:
    """The last page has no cursor."""
    assert () == run(history(listing(Page(())), MARKED, SENT, {}), answer()).rows


def test_rows_out_of_order_end_nothing() -> None:
    """A row may be listed late, so one old row does not end a page; nor does an empty one."""
    pages = Page(hours_ago(5, 0), "a"), Page[Transaction]((), "b"), Page(hours_ago(0.1), None)
    found = run(history(listing(*pages), MARKED, SENT, {}), answer(), answer(), answer())
    assert 2 == len(found.recent)


def test_the_first_page_says_where_the_next_one_is() -> None:
    """Filters go along, and the vendor's cursor."""
    flow = history(listing(Page(hours_ago(0), "x"), Page(())), MARKED, SENT, {"page_size": 5})
    assert "/list?page_size=5" == next(flow).target
    assert "/list?cursor=x&page_size=5" == flow.send(answer()).target


def test_a_history_without_a_window_is_read_whole() -> None:
    """Another process's write may be as old as the customer."""
    pages = Page(hours_ago(10_000), "a"), Page(hours_ago(20_000))
    found = run(history(listing(*pages), MARKED, UNKNOWN_CLOCK, {}), answer(), answer())
    assert found.rows == found.recent
    assert 2 == len(found.rows)


def test_a_history_without_an_end_is_no_look() -> None:
    """After twenty pages nothing is decided."""
    pages = [Page(hours_ago(0), str(number)) for number in range(MOST_PAGES)]
    flow = history(listing(*pages), MARKED, SENT, {})
    next(flow)
    for _ in range(MOST_PAGES - 1):
        flow.send(answer())
    with pytest.raises(MalformedResponseError, match="longer than 20 pages"):
        flow.send(answer())


@pytest.mark.parametrize("read", [answer(None), answer(headers={"Age": "1"}), answer(status=203)])
def test_a_history_with_a_page_that_is_no_look_is_none(read: Response) -> None:
    """Without a Date, from a cache, or with another status."""
    flow = history(listing(Page(hours_ago(0), "a"), Page(())), MARKED, SENT, {})
    next(flow)
    flow.send(answer())
    with pytest.raises(MalformedResponseError):
        flow.send(read)


def test_what_happened_before_it_was_sent_is_looked_for_where_it_happened() -> None:
    """A backdated activity's row lies at its own time, perhaps cut to whole seconds."""
    at = NOON - timedelta(days=3, microseconds=-700_000)
    trace = MARKED._replace(at=at)
    rows = (row(at=at.replace(microsecond=0)),)
    pages = Page(hours_ago(24), "a"), Page(rows, "b"), Page(hours_ago(100), "c")
    found = run(history(listing(*pages), trace, SENT, {}), answer(), answer(), answer())
    assert {*hours_ago(24), *rows} == {*found.recent}


def test_what_is_to_happen_later_moves_no_window() -> None:
    """A time ahead leaves the start where the send was."""
    trace = MARKED._replace(at=NOON + timedelta(days=3))
    found = run(history(listing(Page(hours_ago(0))), trace, SENT, {}), answer())
    assert NOON - timedelta(seconds=600) == found.start


def test_a_row_without_a_time_may_be_anywhere() -> None:
    """It is taken for recent: a look must not miss what could be the write's."""

    @attrs.frozen
    class Timeless:
        id: str = "1"
        created_at: datetime | None = None

    assert History[Any]((Timeless(),), NOON).recent


# ------------------------------------------------------------ markers


def reason_of(transaction: Transaction) -> str | None:
    """Where these rows carry their marker."""
    return transaction.reason


def test_the_marker_proves_a_write() -> None:
    """Whatever its points are: a removal may have been clamped."""
    rows = [row(3, "[ref:a-1] text"), *marked("a-10", None)]
    sight = by_marker(MARKED, rows, reason_of)
    assert (Finding.PROVEN, tuple(rows[:1])) == (sight.finding, sight.rows)


@pytest.mark.parametrize("references", [[], [None], ["a-10"], ["a", "A-1"]])
def test_without_its_marker_a_write_is_absent(references: list[str | None]) -> None:
    """Another's marker, a prefix's or none at all is not ours."""
    sight = by_marker(MARKED, marked(*references), reason_of)
    assert (Finding.ABSENT, ()) == (sight.finding, sight.rows)


def test_a_look_tells_the_longest_marker_that_came_back() -> None:
    """That is the proof that this vendor keeps markers, and how long ones."""
    assert 4 == by_marker(MARKED, marked("a-10", "a", None), reason_of).longest_marker
    assert 0 == by_marker(MARKED, marked(None), reason_of).longest_marker


def test_a_namesakes_row_proves_nothing() -> None:
    """Of two writes with one reference, one row may be either's; two are both."""
    one = by_marker(MARKED, marked("a-1"), reason_of, others=[MARKED])
    both = by_marker(MARKED, marked("a-1", "a-1"), reason_of, others=[MARKED])
    assert (Finding.UNDECIDED, 1) == (one.finding, len(one.rows))
    assert "same reference" in one.note
    assert Finding.PROVEN is both.finding
    assert Finding.ABSENT is by_marker(MARKED, [], reason_of, others=[MARKED]).finding


def test_other_writes_are_no_namesakes() -> None:
    """Another reference has another row."""
    other = MARKED._replace(marker="a-10")
    assert Finding.PROVEN is by_marker(MARKED, marked("a-1"), reason_of, others=[other]).finding


# ------------------------------------------------------------ points


@given(st.integers(-20, 20).filter(bool), st.integers(-20, 20))
def test_what_a_row_can_be(wanted: int, points: int) -> None:
    """Points given are given exactly; of points taken there may be fewer, or none."""
    trace = UNMARKED._replace(points=wanted)
    possible = {wanted} if wanted > 0 else set(range(wanted, 1))
    assert (points in possible) is could_be(trace, points)


def test_a_write_without_points_of_its_own_has_no_row() -> None:
    """What the vendor decides is compared with nothing."""
    assert not could_be(UNMARKED._replace(points=None), 0)


def seen(*points: int, trace: Trace = UNMARKED, sole: bool = False, **window: Any) -> Finding:
    """What rows of these points say of a write without a marker."""
    rows = [row(each) for each in points]
    sight = by_points(trace, rows, Window(sent_at=0.0, **window), sole_writer=sole)
    assert sight.rows == tuple(each for each in rows if could_be(trace, each.points))
    return sight.finding


def test_without_a_row_of_its_size_a_write_is_absent() -> None:
    """Other deltas and the other sign are not ours."""
    assert Finding.ABSENT is seen()
    assert Finding.ABSENT is seen(4, 6, -5, 0)
    assert Finding.ABSENT is seen(5, -6, trace=UNMARKED._replace(points=-5))


@pytest.mark.parametrize("points", [[5], [5, 5], [1, 5]])
def test_a_row_of_its_size_proves_nothing_by_itself(points: list[int]) -> None:
    """A row does not say whose it is."""
    assert Finding.UNDECIDED is seen(*points)


def test_the_only_row_is_the_sole_writers() -> None:
    """By the merchant's statement nobody else can have left it."""
    assert Finding.PROVEN is seen(5, 3, sole=True)


def test_a_sole_writers_clamped_removal_is_not_proven() -> None:
    """Exactly such a row: a smaller removal may be another's."""
    removal = UNMARKED._replace(points=-5)
    assert Finding.PROVEN is seen(-5, trace=removal, sole=True)
    assert Finding.UNDECIDED is seen(-4, trace=removal, sole=True)
    assert Finding.UNDECIDED is seen(0, trace=removal, sole=True)
    assert Finding.UNDECIDED is seen(-5, -4, trace=removal, sole=True)


def test_another_write_of_ours_can_have_left_the_row() -> None:
    """Then not even a sole writer knows which of the two it was."""
    assert Finding.UNDECIDED is seen(5, sole=True, others=(UNMARKED,))
    assert Finding.PROVEN is seen(5, sole=True, others=(UNMARKED._replace(points=6),))


def test_two_rows_are_a_double_only_if_it_was_sent_twice() -> None:
    """Otherwise somebody else wrote one of them, whatever was stated."""
    assert Finding.UNDECIDED is seen(5, 5, sole=True)
    assert Finding.PROVEN is seen(5, 5, sole=True, resent=True)
    assert Finding.UNDECIDED is seen(5, 5, 5, sole=True, resent=True)


def test_what_could_be_ours_is_counted() -> None:
    """The rows are shown, and the note says how many there are."""
    sight = by_points(UNMARKED, [row(5), row(5), row(4)], SENT, sole_writer=False)
    assert (2, "2 rows could be this one's") == (len(sight.rows), sight.note)
