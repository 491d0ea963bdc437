"""LoyaltyClient: writes that land once, from the hook before a try to the last look."""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any

import attrs
import pytest

from loyalty_sdk import (
    BadRequestError,
    ClientClosedError,
    ConfigurationError,
    ConflictError,
    DeadlineExceededError,
    DoubledWriteError,
    Flow,
    LoyaltyClient,
    LoyaltyError,
    Outcome,
    OutcomeUnknownError,
    Page,
    PointsAdjustment,
    Receipt,
    ReferenceConflictError,
    Request,
    RetryPolicy,
    Safety,
    Transaction,
    TransactionKind,
    TransportError,
    Try,
    ValidationError,
    connect,
    get,
    wire,
)
from loyalty_sdk._look import Sight, Trace, Window, by_marker, history

FIVE = PointsAdjustment(customer_id="1", points=5, reference="r-1")
TAKE = PointsAdjustment(customer_id="1", points=-3, reference="r-2")
EVER = 10_000.0


@attrs.define
class Book:
    """What a scripted vendor does with each POST, and what its list shows.

    Attributes:
        plan: For each POST: whether it is applied, and how it is answered.
        rows: What the list shows, newest first.
        trouble: What answers a look instead of the list; None at its end.
        log: What came, and what tests write between.
    """

    server: Any
    plan: list[tuple[bool, Any]] = attrs.field(factory=list[tuple[bool, Any]])
    rows: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])
    trouble: list[Any] = attrs.field(factory=list[Any])
    log: list[Any] = attrs.field(factory=list[Any])
    reads: int = 0
    posts: int = 0

    def pop(self, _: int) -> Any:
        """The reaction to what came last; the server takes this for its script."""
        arrival = self.server.arrivals[-1]
        if arrival.method == "GET":
            self.reads += 1
            self.log.append("look")
            return self.trouble.pop() if self.trouble else self.listing(arrival.target[-1])
        if arrival.method == "PUT":
            return self.answer(200)
        self.posts += 1
        self.log.append("POST")
        applied, reaction = self.plan.pop(0) if self.plan else (True, self.answer(201))
        if applied:
            self.book(**json.loads(arrival.body))
        return reaction

    def book(self, points: int = 5, note: str = "[ref:r-1]", customer: str = "1") -> None:
        """Write one row."""
        row = {"id": str(len(self.rows)), "points": points, "note": note, "customer": customer}
        self.rows.insert(0, row | {"at": time.time()})

    def answer(self, status: int, body: bytes = b"{}", **headers: str) -> bytes:
        """An answer with a Date."""
        made: bytes = self.server.http(status, body, **{"Date": formatdate(usegmt=True)} | headers)
        return made

    def listing(self, customer: str) -> bytes:
        """The list of one customer."""
        rows = [row for row in self.rows if row["customer"] == customer]
        return self.answer(200, json.dumps({"items": rows}).encode())


@pytest.fixture
def book(server: Any) -> Book:
    """The scripted vendor's."""
    made = Book(server)
    server.script = made
    return made


@pytest.fixture
def points(tiny: Any) -> Callable[..., Any]:
    """A provider whose points carry their reference and can be looked for."""

    class Points(tiny):  # type: ignore[misc, no-any-unimported]  # a fixture's class
        marks = True
        unmarked_hint = "set it up"

        def adjust_points(self, adjustment: PointsAdjustment, /) -> Flow[Transaction | None]:
            """Sent once; the answer is read although it need not be there."""
            trace = Trace(
                operation="adjust_points",
                customer_id=adjustment.customer_id,
                reference=adjustment.reference,
                marker=adjustment.reference if self.marks else None,
                points=adjustment.points,
                adjusts=True,
            )
            response = yield Request(
                method="POST",
                template="/points",
                path="/points",
                body=wire.encode(
                    {
                        "points": adjustment.points,
                        "note": f"[ref:{adjustment.reference}]",
                        "customer": adjustment.customer_id,
                    }
                ),
                safety=Safety.ONCE,
                reference=adjustment.reference,
                trace=trace,
            )
            response.json()
            return None

        def look(self, trace: Trace, window: Window, /) -> Flow[Sight]:
            """By the marker."""
            filters = {"customer": trace.customer_id}
            listed = yield from history(self.list_rows, trace, window, filters)
            return by_marker(trace, listed.recent, lambda row: row.reason, others=window.others)

        def list_rows(
            self, cursor: str | None, filters: Mapping[str, Any], /
        ) -> Flow[Page[Transaction]]:
            """All there are."""
            answer = (yield get("/rows", {"customer": filters.get("customer", "1")})).json()
            return Page(
                tuple(
                    Transaction(
                        id=row["id"],
                        customer=None,
                        points=row["points"],
                        pending=0,
                        balance=None,
                        kind=TransactionKind.ADJUSTED,
                        created_at=datetime.fromtimestamp(row["at"], UTC),
                        reason=row["note"],
                    )
                    for row in answer["items"]
                )
            )

    return Points


@pytest.fixture
async def teller(
    skipping: Any, server: Any, book: Book, points: Callable[..., Any]
) -> AsyncIterator[LoyaltyClient]:
    """A client of that provider, which knows that markers come back; no wait takes time."""
    async with connect(points(server.url), deadline=EVER) as made:
        made._calls.driver.account.longest_marker = 9
        yield made


