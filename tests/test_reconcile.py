"""Reconciler: after an open try it looks before anything else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import attrs
import pytest

from loyalty_sdk import (
    BadRequestError,
    ConfigurationError,
    ConflictError,
    ConnectError,
    DeadlineExceededError,
    DoubledWriteError,
    LoyaltyError,
    MalformedResponseError,
    Outcome,
    OutcomeUnknownError,
    PermissionDeniedError,
    Receipt,
    ReferenceConflictError,
    Request,
    Response,
    Safety,
    Transaction,
    TransactionKind,
    TransportError,
)
from loyalty_sdk._account import Account, Write
from loyalty_sdk._call import Call
from loyalty_sdk._look import Finding, Sight, Trace, Window, by_marker, by_points
from loyalty_sdk._reconcile import Reconciler
from loyalty_sdk._retry import Verdict

SETTLE = 60.0
PATIENT = 600.0
MARKED = Trace(
    operation="adjust_points",
    customer_id="1",
    reference="a-1",
    marker="a-1",
    points=5,
    adjusts=True,
)
UNMARKED = MARKED._replace(marker=None)
ORDER = Trace(operation="create_order", customer_id="1", reference="A-1")
FAILURES: dict[Verdict, Callable[[], LoyaltyError]] = {
    Verdict.OPEN: lambda: TransportError("cut"),
    Verdict.REFUSED: lambda: BadRequestError("HTTP 400"),
    Verdict.NOT_SENT: lambda: ConnectError("refused"),
}

pytestmark = pytest.mark.usefixtures("skipping")


def row(identity: str, points: int = 5, marker: str | None = "a-1") -> Transaction:
    """A row of the vendor's list."""
    return Transaction(
        id=identity,
        customer=None,
        points=points,
        pending=0,
        balance=None,
        kind=TransactionKind.ADJUSTED,
        created_at=datetime(2026, 5, 1, tzinfo=UTC),
        reason=None if marker is None else f"[ref:{marker}] text",
    )


@attrs.define
class Vendor:
    """Tries end as the script says; rows are listed from a moment on; looks are counted.

    Attributes:
        script: How each try ends, after how many seconds.
        rows: Since when each is listed, in seconds after the test began.
        trouble: What a look raises instead, in turn; None for nothing.
        looks: When each was begun, of what, and in which window.
    """

    script: list[tuple[Verdict, float]] = attrs.field(factory=list[tuple[Verdict, float]])
    rows: list[tuple[float, Transaction]] = attrs.field(factory=list[tuple[float, Transaction]])
    trouble: list[LoyaltyError | None] = attrs.field(factory=list[LoyaltyError | None])
    sole_writer: bool = False
    account: Account = attrs.field(factory=Account)
    began: float = attrs.Factory(lambda: time.monotonic())  # noqa: PLW0108 - it is replaced
    sent: list[float] = attrs.field(factory=list[float])
    looks: list[tuple[float, Trace, Window]] = attrs.field(
        factory=list[tuple[float, Trace, Window]]
    )
    budget: int = 100

    def passed(self) -> float:
        """Seconds since the test began."""
        return time.monotonic() - self.began

    async def send(self, request: Request, call: Call) -> Response:
        """One try, as the client makes it."""
        write = call.write
        assert write is not None
        verdict, seconds = self.script.pop(0)
        if verdict is not Verdict.NOT_SENT:
            write.depart()
            self.sent.append(self.passed())
        await asyncio.sleep(seconds)
        call.note(request, verdict)
        write.land(verdict is Verdict.OPEN)
        self.account.changed(write)
        if verdict is Verdict.ACCEPTED:
            return Response(status=200)
        failure = FAILURES[verdict]()
        raise failure

    async def look(self, trace: Trace, window: Window, call: Call) -> Sight:
        """One look, which takes a second."""
        self.looks.append((self.passed(), trace, window))
        listed = [each for since, each in self.rows if self.passed() >= since]
        trouble = self.trouble.pop(0) if self.trouble else None
        await asyncio.sleep(min(1.0, max(0.0, call.deadline - time.monotonic())))
        if trouble is not None:
            raise trouble
        if trace.operation == "create_order":
            return Sight(finding=Finding.PROVEN if listed else Finding.ABSENT, ids=_ids(listed))
        if trace.marker is not None:
            return by_marker(trace, listed, lambda each: each.reason, others=window.others)
        return by_points(trace, listed, window, sole_writer=self.sole_writer)

    def repeat(self) -> bool:
        """Take one repeat out of the budget."""
        self.budget -= 1
        return self.budget >= 0

    def reconciler(self, **changes: Any) -> Reconciler:
        """The reconciler of a client."""
        made = Reconciler(
            account=self.account,
            settle=SETTLE,
            send=self.send,
            look=self.look,
            sends=4,
            may_repeat=self.repeat,
        )
        return attrs.evolve(made, **changes)

    async def write(
        self, trace: Trace = MARKED, patience: float = PATIENT, **changes: Any
    ) -> Receipt:
        """One write, as the client drives it."""
        call = Call.begin("tiny", trace.operation, patience, SETTLE, writes=True)
        tried = changes.pop("tried", None)
        if tried is not None:
            call.replay(datetime.now(UTC) - timedelta(seconds=tried))
        request = Request(
            method="POST",
            template="/p",
            path="/p",
            safety=Safety.ONCE,
            trace=trace,
            reference="a-1",
        )
        call.expect(request)
        try:
            await self.reconciler(**changes).write(request, call)
        except LoyaltyError as error:
            concluded = call.conclude(error)
            raise concluded from concluded.__cause__
        return call.receipt()


