"""Account: what all clients of one credential know together of their writes."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from contextlib import ExitStack
from typing import Any

import attrs
import pytest

from loyalty_sdk import DeadlineExceededError, Outcome, Receipt, _account
from loyalty_sdk._account import Account, Write, account_of
from loyalty_sdk._look import Trace

MARKED = Trace(operation="adjust_points", customer_id="1", marker="a-1", points=5, adjusts=True)
UNMARKED = MARKED._replace(marker=None)
ORDER = Trace(operation="create_order", customer_id="1", reference="A-1")
EVER = float("inf")
NEVER = float("-inf")


def receipt(reference: str | None = "a", **changes: Any) -> Receipt:
    """A receipt of a write in doubt."""
    made = Receipt(
        operation="adjust_points",
        provider="tiny",
        reference=reference,
        outcome=Outcome.UNKNOWN,
        attempts=1,
    )
    return attrs.evolve(made, **changes)


def ended(account: Account, write: Write, *, accepted: bool = False) -> Write:
    """A write that left and came to its end."""
    with account.register(write):
        write.depart()
        write.accepted = accepted
        write.land(open_=not accepted)
    return write


@pytest.fixture
def account() -> Account:
    """One credential's."""
    return Account()


# ------------------------------------------------------------ one write


def test_a_write_knows_when_it_was_first_sent_and_last_given_up() -> None:
    """Both on the monotonic clock; every try counts, and it is open from the first doubt on."""
    write = Write(MARKED)
    assert not write.open
    write.depart()
    assert write.flying
    first = write.sent_at
    write.land(open_=False)
    assert (False, False, 1) == (write.open, write.flying, write.tries)
    write.depart()
    write.land(open_=True)
    assert (True, 2, first) == (write.open, write.tries, write.sent_at)
    assert first is not None
    assert first <= write.left_at
    assert write.gave_up_at is not None
    assert write.left_at <= write.gave_up_at


def test_a_denied_write_is_no_longer_open() -> None:
    """It was shown absent, and since when is kept."""
    write = Write(MARKED, gave_up_at=1.0)
    write.deny()
    assert not write.open
    assert write.denied_at is not None


@pytest.mark.parametrize(
    ("mine", "its", "rivals"),
    [
        (Write(UNMARKED), Write(UNMARKED), True),
        (Write(UNMARKED), Write(UNMARKED._replace(customer_id="2")), False),
        (Write(ORDER), Write(UNMARKED), False),
        (Write(UNMARKED), Write(ORDER), True),
        (Write(MARKED), Write(MARKED), True),
        (Write(MARKED, replayed=True), Write(MARKED), False),
        (Write(MARKED), Write(MARKED, replayed=True), False),
        (Write(UNMARKED, number=7), Write(UNMARKED, number=7), False),
    ],
    ids=["equal", "customer", "order", "its order", "namesake", "replay", "its replay", "itself"],
)
def test_which_writes_are_rivals(mine: Write, its: Write, *, rivals: bool) -> None:
    """Adjustments of one customer, but not the same write, nor a replay of it."""
    assert rivals is mine.is_rival_of(its)


# ------------------------------------------------------------ doubts


def test_doubts_are_kept_in_order_and_can_be_settled(account: Account) -> None:
    """Every one is listed until it is resolved; an equal copy from a pickle resolves it too."""
    first, second = receipt("a"), receipt("b")
    account.leave_open(first)
    account.leave_open(second)
    assert [first, second] == list(account.unresolved)
    account.settle(attrs.evolve(first))
    assert [second] == list(account.unresolved)
    account.settle(first)
    assert [second] == list(account.unresolved)