async def drop(writer: asyncio.StreamWriter) -> None:
    """Close the connection without an answer."""
    writer.transport.abort()


async def never(writer: asyncio.StreamWriter) -> None:
    """No answer, for ever."""
    await asyncio.sleep(10 * EVER)


def told(error: BaseException) -> tuple[Outcome, int]:
    """Outcome and attempts of the receipt that an error carries."""
    receipt: Receipt = getattr(error, "receipt")  # noqa: B009 - CancelledError does not declare it
    return receipt.outcome, receipt.attempts


def listed(client: LoyaltyClient) -> list[Receipt]:
    """The receipts that are in doubt."""
    return list(client.unresolved)


# ------------------------------------------------------------ settling within the call


async def test_a_write_whose_answer_was_lost_is_found(teller: LoyaltyClient, book: Book) -> None:
    """Proven by its row; the receipt holds it, and nothing is sent again."""
    book.plan = [(True, drop)]
    receipt = await teller.adjust_points(FIVE)
    assert (Outcome.APPLIED, 1, True, "r-1") == (
        receipt.outcome,
        receipt.attempts,
        receipt.reconciled,
        receipt.reference,
    )
    assert receipt.transaction is not None
    assert 5 == receipt.transaction.points
    assert [] == listed(teller)
    assert 1 == book.posts


async def test_a_write_that_was_lost_is_sent_again_after_settle(
    teller: LoyaltyClient, book: Book, skipping: Any
) -> None:
    """Not before a look that was begun after it denied the write."""
    book.plan = [(False, drop), (True, book.answer(201))]
    began = skipping.now
    receipt = await teller.adjust_points(FIVE)
    assert (Outcome.APPLIED, 2) == (receipt.outcome, receipt.attempts)
    assert skipping.now - began >= 60
    assert 1 == len(book.rows)


async def test_settle_is_what_the_caller_says(
    server: Any, book: Book, points: Any, skipping: Any
) -> None:
    """A shorter one is trusted; zero or less is refused."""
    book.plan = [(False, drop), (True, book.answer(201))]
    async with connect(points(server.url), deadline=EVER, settle=5.0) as client:
        client._calls.driver.account.longest_marker = 9
        await client.adjust_points(FIVE)
    second_post = len(book.log) - 1 - book.log[::-1].index("POST")
    assert 3 <= book.log[:second_post].count("look") <= 9
    for wrong in (0, -1.0):
        with pytest.raises(ConfigurationError, match="settle"):
            connect(points(server.url), settle=wrong)


async def test_looks_are_read_past_caches(teller: LoyaltyClient, book: Book, server: Any) -> None:
    """Every one says so."""
    book.plan = [(True, drop)]
    await teller.adjust_points(FIVE)
    looks = [arrival for arrival in server.arrivals if arrival.method == "GET"]
    assert ["no-cache"] * len(looks) == [look.headers.get("cache-control") for look in looks]
    assert looks


async def test_looks_take_nothing_out_of_the_budget(teller: LoyaltyClient, book: Book) -> None:
    """A vendor in trouble must not keep a write from being found."""
    book.plan = [(True, drop)]
    book.trouble = [book.answer(503)] * 30
    teller._calls.driver.account.budget._left = 0.0
    teller._calls.driver.account.budget.pay = lambda _: None  # type: ignore[method-assign, assignment]
    assert Outcome.APPLIED is (await teller.adjust_points(FIVE)).outcome
    assert [] == book.trouble


async def test_a_used_up_budget_keeps_an_absent_write_from_being_sent_again(
    teller: LoyaltyClient, book: Book
) -> None:
    """A resend is a repeat; the error says so and the write is ABSENT."""
    book.plan = [(False, drop)]
    teller._calls.driver.account.budget.take = lambda: False  # type: ignore[method-assign]
    with pytest.raises(LoyaltyError, match="retry budget") as caught:
        await teller.adjust_points(FIVE)
    assert (Outcome.ABSENT, 1) == said_by(caught.value)


async def test_all_tries_of_a_write_count_together(teller: LoyaltyClient, book: Book) -> None:
    """Those before and those after it was shown absent; 429 in between."""
    lost, busy = (False, drop), (False, book.answer(429, Retry_After="0"))
    book.plan = [busy, lost, busy, lost, (True, book.answer(201))]
    with pytest.raises(LoyaltyError) as caught:
        await teller.adjust_points(FIVE)
    assert (Outcome.ABSENT, 4) == told(caught.value)
    assert 4 == book.posts


async def test_a_double_is_told(teller: LoyaltyClient, book: Book) -> None:
    """The first try came after all: both rows are named, and the outcome is APPLIED."""
    book.plan = [(False, drop), (True, book.answer(201))]
    post = book.pop

    def late(index: int) -> Any:
        reaction = post(index)
        if book.posts == 2 and len(book.rows) == 1:
            book.book()
        return reaction

    book.server.script = type("Late", (), {"pop": lambda _, index: late(index)})()
    with pytest.raises(DoubledWriteError, match="1, 0") as caught:
        await teller.adjust_points(FIVE)
    assert (Outcome.APPLIED, 2) == told(caught.value)
    assert [] == listed(teller)


