"""Rows in doubt: after a kill, and after answers that were lost."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import (
    Activity,
    Customer,
    InputError,
    JournalError,
    LoyaltyClient,
    Order,
    PointsAdjustment,
    RetryPolicy,
    connect,
)
from loyalty_sdk.backfill import RowEnded, State, Stopping, Summary, Waiting
from loyalty_sdk_joy import JoyCalculator


@pytest.fixture
async def heir(shop: Any, request: pytest.FixtureRequest) -> AsyncIterator[LoyaltyClient]:
    """A client that knows nothing of what the shop's own sent, with a new key.

    Its parameter is what it says of the vendor: after how many seconds writes have settled.
    """
    settle: float = getattr(request, "param", 0.2)
    shop.sandbox.add_key(shop.provider, "pat_new")
    given = shop.sandbox.settings("loyaltylion") | {"api_key": "pat_new"}
    async with connect("loyaltylion", settle=settle, reference_in_reason=True, **given) as client:
        yield client


async def _killed(shop: Any, rows: Any, writes: int, **options: Any) -> None:
    """A run that ends at once when so many writes arrived, like a process that is killed."""
    running = asyncio.ensure_future(shop.run(rows, **options))
    while writes > sum(bool(each.body) for each in shop.sandbox.arrivals if each.method == "POST"):
        await asyncio.sleep(0)  # before the vendor does anything else
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("operation", ["adjust_points", "create_order"])
async def test_a_row_in_doubt_is_looked_up_by_the_next_run(
    shop: Any, heir: Any, request: pytest.FixtureRequest, operation: str, *, applied: bool
) -> None:
    """It is found, or sent again once it is shown absent; those behind it follow it."""
    make = request.getfixturevalue("adjustments" if "adjust" in operation else "orders")
    rows = make(12)
    options = {"operation": operation}
    await shop.run(rows[:6], **options)
    shop.sandbox.faults.add("hang", match="POST", applied=applied, times=3)
    await _killed(shop, rows, 9, **options)
    assert 3 == list(shop.states().values()).count("SENT")

    summary = await shop.run(rows, client=heir, **options)

    assert (12, 0) == (summary.applied, summary.unknown)
    for customer in range(3):
        assert [n + 1 for n in range(12) if n % 3 == customer] == shop.points(f"c{customer}")
    assert 12 + (0 if applied else 3) == len(shop.writes())


@pytest.mark.parametrize("ago", [0, 3600])
@pytest.mark.parametrize("heir", [0.6], indirect=True)  # a busy vendor takes its time
@pytest.mark.parametrize("operation", ["adjust_points", "create_order"])
async def test_absence_is_not_believed_before_settle(
    shop: Any, heir: Any, request: pytest.FixtureRequest, operation: str, ago: int
) -> None:
    """A row that lands late, and within `settle`, is not sent twice, if the clock was set on."""
    make = request.getfixturevalue("adjustments" if "adjust" in operation else "orders")
    await shop.run(make(3), operation=operation)
    shop.sandbox.faults.add("latency", match="POST", seconds=0.15, times=1)
    await _killed(shop, make(4), 4, operation=operation)
    shop.changed(f"UPDATE rows SET tried = tried - {ago}")  # noqa: S608 - a number of ours

    await shop.run(make(4), client=heir, operation=operation)

    assert [1, 4] == shop.points("c0")
    assert 4 == len(shop.writes())


async def test_the_first_rows_of_all_are_decided_when_others_have_landed(
    shop: Any, heir: Any, adjustments: Any
) -> None:
    """Nothing with a marker is believed absent until a marker was seen to come back."""
    shop.sandbox.faults.add("hang", match="POST", times=1)
    await _killed(shop, adjustments(1), 1)

    summary = await shop.run(adjustments(9), client=heir)

    assert (9, 0) == (summary.applied, summary.unknown)
    assert [1, 4, 7] == shop.points("c0")


@pytest.mark.parametrize("applied", [True, False])
async def test_a_file_killed_with_its_first_rows_is_not_begun_anew(
    shop: Any, heir: Any, tmp_path: Path, *, applied: bool
) -> None:
    """What left before the journal could say where to go on is known all the same."""
    rows = tmp_path / "rows.csv"
    lines = [f"o-{n},c{n},{n + 1},paid" for n in range(5)]
    rows.write_text("\n".join(["id,customer_id,total,payment_status", *lines, ""]))
    options = {"operation": "create_order", "concurrency": 2}
    shop.sandbox.faults.add("hang", match="POST", applied=applied, times=2)
    await _killed(shop, rows, 2, **options)
    assert [(None,)] == shop.asked("SELECT ordinal FROM progress")

    summary = await shop.run(rows, client=heir, **options)

    assert 5 == summary.applied
    assert [[n + 1] for n in range(5)] == [shop.points(f"c{n}") for n in range(5)]


@pytest.mark.parametrize("settle", [0.05, 0.8])
async def test_a_vendor_that_lost_its_rows_is_not_believed(
    shop: Any, orders: Any, settle: float
) -> None:
    """Where applied rows are gone, absence proves nothing: the run stops and sends nothing.

    A row that was applied just now may be late in the lists, for as long as `settle`.
    """
    await shop.run(orders(6), operation="create_order")
    shop.sandbox.faults.add("hang", match="POST", times=1)
    await _killed(shop, orders(7), 7, operation="create_order")
    shop.sandbox.reset()

    given = shop.sandbox.settings("loyaltylion")
    async with connect("loyaltylion", settle=settle, **given) as heir:
        summary = await shop.run(orders(9), client=heir, operation="create_order")

    assert "was applied and is no longer in the vendor's records" in summary.reason
    assert (6, 1) == (summary.applied, summary.unfinished)
    assert 7 == len(shop.writes())


async def test_a_row_in_doubt_parks_its_customer_until_the_end(shop: Any, adjustments: Any) -> None:
    """Others go on; then it is looked up, sent if it is absent, and its followers after it."""
    await shop.run(adjustments(3))
    shop.sandbox.faults.add("drop", match="POST", times=1)
    ended: list[int] = []

    backfill = shop.backfill(adjustments(30, first=0))
    async for event in backfill.events():
        if isinstance(event, RowEnded):
            ended.append(event.ordinal)

    assert isinstance(event, Summary)
    assert (30, 0) == (event.applied, event.unknown)
    assert 1 == len({n % 3 for n in ended[-9:]})
    for customer in range(3):
        assert [n + 1 for n in range(30) if n % 3 == customer] == shop.points(f"c{customer}")


async def _undecidable(shop: Any) -> tuple[LoyaltyClient, list[PointsAdjustment]]:
    """A client whose rows carry nothing, and a row like one that is there already."""
    unmarked = connect("loyaltylion", settle=0.02, **shop.sandbox.settings("loyaltylion"))
    shop.sandbox.add_customer("loyaltylion", "1")
    rows = [PointsAdjustment(customer_id="1", points=5, reference="stranger")]
    await unmarked.adjust_points(rows[0])
    shop.sandbox.faults.add("drop", match="POST", times=1)
    return unmarked, [PointsAdjustment(customer_id="1", points=5, reference=key) for key in "ab"]


async def test_what_nobody_can_decide_is_listed_apart(shop: Any) -> None:
    """It is unknown, in this run and in the next, and never sent again; others go on."""
    unmarked, rows = await _undecidable(shop)
    async with unmarked:
        summary = await shop.run(rows, client=unmarked)
        again = await shop.run(rows, client=unmarked)

        assert (1, 1, 0) == (summary.applied, summary.unknown, summary.resent_unknown)
        assert (1, 1, 0) == (again.applied, again.unknown, again.ended)
        assert {"a": "UNKNOWN", "b": "APPLIED"} == shop.states()
        assert [5, 5] == shop.points("1")


async def test_a_receipt_that_does_not_say_when_it_left_is_looked_up_too(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It decides no less, and ends no run."""
    monkeypatch.setattr("loyalty_sdk._call.Call._sent", lambda _: None)
    unmarked, rows = await _undecidable(shop)
    async with unmarked:
        summary = await shop.run(rows, client=unmarked)
        again = await shop.run(rows, client=unmarked)

    assert [(1, 1), (1, 1)] == [(each.applied, each.unknown) for each in (summary, again)]


