"""Call: what tries and looks prove together, and the receipt and error made of it."""

from __future__ import annotations

import os
import pickle
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk import (
    ConflictError,
    ConnectError,
    DoubledWriteError,
    Outcome,
    OutcomeUnknownError,
    Request,
    Safety,
    ServerError,
    Transaction,
    TransactionKind,
    TransportError,
)
from loyalty_sdk._account import Write
from loyalty_sdk._call import Call
from loyalty_sdk._fork import process
from loyalty_sdk._look import Finding, Sight, Trace
from loyalty_sdk._retry import Verdict

TRACE = Trace(operation="adjust_points", customer_id="1", reference="r-1", points=5, adjusts=True)
POST = Request(method="POST", template="/p", path="/p", safety=Safety.ONCE, reference="r-1")
READ = Request(method="GET", template="/p", path="/p", safety=Safety.SAFE)
ROW = Transaction(
    id="7",
    customer=None,
    points=5,
    pending=0,
    balance=None,
    kind=TransactionKind.ADJUSTED,
    created_at=datetime(2026, 5, 1, tzinfo=UTC),
)
VERDICTS = st.lists(st.sampled_from(Verdict), max_size=8)


def call(*verdicts: Verdict, write: Write | None = None) -> Call:
    """A write after these tries."""
    made = Call.begin("tiny", "adjust_points", 30.0, 60.0, writes=True)
    made.write = write
    made.expect(POST)
    for verdict in verdicts:
        made.note(POST, verdict)
    return made


def left_open() -> Call:
    """A write whose only try is open."""
    write = Write(TRACE)
    write.depart()
    write.land(open_=True)
    return call(Verdict.OPEN, write=write)


# ------------------------------------------------------------ outcomes


@given(VERDICTS, st.sampled_from([None, *Finding]))
def test_the_outcome_is_the_calls_and_never_its_last_answers(
    verdicts: list[Verdict], finding: Finding | None
) -> None:
    """Accepted or proven: APPLIED. Else open: UNKNOWN. Else absent and not sent again: ABSENT.

    Else REJECTED, or NOT_SENT where nothing left.
    """
    made = call(*verdicts)
    if finding is not None:
        made.saw(Sight(finding=finding))
    left = [each for each in verdicts if each is not Verdict.NOT_SENT]
    if Verdict.ACCEPTED in verdicts or finding is Finding.PROVEN:
        wanted = Outcome.APPLIED
    elif Verdict.OPEN in verdicts:
        wanted = Outcome.UNKNOWN
    elif not left:
        wanted = Outcome.NOT_SENT
    else:
        wanted = Outcome.ABSENT if left[-1] is Verdict.ABSENT else Outcome.REJECTED
    assert wanted is made.outcome


@given(VERDICTS)
def test_the_order_of_open_tries_changes_nothing(verdicts: list[Verdict]) -> None:
    """One doubt is a doubt, whatever was refused after or before it."""
    for order in (verdicts, verdicts[::-1]):
        assert call(*order, Verdict.OPEN).outcome is call(Verdict.OPEN, *order).outcome


@given(VERDICTS)
def test_absence_ends_every_doubt_and_reopening_brings_it_back(verdicts: list[Verdict]) -> None:
    """A look that denies denies all tries; a row that turns up late may be any one's."""
    made = call(*verdicts)
    made.absent()
    assert Outcome.UNKNOWN != made.receipt().outcome
    made.reopen()
    doubtful = {Verdict.OPEN, Verdict.ABSENT} & {*verdicts}
    unknown = made.receipt().outcome is Outcome.UNKNOWN
    assert unknown is (bool(doubtful) and Verdict.ACCEPTED not in verdicts)


@given(VERDICTS)
def test_attempts_count_what_left(verdicts: list[Verdict]) -> None:
    """A try that never left is no send, but it is a try."""
    made = call(*verdicts)
    assert len(verdicts) - verdicts.count(Verdict.NOT_SENT) == made.receipt().attempts
    assert len(verdicts) == made.tries