def _ids(rows: list[Transaction]) -> tuple[str, ...]:
    return tuple(each.id for each in rows)


def tries(*verdicts: Verdict) -> list[tuple[Verdict, float]]:
    """Tries that end at once."""
    return [(verdict, 0.0) for verdict in verdicts]


OPEN, ACCEPTED = Verdict.OPEN, Verdict.ACCEPTED
REFUSED, NOT_SENT = Verdict.REFUSED, Verdict.NOT_SENT


@pytest.fixture
def vendor() -> Vendor:
    """A vendor whose markers were seen to come back, and whose tries are open, then accepted."""
    made = Vendor(script=tries(OPEN, ACCEPTED))
    made.account.longest_marker = 3
    return made


async def doubt(vendor: Vendor, trace: Trace = MARKED, **changes: Any) -> OutcomeUnknownError:
    """The error of a write that ends in doubt."""
    with pytest.raises(OutcomeUnknownError) as caught:
        await vendor.write(trace, **changes)
    assert Outcome.UNKNOWN is caught.value.outcome
    return caught.value


def known(error: LoyaltyError) -> tuple[Outcome, int]:
    """Outcome and number of sends."""
    assert error.receipt is not None
    return error.receipt.outcome, error.receipt.attempts


# ------------------------------------------------------------ nothing is in doubt


async def test_an_accepted_write_is_not_looked_for(vendor: Vendor) -> None:
    """The acknowledgement is enough."""
    vendor.script = tries(ACCEPTED)
    receipt = await vendor.write()
    assert (Outcome.APPLIED, 1, False) == (receipt.outcome, receipt.attempts, receipt.reconciled)
    assert [] == vendor.looks


@pytest.mark.parametrize(
    ("verdict", "outcome"), [(REFUSED, Outcome.REJECTED), (NOT_SENT, Outcome.NOT_SENT)]
)
async def test_a_write_that_was_not_applied_is_not_looked_for(
    vendor: Vendor, verdict: Verdict, outcome: Outcome
) -> None:
    """Its failure proves it."""
    vendor.script = tries(verdict)
    with pytest.raises((BadRequestError, ConnectError)) as caught:
        await vendor.write()
    assert outcome is known(caught.value)[0]
    assert [] == vendor.looks


# ------------------------------------------------------------ confirming


async def test_a_record_that_can_only_be_ours_proves_the_write(vendor: Vendor) -> None:
    """As soon as it is listed, long before `settle`; nothing is sent again."""
    vendor.rows = [(20.0, row("7"))]
    receipt = await vendor.write()
    assert (Outcome.APPLIED, 1, True) == (receipt.outcome, receipt.attempts, receipt.reconciled)
    assert row("7") == receipt.transaction
    assert 20 <= vendor.passed() < 20 + 15


async def test_a_write_with_other_points_under_its_marker_is_applied(vendor: Vendor) -> None:
    """The receipt holds the real points: a removal may have been clamped."""
    vendor.rows = [(0.0, row("7", points=3))]
    receipt = await vendor.write()
    assert Outcome.APPLIED is receipt.outcome
    assert receipt.transaction is not None
    assert 3 == receipt.transaction.points


async def test_looks_grow_rarer(vendor: Vendor) -> None:
    """Pauses double up to 15 seconds, and one look is begun right when `settle` has passed."""
    await vendor.write()
    begun = [at for at, _, _ in vendor.looks]
    begun = [at for at in begun if at < vendor.sent[1]]
    pauses = [later - earlier - 1 for earlier, later in pairwise(begun)]
    assert [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8] == pytest.approx(pauses[:8], abs=0.01)
    assert SETTLE == pytest.approx(begun[-1], abs=0.1)


async def test_a_look_knows_the_first_send_and_whether_there_were_more(vendor: Vendor) -> None:
    """That is where its window starts."""
    await vendor.write()
    assert {vendor.began} == {window.sent_at for _, _, window in vendor.looks}
    assert [at >= vendor.sent[1] for at, _, _ in vendor.looks] == [
        window.resent for _, _, window in vendor.looks
    ]


# ------------------------------------------------------------ denying


async def test_a_write_is_sent_again_only_after_settle(vendor: Vendor) -> None:
    """The deciding read is begun after `settle` has passed since we gave up."""
    vendor.script = [(OPEN, 8.0), (ACCEPTED, 0.0)]
    receipt = await vendor.write()
    assert (Outcome.APPLIED, 2, False) == (receipt.outcome, receipt.attempts, receipt.reconciled)
    assert vendor.sent[1] >= 8 + SETTLE
    deciding = [at for at, _, _ in vendor.looks if at < vendor.sent[1]][-1]
    assert deciding >= 8 + SETTLE


async def test_a_look_begun_before_settle_decides_nothing(vendor: Vendor) -> None:
    """However late it ends: what it read may be older."""
    vendor.rows = [(SETTLE - 0.1, row("7"))]
    receipt = await vendor.write()
    assert (Outcome.APPLIED, 1) == (receipt.outcome, receipt.attempts)