async def test_unknown_rows_are_sent_again_if_that_is_wanted(shop: Any) -> None:
    """Once each, and counted: every one of them lands at least once."""
    unmarked, rows = await _undecidable(shop)
    async with unmarked:
        await shop.run(rows, client=unmarked)
        again = await shop.run(rows, client=unmarked, resend_unknown=True)

    assert (2, 0, 1) == (again.applied, again.unknown, again.resent_unknown)
    assert [5, 5, 5] == shop.points("1")


async def test_a_row_that_leaves_nothing_behind_stays_unknown(shop: Any) -> None:
    """An activity may never be recorded, so that it is not there says nothing."""
    ada = Customer(id="1", email="ada@example.com")
    rows = [Activity(name="$signup", customer=ada, id=key) for key in "ab"]
    shop.sandbox.faults.add("drop", match="POST", times=1)

    summary = await shop.run(rows, operation="track_activity")

    assert (1, 1) == (summary.applied, summary.unknown)
    assert {"$signup:a": "UNKNOWN", "$signup:b": "APPLIED"} == shop.states()


@pytest.mark.parametrize("shop", ["joy"], indirect=True)
async def test_what_must_be_asked_first_is_asked_again(shop: Any) -> None:
    """Where the vendor calculates an order's points, looking for it takes a read more."""
    given = shop.sandbox.settings("joy") | {"orders": JoyCalculator()}
    ada = Customer(id="1")
    rows = [Order(id=key, customer=ada, total=Decimal(5), payment_status="paid") for key in "abc"]
    options = {"operation": "create_order"}
    async with connect("joy", settle=0.2, **given) as client:
        await shop.run(rows[:1], client=client, **options)
        shop.sandbox.faults.add("hang", match="POST /rest_api/v2/transactions/**", times=1)
        await _killed(shop, rows, 4, client=client, **options)
        summary = await shop.run(rows, client=client, **options)

    assert (3, 0) == (summary.applied, summary.unknown)
    assert [5, 5, 5] == shop.points("1")


