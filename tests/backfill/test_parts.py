"""The parts of a run one by one, where a whole run would show them only by luck."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from loyalty_sdk import (
    Activity,
    ConfigurationError,
    Customer,
    DiscountCode,
    JournalError,
    Order,
    Outcome,
    PointsAdjustment,
    Receipt,
    RetryPolicy,
    connect,
)
from loyalty_sdk._call import Sent
from loyalty_sdk._fork import process
from loyalty_sdk.backfill import State, Summary, Waiting, _writer
from loyalty_sdk.backfill import _schema as schema
from loyalty_sdk.backfill._attempt import Ended, Sender
from loyalty_sdk.backfill._gate import Gate
from loyalty_sdk.backfill._identity import Belonging
from loyalty_sdk.backfill._journal import Journal
from loyalty_sdk.backfill._lanes import Frontier, Lanes
from loyalty_sdk.backfill._lookup import Lookup
from loyalty_sdk.backfill._opening import open_journal
from loyalty_sdk.backfill._pickles import freeze_row, thaw_row
from loyalty_sdk.backfill._recovery import Recovery
from loyalty_sdk.backfill._refusals import Refusals
from loyalty_sdk.backfill._rows import Row
from loyalty_sdk.backfill._run import Options, Run
from loyalty_sdk.backfill._states import Held


def _row(ordinal: int, customer: str = "1") -> Row:
    value = PointsAdjustment(customer_id=customer, points=1, reference=f"r-{ordinal}")
    return Row(ordinal, None, None, f"r-{ordinal}", value, customer)


# ---------------------------------------------------------------- lanes


async def test_a_customer_has_one_row_on_its_way() -> None:
    """The next one is handed out when the one before is finished."""
    lanes = Lanes(10)
    for ordinal, customer in enumerate("aab"):
        lanes.add(_row(ordinal, customer))
    first, second = await lanes.take(), await lanes.take()
    assert first is not None
    assert second is not None
    assert (0, 2) == (first.ordinal, second.ordinal)
    waiting = asyncio.ensure_future(lanes.take())
    await asyncio.sleep(0)
    assert not waiting.done()

    lanes.finish(first)
    third = await waiting
    assert third is not None
    assert 1 == third.ordinal
    assert (None, 1) == (lanes.ordinal_of("r-0"), lanes.ordinal_of("r-1"))


async def test_whoever_stopped_waiting_is_passed_over() -> None:
    """A row goes to the next one who waits."""
    lanes = Lanes(10)
    gone, other = (asyncio.ensure_future(lanes.take()) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    lanes.add(_row(0))

    taken = await other
    assert taken is not None
    left = [asyncio.ensure_future(lanes.take()) for _ in range(2)]
    await asyncio.sleep(0)
    left[0].cancel()
    await asyncio.gather(left[0], return_exceptions=True)
    lanes.end()
    lanes.finish(taken)
    assert await left[1] is None


async def test_closed_lanes_hand_out_nothing() -> None:
    """However many rows they hold."""
    lanes = Lanes(10)
    lanes.add(_row(0))
    lanes.close()
    assert await lanes.take() is None


async def test_room_comes_back_in_bulk() -> None:
    """Whoever brings rows waits until half of the room is free."""
    lanes = Lanes(2)
    rows = [_row(n, str(n)) for n in range(2)]
    for row in rows:
        lanes.add(row)
    waiting = asyncio.ensure_future(lanes.space())
    await asyncio.sleep(0)
    assert not waiting.done()
    lanes.finish(rows[0])
    await waiting


def test_the_frontier_is_the_first_row_that_is_not_on_the_disk() -> None:
    """So nothing that was read is lost, and little is read again."""
    frontier = Frontier()
    rows = [_row(n) for n in range(3)]
    for row in rows:
        frontier.read(row)
    assert rows[0] is frontier.journaled(1)
    assert rows[2] is frontier.journaled(0)
    assert rows[2] is frontier.journaled(2)


# ---------------------------------------------------------------- the gate


async def test_failures_at_once_are_one_failure() -> None:
    """Pauses double with each failure after a pause, not with each row that met it."""
    told: list[float] = []
    gate = Gate(600, lambda _, seconds: told.append(seconds))
    assert await gate.passed()
    assert gate.reason is None

    for _ in range(5):
        assert gate.failed("down", None)
    assert [0.5] == told
    for _ in range(5):
        assert gate.failed("down", 2.0)
    assert [0.5, 2.0] == told
    assert "down: 2 s" == str(gate.reason)


async def test_a_closed_gate_lets_a_stop_through() -> None:
    """Whoever waits is told at once that nothing more is to be begun."""
    gate = Gate(600, lambda *_: None)
    gate.failed("down", 30.0)
    waiting = asyncio.ensure_future(gate.passed())
    await asyncio.sleep(0.01)
    gate.stopped.set()
    assert not await waiting
    assert not await gate.passed()


def test_patience_counts_from_the_first_failure_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A success begins it anew; a pause that the vendor asks for is none of it."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    gate = Gate(60, lambda *_: None)
    assert gate.failed("down", None)
    now[0] += 61
    assert gate.failed("down", 5.0)
    assert not gate.failed("down", None)
    gate.succeeded()
    assert gate.failed("down", None)


# ---------------------------------------------------------------- the journal


async def _journal(folder: Path) -> Journal:
    mine = Belonging(
        operation="adjust_points", provider="p", host="h", program="", site="", fingerprint="",
        mapping="",
    )  # fmt: skip
    opened = open_journal(folder / "j", mine, adopt=False, mends=False, directory=folder / "state")
    return Journal(opened)


def _run(shop: Any, journal: Journal) -> Run:
    options = Options(
        operation="adjust_points", concurrency=1, max_rejected_share=1.0, patience=1.0,
        resend_unknown=False, mends=True,
    )  # fmt: skip
    source: Any = None
    return Run(shop.client, source, journal, options, None, repeats=False)


async def test_what_is_committed_survives_a_power_cut(tmp_path: Path) -> None:
    """SQLite is told to reach the disk with every commit."""
    journal = await _journal(tmp_path)
    database = journal._opened.database
    assert [(2,)] == database.execute("PRAGMA synchronous").fetchall()
    assert [("wal",)] == database.execute("PRAGMA journal_mode").fetchall()
    await journal.aclose()


async def test_after_a_group_that_failed_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes later is told the same, each by an error of his own."""
    trigger = "CREATE TRIGGER no BEFORE INSERT ON held BEGIN SELECT RAISE(ABORT, 'no'); END;"
    monkeypatch.setattr(schema, "TABLES", schema.TABLES + trigger)
    journal = await _journal(tmp_path)
    errors: list[BaseException] = []
    for action in (
        lambda: journal.intent(_row(0), "1", 0.0),
        lambda: journal.intent(_row(1), "1", 0.0),
        journal.written,
    ):
        with pytest.raises(JournalError, match="cannot be written: no") as caught:
            await action()
        errors.append(caught.value)
    assert 3 == len({id(error) for error in errors})
    await journal.aclose()