def test_doubts_have_a_bound(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten: a list nobody looks at must not fill the memory."""
    monkeypatch.setattr(_account, "_MOST_UNRESOLVED", 2)
    for name in "abc":
        account.leave_open(receipt(name))
    assert ["b", "c"] == [each.reference for each in account.unresolved]


# ------------------------------------------------------------ writes beside each other


def test_others_are_adjustments_of_the_customer_on_their_way(account: Account) -> None:
    """Not the write itself, no order, nobody else's, and none that has ended."""
    mine, other = Write(UNMARKED), Write(MARKED)
    foreign = Write(UNMARKED._replace(customer_id="2"))
    ended(account, Write(UNMARKED))
    with ExitStack() as stack:
        for write in (mine, other, Write(ORDER), foreign):
            stack.enter_context(account.register(write))
        assert [other] == account.others(mine)
    assert [] == account.others(mine)


def test_rivals_are_on_their_way_or_recent(account: Account) -> None:
    """What was sent since counts; what never left does not."""
    write = Write(UNMARKED, sent_at=1000.0)
    with account.register(Write(UNMARKED)):
        pass
    early = ended(account, Write(UNMARKED._replace(points=1)), accepted=True)
    late = ended(account, Write(UNMARKED._replace(points=2)), accepted=True)
    early.left_at, late.left_at = 900.0, 1100.0
    with account.register(flying := Write(UNMARKED._replace(points=3))):
        assert (flying.trace, late.trace) == account.rivals(write, 1000.0)
        assert (flying.trace, early.trace, late.trace) == account.rivals(write, 0.0)


def test_an_open_write_is_a_rival_until_it_can_take_no_effect(account: Account) -> None:
    """Ten minutes after it was given up, whatever `settle` is."""
    doubtful = ended(account, Write(UNMARKED))
    doubtful.left_at, doubtful.gave_up_at = 990.0, 1000.0
    mine = Write(UNMARKED)
    assert (UNMARKED,) == account.rivals(mine, 1599.0)
    assert () == account.rivals(mine, 1601.0)
    doubtful.deny()
    assert () == account.rivals(mine, 1000.0)


def test_what_was_forgotten_may_have_been_a_rival(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory has a bound: where it does not reach back, a row without a marker proves nothing."""
    monkeypatch.setattr(_account, "_REMEMBERED", 2)
    elsewhere = UNMARKED._replace(customer_id="2")
    writes = [Write(elsewhere, sent_at=at, left_at=at) for at in (100.0, 200.0, 300.0)]
    for write in writes[:2]:
        with account.register(write):
            pass
    mine = Write(UNMARKED, sent_at=50.0)
    assert () == account.rivals(mine, 50.0)
    with account.register(writes[2]):
        pass
    assert (UNMARKED,) == account.rivals(mine, 50.0)
    assert () == account.rivals(mine, 150.0)
    assert () == account.rivals(Write(MARKED), 50.0)


def test_customers_are_forgotten_with_their_last_write(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered has a bound, however many there are."""
    monkeypatch.setattr(_account, "_REMEMBERED", 2)
    for customer in "abcd":
        ended(account, Write(UNMARKED._replace(customer_id=customer)))
    assert ["c", "d"] == list(account._of_customer)


def test_another_process_may_have_had_rivals(account: Account) -> None:
    """Of its writes nothing is known here."""
    assert (UNMARKED,) == account.rivals(Write(UNMARKED), NEVER)
    assert () == account.rivals(Write(MARKED), NEVER)


def test_an_example_of_a_marker_is_the_latest_long_enough(account: Account) -> None:
    """To see whether markers come back one looks for an accepted write that had one."""
    assert account.marked(3, EVER) is None
    ended(account, Write(UNMARKED), accepted=True)
    ended(account, Write(MARKED))
    assert account.marked(3, EVER) is None
    long = ended(account, Write(MARKED._replace(marker="a-long-one")), accepted=True)
    short = ended(account, Write(MARKED), accepted=True)
    assert short is account.marked(3, EVER)
    assert long is account.marked(4, EVER)
    assert short is account.marked(99, EVER)


def test_an_example_of_a_marker_had_time_to_be_listed(account: Account) -> None:
    """One that was sent before a moment, and a later one only where there is none."""
    early, late = (ended(account, Write(MARKED), accepted=True) for _ in range(2))
    early.left_at, late.left_at = 100.0, 200.0
    assert early is account.marked(3, 150.0)
    assert late is account.marked(3, 250.0)
    assert late is account.marked(3, 50.0)


# ------------------------------------------------------------ waiting


async def test_a_turn_comes_at_once_where_nothing_is_in_doubt(account: Account) -> None:
    """Adjustments of one customer run side by side."""
    write = Write(UNMARKED)
    with account.register(write), account.register(Write(UNMARKED, flying=True)):
        await account.turn(write, 0.0)


async def test_a_turn_waits_for_what_is_in_doubt(account: Account, skipping: Any) -> None:
    """From the moment a try is open, other adjustments of the customer wait."""
    write, doubtful = Write(UNMARKED), Write(UNMARKED, gave_up_at=1.0)
    with account.register(write), account.register(doubtful):
        turn = asyncio.create_task(account.turn(write, EVER))
        await asyncio.sleep(60)
        account.changed(write)
        await asyncio.sleep(60)
        assert not turn.done()
        doubtful.deny()
        account.changed(doubtful)
        await turn


async def test_a_turn_comes_when_the_doubtful_call_ends(account: Account) -> None:
    """A call that ends in doubt lets the others go on."""
    write = Write(UNMARKED)
    with account.register(write):
        with account.register(Write(UNMARKED, gave_up_at=1.0)):
            turn = asyncio.create_task(account.turn(write, EVER))
            await asyncio.sleep(0)
        await turn


async def test_a_turn_obeys_the_deadline(account: Account, skipping: Any) -> None:
    """The error says what was waited for, and that nothing was sent."""
    write, began = Write(UNMARKED), skipping.now
    with (
        account.register(write),
        account.register(Write(UNMARKED, gave_up_at=1.0)),
        pytest.raises(DeadlineExceededError, match="still in doubt") as caught,
    ):
        await account.turn(write, began + 25.0)
    assert not caught.value.bytes_left
    assert 25.0 == pytest.approx(skipping.now - began, abs=0.01)


async def test_what_changes_before_the_wait_begins_is_not_missed(account: Account) -> None:
    """Another thread may change it between the question and the wait."""
    answers = iter([True, False])
    await account.wait_while("1", lambda: next(answers), EVER)


async def test_a_cancelled_wait_leaves_nothing_behind(account: Account) -> None:
    """Nobody is woken who is gone."""
    waiting = asyncio.create_task(account.wait_while("1", lambda: True, EVER))
    await asyncio.sleep(0)
    assert account._waiting
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    account.changed(Write(UNMARKED))
    assert not account._waiting


async def test_two_changes_wake_once(account: Account) -> None:
    """The second finds the ticket used."""
    answers = iter([True, True, False])
    waiting = asyncio.create_task(account.wait_while("1", lambda: next(answers), EVER))
    await asyncio.sleep(0)
    account.changed(Write(UNMARKED))
    account.changed(Write(UNMARKED))
    await waiting


async def test_another_thread_wakes_those_who_wait(account: Account) -> None:
    """Clients of one credential may live in several loops; those that are closed do not matter."""
    closed = asyncio.new_event_loop()
    ticket = closed.create_future()
    closed.close()
    account._waiting["1"] = {(closed, ticket)}
    write, doubtful = Write(UNMARKED), Write(UNMARKED, gave_up_at=1.0)
    with account.register(write), account.register(doubtful):
        turn = asyncio.create_task(account.turn(write, EVER))
        await asyncio.sleep(0)

        def settle() -> None:
            doubtful.deny()
            account.changed(doubtful)

        thread = threading.Thread(target=settle)
        thread.start()
        await asyncio.wait_for(turn, 5)
        thread.join()


# ------------------------------------------------------------ one for each credential


def test_clients_of_one_credential_share_their_account() -> None:
    """The same key is the same account, as long as somebody holds it."""
    held = account_of("tiny", "https://a.example", "key")
    assert held is account_of("tiny", "https://a.example", "key")
    assert held is not account_of("tiny", "https://b.example", "key")
    held.longest_marker = 7
    del held
    gc.collect()
    assert 0 == account_of("tiny", "https://a.example", "key").longest_marker


async def test_an_account_is_kept_while_what_it_knows_can_matter(skipping: Any) -> None:
    """A write's row may be mistaken for the next client's; a doubt wants to be resolved."""
    recent, doubtful = account_of("tiny", "a"), account_of("tiny", "b")
    ended(recent, Write(MARKED), accepted=True)
    recent.longest_marker = doubtful.longest_marker = 7
    held = receipt("r")
    doubtful.leave_open(held)
    del recent, doubtful
    gc.collect()
    assert 7 == account_of("tiny", "a").longest_marker
    skipping.now += 3600
    account_of("tiny", "c")
    gc.collect()
    assert 0 == account_of("tiny", "a").longest_marker
    account_of("tiny", "b").settle(held)
    account_of("tiny", "c")
    gc.collect()
    assert 0 == account_of("tiny", "b").longest_marker


def test_an_open_write_is_a_rival_for_as_long_as_settle_says(account: Account) -> None:
    """Where that is more than ten minutes."""
    doubtful = ended(account, Write(UNMARKED, settle=3600.0))
    doubtful.left_at, doubtful.gave_up_at = 990.0, 1000.0
    assert (UNMARKED,) == account.rivals(Write(UNMARKED), 4599.0)
    assert () == account.rivals(Write(UNMARKED), 4601.0)


async def test_a_crowd_of_one_customer_is_cheap(account: Account) -> None:
    """Whoever asks for its turn does not look at every other: that would be their square."""
    with ExitStack() as stack:
        crowd = [Write(UNMARKED) for _ in range(20_000)]
        for write in crowd:
            stack.enter_context(account.register(write))
        began = time.process_time()
        for write in crowd:
            await account.turn(write, EVER)
        assert time.process_time() - began < 2


def test_a_fork_has_an_account_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent's waiters are not the child's to serve."""
    held = account_of("tiny", "forked")
    monkeypatch.setattr(_account, "process", lambda: "the child")
    assert held is not account_of("tiny", "forked")