async def test_a_double_is_told(shop: Any, heir: Any, adjustments: Any) -> None:
    """A row that landed after all, later than `settle`, is applied and says so."""
    await shop.run(adjustments(3))
    shop.sandbox.faults.add("hang", match="POST", times=1)
    await _killed(shop, adjustments(4), 4)
    late = shop.sandbox.arrivals[-1]

    running = asyncio.ensure_future(shop.run(adjustments(4), client=heir))
    while [1, 4] != shop.points("c0"):
        await asyncio.sleep(0.001)
    await shop.client.request(late.method, late.path, json=json.loads(late.body))
    summary = await running

    assert (4, 1) == (summary.applied, summary.doubled)
    assert [1, 4, 4] == shop.points("c0")
    [(error,)] = shop.asked("SELECT error FROM rows WHERE key = 'r-3'")
    assert "it stands in the vendor's records 2 times" in error


async def test_a_row_in_doubt_that_stands_there_twice_is_told(
    shop: Any, heir: Any, adjustments: Any
) -> None:
    """It was applied, and somebody has to take one back."""
    shop.sandbox.faults.add("hang", match="POST", applied=True, times=1)
    await _killed(shop, adjustments(1), 1)
    await heir.adjust_points(adjustments(1)[0])

    summary = await shop.run(adjustments(1))

    assert (1, 1) == (summary.applied, summary.doubled)


async def test_where_nothing_can_be_read_nothing_is_decided(
    shop: Any, heir: Any, orders: Any
) -> None:
    """Looks that fail say neither that rows are gone nor that one is absent."""
    options = {"operation": "create_order"}
    await shop.run(orders(1), **options)
    shop.sandbox.faults.add("hang", match="POST", times=1)
    await _killed(shop, orders(2), 2, **options)
    shop.sandbox.faults.add("error", match="GET /v2/orders/**", status=403)

    summary = await shop.run(orders(3), client=heir, **options)

    assert (2, 1, None) == (summary.applied, summary.unknown, summary.reason)


async def test_a_row_that_is_never_applied_after_a_kill_is_a_dead_letter_in_the_end(
    shop: Any, heir: Any, orders: Any
) -> None:
    """The next run tries it first and at its end, and says that it was shown absent."""
    options = {"operation": "create_order"}
    shop.sandbox.faults.add("hang", match="POST", times=1)
    await _killed(shop, orders(1), 1, **options)
    shop.sandbox.faults.add("error", status=500, match=lambda it: b'"o-0"' in it.body)
    await asyncio.sleep(0.2)

    client = heir.with_options(retry=RetryPolicy(attempts=1))
    summary = await shop.run(orders(4), client=client, **options)

    assert (3, 1, 0) == (summary.applied, summary.dead, summary.unfinished)
    assert [4] == shop.points("c0")


async def test_an_order_that_is_somebody_elses_stays_unknown(shop: Any, orders: Any) -> None:
    """Another order under the id of one in doubt proves neither."""
    stranger = Order(id="o-0", customer=Customer(id="9"), total=Decimal(77))
    shop.sandbox.faults.add("hang", match="POST", times=1)
    await _killed(shop, orders(1), 1, operation="create_order")
    await shop.client.create_order(stranger)

    summary = await shop.run(orders(2), operation="create_order")

    assert (1, 1) == (summary.applied, summary.unknown)
    [(error,)] = shop.asked("SELECT error FROM rows WHERE key = 'o-0'")
    assert "another order stands under this id" in error


async def test_an_older_copy_of_the_journal_is_refused(shop: Any, adjustments: Any) -> None:
    """It does not know what was sent after it was made."""
    await shop.run(adjustments(3))
    shutil.copy(shop.journal, shop.folder / "older")
    await shop.run(adjustments(6))
    shutil.copy(shop.folder / "older", shop.journal)

    with pytest.raises(JournalError, match="is an older copy: it ends with run 1, step"):
        await shop.run(adjustments(9))
    assert 6 == len(shop.writes())