async def test_without_time_for_settle_a_write_is_never_sent_again(vendor: Vendor) -> None:
    """The call confirms until its deadline, then says when looking can decide."""
    error = await doubt(vendor, patience=30.0)
    assert (Outcome.UNKNOWN, 1) == known(error)
    assert "not there yet" in error.message
    assert len(vendor.looks) > 5
    assert 15 <= vendor.passed() <= 30
    assert error.receipt is not None
    assert error.receipt.resolve_after is not None
    assert 1 == len(vendor.sent)


async def test_absence_without_time_to_send_again_is_told(vendor: Vendor) -> None:
    """ABSENT: it was shown absent and not sent again; the error is the failure itself."""
    with pytest.raises(TransportError, match="cut") as caught:
        await vendor.write(patience=SETTLE + 1.5)
    assert (Outcome.ABSENT, 1) == known(caught.value)


async def test_tries_are_bounded(vendor: Vendor) -> None:
    """Those that never left count too; the last absence is told."""
    vendor.script = tries(NOT_SENT, OPEN, OPEN, OPEN)
    with pytest.raises(ConnectError):
        await vendor.write()
    with pytest.raises(TransportError) as caught:
        await vendor.write(sends=3)
    assert (Outcome.ABSENT, 3) == known(caught.value)


async def test_a_used_up_budget_ends_it(vendor: Vendor) -> None:
    """A resend is a repeat like any other; the looks were none."""
    vendor.budget = 0
    with pytest.raises(TransportError, match="retry budget") as caught:
        await vendor.write()
    assert (Outcome.ABSENT, 1) == known(caught.value)
    assert -1 == vendor.budget


async def test_without_a_marker_that_came_back_there_is_no_absence(vendor: Vendor) -> None:
    """A vendor that drops or cuts markers would show a write that is there absent."""
    vendor.account.longest_marker = 0
    vendor.rows = [(0.0, row("8", 7, None))]
    error = await doubt(vendor)
    assert 1 == len(vendor.sent)
    assert "no marker of that length" in error.message


async def test_where_no_row_lacks_a_marker_none_was_lost(vendor: Vendor) -> None:
    """The first write of a process may be shown absent, if nothing can be it in disguise."""
    vendor.account.longest_marker = 0
    receipt = await vendor.write()
    assert (Outcome.APPLIED, 2) == (receipt.outcome, receipt.attempts)


async def test_an_accepted_write_s_marker_is_looked_for_if_none_was_seen(vendor: Vendor) -> None:
    """It need not be the same customer's: the vendor's way with markers is the same."""
    vendor.account.longest_marker = 0
    other = MARKED._replace(marker="other", customer_id="2")
    example = Write(other, accepted=True)
    example.depart()
    with vendor.account.register(example):
        pass
    vendor.rows = [(0.0, row("1", marker="other"))]
    receipt = await vendor.write()
    assert (Outcome.APPLIED, 2) == (receipt.outcome, receipt.attempts)
    assert other in [trace for _, trace, _ in vendor.looks]


@pytest.mark.parametrize("bare", [False, True])
async def test_an_example_that_need_not_be_listed_yet_says_nothing(
    vendor: Vendor, *, bare: bool
) -> None:
    """What counts then is that markers came back before, and that no row here can lack one."""
    example = Write(MARKED._replace(marker="other", customer_id="2"), accepted=True)
    example.depart()
    with vendor.account.register(example):
        pass
    vendor.script = tries(ACCEPTED)
    vendor.rows = [(0.0, row("8", 7, None))] if bare else []
    if bare:
        error = await doubt(vendor, tried=SETTLE)
        assert "no marker of that length" in error.message
    else:
        assert 1 == (await vendor.write(tried=SETTLE)).attempts


@pytest.mark.parametrize(("length", "believed"), [(32, True), (33, False)])
async def test_a_long_marker_must_have_been_seen_as_long(
    vendor: Vendor, *, length: int, believed: bool
) -> None:
    """Where a short one came back a long one may still be cut; a hash never is longer than 32."""
    vendor.account.longest_marker = 5
    trace = MARKED._replace(marker="x" * length)
    if believed:
        assert 2 == (await vendor.write(trace)).attempts
    else:
        await doubt(vendor, trace)
        vendor.account.longest_marker = length
        vendor.script = tries(OPEN, ACCEPTED)
        assert 2 == (await vendor.write(trace)).attempts


async def test_what_a_look_sees_of_markers_is_remembered(vendor: Vendor) -> None:
    """For every later write with these credentials."""
    vendor.account.longest_marker = 0
    vendor.rows = [(0.0, row("1", marker="somebody-elses-marker"))]
    assert 2 == (await vendor.write()).attempts
    assert len("somebody-elses-marker") == vendor.account.longest_marker


@pytest.mark.parametrize(
    "trouble", [MalformedResponseError("from a cache"), BadRequestError("HTTP 403")]
)
async def test_a_look_that_failed_is_none(vendor: Vendor, trouble: LoyaltyError) -> None:
    """It neither proves nor denies; after four of them behind `settle` the doubt is told."""
    vendor.trouble = [trouble] * 1000
    error = await doubt(vendor)
    assert f"looking failed: {trouble.message}" in error.message
    assert 4 == sum(at >= SETTLE for at, _, _ in vendor.looks)
    assert 1 == len(vendor.sent)


async def test_looks_that_fail_at_first_cost_only_time(vendor: Vendor) -> None:
    """The next one decides."""
    vendor.trouble = [MalformedResponseError("no Date")] * 3
    assert 2 == (await vendor.write()).attempts