async def test_other_adjustments_of_the_customer_wait(teller: LoyaltyClient, book: Book) -> None:
    """From the moment a try is open until it is settled; other customers' do not."""
    book.plan = [(False, drop)]
    first = asyncio.create_task(teller.adjust_points(FIVE))
    while not book.reads:
        await asyncio.sleep(0.01)
    other = attrs.evolve(TAKE, customer_id="2", reference="r-3")
    await teller.adjust_points(other)
    second = asyncio.create_task(teller.adjust_points(TAKE))
    await asyncio.sleep(20)
    assert not second.done()
    assert 2 == book.posts
    assert 2 == (await first).attempts
    assert 1 == (await second).attempts
    assert {"[ref:r-1]", "[ref:r-2]", "[ref:r-3]"} == {row["note"] for row in book.rows}


async def test_a_wait_for_another_adjustment_ends_with_the_deadline(
    teller: LoyaltyClient, book: Book, skipping: Any
) -> None:
    """Nothing was sent, and the error says what was waited for."""
    book.plan = [(False, drop)]
    first = asyncio.create_task(teller.adjust_points(FIVE))
    while not book.reads:
        await asyncio.sleep(0.01)
    began = skipping.now
    with pytest.raises(DeadlineExceededError, match="still in doubt") as caught:
        await teller.with_options(deadline=10.0).adjust_points(TAKE)
    assert (Outcome.NOT_SENT, 0) == said_by(caught.value)
    assert skipping.now - began <= 10.05
    await first


# ------------------------------------------------------------ in doubt, and resolved later


async def in_doubt(teller: LoyaltyClient, book: Book, *, applied: bool) -> Receipt:
    """The receipt of a write that ended in doubt: its row is not listed yet."""
    book.plan = [(False, drop)]
    with pytest.raises(OutcomeUnknownError) as caught:
        await teller.with_options(deadline=20.0).adjust_points(FIVE)
    assert (Outcome.UNKNOWN, 1) == told(caught.value)
    receipt = caught.value.receipt
    assert receipt is not None
    if applied:
        book.book()
    return receipt


async def test_what_is_in_doubt_is_listed_until_it_is_resolved(
    teller: LoyaltyClient, book: Book, points: Any, server: Any
) -> None:
    """All clients of the credential list it, and each can resolve it."""
    receipt = await in_doubt(teller, book, applied=True)
    async with connect(points(server.url)) as other:
        assert [receipt] == listed(teller) == listed(other)
        posts = book.posts
        resolved = await other.resolve(receipt)
    assert (Outcome.APPLIED, True, 1) == (resolved.outcome, resolved.reconciled, resolved.attempts)
    assert [] == listed(teller)
    assert posts == book.posts
    assert resolved is await teller.resolve(resolved)


async def test_resolve_shows_absence_after_settle(teller: LoyaltyClient, book: Book) -> None:
    """Until then it hands the receipt back as it is, and it stays on the list."""
    receipt = await in_doubt(teller, book, applied=False)
    assert receipt is await teller.resolve(receipt)
    assert [receipt] == listed(teller)
    await asyncio.sleep(60)
    assert Outcome.ABSENT is (await teller.resolve(receipt)).outcome
    assert [] == listed(teller)


async def test_a_pickled_receipt_can_be_resolved(teller: LoyaltyClient, book: Book) -> None:
    """In the same process as well; it takes the original off the list."""
    pickled = pickle.dumps(await in_doubt(teller, book, applied=True))
    receipt = pickle.loads(pickled)  # noqa: S301 - made one line above
    assert Outcome.APPLIED is (await teller.resolve(receipt)).outcome
    assert [] == listed(teller)


ELSEWHERE = """
import asyncio, pickle, sys
from datetime import UTC, datetime, timedelta
import attrs
from loyalty_sdk import Credential, Page, Provider, Transaction, TransactionKind, connect, get
from loyalty_sdk._look import by_marker, history

class Tiny(Provider):
    name = "tiny"
    def __init__(self, base_url):
        self.base_url = base_url
        self.credentials = {"Authorization": Credential("tiny-key", "Bearer ")}
    def look(self, trace, window):
        listed = yield from history(self.rows, trace, window, {})
        return by_marker(trace, listed.recent, lambda row: row.reason, others=window.others)
    def rows(self, cursor, filters):
        answer = (yield get("/rows", {"customer": "1"})).json()
        return Page(tuple(Transaction(id=row["id"], customer=None, points=row["points"], pending=0,
            balance=None, kind=TransactionKind.ADJUSTED, reason=row["note"],
            created_at=datetime.fromtimestamp(row["at"], UTC)) for row in answer["items"]))

async def main():
    receipt = pickle.loads(bytes.fromhex(sys.argv[2]))
    async with connect(Tiny(sys.argv[1])) as client:
        print((await client.resolve(receipt)).outcome)
        past = datetime.now(UTC) - timedelta(seconds=1)
        print((await client.resolve(attrs.evolve(receipt, resolve_after=past))).outcome)

asyncio.run(main())
"""