def test_reads_of_a_write_do_not_count() -> None:
    """A calculation before it and a look after it say nothing of it."""
    made = Call.begin("tiny", "create_order", None)
    made.expect(READ)
    made.note(READ, Verdict.OPEN)
    assert made.conclude(ConnectError("refused")).receipt is None
    made.expect(POST)
    assert made.conclude(ConnectError("refused")).receipt is not None
    assert (Outcome.NOT_SENT, 0) == (made.outcome, made.tries)


@pytest.mark.usefixtures("still")
def test_a_call_without_patience_has_no_deadline() -> None:
    """None waits for ever."""
    assert float("inf") == Call.begin("tiny", "x", None).deadline
    assert 5.0 == pytest.approx(Call.begin("tiny", "x", 5.0).deadline - time.monotonic(), abs=0.1)


# ------------------------------------------------------------ replays


def test_an_earlier_try_counts_from_when_it_was_sent() -> None:
    """On our own clock; a moment ahead is now."""
    made = call()
    made.replay(datetime.now(UTC) - timedelta(seconds=50))
    assert made.tried_at == pytest.approx(time.monotonic() - 50, abs=5)
    made.replay(datetime.now(UTC) + timedelta(seconds=50))
    assert made.tried_at == pytest.approx(time.monotonic(), abs=5)
    assert Outcome.NOT_SENT is made.outcome


def test_an_earlier_try_is_a_doubt_but_no_attempt_of_this_call() -> None:
    """Until it is looked for, nobody can say; what belongs to another write is forgotten."""
    made = call()
    made.follow()
    assert (Outcome.UNKNOWN, 0, 0) == (made.outcome, made.receipt().attempts, made.tries)
    made.saw(Sight(finding=Finding.PROVEN, rows=(ROW,)))
    made.forget()
    assert Outcome.NOT_SENT is made.outcome
    assert made.receipt().transaction is None
    assert Finding.UNDECIDED is made.sight.finding


# ------------------------------------------------------------ receipts


def test_a_receipt_of_an_accepted_write_holds_the_row_that_came_back() -> None:
    """It is not reconciled: the answer was enough."""
    receipt = call(Verdict.ACCEPTED).receipt(ROW)
    assert (Outcome.APPLIED, ROW, False, None) == (
        receipt.outcome,
        receipt.transaction,
        receipt.reconciled,
        receipt.resolve_after,
    )


def test_a_receipt_of_a_proven_write_holds_the_row_that_was_found() -> None:
    """The vendor's records decided, and it says so."""
    made = left_open()
    made.saw(Sight(finding=Finding.PROVEN, rows=(ROW,)))
    receipt = made.receipt()
    assert (Outcome.APPLIED, ROW, True) == (
        receipt.outcome,
        receipt.transaction,
        receipt.reconciled,
    )
    assert receipt.resolve_after is None


def test_an_absent_write_is_reconciled_and_has_no_row() -> None:
    """Records decided as well."""
    made = left_open()
    made.saw(Sight(finding=Finding.ABSENT))
    made.absent()
    receipt = made.receipt()
    assert (Outcome.ABSENT, None, True) == (
        receipt.outcome,
        receipt.transaction,
        receipt.reconciled,
    )


def test_a_row_that_could_be_anybodys_is_in_no_receipt() -> None:
    """An UNKNOWN one has no transaction."""
    made = left_open()
    made.saw(Sight(finding=Finding.UNDECIDED, rows=(ROW,)))
    assert made.receipt().transaction is None
    assert not made.receipt().reconciled


def test_an_unknown_receipt_says_when_to_look() -> None:
    """`settle` after we gave up, as wall time for people and on our own clock for `resolve`."""
    made = left_open()
    receipt = made.receipt()
    assert receipt.resolve_after is not None
    left = (receipt.resolve_after - datetime.now(UTC)).total_seconds()
    assert 60 == pytest.approx(left, abs=0.5)
    assert made.write is not None
    assert (process(), made.write.sent_at, made.write.number, False) == (
        receipt.sent.process,
        receipt.sent.at,
        receipt.sent.number,
        receipt.sent.replayed,
    )
    assert made.write.gave_up_at == pytest.approx(receipt.sent.settled_at - 60)