async def test_what_stands_in_its_place_is_told_at_once(vendor: Vendor) -> None:
    """A ConflictError is an answer; whether ours was applied before, nobody knows."""
    vendor.trouble = [ConflictError("another order")]
    with pytest.raises(ConflictError) as caught:
        await vendor.write(ORDER)
    assert (Outcome.UNKNOWN, 1) == known(caught.value)
    assert 1 == len(vendor.looks)


async def test_rows_that_could_be_ours_are_shown(vendor: Vendor) -> None:
    """Without a marker one row or more is a doubt, and never sent again."""
    vendor.rows = [(0.0, row("1", marker=None)), (0.0, row("2", 6, None))]
    error = await doubt(vendor, UNMARKED)
    assert ("1",) == tuple(each.id for each in error.rows)
    assert "1 rows could be this one's" in error.message
    assert 1 == len(vendor.sent)


async def test_without_rows_that_could_be_ours_it_is_sent_again(vendor: Vendor) -> None:
    """A marker that comes back is nothing to those that have none."""
    vendor.account.longest_marker = 0
    vendor.rows = [(0.0, row("2", 6, None))]
    assert 2 == (await vendor.write(UNMARKED)).attempts


# ------------------------------------------------------------ doubles


async def double(vendor: Vendor, trace: Trace = MARKED, **changes: Any) -> DoubledWriteError:
    """The error of a write that stands there twice."""
    with pytest.raises(DoubledWriteError) as caught:
        await vendor.write(trace, **changes)
    assert (Outcome.APPLIED, 2) == known(caught.value)
    return caught.value


LATE = SETTLE + 1.5


@pytest.mark.parametrize("second", [ACCEPTED, OPEN, REFUSED])
async def test_a_double_is_told_with_both_rows(vendor: Vendor, second: Verdict) -> None:
    """The first try took effect after it was shown absent: `settle` was too short."""
    vendor.script = tries(OPEN, second)
    vendor.rows = [(LATE - 1, row("7")), (LATE - 1, row("8"))]
    error = await double(vendor)
    assert ("7", "8") == tuple(each.id for each in error.rows)
    assert "2 times: 7, 8" in error.message


async def test_a_doubled_order_is_told_by_its_ids(vendor: Vendor) -> None:
    """An order has no row of points."""
    vendor.rows = [(LATE - 1, row("7")), (LATE - 1, row("8"))]
    error = await double(vendor, ORDER)
    assert "2 times: 7, 8" in error.message
    assert () == error.rows


async def test_a_double_without_a_marker_is_told_when_the_second_was_accepted(
    vendor: Vendor,
) -> None:
    """There was none of that size when it was denied, so what came since is ours."""
    vendor.rows = [(LATE - 1, row(name, 5, None)) for name in "78"] + [(0.0, row("1", 6, None))]
    error = await double(vendor, UNMARKED)
    assert ("7", "8") == tuple(each.id for each in error.rows)


async def test_a_double_without_a_marker_is_a_doubt_when_the_second_is_open(
    vendor: Vendor,
) -> None:
    """Both rows may be somebody else's; they are shown."""
    vendor.script = tries(OPEN, OPEN)
    vendor.rows = [(LATE - 1, row(name, 5, None)) for name in "78"]
    error = await doubt(vendor, UNMARKED)
    assert ("7", "8") == tuple(each.id for each in error.rows)


async def test_a_sole_writer_s_double_is_told(vendor: Vendor) -> None:
    """By the merchant's statement nobody else wrote either row."""
    vendor.script, vendor.sole_writer = tries(OPEN, OPEN), True
    vendor.rows = [(LATE - 1, row(name, 5, None)) for name in "78"]
    await double(vendor, UNMARKED)


async def test_a_rival_s_row_is_no_double(vendor: Vendor) -> None:
    """A write of ours that was sent since explains one of two rows."""
    vendor.rows = [(LATE - 1, row(name, 5, None)) for name in "78"]

    async def rival() -> None:
        while len(vendor.sent) < 2:
            await asyncio.sleep(0.5)
        other = Write(UNMARKED)
        with vendor.account.register(other):
            other.depart()
            other.land(open_=False)

    task = asyncio.create_task(rival())
    assert 2 == (await vendor.write(UNMARKED)).attempts
    await task


async def test_a_namesake_s_row_is_no_double(vendor: Vendor) -> None:
    """Two calls with one reference leave two rows; that is what was asked for."""
    earlier = Write(MARKED, accepted=True)
    with vendor.account.register(earlier):
        earlier.depart()
    vendor.script = tries(OPEN)
    vendor.rows = [(0.0, row("7")), (5.0, row("8"))]
    receipt = await vendor.write()
    assert (Outcome.APPLIED, 1) == (receipt.outcome, receipt.attempts)
    assert vendor.passed() >= 5


async def test_one_row_after_a_resend_is_no_double(vendor: Vendor) -> None:
    """It is the second try's; one more read was made to see."""
    vendor.rows = [(LATE - 1, row("8"))]
    receipt = await vendor.write()
    assert (Outcome.APPLIED, 2) == (receipt.outcome, receipt.attempts)
    assert vendor.sent[1] <= vendor.looks[-1][0]