@pytest.mark.parametrize("applied", [True, False])
async def test_an_adopted_copy_looks_up_every_row_first(
    shop: Any, heir: Any, orders: Any, *, applied: bool
) -> None:
    """What the lost journal knew is found in the vendor's records, and nothing is doubled."""
    options = {"operation": "create_order"}
    await shop.run(orders(3), **options)
    shutil.copy(shop.journal, shop.folder / "older")
    shop.sandbox.faults.add("hang", match="POST", applied=applied, times=1)
    await _killed(shop, orders(9), 7, **options)
    shutil.copy(shop.folder / "older", shop.journal)
    (shop.folder / "journal-wal").unlink(missing_ok=True)

    summary = await shop.run(orders(12), client=heir, adopt=True, **options)

    assert (12, 0) == (summary.applied, summary.unknown)
    for customer in range(3):
        assert [n + 1 for n in range(12) if n % 3 == customer] == shop.points(f"c{customer}")
    assert 0 == (await shop.run(orders(12), client=heir, **options)).ended


async def test_a_lost_journal_can_be_begun_anew(shop: Any, heir: Any, orders: Any) -> None:
    """With a new one, adopted, everything that was sent is found."""
    options = {"operation": "create_order"}
    await shop.run(orders(6), **options)
    shop.journal.unlink()

    summary = await shop.run(orders(8), client=heir, adopt=True, **options)

    assert (8, 8) == (summary.applied, len(shop.writes()))
    assert {0} == {tries for (tries,) in shop.asked("SELECT tries FROM rows WHERE ordinal < 6")}


async def test_what_cannot_be_looked_up_is_not_sent_by_an_adopted_journal(shop: Any) -> None:
    """Rows that nobody can find again may have been sent before: they are unknown."""
    ada = Customer(id="1", email="ada@example.com")
    rows = [Activity(name="$signup", customer=ada, id="a")]

    summary = await shop.run(rows, operation="track_activity", adopt=True)

    assert (0, 1) == (summary.applied, summary.unknown)
    assert [] == shop.writes()


async def test_an_adopted_row_that_cannot_be_sent_is_a_dead_letter(shop: Any) -> None:
    """What the adapter refuses was never sent, whoever had the journal."""
    rows = [PointsAdjustment(customer_id="1", points=5, note="staff", reference="a")]

    summary = await shop.run(rows, adopt=True)

    assert 1 == summary.counts[State.INVALID]


async def test_a_refused_key_stops_the_run(shop: Any, adjustments: Any) -> None:
    """Nothing is the row's fault: with a good key the next run sends everything."""
    shop.sandbox.faults.add("error", match="POST", status=401, times=1)

    summary = await shop.run(adjustments(20), concurrency=1)
    assert "HTTP 401" in summary.reason
    assert (0, 0, 1) == (summary.applied, summary.dead, summary.unfinished)
    assert not summary.finished

    again = await shop.run(adjustments(20))
    assert (20, True) == (again.applied, again.finished)
    assert [1, 4, 7, 10, 13, 16, 19] == shop.points("c0")


async def test_rows_behind_one_that_a_stop_left_do_not_overtake_others(
    shop: Any, adjustments: Any
) -> None:
    """What is read after the stop is not put aside: rows before it were not, and come first."""
    *first, last = adjustments(5, customers=2)
    shop.sandbox.faults.add("error", match="POST /v2/customers/c0/points", status=401)
    shop.sandbox.faults.add("latency", match="POST /v2/customers/c1/points", seconds=0.3)

    async def rows() -> AsyncIterator[PointsAdjustment]:
        for row in first:
            yield row
        while "r-0" not in shop.states() or "SENT" == shop.states()["r-0"]:
            await asyncio.sleep(0.001)
        yield last

    assert "HTTP 401" in (await shop.run(rows(), concurrency=2)).reason
    shop.sandbox.faults.clear()

    assert 5 == (await shop.run([*first, last])).applied
    assert [[1, 3, 5], [2, 4]] == [shop.points(customer) for customer in ("c0", "c1")]


_GRANT, _SPEND = (
    PointsAdjustment(customer_id="1", points=points, reference=str(points)) for points in (50, -50)
)


async def test_a_row_in_doubt_comes_first_although_the_run_was_stopped(
    shop: Any, heir: Any
) -> None:
    """Only the pass at the end calls it unknown; until then its customer's others come later."""
    hang = shop.sandbox.faults.add("hang", match="POST")
    backfill = shop.backfill([_GRANT, _SPEND], deadline=0.3, concurrency=1)
    running = asyncio.ensure_future(backfill.run())
    while not hang.struck:
        await asyncio.sleep(0.005)
    backfill.stop()
    assert 1 == (await running).unfinished
    assert {"50": "SENT"} == shop.states()
    hang.times = 0

    assert 2 == (await shop.run([_GRANT, _SPEND], client=heir)).applied
    assert [50, -50] == shop.points("1")