def test_an_unknown_receipt_goes_to_another_process_whole() -> None:
    """With all that `resolve` needs there."""
    receipt = left_open().receipt()
    copy = pickle.loads(pickle.dumps(receipt))  # noqa: S301 - made on this line
    assert (receipt, receipt.trace, receipt.sent) == (copy, copy.trace, copy.sent)


@pytest.mark.parametrize("verdicts", [[Verdict.REFUSED], [Verdict.ACCEPTED], []])
def test_only_a_doubt_says_when_to_look(verdicts: list[Verdict]) -> None:
    """Where nothing is open there is nothing to look for."""
    receipt = call(*verdicts, write=Write(TRACE)).receipt()
    assert (None, None) == (receipt.resolve_after, receipt.sent)


def test_a_write_that_cannot_be_found_has_no_moment_to_look() -> None:
    """Nothing of it is in the vendor's lists."""
    receipt = call(Verdict.OPEN).receipt()
    assert (Outcome.UNKNOWN, None, None, None) == (
        receipt.outcome,
        receipt.resolve_after,
        receipt.sent,
        receipt.trace,
    )


def test_an_earlier_process_s_try_has_no_time_on_our_clock() -> None:
    """Only when to look is known, and that it was a replay."""
    made = call(write=Write(TRACE, replayed=True, gave_up_at=time.monotonic()))
    made.follow()
    receipt = made.receipt()
    assert receipt.resolve_after is not None
    assert (None, True) == (receipt.sent.at, receipt.sent.replayed)


# ------------------------------------------------------------ errors


def test_an_open_write_s_error_is_unknown_and_says_why() -> None:
    """The failure on the wire is its cause; the rows and the note of the last look are there."""
    made, cause = left_open(), ServerError("HTTP 500")
    made.saw(Sight(finding=Finding.UNDECIDED, rows=(ROW,), note="1 rows could be this one's"))
    error = made.conclude(cause)
    assert isinstance(error, OutcomeUnknownError)
    assert error.__cause__ is cause
    assert (ROW,) == error.rows
    assert "HTTP 500; 1 rows could be this one's" in error.message
    assert "resolve()" in (error.hint or "")
    assert ("tiny", "adjust_points", Outcome.UNKNOWN) == (
        error.provider,
        error.operation,
        error.outcome,
    )
    assert error.receipt is not None
    assert error.receipt.resolve_after is not None


def test_an_open_write_that_cannot_be_looked_for_says_what_to_do() -> None:
    """People have to look."""
    error = call(Verdict.OPEN).conclude(TransportError("cut"))
    assert isinstance(error, OutcomeUnknownError)
    assert () == error.rows
    assert "Look at the vendor's records" in (error.hint or "")


@pytest.mark.parametrize("error", [ConflictError("other"), OutcomeUnknownError("earlier")])
def test_an_error_that_says_more_stays(error: Any) -> None:
    """What was found is not hidden behind the doubt."""
    assert error is left_open().conclude(error)
    assert Outcome.UNKNOWN is error.outcome


def test_a_double_is_applied() -> None:
    """It is there, and more than once."""
    made = left_open()
    made.saw(Sight(finding=Finding.PROVEN, rows=(ROW, ROW)))
    error = DoubledWriteError("twice")
    assert error is made.conclude(error)
    assert Outcome.APPLIED is error.outcome


def test_any_other_error_stays_and_knows_its_call() -> None:
    """Outcome and receipt are on every error of a write."""
    error = ConnectError("refused")
    assert error is call(Verdict.NOT_SENT).conclude(error)
    assert error.receipt is not None
    assert (Outcome.NOT_SENT, 0) == (error.outcome, error.receipt.attempts)


def test_a_read_s_error_has_no_outcome() -> None:
    """Only writes have one."""
    error = Call.begin("tiny", "whoami", None).conclude(ConnectError("refused"))
    assert (None, None, "whoami") == (error.outcome, error.receipt, error.operation)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_is_another_process() -> None:
    """It shares the clock and the numbers of writes, but not what became of them."""
    here, (ours, theirs) = process(), os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - the child leaves no data behind
        os.write(theirs, process().encode())
        os._exit(0)
    os.close(theirs)
    os.waitpid(child, 0)
    with os.fdopen(ours) as told:
        assert here != told.read()
    assert here == process()