@pytest.mark.parametrize("trouble", [ConflictError("another"), MalformedResponseError("cut")])
async def test_an_accepted_resend_is_applied_whatever_the_last_read_says(
    vendor: Vendor, trouble: LoyaltyError
) -> None:
    """An accepted write is returned, not raised."""
    await vendor.write(ORDER)
    before = sum(at < vendor.sent[1] for at, _, _ in vendor.looks)
    vendor.script, vendor.trouble = tries(OPEN, ACCEPTED), [None] * before + [trouble]
    assert Outcome.APPLIED is (await vendor.write(ORDER)).outcome
    assert [] == vendor.trouble


# ------------------------------------------------------------ refused after a resend


async def test_a_refused_resend_of_a_write_that_landed_late_is_applied(vendor: Vendor) -> None:
    """409 on the second try may mean that the first one is there."""
    vendor.script = tries(OPEN, REFUSED)
    vendor.rows = [(LATE - 1, row("7"))]
    receipt = await vendor.write()
    assert (Outcome.APPLIED, 2, True) == (receipt.outcome, receipt.attempts, receipt.reconciled)


@pytest.mark.parametrize(
    ("second", "outcome"), [(REFUSED, Outcome.REJECTED), (NOT_SENT, Outcome.ABSENT)]
)
async def test_a_resend_that_changes_nothing_leaves_what_is_known(
    vendor: Vendor, second: Verdict, outcome: Outcome
) -> None:
    """Shown absent, then refused: REJECTED. Shown absent and not sent again: ABSENT."""
    vendor.script = tries(OPEN, second)
    with pytest.raises((BadRequestError, ConnectError)) as caught:
        await vendor.write()
    assert outcome is known(caught.value)[0]


async def test_a_refused_resend_beside_a_row_that_could_be_ours_is_a_doubt(
    vendor: Vendor,
) -> None:
    """Somebody else's, or the first try's that landed late: nobody can say."""
    vendor.script = tries(OPEN, REFUSED)
    vendor.rows = [(LATE - 1, row("7", 5, None))]
    error = await doubt(vendor, UNMARKED)
    assert ("7",) == tuple(each.id for each in error.rows)
    assert isinstance(error.__cause__, BadRequestError)
    assert error.receipt is not None
    assert error.receipt.resolve_after is not None


# ------------------------------------------------------------ beside other writes


async def test_tries_in_flight_are_awaited_before_the_deciding_read(vendor: Vendor) -> None:
    """A row that one of them leaves during it would be taken for ours."""
    other = Write(UNMARKED, flying=True)
    with vendor.account.register(other):
        writing = asyncio.create_task(vendor.write(UNMARKED))
        await asyncio.sleep(SETTLE + 20)
        assert [] == [at for at, _, _ in vendor.looks if at >= SETTLE]
        other.land(open_=False)
        vendor.account.changed(other)
        assert 2 == (await writing).attempts


async def test_tries_in_flight_are_awaited_no_longer_than_the_deadline(vendor: Vendor) -> None:
    """Then it ends in doubt."""
    with vendor.account.register(Write(UNMARKED._replace(points=1), flying=True)):
        vendor.rows = [(0.0, row("7", 5, None))]
        await doubt(vendor, UNMARKED, patience=SETTLE + 10)
    assert SETTLE + 10 == pytest.approx(vendor.passed(), abs=0.05)


async def test_an_order_waits_for_nobody(vendor: Vendor) -> None:
    """Its id is its own."""
    with vendor.account.register(Write(UNMARKED, flying=True)):
        assert 2 == (await vendor.write(ORDER)).attempts


async def test_a_marked_write_waits_for_nobody_either(vendor: Vendor) -> None:
    """No other's row can be taken for its own."""
    with vendor.account.register(Write(UNMARKED, flying=True)):
        assert 2 == (await vendor.write()).attempts


async def test_a_look_that_fails_takes_nothing_back(vendor: Vendor) -> None:
    """What an earlier one saw is told."""
    vendor.rows = [(0.0, row("7", 5, None)), (0.0, row("8", 5, None))]
    vendor.trouble = [None, *[BadRequestError("HTTP 400")] * 99]
    error = await doubt(vendor, UNMARKED)
    assert "looking failed" in error.message
    assert ("7", "8") == tuple(each.id for each in error.rows)


async def test_what_was_shown_absent_is_looked_for_from_there_on(vendor: Vendor) -> None:
    """A row from before the first look's window cannot be the write."""
    start = datetime(2026, 5, 1, tzinfo=UTC)

    async def look(trace: Trace, window: Window, call: Call) -> Sight:
        sight = await vendor.look(trace, window, call)
        return attrs.evolve(sight, since=start)

    await vendor.write(look=look)
    since = [window.since for _, _, window in vendor.looks]
    denied = since.index(start)
    assert {None} == set(since[:denied])
    assert {start} == set(since[denied:])


# ------------------------------------------------------------ replay


@pytest.mark.parametrize(
    ("points", "balance", "found"), [(-50, None, True), (-30, 0, True), (-30, 470, False)]
)
async def test_a_replayed_removal_is_found_with_its_points_or_cut_down_to_nothing(
    vendor: Vendor, points: int, balance: int | None, *, found: bool
) -> None:
    """A smaller one that left points behind was another removal."""
    vendor.script = []
    vendor.rows = [(0.0, attrs.evolve(row("7", points), balance=balance))]
    trace = MARKED._replace(points=-50)
    if found:
        assert Outcome.APPLIED is (await vendor.write(trace, tried=3600.0)).outcome
    else:
        with pytest.raises(ReferenceConflictError, match="-30 points"):
            await vendor.write(trace, tried=3600.0)