async def test_an_adopted_row_in_doubt_comes_first_after_a_kill(shop: Any, heir: Any) -> None:
    """It was only looked for: whether it left, nobody knows."""
    hang = shop.sandbox.faults.add("hang", match="GET /v2/customers/1/transactions")
    running = asyncio.ensure_future(shop.run([_GRANT, _SPEND], deadline=0.3, adopt=True))
    while not hang.struck or "50" not in shop.states():
        await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.wait([running])
    assert "SENT" == shop.states()["50"]
    hang.times = 0

    assert 2 == (await shop.run([_GRANT, _SPEND], client=heir)).applied
    assert [50, -50] == shop.points("1")


async def test_too_many_refusals_stop_the_run(shop: Any, adjustments: Any) -> None:
    """A hundred rows say whether something is wrong with all of them."""
    shop.sandbox.faults.add("error", match="POST", status=404, share=0.6)

    events = [event async for event in shop.backfill(adjustments(300, 50)).events()]

    summary = events[-1]
    assert "rows were refused, more than 50 %; " in summary.reason
    assert " of them: loyaltylion adjust_points: HTTP 404" in summary.reason
    assert 100 <= summary.applied + summary.dead < 120
    assert [summary.reason] == [each.reason for each in events if isinstance(each, Stopping)]


async def test_a_long_retry_after_pauses_everything(shop: Any, adjustments: Any) -> None:
    """Nothing is sent until then, and the row that was told so is no dead letter."""
    shop.sandbox.faults.add("rate_limit", match="POST", times=1, retry_after=1)
    client = shop.client.with_options(retry=RetryPolicy(attempts=1))
    began = time.monotonic()

    events = [event async for event in shop.backfill(adjustments(9), client=client).events()]

    assert 1.0 < time.monotonic() - began
    assert [1.0] == [each.seconds for each in events if isinstance(each, Waiting)]
    assert any(getattr(each, "waiting", None) for each in events)
    assert 9 == events[-1].applied


async def test_patience_ends_when_nothing_gets_through(shop: Any, adjustments: Any) -> None:
    """The run stops and says why; its rows wait for the next one."""
    shop.sandbox.faults.add("rate_limit", match="POST")

    client = shop.client.with_options(retry=RetryPolicy(attempts=1))
    summary = await shop.run(adjustments(9), client=client, patience=0.3, concurrency=2)

    assert "nothing got through for 0.3 s" in summary.reason
    assert (0, 0) == (summary.applied, summary.dead)