async def test_a_row_is_not_sent_without_its_intent(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends is told by the journal's own error, and not as if the vendor had failed."""
    trigger = "CREATE TRIGGER no BEFORE INSERT ON held BEGIN SELECT RAISE(ABORT, 'no'); END;"
    monkeypatch.setattr(schema, "TABLES", schema.TABLES + trigger)
    journal = await _journal(tmp_path)
    run = _run(shop, journal)
    with pytest.raises(JournalError, match="cannot be written: no"):
        await Sender(run).send(_row(0))
    assert [] == shop.writes()
    await journal.aclose()


async def test_what_is_put_aside_is_known_by_what_it_was_sent_with(tmp_path: Path) -> None:
    """Whoever adopts its journal looks for it once more."""
    journal = await _journal(tmp_path)
    await journal.intent(_row(0), "1", 1.0, "r-0")
    await journal.placed(_row(0), State.WAITING, "1")
    [held] = await journal.held("1", -1)
    assert (State.WAITING, 1, "r-0", False) == (held.state, held.tries, held.marker, held.left)
    await journal.aclose()


async def test_a_row_is_known_by_what_it_was_sent_with_last(shop: Any, tmp_path: Path) -> None:
    """However it was sent before that: so it is looked for, as long as it is in doubt."""
    journal = await _journal(tmp_path)
    await journal.intent(_row(0), "1", 1.0)
    ended = Ended(state=State.UNKNOWN, announced=True, marker="r-0")
    again = await Recovery(_run(shop, journal))._again(Held(_row(0), State.SENT, 1.0, 1), ended)
    assert (State.SENT, 2, "r-0") == (again.state, again.tries, again.marker)
    await journal.aclose()


async def test_a_dead_process_may_have_sent_until_a_moment_ago(shop: Any, tmp_path: Path) -> None:
    """Its receipt tells by a clock that may have been set since; our own has counted on."""
    journal = await _journal(tmp_path)
    lookup = Lookup(_run(shop, journal))
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    ours = Sent(process(), None, 0.0, 0, replayed=False)
    for sent, left in ((ours, False), (ours._replace(process="another"), True), (None, True)):
        receipt = Receipt(
            operation="adjust_points", provider="loyaltylion", reference="r-0",
            outcome=Outcome.UNKNOWN, attempts=1, resolve_after=long_ago, sent=sent,
        )  # fmt: skip
        for state in (State.SENT, State.UNKNOWN):
            held = Held(_row(0), state, long_ago.timestamp(), 1, receipt)
            after = (await lookup.receipt(held)).resolve_after
            assert after is not None
            # What is unknown had its time at the end of the run that called it so.
            assert (left and state is State.SENT) == (after > datetime.now(UTC))
    await journal.aclose()


async def test_a_row_that_never_lands_is_a_dead_letter_only_at_the_end(
    shop: Any, tmp_path: Path
) -> None:
    """It is sent three times in each pass; those behind it wait as long as it has another one."""
    journal, sent = await _journal(tmp_path), list[str | None]()

    async def send(row: Row, *, replay: datetime | None) -> Ended:
        sent.append(row.key)
        return Ended(state=State.WAITING, announced=True, absent=True, error="shown absent")

    sender: Any = SimpleNamespace(send=send)
    recovery, held = Recovery(_run(shop, journal)), Held(_row(0), State.WAITING, None, 0)
    for last, state in ((False, State.WAITING), (True, State.REJECTED)):
        assert last == await recovery._row(sender, held, last=last)
        assert 1 == (await journal.counts())[state]
    assert ["r-0"] * 6 == sent
    await journal.aclose()


async def test_whoever_no_longer_waits_is_passed_over(tmp_path: Path) -> None:
    """What he wanted written is written, and the others are told."""
    journal = await _journal(tmp_path)
    gone, other = (journal.intent(_row(n, str(n)), "1", 0.0) for n in range(2))
    gone.cancel()
    await other
    assert 2 == (await journal.counts())[State.SENT]
    await journal.aclose()


async def test_what_comes_a_moment_later_goes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit costs the disk the same for one row and for many, so it waits for a moment."""
    entered, leave = threading.Event(), threading.Event()

    def sleep(_: float) -> None:
        entered.set()
        leave.wait(5)

    monkeypatch.setattr(_writer, "time", SimpleNamespace(sleep=sleep))
    journal = await _journal(tmp_path)
    first = journal.intent(_row(0), "1", 0.0)
    assert await asyncio.to_thread(entered.wait, 5)
    second = journal.intent(_row(1, "2"), "1", 0.0)
    leave.set()
    await asyncio.gather(first, second)

    database = journal._opened.database
    assert [(1,)] == database.execute("SELECT sequence FROM progress").fetchall()
    await journal.aclose()


class _Text(str):
    __slots__ = ()


class _Money(Decimal):
    pass


class _Moment(datetime):
    pass


LONG_AGO = timezone(timedelta(minutes=19, seconds=32))


@pytest.mark.parametrize(
    "value",
    [
        PointsAdjustment(customer_id="1", points=-5, reason="x", note="y", reference="r"),
        Order(
            id="A",
            customer=Customer(id="1", email="ada@example.com"),
            total=Decimal("1E+2"),
            total_paid=Decimal("0.10"),
            discount_codes=[DiscountCode(code="X", amount=Decimal("1.10"))],
            claimed_reward_ids=[3],
            placed_at=datetime(1920, 1, 1, 12, 0, 0, 5, tzinfo=LONG_AGO),
        ),
        Order(id="A", customer=Customer(id="1"), total=Decimal(1), placed_at=datetime.now(UTC)),
        Order(
            id=_Text("A"),
            customer=Customer(id="1"),
            total=_Money("1.50"),
            placed_at=_Moment(2026, 5, 1, tzinfo=UTC),
        ),
        Activity(
            name="$signup",
            customer=Customer(id="1", email="ada@example.com"),
            properties={"a": [1, 1.5, None, True, "é"], "b": {"c": 2**62}},
            occurred_at=datetime(2026, 5, 1, tzinfo=timezone(timedelta(hours=2))),
        ),
    ],
)
def test_a_row_is_held_without_loss(value: Any) -> None:
    """Money digit by digit, every moment as it was, and of no class that a caller made."""
    row = Row(7, None, 8, "k", value, "1")
    assert row == thaw_row(freeze_row(row))
    assert {
        "Customer",
        "Decimal",
        "NoneType",
        "bool",
        "datetime",
        "dict",
        "int",
        "str",
        "tuple",
    } >= {
        type(found).__name__
        for found in attrs.asdict(thaw_row(freeze_row(row)).value, recurse=False).values()
    }


async def test_a_closed_journal_is_as_far_as_its_last_group(tmp_path: Path) -> None:
    """What was handed over before it was closed is on the disk."""
    journal = await _journal(tmp_path)
    waiting = journal.intent(_row(0), "1", 0.0)
    await journal.aclose()
    assert waiting.done()

    again = await _journal(tmp_path)
    assert {0: (State.SENT, 1)} == await again.met([0, 1])
    assert 1 == (await again.counts())[State.SENT]
    await again.aclose()


# ---------------------------------------------------------------- progress


async def test_the_rate_is_that_of_the_last_seconds(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was long ago says nothing of now."""
    journal = await _journal(tmp_path)
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    run = _run(shop, journal)
    for ended, seconds in ((0, 0.0), (500, 50.0)):
        run.ended, now[0] = ended, now[0] + seconds
        run.progress()
    run.ended, now[0] = 540, now[0] + 4.0
    progress = run.progress()

    assert (10.0, 54.0, None) == (progress.rate, progress.elapsed, progress.total)
    await journal.aclose()


# ---------------------------------------------------------------- other vendors


async def test_a_vendor_that_cannot_be_asked_leaves_rows_unknown(
    shop: Any, server: Any, tiny: Any, orders: Any
) -> None:
    """What leaves nothing to find it by stays in doubt, and is never sent again."""
    whoami = server.http(200, b'{"program": "7"}')
    drop: Any = lambda writer: asyncio.sleep(0, writer.transport.abort())  # noqa: E731 - a reaction
    server.script = [whoami, drop]
    async with connect(tiny(server.url), settle=0.1) as client:
        options = {"client": client, "operation": "create_order"}
        summary = await shop.run(orders(2, customers=1), **options)
        assert (1, 1) == (summary.applied, summary.unknown)
        assert [(1,)] == shop.asked("SELECT count(*) FROM examples")
        server.script = [whoami]
        again = await shop.run(orders(2, customers=1), **options)

    assert (1, 1) == (again.applied, again.unknown)
    assert ["/things/o-0", "/things/o-1"] == [
        each.target for each in server.arrivals if each.method == "POST"
    ]


async def test_a_vendor_without_whoami_has_no_program(
    shop: Any, server: Any, tiny: Any, orders: Any
) -> None:
    """The journal belongs to provider and host all the same."""
    provider = tiny(server.url)
    provider.supports = lambda operation: operation != "whoami"
    async with connect(provider) as client:
        options = {"client": client, "operation": "create_order"}
        assert 1 == (await shop.run(orders(1), **options)).applied

    assert [("",)] == shop.asked("SELECT value FROM facts WHERE name = 'program'")


async def test_mended_rows_are_a_file(shop: Any, adjustments: Any) -> None:
    """An iterable does not say which rows it mends."""
    with pytest.raises(ConfigurationError, match="come from `mended`"):
        shop.backfill(adjustments(1), mends=True)


# ---------------------------------------------------------------- stopping in between


def _but_for_c2(arrival: Any) -> bool:
    return arrival.method == "POST" and "/c2/" not in arrival.path


async def _left_waiting(shop: Any, rows: Any) -> None:
    """Rows of `c0` and `c1` that never got through are put aside."""
    fault = shop.sandbox.faults.add("rate_limit", match=_but_for_c2)
    client = shop.client.with_options(retry=RetryPolicy(attempts=1))
    assert (await shop.run(rows, client=client)).unfinished
    shop.sandbox.faults.remove(fault)


async def test_stopping_between_two_rows_of_a_customer(
    shop: Any, adjustments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those that were put aside, the one on its way is finished and no other is begun."""
    monkeypatch.setattr("loyalty_sdk.backfill._gate._LONGEST_PAUSE", 0.001)
    await _left_waiting(shop, adjustments(9))
    shop.sandbox.faults.add("latency", match="POST", seconds=0.1)
    shop.sandbox.arrivals.clear()
    backfill = shop.backfill(adjustments(9))
    running = asyncio.ensure_future(backfill.run())
    while len(shop.writes()) < 2:
        await asyncio.sleep(0.005)
    backfill.stop()

    summary = await running
    assert (5, 4) == (summary.applied, summary.unfinished)
    assert 2 == len(shop.writes())
    assert 9 == (await shop.run(adjustments(9))).applied


@pytest.mark.parametrize("aside", [True, False])
async def test_stopping_while_everything_waits(
    shop: Any, adjustments: Any, monkeypatch: pytest.MonkeyPatch, *, aside: bool
) -> None:
    """Rows that wait for a pause to end were not begun; the next run begins them."""
    monkeypatch.setattr("loyalty_sdk.backfill._gate._LONGEST_PAUSE", 0.001)
    if aside:
        await _left_waiting(shop, adjustments(9))
    # While one customer's row is told to wait, another's first one is on its way.
    path = "POST /v2/customers/c1/points"
    shop.sandbox.faults.add("rate_limit", match=path, retry_after=60, times=1)
    shop.sandbox.faults.add("latency", match="POST /v2/customers/c0/points", seconds=0.05)
    backfill = shop.backfill(adjustments(9))
    events = backfill.events()
    async for event in events:
        if isinstance(event, Waiting):
            asyncio.get_running_loop().call_later(0.1, backfill.stop)

    assert isinstance(event, Summary)
    assert "it was asked to stop" == event.reason
    assert not event.finished
    assert 9 == (await shop.run(adjustments(9))).applied
    assert [1, 4, 7] == shop.points("c0")


# ---------------------------------------------------------------- rare ends of a row


async def test_a_double_within_one_call_is_told(shop: Any, adjustments: Any) -> None:
    """Somebody wrote under the row's own marker between its two tries."""
    shop.sandbox.add_key("loyaltylion", "pat_other")
    given = shop.sandbox.settings("loyaltylion") | {"api_key": "pat_other"}
    await shop.run(adjustments(3))
    async with connect("loyaltylion", reference_in_reason=True, **given) as other:
        tries = 0
        writing: list[asyncio.Task[Any]] = []

        def again(arrival: Any) -> bool:
            nonlocal tries
            tries += arrival.method == "POST" and b"r-3" in arrival.body
            if tries == 2 and not writing:
                writing.append(asyncio.ensure_future(other.adjust_points(adjustments(4)[3])))
            return tries == 1 and arrival.method == "POST"

        shop.sandbox.faults.add("error", status=500, match=again)
        summary = await shop.run(adjustments(4))
        await asyncio.gather(*writing)

    assert (4, 1) == (summary.applied, summary.doubled)


async def test_a_row_that_is_never_applied_is_a_dead_letter_in_the_end(
    shop: Any, orders: Any
) -> None:
    """It was sent again and again, and each time shown absent."""
    shop.sandbox.faults.add("error", status=500, match=lambda it: b'"o-3"' in it.body)

    client = shop.client.with_options(retry=RetryPolicy(attempts=1))
    options = {"client": client, "operation": "create_order"}
    events = [event async for event in shop.backfill(orders(5, customers=2), **options).events()]

    summary = events[-1]
    assert isinstance(summary, Summary)
    assert (4, 1, 0) == (summary.applied, summary.dead, summary.unfinished)
    assert {"o-3": "REJECTED"}.items() <= shop.states().items()
    assert [] == [row for row in shop.points("c1") if row == 4]


async def test_a_row_whose_look_up_fails_stays_in_doubt(
    shop: Any, orders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that cannot even be begun decides nothing."""
    from decimal import Decimal

    from loyalty_sdk import Customer
    from loyalty_sdk_joy import JoyCalculator

    given = shop.sandbox.settings("joy") | {"orders": JoyCalculator()}
    row = Order(id="a", customer=Customer(id="1"), total=Decimal(5), payment_status="paid")
    async with connect("joy", settle=0.1, **given) as client:
        options = {"client": client, "operation": "create_order"}
        shop.sandbox.faults.add("hang", match="POST /rest_api/v2/transactions/**", times=1)
        running = asyncio.ensure_future(shop.run([row], **options))
        while not any("/transactions/" in path for path in shop.writes()):
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        shop.sandbox.faults.add("error", status=400, match="POST /rest_api/v2/programs/**")
        summary = await shop.run([row], **options)

    assert (0, 1) == (summary.applied, summary.unknown)
    assert "HTTP 400" in shop.asked("SELECT error FROM rows")[0][0]


def test_the_most_frequent_refusal_is_said_in_one_line() -> None:
    """Without addresses, shortened, and in little memory where every row has words of its own."""
    refusals = Refusals()
    for number in range(300):
        refusals.add(f"HTTP 422: no customer {number}")
    for _ in range(2):
        refusals.add("never counted: too many kinds came before")
    refusals.add("HTTP 422: no customer 7")
    assert "2 of them: HTTP 422: no customer 7" == refusals.words()

    refusals = Refusals()
    refusals.add("HTTP 400:\n ada@example.com is unknown " + "x" * 300)
    said = refusals.words()
    assert said.startswith("1 of them: HTTP 400: *** is unknown xxx")
    assert (211, "...") == (len(said), said[-3:])