async def test_a_replay_finds_what_was_done(vendor: Vendor) -> None:
    """Nothing is sent, in the whole history however old; it is at once where it is listed."""
    vendor.script, vendor.rows = [], [(0.0, row("7"))]
    receipt = await vendor.write(tried=3600.0)
    assert (Outcome.APPLIED, 0, True) == (receipt.outcome, receipt.attempts, receipt.reconciled)
    assert row("7") == receipt.transaction
    [(_, _, window)] = vendor.looks
    assert window.sent_at is None


async def test_a_replay_with_other_points_is_in_conflict(vendor: Vendor) -> None:
    """Nothing is sent: every adjustment needs a reference of its own."""
    vendor.rows = [(0.0, row("7", points=6))]
    with pytest.raises(ReferenceConflictError, match="6 points") as caught:
        await vendor.write(tried=3600.0)
    assert (Outcome.NOT_SENT, 0) == known(caught.value)
    assert [] == vendor.sent


async def test_a_replay_waits_for_settle_after_the_earlier_try(vendor: Vendor) -> None:
    """It looks at once, again when `settle` has passed since that try, and then sends."""
    vendor.script = tries(ACCEPTED)
    receipt = await vendor.write(tried=20.0)
    assert (Outcome.APPLIED, 1, False) == (receipt.outcome, receipt.attempts, receipt.reconciled)
    [sent] = vendor.sent
    assert SETTLE - 20 <= sent <= SETTLE - 20 + 2


async def test_a_replay_of_an_old_try_is_sent_after_one_look(vendor: Vendor) -> None:
    """`settle` has long passed; one more look sees whether the earlier try came late."""
    vendor.script = tries(ACCEPTED)
    await vendor.write(tried=3600.0)
    assert [1.0] == pytest.approx(vendor.sent, abs=0.01)
    assert [False, True, True, True] == [window.resent for _, _, window in vendor.looks]


async def test_a_replay_is_sent_once_even_where_tries_are_bounded_to_one(vendor: Vendor) -> None:
    """The earlier sender's try is none of this call's."""
    vendor.script = tries(ACCEPTED)
    assert 1 == (await vendor.write(tried=3600.0, sends=1)).attempts


async def test_a_replay_that_is_open_is_looked_for_like_any_write(vendor: Vendor) -> None:
    """And sent again when it is shown absent."""
    receipt = await vendor.write(tried=3600.0)
    assert (Outcome.APPLIED, 2) == (receipt.outcome, receipt.attempts)


async def test_a_replay_where_rows_carry_no_reference_is_refused(vendor: Vendor) -> None:
    """Before anything is sent; the error says how to make them carry it."""
    with pytest.raises(ConfigurationError, match="set it up") as caught:
        await vendor.write(UNMARKED, tried=0.0, unmarked_hint="set it up")
    assert (Outcome.NOT_SENT, 0) == known(caught.value)
    assert [] == vendor.looks


async def test_a_replay_without_time_is_a_doubt(vendor: Vendor) -> None:
    """The earlier try may have been applied; nothing was sent by this one."""
    error = await doubt(vendor, tried=0.0, patience=30.0)
    assert (Outcome.UNKNOWN, 0) == known(error)
    assert "an earlier try may have been applied: not there yet" in error.message
    assert [] == vendor.sent
    assert error.receipt is not None
    assert error.receipt.resolve_after is not None


async def test_a_replay_without_time_to_send_says_so(vendor: Vendor) -> None:
    """The earlier try is absent, and this one was not sent."""
    with pytest.raises(DeadlineExceededError, match="too late to send") as caught:
        await vendor.write(tried=3600.0, patience=1.5)
    assert (Outcome.ABSENT, 0) == known(caught.value)
    assert not caught.value.bytes_left


async def test_a_replay_that_stands_there_twice_is_a_double(vendor: Vendor) -> None:
    """Two senders had it before; both rows are named."""
    vendor.rows = [(0.0, row("7")), (0.0, row("8"))]
    with pytest.raises(DoubledWriteError, match="7, 8") as caught:
        await vendor.write(tried=3600.0)
    assert (Outcome.APPLIED, 0) == known(caught.value)


async def test_a_replay_takes_a_namesake_for_itself(vendor: Vendor) -> None:
    """That is what it was asked for."""
    earlier = Write(MARKED, accepted=True)
    with vendor.account.register(earlier):
        earlier.depart()
    vendor.rows = [(0.0, row("7"))]
    assert Outcome.APPLIED is (await vendor.write(tried=3600.0)).outcome


# ------------------------------------------------------------ resolve


async def receipt_of(vendor: Vendor, trace: Trace = MARKED, **changes: Any) -> Receipt:
    """The receipt of a write that ended in doubt after half a minute."""
    vendor.script = tries(OPEN)
    rows, vendor.rows = vendor.rows, []
    error = await doubt(vendor, trace, patience=30.0, **changes)
    vendor.rows, vendor.looks = rows, []
    assert error.receipt is not None
    return error.receipt


async def resolve(vendor: Vendor, receipt: Receipt) -> Receipt:
    """What a look later makes of ``receipt``."""
    call = Call.begin("tiny", receipt.operation, 30.0)
    return await vendor.reconciler().resolve(receipt, call)