@pytest.mark.usefixtures("skipping")
@pytest.mark.parametrize(
    ("rows", "printed"),
    [(["[ref:r-1]"], ["applied", "applied"]), (["[ref:r-10] x"], ["unknown", "absent"])],
    ids=["there", "absent"],
)
async def test_another_process_can_resolve_a_pickled_receipt(
    server: Any, book: Book, points: Any, rows: list[str], printed: list[str]
) -> None:
    """With the whole history for a window, and the wall clock for `settle`.

    The row is older than any window; and a marker that came back has to be in the history.
    """
    book.plan = [(False, drop)]
    async with connect(points(server.url), deadline=0.3) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.adjust_points(FIVE)
    for note in rows:
        book.book(note=note)
        book.rows[0]["at"] -= 1_000_000
    pickled = pickle.dumps(caught.value.receipt).hex()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ELSEWHERE, server.url, pickled, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert printed == out.decode().split()


async def test_resolve_refuses_what_it_cannot_look_for(
    teller: LoyaltyClient, book: Book, client: LoyaltyClient
) -> None:
    """Another provider's receipt; one that is settled or has no trace comes back as it is."""
    receipt = await in_doubt(teller, book, applied=False)
    with pytest.raises(ConfigurationError, match="other's"):
        await teller.resolve(attrs.evolve(receipt, provider="other"))
    settled = attrs.evolve(receipt, outcome=Outcome.REJECTED)
    assert settled is await teller.resolve(settled)
    bare = attrs.evolve(receipt, trace=None)
    assert bare is await teller.resolve(bare)


async def test_a_closed_client_resolves_nothing(teller: LoyaltyClient, book: Book) -> None:
    """It says so, rather than that nobody knows."""
    receipt = await in_doubt(teller, book, applied=True)
    await teller.aclose()
    with pytest.raises(ClientClosedError):
        await teller.resolve(receipt)


async def test_resolve_tells_a_double_with_its_receipt(teller: LoyaltyClient, book: Book) -> None:
    """It is settled: applied, and more than once."""
    receipt = await in_doubt(teller, book, applied=True)
    book.book()
    with pytest.raises(DoubledWriteError) as caught:
        await teller.resolve(receipt)
    assert (Outcome.APPLIED, 1) == told(caught.value)
    assert ("tiny", "adjust_points", Outcome.APPLIED) == (
        caught.value.provider,
        caught.value.operation,
        caught.value.outcome,
    )
    assert [] == listed(teller)