async def test_a_row_that_never_gets_through_is_left_for_later(
    shop: Any, adjustments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ten beginnings it is put aside, and its customer's rows with it."""
    monkeypatch.setattr("loyalty_sdk.backfill._gate._LONGEST_PAUSE", 0.001)
    shop.sandbox.faults.add("rate_limit", match="POST /v2/customers/c0/points")

    client = shop.client.with_options(retry=RetryPolicy(attempts=1))
    summary = await shop.run(adjustments(9), client=client)

    assert (6, 3) == (summary.applied, summary.unfinished)
    assert not summary.finished


async def test_who_had_to_be_left_has_another_turn_while_others_get_through(
    shop: Any, adjustments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What kept a row back may be over by then; the run need not be begun again for it."""
    monkeypatch.setattr("loyalty_sdk.backfill._gate._LONGEST_PAUSE", 0.001)
    monkeypatch.setattr("loyalty_sdk.backfill._attempt._ROUNDS", 1)
    # As it is sent first, and in the first turn: by then the other one gets through.
    shop.sandbox.faults.add("rate_limit", match="POST /v2/customers/c0/points", times=2)
    shop.sandbox.faults.add("rate_limit", match="POST /v2/customers/c1/points", times=1)

    client = shop.client.with_options(retry=RetryPolicy(attempts=1))
    summary = await shop.run(adjustments(9), client=client)

    assert (9, True) == (summary.applied, summary.finished)
    assert [1, 4, 7] == shop.points("c0")


async def test_a_row_is_sent_again_unproven_once_in_a_run(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its customer has another turn, for a row behind it."""
    monkeypatch.setattr("loyalty_sdk.backfill._gate._LONGEST_PAUSE", 0.001)
    monkeypatch.setattr("loyalty_sdk.backfill._attempt._ROUNDS", 1)
    unmarked, rows = await _undecidable(shop)
    async with unmarked:
        await shop.run(rows[:1], client=unmarked)
        # The next row as it comes, the one in doubt, and the next one behind it.
        shop.sandbox.faults.add("rate_limit", match="POST", times=3)
        client = unmarked.with_options(retry=RetryPolicy(attempts=1))
        again = await shop.run(rows, client=client, resend_unknown=True)

    assert 1 == again.resent_unknown
    assert {"a": "UNKNOWN", "b": "APPLIED"} == shop.states()


async def test_stopping_finishes_what_is_on_its_way(shop: Any, adjustments: Any) -> None:
    """Nothing is left in doubt, and the next run goes on."""
    shop.sandbox.faults.add("latency", match="POST", seconds=0.1)
    backfill = shop.backfill(adjustments(50, customers=50))
    running = asyncio.ensure_future(backfill.run())
    while len(shop.writes()) < 8:
        await asyncio.sleep(0.005)
    backfill.stop()
    summary = await running

    assert ("it was asked to stop", 8, 0) == (summary.reason, summary.applied, summary.unfinished)
    assert 50 == (await shop.run(adjustments(50, customers=50))).applied
    assert 50 == len(shop.writes())


async def test_stopping_twice_ends_at_once(shop: Any, heir: Any, orders: Any) -> None:
    """What is on its way is in doubt then, and the next run looks it up."""
    options = {"operation": "create_order"}
    shop.sandbox.faults.add("hang", match="POST", applied=True, times=8)
    backfill = shop.backfill(orders(50, customers=50), **options)
    running = asyncio.ensure_future(backfill.run())
    while len(shop.writes()) < 8:
        await asyncio.sleep(0.005)
    backfill.stop()
    backfill.stop()
    summary = await running

    assert (0, 8) == (summary.applied, summary.counts[State.SENT])
    assert 50 == (await shop.run(orders(50, customers=50), client=heir, **options)).applied
    assert 50 == len(shop.writes())


async def test_stopping_before_it_begins_sends_nothing(shop: Any, adjustments: Any) -> None:
    """Also rows that an earlier run left are not begun."""
    backfill = shop.backfill(adjustments(5))
    backfill.stop("not today")
    summary = await backfill.run()

    assert ("not today", 0) == (summary.reason, summary.applied)
    assert [] == shop.writes()


async def test_stopping_while_rows_in_doubt_are_looked_up(shop: Any, orders: Any) -> None:
    """The wait for `settle` ends, and the rows stay in doubt."""
    options = {"operation": "create_order"}
    shop.sandbox.faults.add("hang", match="POST", times=2)
    await _killed(shop, orders(2), 2, **options)
    async with connect("loyaltylion", settle=30.0, **shop.sandbox.settings("loyaltylion")) as heir:
        backfill = shop.backfill(orders(2), client=heir, **options)
        running = asyncio.ensure_future(backfill.run())
        # One look each as the run begins, and one each as it ends.
        while 4 > sum("/v2/orders/" in each.path for each in shop.sandbox.arrivals):
            await asyncio.sleep(0.01)
        backfill.stop()
        summary = await running

    assert 2 == summary.counts[State.SENT]
    assert 2 == len(shop.writes())


async def test_leaving_the_events_ends_the_run(shop: Any, adjustments: Any) -> None:
    """As a kill would, and as safely."""
    shop.sandbox.faults.add("latency", match="POST", seconds=0.05)
    events = shop.backfill(adjustments(50, customers=50)).events()
    async for event in events:
        if isinstance(event, RowEnded):
            break
    await events.aclose()

    sent = len(shop.writes())
    await asyncio.sleep(0.1)
    assert sent == len(shop.writes()) < 50
    assert 50 == (await shop.run(adjustments(50, customers=50))).applied


async def test_a_slow_listener_holds_the_run_back(shop: Any, adjustments: Any) -> None:
    """Events wait for whoever listens, and no more than a thousand of them."""
    events = shop.backfill(adjustments(1400, customers=200), concurrency=64).events()
    async for event in events:
        if isinstance(event, RowEnded):
            break
    while len(shop.writes()) <= 900:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    held = len(shop.writes())
    rest = [event async for event in events if isinstance(event, RowEnded)]

    assert 1400 == 1 + len(rest)
    assert held < 1200


async def test_examples_that_cannot_be_read_are_not_visible(
    shop: Any, heir: Any, orders: Any
) -> None:
    """A vendor that lost its rows and fails over the applied ones is not believed either."""
    options = {"operation": "create_order"}
    await shop.run(orders(1), **options)
    shop.sandbox.faults.add("hang", match="POST", times=1)
    await _killed(shop, orders(2), 2, **options)
    shop.sandbox.faults.add("error", match="GET /v2/orders/o-0", status=500)

    client = heir.with_options(retry=RetryPolicy(attempts=1))
    summary = await shop.run(orders(2), client=client, **options)

    assert (1, 1, None) == (summary.applied, summary.unknown, summary.reason)
    assert 2 == len(shop.writes())


async def test_adopting_counts_although_somebody_began_without_it(shop: Any, orders: Any) -> None:
    """The journal is lost, a run is begun and stopped at once, and only then adopted."""
    options = {"operation": "create_order"}
    await shop.run(orders(4), **options)
    shop.journal.unlink()
    hasty = shop.backfill(orders(4), **options)
    hasty.stop()
    await hasty.run()

    summary = await shop.run(orders(4), adopt=True, **options)

    assert (4, 0) == (summary.applied, summary.unknown)
    assert 4 == len(shop.writes())
    assert 4 == (await shop.run(orders(4), adopt=True, **options)).applied


@pytest.mark.parametrize("begun", [None, 0, 1])
async def test_rows_without_keys_do_not_outlive_their_journal(
    shop: Any, tmp_path: Path, begun: int | None
) -> None:
    """Their names were made of it: under a new one, none would be found, and all be doubled."""
    rows = tmp_path / "rows.csv"
    rows.write_text("customer_id,points\n" + "1,5\n" * 30)
    await shop.run(rows)
    shop.journal.unlink()
    if begun is not None:
        hasty = shop.backfill(rows)
        if not begun:
            hasty.stop()
        async for event in hasty.events():
            if isinstance(event, RowEnded):
                hasty.stop()
    written = len(shop.writes())
    assert written < 60

    for adopt in (True, False):
        with pytest.raises(InputError, match="has no key of its own, so"):
            await shop.run(rows, adopt=adopt)
    assert written == len(shop.writes())


async def test_what_stands_before_a_row_that_cannot_be_looked_up_is_finished(
    shop: Any, tmp_path: Path
) -> None:
    """The error says what became of it, and so it is in the next run."""
    rows = tmp_path / "rows.csv"
    rows.write_text("customer_id,points,reference\n1,5,a\n2,six,b\n2,6,\n3,7,c\n")
    for _ in range(2):
        with pytest.raises(InputError, match=r"row 2 of rows\.csv has no key of its own") as caught:
            await shop.run(rows, adopt=True)
        assert caught.value.summary is not None
        assert (1, 1) == (caught.value.summary.applied, caught.value.summary.dead)
    assert 1 == len(shop.writes())


async def test_an_example_under_which_another_order_stands_is_visible(
    shop: Any, heir: Any, orders: Any
) -> None:
    """The vendor has not lost it; what is absent beside it may be believed."""
    options = {"operation": "create_order"}
    await shop.run(orders(1), **options)
    shop.sandbox.faults.add("hang", match="POST", times=1)
    await _killed(shop, orders(2), 2, **options)
    shop.sandbox.reset()
    await heir.create_order(Order(id="o-0", customer=Customer(id="c0"), total=Decimal(77)))

    assert 2 == (await shop.run(orders(2), client=heir, **options)).applied


@pytest.mark.parametrize("shop", ["joy"], indirect=True)
async def test_an_example_that_cannot_be_asked_for_is_not_visible(shop: Any) -> None:
    """Where the vendor calculates what to look for and fails, nothing absent is believed."""
    given = shop.sandbox.settings("joy") | {"orders": JoyCalculator()}
    ada = Customer(id="1")
    rows = [Order(id=key, customer=ada, total=Decimal(5), payment_status="paid") for key in "ab"]
    options = {"operation": "create_order"}
    async with connect("joy", settle=0.2, **given) as client:
        await shop.run(rows[:1], client=client, **options)
        shop.sandbox.faults.add("hang", match="POST /rest_api/v2/transactions/**", times=1)
        await _killed(shop, rows, 4, client=client, **options)
        failing = shop.sandbox.faults.add("error", match="/rest_api/v2/**/calculate", status=500)
        patient = client.with_options(retry=RetryPolicy(attempts=1))
        summary = await shop.run(rows, client=patient, **options)

        assert (1, 1) == (summary.applied, summary.unknown)
        assert failing.struck


@pytest.fixture
async def unmarked(shop: Any) -> AsyncIterator[LoyaltyClient]:
    """A client like the shop's whose rows carry nothing."""
    given = shop.sandbox.settings("loyaltylion")
    async with connect("loyaltylion", settle=0.2, **given) as client:
        yield client


@pytest.mark.parametrize("applied", [True, False])
async def test_a_row_that_was_sent_without_a_reference_is_not_looked_for_by_one(
    shop: Any, unmarked: Any, adjustments: Any, *, applied: bool
) -> None:
    """Where the next run's rows carry theirs, it stays unknown unless nothing can be its own."""
    await shop.run(adjustments(3), client=unmarked)
    shop.sandbox.faults.add("hang", match="POST", applied=applied, times=1)
    await _killed(shop, adjustments(4), 4, client=unmarked)

    summary = await shop.run(adjustments(4))

    assert summary.reason is None
    assert ((3, 1) if applied else (4, 0)) == (summary.applied, summary.unknown)
    assert [[1, 4], [2], [3]] == [shop.points(f"c{customer}") for customer in range(3)]


async def test_a_row_that_was_sent_with_a_reference_is_looked_for_by_it(
    shop: Any, unmarked: Any, adjustments: Any
) -> None:
    """Where the next run's rows carry none, it is found all the same."""
    await shop.run(adjustments(1))
    assert [("r-0",)] == shop.asked("SELECT marker FROM examples")
    shop.sandbox.faults.add("hang", match="POST", applied=True, times=1)
    await _killed(shop, adjustments(2), 2)

    summary = await shop.run(adjustments(3), client=unmarked)

    assert (3, 0) == (summary.applied, summary.unknown)
    assert [2] == shop.points("c1")
    assert [("r-1",)] == shop.asked("SELECT marker FROM examples")


async def test_a_row_in_doubt_that_could_not_be_sent_now_stays_in_doubt(
    shop: Any, unmarked: Any
) -> None:
    """With its reference its reason would be too long; that says nothing of how it was sent."""
    rows = [PointsAdjustment(customer_id="1", points=5, reason="x" * 254, reference="a")]
    shop.sandbox.faults.add("hang", match="POST", applied=True, times=1)
    await _killed(shop, rows, 1, client=unmarked)

    summary = await shop.run(rows)

    assert (0, 1) == (summary.dead, summary.unknown)


async def test_nobody_knows_how_a_lost_journal_sent_its_rows(
    shop: Any, unmarked: Any, adjustments: Any
) -> None:
    """Without its marker a row is not absent where one that carries none could be its own."""
    await shop.run(adjustments(3, 6), client=unmarked)
    shop.journal.unlink()

    summary = await shop.run(adjustments(6, 6), adopt=True)
    again = await shop.run(adjustments(6, 6))

    assert [(3, 3)] * 2 == [(each.applied, each.unknown) for each in (summary, again)]
    assert {f"r-{n}": "UNKNOWN" if n < 3 else "APPLIED" for n in range(6)} == shop.states()
    assert [[n + 1] for n in range(6)] == [shop.points(f"c{n}") for n in range(6)]
    [(error,)] = shop.asked("SELECT error FROM rows WHERE key = 'r-0'")
    assert "it may have been sent without a reference" in error


@pytest.mark.parametrize("shop", ["joy"], indirect=True)
async def test_where_every_row_carries_its_reference_others_are_not_mistaken_for_it(
    shop: Any, adjustments: Any
) -> None:
    """A stranger's row of the same points does not keep a lost journal's from being sent."""
    shop.sandbox.add_customer("joy", "c0")
    body = {"shopifyCustomerId": "c0", "point": 1}
    await shop.client.request("POST", "/rest_api/v2/transactions/points/adjust", json=body)

    summary = await shop.run(adjustments(3), adopt=True)

    assert (3, 0) == (summary.applied, summary.unknown)
    assert [1, 1] == shop.points("c0")


@pytest.mark.parametrize("heir", [0.6], indirect=True)
@pytest.mark.parametrize(("operation", "told"), [("adjust_points", False), ("create_order", True)])
async def test_what_left_a_lost_journal_last_may_land_within_settle(
    shop: Any, heir: Any, request: pytest.FixtureRequest, operation: str, *, told: bool
) -> None:
    """A copy that is adopted waits from then on: whatever it says, it was sent again since."""
    make, looked_at = {
        "adjust_points": ("adjustments", "GET /v2/customers/**"),
        "create_order": ("orders", "GET /v2/orders/**"),
    }[operation]
    rows = request.getfixturevalue(make)(1)
    shop.options["operation"] = operation
    shop.sandbox.faults.add("hang", match="POST", times=1)
    if told:  # that the call ended in doubt
        blind = shop.sandbox.faults.add("error", match=looked_at, status=500)
        client = shop.client.with_options(retry=RetryPolicy(attempts=1))
        assert 1 == (await shop.run(rows, client=client, deadline=0.3)).unknown
        blind.times = 0
    else:
        await _killed(shop, rows, 1)
        shop.changed("UPDATE rows SET tried = tried - 60")
    shutil.copy(shop.journal, shop.folder / "older")
    shop.sandbox.faults.add("latency", match="POST", seconds=0.4, times=1)
    await _killed(shop, rows, 2)
    shutil.copy(shop.folder / "older", shop.journal)

    summary = await shop.run(rows, client=heir, adopt=True)

    assert (1, 0) == (summary.applied, summary.unknown)
    assert ([1], 2) == (shop.points("c0"), len(shop.writes()))