async def test_resolve_finds_what_was_applied(vendor: Vendor) -> None:
    """At any time; only a read is made."""
    receipt = await receipt_of(vendor)
    vendor.rows = [(0.0, row("7"))]
    resolved = await resolve(vendor, receipt)
    assert (Outcome.APPLIED, row("7"), True, None, 1) == (
        resolved.outcome,
        resolved.transaction,
        resolved.reconciled,
        resolved.resolve_after,
        resolved.attempts,
    )
    assert 1 == len(vendor.looks)
    assert 1 == len(vendor.sent)


async def test_resolve_believes_an_absence_after_settle(vendor: Vendor) -> None:
    """Not before: then the receipt stays what it is."""
    receipt = await receipt_of(vendor)
    assert receipt is await resolve(vendor, receipt)
    await asyncio.sleep(SETTLE)
    resolved = await resolve(vendor, receipt)
    assert (Outcome.ABSENT, None, True) == (
        resolved.outcome,
        resolved.transaction,
        resolved.reconciled,
    )


async def test_resolve_goes_by_its_own_clock_in_the_same_process(vendor: Vendor) -> None:
    """A wall clock that was set says nothing."""
    receipt = await receipt_of(vendor)
    past, future = (datetime.now(UTC) + timedelta(days=days) for days in (-1, 1))
    assert Outcome.UNKNOWN is (
        (await resolve(vendor, attrs.evolve(receipt, resolve_after=past))).outcome
    )
    await asyncio.sleep(SETTLE)
    late = attrs.evolve(receipt, resolve_after=future)
    assert Outcome.ABSENT is (await resolve(vendor, late)).outcome


async def test_resolve_in_another_process_goes_by_the_wall_clock(vendor: Vendor) -> None:
    """And reads the whole history: that process's monotonic clock says nothing here."""
    receipt = await receipt_of(vendor)
    elsewhere = attrs.evolve(receipt, sent=receipt.sent._replace(process="another"))
    assert elsewhere is await resolve(vendor, elsewhere)
    past = attrs.evolve(elsewhere, resolve_after=datetime.now(UTC) - timedelta(seconds=1))
    assert Outcome.ABSENT is (await resolve(vendor, past)).outcome
    assert {None} == {window.sent_at for _, _, window in vendor.looks}


async def test_resolve_of_a_cancelled_replay_reads_the_whole_history(vendor: Vendor) -> None:
    """Its earlier try had another clock."""
    vendor.script = []
    error = await doubt(vendor, tried=0.0, patience=30.0)
    assert error.receipt is not None
    vendor.looks.clear()
    vendor.rows = [(0.0, row("7"))]
    assert Outcome.APPLIED is (await resolve(vendor, error.receipt)).outcome
    assert [None] == [window.sent_at for _, _, window in vendor.looks]


async def test_resolve_believes_no_absence_without_a_moment(vendor: Vendor) -> None:
    """A receipt that does not say when to look is never shown absent."""
    receipt = attrs.evolve(await receipt_of(vendor), sent=None, resolve_after=None)
    await asyncio.sleep(SETTLE)
    assert receipt is await resolve(vendor, receipt)


async def test_resolve_needs_a_marker_that_came_back(vendor: Vendor) -> None:
    """As every absence does."""
    receipt = await receipt_of(vendor)
    await asyncio.sleep(SETTLE)
    vendor.account.longest_marker = 0
    vendor.rows = [(0.0, row("8", 7, None))]
    assert receipt is await resolve(vendor, receipt)


async def test_resolve_does_not_take_the_write_for_its_own_rival(vendor: Vendor) -> None:
    """Neither by its marker nor, for a sole writer, by its size."""
    vendor.sole_writer = True
    unmarked = await receipt_of(vendor, UNMARKED)
    marked = await receipt_of(vendor)
    vendor.rows = [(0.0, row("7", 5, None))]
    assert Outcome.UNKNOWN is (await resolve(vendor, unmarked)).outcome
    alone = Vendor(sole_writer=True)
    receipt = await receipt_of(alone, UNMARKED)
    alone.rows = [(0.0, row("7", 5, None))]
    assert Outcome.APPLIED is (await resolve(alone, receipt)).outcome
    vendor.rows = [(0.0, row("7"))]
    assert Outcome.APPLIED is (await resolve(vendor, marked)).outcome


async def test_a_sole_writer_s_row_proves_nothing_in_another_process(vendor: Vendor) -> None:
    """What else was written there is not known here."""
    vendor.sole_writer = True
    receipt = await receipt_of(vendor, UNMARKED)
    elsewhere = attrs.evolve(receipt, sent=None)
    vendor.rows = [(0.0, row("7", 5, None))]
    other = Vendor(sole_writer=True, rows=vendor.rows)
    assert elsewhere is await resolve(other, elsewhere)


async def test_equal_rows_are_no_double_for_resolve(vendor: Vendor) -> None:
    """Without a marker they may be anybody's: it was sent only once."""
    receipt = await receipt_of(vendor, UNMARKED)
    vendor.rows = [(0.0, row("7", 5, None)), (0.0, row("8", 5, None))]
    assert receipt is await resolve(vendor, receipt)


async def test_resolve_tells_a_double(vendor: Vendor) -> None:
    """The error carries the receipt, which is applied."""
    receipt = await receipt_of(vendor)
    vendor.rows = [(0.0, row("7")), (0.0, row("8"))]
    with pytest.raises(DoubledWriteError, match="7, 8") as caught:
        await resolve(vendor, receipt)
    found = caught.value.receipt
    assert found is not None
    assert (Outcome.APPLIED, row("7")) == (found.outcome, found.transaction)