async def test_resolve_tells_a_conflict_with_its_receipt(
    teller: LoyaltyClient, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write stays in doubt, and on the list."""
    receipt = await in_doubt(teller, book, applied=False)

    def look(trace: Trace, window: Window, /) -> Flow[Sight]:
        yield get("/rows")
        raise ConflictError("something else is there")

    monkeypatch.setattr(teller.provider, "look", look)
    with pytest.raises(ConflictError) as caught:
        await teller.resolve(receipt)
    assert receipt is caught.value.receipt
    assert Outcome.UNKNOWN is caught.value.outcome
    assert [receipt] == listed(teller)


# ------------------------------------------------------------ before_send


def said_by(error: Any) -> tuple[Outcome, int]:
    """What an error that is none of ours says of the write."""
    assert error.outcome is error.receipt.outcome
    return error.outcome, error.receipt.attempts


@pytest.fixture
def watched(server: Any, book: Book, points: Any, skipping: Any) -> Callable[..., LoyaltyClient]:
    """Makes a client that logs its key, its hook and its tries."""

    def key() -> str:
        book.log.append("key")
        return "tiny-key"

    async def hook(about: Try) -> None:
        await asyncio.sleep(0.01)
        book.log.append((about.reference, about.number))

    def make(**settings: Any) -> LoyaltyClient:
        given: dict[str, Any] = {"before_send": hook, "deadline": EVER} | settings
        return connect(points(server.url, key), **given)

    return make


async def test_the_hook_is_awaited_before_every_try_and_after_its_credentials(
    watched: Callable[..., LoyaltyClient], book: Book
) -> None:
    """Also before a repeat after 429, and before a resend; never before a look."""
    book.plan = [
        (False, book.answer(429, Retry_After="0")),
        (False, drop),
        (True, book.answer(201)),
    ]
    async with watched() as client:
        assert 3 == (await client.adjust_points(FIVE)).attempts
    log = [entry for entry in book.log if entry != "look"]
    posts = [index for index, entry in enumerate(log) if entry == "POST"]
    wanted = [["key", ("r-1", number), "POST"] for number in (1, 2, 3)]
    assert wanted == [log[index - 2 : index + 1] for index in posts]
    assert 3 == sum(isinstance(entry, tuple) for entry in log)


async def test_the_hook_knows_when(watched: Callable[..., LoyaltyClient]) -> None:
    """By this machine's clock, aware."""
    seen: list[Try] = []

    async def hook(about: Try) -> None:
        seen.append(about)

    async with watched(before_send=hook) as client:
        await client.adjust_points(FIVE)
    [about] = seen
    assert abs(datetime.now(UTC) - about.at) < timedelta(seconds=5)


async def test_the_hook_is_for_what_must_not_be_repeated(
    watched: Callable[..., LoyaltyClient], book: Book
) -> None:
    """Reads and documented repeats need no journal; a copy may do without."""
    async with watched() as client:
        await client.run(client.provider.list_rows(None, {}))
        await client.run(client.provider.put("r-9"))
        await client.with_options(before_send=None).adjust_points(FIVE)
    assert [] == [entry for entry in book.log if isinstance(entry, tuple)]


async def test_a_hook_that_raises_keeps_the_try_from_being_sent(
    watched: Callable[..., LoyaltyClient], book: Book
) -> None:
    """Its own error comes out, nothing is in doubt, and nobody has to wait."""

    async def full(about: Try) -> None:
        raise OSError(28, "No space left on device")

    async with watched(before_send=full) as client:
        with pytest.raises(OSError, match="No space") as caught:
            await client.adjust_points(FIVE)
        assert (Outcome.NOT_SENT, 0) == said_by(caught.value)
        assert [] == listed(client)
        assert 0 == book.posts
        await client.with_options(before_send=None).adjust_points(FIVE)


async def test_a_hook_that_raises_before_a_resend_leaves_what_is_known(
    watched: Callable[..., LoyaltyClient], book: Book
) -> None:
    """The first try was shown absent; the second was never sent."""

    async def once(about: Try) -> None:
        if about.number > 1:
            raise KeyError(about.reference)

    book.plan = [(False, drop)]
    async with watched(before_send=once) as client:
        with pytest.raises(KeyError) as caught:
            await client.adjust_points(FIVE)
        assert (Outcome.ABSENT, 1) == said_by(caught.value)
        assert [] == listed(client)
    assert 1 == book.posts


async def test_a_hook_s_own_transport_error_is_not_the_vendor_s(
    watched: Callable[..., LoyaltyClient], book: Book
) -> None:
    """A journal over the network may break: that says nothing of the write."""

    async def cut(about: Try) -> None:
        raise TransportError("the journal's connection broke")

    async with watched(before_send=cut) as client:
        with pytest.raises(TransportError, match="the journal") as caught:
            await client.adjust_points(FIVE)
    assert (Outcome.NOT_SENT, 0) == said_by(caught.value)
    assert 0 == book.posts


async def test_a_hook_that_hangs_obeys_the_deadline(
    watched: Callable[..., LoyaltyClient], book: Book, skipping: Any
) -> None:
    """Nothing was sent, and the error says what was waited for."""

    async def slow(about: Try) -> None:
        await asyncio.sleep(EVER)

    async with watched(before_send=slow, deadline=20.0) as client:
        began = skipping.now
        with pytest.raises(DeadlineExceededError, match="before_send") as caught:
            await client.adjust_points(FIVE)
    assert (Outcome.NOT_SENT, 0) == said_by(caught.value)
    assert skipping.now - began <= 20.05
    assert 0 == book.posts


async def test_a_hook_s_own_timeout_is_its_own(watched: Callable[..., LoyaltyClient]) -> None:
    """It comes out as it is."""

    async def impatient(about: Try) -> None:
        raise TimeoutError("the journal")

    async with watched(before_send=impatient) as client:
        with pytest.raises(TimeoutError, match="the journal") as caught:
            await client.adjust_points(FIVE)
    assert not isinstance(caught.value, LoyaltyError)


async def test_slow_credentials_and_hooks_share_one_deadline(
    server: Any, book: Book, points: Any, skipping: Any
) -> None:
    """What one of them takes the try does not have; the whole call keeps its deadline."""

    async def key() -> str:
        await asyncio.sleep(8)
        return "tiny-key"

    async def hook(about: Try) -> None:
        await asyncio.sleep(8)

    book.plan = [(False, never)]
    async with connect(points(server.url, key), deadline=30.0, before_send=hook) as client:
        began = skipping.now
        with pytest.raises(OutcomeUnknownError):
            await client.adjust_points(FIVE)
    assert skipping.now - began <= 30.05


# ------------------------------------------------------------ cancellation


async def cancelled(task: asyncio.Task[Any]) -> asyncio.CancelledError:
    """What a cancelled call raises."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return caught.value


async def test_cancelling_before_anything_was_sent_leaves_nothing_behind(
    watched: Callable[..., LoyaltyClient], book: Book
) -> None:
    """While the hook is awaited; the receipt says NOT_SENT."""
    entered = asyncio.Event()

    async def slow(about: Try) -> None:
        entered.set()
        await asyncio.sleep(EVER)

    async with watched(before_send=slow) as client:
        task = asyncio.create_task(client.adjust_points(FIVE))
        await entered.wait()
        error = await cancelled(task)
        assert (Outcome.NOT_SENT, 0) == told(error)
        assert [] == listed(client)
    assert 0 == book.posts


async def test_cancelling_a_try_leaves_it_in_doubt(
    teller: LoyaltyClient, book: Book, server: Any
) -> None:
    """It passes through at once, the write is listed, and its connection is not used again."""
    book.plan = [(True, never)]
    task = asyncio.create_task(teller.adjust_points(FIVE))
    while not book.posts:
        await asyncio.sleep(0.01)
    [connection] = server.connections
    error = await cancelled(task)
    assert (Outcome.UNKNOWN, 1) == told(error)
    assert [told(error)] == [(each.outcome, each.attempts) for each in teller.unresolved]
    assert 0 == book.reads
    await teller.run(teller.provider.list_rows(None, {}))
    assert connection not in server.connections or len(server.connections) > 1
    assert Outcome.APPLIED is (await teller.resolve(teller.unresolved[0])).outcome


async def test_cancelling_a_look_leaves_the_write_in_doubt(
    teller: LoyaltyClient, book: Book
) -> None:
    """It is listed like any other, and when it can be resolved."""
    book.plan = [(False, drop)]
    task = asyncio.create_task(teller.adjust_points(FIVE))
    while book.reads < 3:
        await asyncio.sleep(0.01)
    error = await cancelled(task)
    assert (Outcome.UNKNOWN, 1) == told(error)
    [receipt] = teller.unresolved
    assert receipt.resolve_after is not None
    await asyncio.sleep(60)
    assert Outcome.ABSENT is (await teller.resolve(receipt)).outcome


async def test_cancelling_a_wait_between_tries_leaves_no_doubt(
    teller: LoyaltyClient, book: Book
) -> None:
    """429 proves that nothing was applied."""
    book.plan = [(False, book.answer(429, Retry_After="100"))]
    task = asyncio.create_task(teller.adjust_points(FIVE))
    while not book.posts:
        await asyncio.sleep(0.01)
    await asyncio.sleep(1)
    error = await cancelled(task)
    assert (Outcome.REJECTED, 1) == told(error)
    assert [] == listed(teller)


async def test_a_timeout_around_a_call_leaves_its_receipt(
    teller: LoyaltyClient, book: Book
) -> None:
    """`asyncio.timeout` makes a TimeoutError of it; the list has the receipt."""
    book.plan = [(True, never)]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await teller.adjust_points(FIVE)
    assert ["r-1"] == [receipt.reference for receipt in teller.unresolved]


async def test_a_cancelled_read_has_no_receipt(teller: LoyaltyClient, book: Book) -> None:
    """Only writes have."""
    book.trouble = [never]
    task = asyncio.create_task(teller.run(teller.provider.list_rows(None, {})))
    while not book.reads:
        await asyncio.sleep(0.01)
    assert not hasattr(await cancelled(task), "receipt")


# ------------------------------------------------------------ replay


HOUR_AGO = timedelta(hours=1)


async def replay(
    client: LoyaltyClient, adjustment: PointsAdjustment = FIVE, ago: timedelta = HOUR_AGO
) -> Receipt:
    """A replay of what was tried that long ago."""
    return await client.adjust_points(adjustment, replay=True, tried_at=datetime.now(UTC) - ago)


async def test_a_replay_finds_what_was_done(teller: LoyaltyClient, book: Book) -> None:
    """However old it is; nothing is sent."""
    book.book()
    book.rows[0]["at"] -= 1_000_000
    receipt = await replay(teller)
    assert (Outcome.APPLIED, 0, True) == (receipt.outcome, receipt.attempts, receipt.reconciled)
    assert 0 == book.posts


async def test_a_replay_sends_what_was_not_done(teller: LoyaltyClient, book: Book) -> None:
    """At once where `settle` has long passed."""
    receipt = await replay(teller)
    assert (Outcome.APPLIED, 1, False) == (receipt.outcome, receipt.attempts, receipt.reconciled)
    assert ["look", "POST"] == book.log[:2]


async def test_a_replay_waits_for_settle_unless_told_since_when(
    teller: LoyaltyClient, book: Book, skipping: Any
) -> None:
    """Without `tried_at` the earlier try may have been sent just now."""
    began = skipping.now
    await teller.adjust_points(FIVE, replay=True)
    assert skipping.now - began >= 60
    assert book.log.index("POST") >= 3


async def test_a_replay_with_other_points_is_in_conflict(teller: LoyaltyClient, book: Book) -> None:
    """Nothing is sent."""
    book.book(points=6)
    with pytest.raises(ReferenceConflictError, match="6 points") as caught:
        await replay(teller)
    assert (Outcome.NOT_SENT, 0) == said_by(caught.value)
    assert 0 == book.posts


async def test_a_replay_where_rows_carry_no_reference_is_refused(
    teller: LoyaltyClient, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent; the hint says how to make them carry it."""
    monkeypatch.setattr(teller.provider, "marks", False)
    with pytest.raises(ConfigurationError, match="set it up") as caught:
        await replay(teller)
    assert (Outcome.NOT_SENT, 0) == said_by(caught.value)
    assert [] == book.log


@pytest.mark.parametrize(
    ("adjustment", "options", "path"),
    [
        (attrs.evolve(FIVE, reference=None), {"replay": True}, "reference"),
        (FIVE, {"replay": True, "tried_at": datetime(2026, 5, 1)}, "tried_at"),  # noqa: DTZ001
        (FIVE, {"replay": True, "tried_at": "yesterday"}, "tried_at"),
        (FIVE, {"tried_at": datetime.now(UTC)}, "tried_at"),
        ("five", {"replay": True}, "reference"),
    ],
    ids=["no reference", "naive", "text", "no replay", "no adjustment"],
)
async def test_a_replay_that_is_none_is_refused(
    teller: LoyaltyClient, book: Book, adjustment: Any, options: dict[str, Any], path: str
) -> None:
    """Before anything is sent, and with its outcome like any error of a write."""
    with pytest.raises(ValidationError) as caught:
        await teller.adjust_points(adjustment, **options)
    assert [path] == [problem.path for problem in caught.value.problems]
    assert (Outcome.NOT_SENT, 0) == said_by(caught.value)
    assert "adjust_points" == caught.value.operation
    assert [] == book.log


async def test_what_a_vendor_refuses_is_refused_in_a_replay(
    teller: LoyaltyClient, book: Book
) -> None:
    """A refusal after the earlier try was shown absent is REJECTED."""
    book.plan = [(False, book.answer(400))]
    with pytest.raises(BadRequestError) as caught:
        await replay(teller)
    assert (Outcome.REJECTED, 1) == told(caught.value)


async def test_replays_with_one_reference_join(teller: LoyaltyClient, book: Book) -> None:
    """One write for all of them, also from a copy of the client; afterwards they are apart."""
    copy = teller.with_options(deadline=EVER)
    receipts = await asyncio.gather(replay(teller), replay(copy), replay(teller))
    assert 1 == book.posts
    assert receipts[0] is receipts[1] is receipts[2]
    await asyncio.sleep(0)
    assert {} == teller._calls.driver.account.replays
    assert 0 == (await replay(teller)).attempts


async def test_replays_with_one_reference_and_other_points_do_not_join(
    teller: LoyaltyClient, book: Book
) -> None:
    """The second is in conflict with the first, which goes on."""
    first = asyncio.create_task(replay(teller))
    await asyncio.sleep(0)
    with pytest.raises(ReferenceConflictError, match="on its way with 5 points") as caught:
        await replay(teller, attrs.evolve(FIVE, points=6))
    assert (Outcome.NOT_SENT, 0) == said_by(caught.value)
    assert Outcome.APPLIED is (await first).outcome
    assert 1 == book.posts


async def test_replays_for_other_customers_do_not_join(teller: LoyaltyClient, book: Book) -> None:
    """A reference is the customer's."""
    await asyncio.gather(replay(teller), replay(teller, attrs.evolve(FIVE, customer_id="2")))
    assert 2 == book.posts


async def test_a_failure_reaches_all_who_joined(teller: LoyaltyClient, book: Book) -> None:
    """Each with outcome and receipt."""
    book.plan = [(False, book.answer(400))]
    both = await asyncio.gather(replay(teller), replay(teller), return_exceptions=True)
    assert [BadRequestError] * 2 == [type(each) for each in both]


async def test_one_caller_of_several_may_be_cancelled(teller: LoyaltyClient, book: Book) -> None:
    """The write goes on for the others; the receipt it leaves with says that it may be applied."""
    book.plan = [(True, never)]
    first, second = (asyncio.create_task(replay(teller)) for _ in range(2))
    while not book.posts:
        await asyncio.sleep(0.01)
    assert Outcome.UNKNOWN is told(await cancelled(first))[0]
    assert [] == listed(teller)
    assert Outcome.APPLIED is (await second).outcome


async def test_the_last_caller_takes_the_write_along(teller: LoyaltyClient, book: Book) -> None:
    """Cancelled like any other: it is listed, and its receipt is on the error."""
    book.plan = [(True, never)]
    first, second = (asyncio.create_task(replay(teller)) for _ in range(2))
    while not book.posts:
        await asyncio.sleep(0.01)
    await cancelled(first)
    assert (Outcome.UNKNOWN, 1) == told(await cancelled(second))
    assert ["r-1"] == [receipt.reference for receipt in teller.unresolved]
    assert {} == teller._calls.driver.account.replays


async def test_a_replay_cancelled_at_once_leaves_the_earlier_try_in_doubt(
    teller: LoyaltyClient, book: Book
) -> None:
    """Nothing was sent by it; what its sender did, nobody can say yet."""
    task = asyncio.create_task(replay(teller))
    await asyncio.sleep(0)
    assert (Outcome.UNKNOWN, 0) == told(await cancelled(task))
    assert ["r-1"] == [receipt.reference for receipt in teller.unresolved]
    assert 0 == book.posts
    assert {} == teller._calls.driver.account.replays


async def test_each_caller_keeps_its_own_deadline(
    teller: LoyaltyClient, book: Book, skipping: Any
) -> None:
    """A patient first call does not make a second one wait."""
    book.plan = [(True, never)]
    first = asyncio.create_task(replay(teller))
    await asyncio.sleep(0)
    began = skipping.now
    with pytest.raises(OutcomeUnknownError, match="another caller") as caught:
        await replay(teller.with_options(deadline=7.0))
    assert 7.0 == pytest.approx(skipping.now - began, abs=0.05)
    assert Outcome.UNKNOWN is told(caught.value)[0]
    assert ("tiny", "adjust_points") == (caught.value.provider, caught.value.operation)
    assert Outcome.APPLIED is (await first).outcome


async def test_without_a_deadline_a_replay_waits_for_ever(
    teller: LoyaltyClient, book: Book
) -> None:
    """As every call does."""
    assert Outcome.APPLIED is (await replay(teller.with_options(deadline=None))).outcome


async def test_a_flow_that_times_out_is_not_the_caller_s_deadline(
    teller: LoyaltyClient, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter's own TimeoutError comes out as it is."""

    def broken(adjustment: PointsAdjustment) -> Flow[None]:
        yield get("/rows")
        raise TimeoutError("its own")

    monkeypatch.setattr(teller.provider, "adjust_points", broken)
    with pytest.raises(TimeoutError, match="its own"):
        await replay(teller)


# ------------------------------------------------------------ deadlines, by the real clock


@pytest.mark.usefixtures("skipping")
@pytest.mark.parametrize("reaction", [never, drop], ids=["hang", "drop"])
async def test_the_deadline_covers_attempts_sleeps_and_reconciliation(
    server: Any, book: Book, points: Any, reaction: Any
) -> None:
    """Overrun at most 50 ms."""
    book.plan = [(False, reaction)] * 9
    async with connect(points(server.url), deadline=0.4) as client:
        began = time.monotonic()
        with pytest.raises(OutcomeUnknownError):
            await client.adjust_points(FIVE)
        assert time.monotonic() - began < 0.45


async def test_a_policy_of_one_try_is_never_sent_again(
    server: Any, book: Book, points: Any, skipping: Any
) -> None:
    """It is looked for all the same."""
    book.plan = [(False, drop)]
    policy = RetryPolicy(attempts=1)
    async with connect(points(server.url), deadline=EVER, retry=policy) as client:
        client._calls.driver.account.longest_marker = 9
        with pytest.raises(LoyaltyError) as caught:
            await client.adjust_points(FIVE)
    assert (Outcome.ABSENT, 1) == said_by(caught.value)


# ------------------------------------------------------------ what the next client knows


async def test_a_doubt_outlives_its_client(
    points: Any, server: Any, book: Book, skipping: Any
) -> None:
    """One client a job is common; the next one lists what the one before left open."""
    book.plan = [(False, drop)]
    async with connect(points(server.url, "short-lived")) as first:
        with pytest.raises(OutcomeUnknownError) as caught:
            await first.adjust_points(FIVE)
    del first
    gc.collect()
    async with connect(points(server.url, "short-lived")) as second:
        assert [caught.value.receipt] == listed(second)


async def test_a_key_from_a_callable_is_the_same_credential(
    points: Any, server: Any, book: Book, skipping: Any
) -> None:
    """Two callables that hand out one key share what is known, and so does its text."""
    book.plan = [(False, drop)]
    async with connect(points(server.url, lambda: "one-key")) as first:
        assert () == first.unresolved
        with pytest.raises(OutcomeUnknownError) as caught:
            await first.adjust_points(FIVE)
        for key in ("one-key", lambda: "one-key"):
            async with connect(points(server.url, key)) as other:
                await other.request("GET", "/points")
                assert [caught.value.receipt] == listed(other)


@pytest.mark.parametrize("settle", [None, 0, -1, "60", float("inf"), 1e12, True])
def test_settle_is_a_number_of_seconds_of_a_day(points: Any, settle: Any) -> None:
    """Nobody waits longer, and no calendar reaches further than some of these."""
    with pytest.raises(ConfigurationError, match="settle must be"):
        connect(points("http://127.0.0.1:1", "k"), settle=settle)


def test_a_hook_must_be_callable(points: Any) -> None:
    """And is refused before anything is sent with it."""
    with pytest.raises(ConfigurationError, match="before_send: wanted an async function, got int"):
        connect(points("http://127.0.0.1:1", "k"), before_send=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [None, "receipt"])
async def test_only_a_receipt_can_be_resolved(points: Any, wrong: Any) -> None:
    """Anything else is named by its type."""
    async with connect(points("http://127.0.0.1:1", "k")) as client:
        with pytest.raises(ValidationError, match="wanted a Receipt"):
            await client.resolve(wrong)


async def test_replay_is_yes_or_no(points: Any) -> None:
    """A text that means no would replay."""
    async with connect(points("http://127.0.0.1:1", "k")) as client:
        with pytest.raises(ValidationError, match="replay: wanted a bool, got str"):
            await client.adjust_points(FIVE, replay="no")  # type: ignore[arg-type]


@pytest.mark.usefixtures("skipping")
async def test_a_replay_in_bulk_keeps_its_deadline(points: Any, server: Any, book: Book) -> None:
    """It begins by looking, and nobody waits for its first turn."""
    book.trouble = [book.answer(500)] * 1000
    async with connect(points(server.url, "bulk"), deadline=0.6, settle=0.3) as client:
        began = time.monotonic()
        with pytest.raises(OutcomeUnknownError):
            await client.with_options(lane="bulk").adjust_points(FIVE, replay=True)
        assert time.monotonic() - began < 1.5


async def test_calls_that_begin_together_open_one_account(points: Any, server: Any) -> None:
    """A callable may be asked by both; what it hands out opens the same."""

    async def key() -> str:
        await asyncio.sleep(0.01)
        return "one-key"

    async with connect(points(server.url, key)) as client:
        await asyncio.gather(*(client.request("GET", "/points") for _ in range(2)))
        assert client.unresolved == ()
    assert 2 == len(server.arrivals)