async def test_resolve_looks_for_doubles_of_what_was_sent_twice(vendor: Vendor) -> None:
    """An order's list is read only then."""
    receipt = await receipt_of(vendor)
    await resolve(vendor, receipt)
    await resolve(vendor, attrs.evolve(receipt, attempts=2))
    assert [False, True] == [window.resent for _, _, window in vendor.looks]


async def test_resolve_tells_a_conflict(vendor: Vendor) -> None:
    """The receipt stays in doubt."""
    vendor.script = tries(OPEN)
    vendor.trouble = [MalformedResponseError("cut")] * 50
    error = await doubt(vendor, ORDER, patience=30.0)
    receipt = error.receipt
    assert receipt is not None
    vendor.trouble = [ConflictError("another order")]
    with pytest.raises(ConflictError) as caught:
        await resolve(vendor, receipt)
    assert receipt is caught.value.receipt


async def test_resolve_of_a_replay_takes_a_namesake_for_itself(vendor: Vendor) -> None:
    """In the same process the receipt remembers that it was one."""
    earlier = Write(MARKED, accepted=True)
    with vendor.account.register(earlier):
        earlier.depart()
    vendor.script = tries(OPEN)
    error = await doubt(vendor, tried=3600.0, patience=30.0)
    assert error.receipt is not None
    vendor.rows = [(0.0, row("7"))]
    assert Outcome.APPLIED is (await resolve(vendor, error.receipt)).outcome


# ------------------------------------------------------------ markers that stop coming back


async def test_a_marker_that_came_back_long_ago_is_asked_for_again(vendor: Vendor) -> None:
    """The latest accepted write older than `settle` has to show it: vendors change."""
    example = Write(MARKED._replace(marker="old"), accepted=True)
    with vendor.account.register(example):
        example.depart()
    error = await doubt(vendor)
    assert "no marker of that length" in error.message
    assert not example.seen
    vendor.rows, vendor.script = [(0.0, row("1", marker="old"))], tries(OPEN, ACCEPTED)
    assert 2 == (await vendor.write()).attempts
    assert example.seen


async def test_an_order_needs_no_marker(vendor: Vendor) -> None:
    """Whether adjustments' markers come back says nothing of its id."""
    example = Write(MARKED, accepted=True)
    with vendor.account.register(example):
        example.depart()
    assert 2 == (await vendor.write(ORDER)).attempts
    assert {ORDER} == {trace for _, trace, _ in vendor.looks}


async def test_a_double_whose_marker_was_lost_is_told(vendor: Vendor) -> None:
    """Two bare rows of its size since it was sent, and nobody else of us wrote them."""
    vendor.rows = [(LATE - 1, row(name, 5, None)) for name in "78"] + [(0.0, row("1", 6, None))]
    error = await double(vendor)
    assert ("7", "8") == tuple(each.id for each in error.rows)
    assert "unless somebody else wrote it" in (error.hint or "")


@pytest.mark.parametrize("second", [OPEN, REFUSED])
async def test_bare_rows_are_nobodys_where_nothing_was_accepted(
    vendor: Vendor, second: Verdict
) -> None:
    """They may be a stranger's."""
    vendor.script = tries(OPEN, second)
    vendor.rows = [(LATE - 1, row(name, 5, None)) for name in "78"]
    with pytest.raises(LoyaltyError) as caught:
        await vendor.write(sends=2)
    assert not isinstance(caught.value, DoubledWriteError)


async def test_bare_rows_of_rivals_are_no_double(vendor: Vendor) -> None:
    """Each of our other writes of that size explains one, a clamped removal the nearest."""
    removal = MARKED._replace(points=-5)
    for marker, points in (("x", -5), ("y", -9)):
        other = Write(removal._replace(marker=marker, points=points), accepted=True)
        other.seen = True
        with vendor.account.register(other):
            other.depart()
    vendor.rows = [(LATE - 1, row(name, -5, None)) for name in "789"]
    assert 2 == (await vendor.write(removal)).attempts


async def test_what_a_key_lacks_is_told(vendor: Vendor) -> None:
    """Keys that may write but not read cannot reconcile."""
    vendor.trouble = [PermissionDeniedError("HTTP 403")] * 1000
    error = await doubt(vendor, scopes={"adjust_points": ("read_a", "write_a")})
    assert "looking needs a key that has read_a and write_a" in error.message
    vendor.script = tries(OPEN)
    error = await doubt(vendor, scopes={"create_order": ("read_orders",)})
    assert "looking failed: HTTP 403)" in error.message


async def test_the_last_look_for_a_double_waits_as_long_as_it_may(vendor: Vendor) -> None:
    """Twice `settle`, or until a second before the deadline."""
    await vendor.write()
    after = [at - vendor.sent[1] for at, _, window in vendor.looks if window.resent]
    assert [0.0, SETTLE, 2 * SETTLE] == pytest.approx(after, abs=0.05)
    hurried = Vendor(script=tries(OPEN, ACCEPTED))
    hurried.account.longest_marker = 3
    await hurried.write(patience=SETTLE + 20)
    assert SETTLE + 20 >= hurried.passed()
    assert SETTLE + 19 == pytest.approx(hurried.looks[-1][0], abs=0.05)
