"""A program that uses every public name. It is type-checked, never run.

The checkers read it against the installed wheel and against an editable install; each
`assert_type` says what a caller's editor would show.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, assert_type

from loyalty_sdk import (
    Acknowledgement,
    Activity,
    APIError,
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    ConfigurationError,
    ConflictError,
    ConnectError,
    Credential,
    CursorError,
    Customer,
    DeadlineExceededError,
    DiscountCode,
    DoubledWriteError,
    ExportError,
    Finding,
    Flow,
    Identity,
    InputError,
    JournalError,
    LoyaltyClient,
    LoyaltyError,
    MalformedResponseError,
    MalformedWebhookError,
    MissingSignatureError,
    NotFoundError,
    Order,
    Outcome,
    OutcomeUnknownError,
    Page,
    Pages,
    PermissionDeniedError,
    PlanError,
    PointsAdjustment,
    Problem,
    Provider,
    RateLimit,
    RateLimitedError,
    RateWaitTimeoutError,
    Receipt,
    RedisBudget,
    ReferenceConflictError,
    Refusal,
    Request,
    Response,
    Result,
    RetryPolicy,
    Safety,
    ServerError,
    SessionPool,
    Setting,
    Sight,
    SignatureError,
    Trace,
    Transaction,
    TransactionKind,
    TransportError,
    Try,
    UnsupportedOperationError,
    ValidationError,
    WebhookError,
    WebhookInProgressError,
    Window,
    __version__,
    connect,
    expand,
    get,
)
from loyalty_sdk.backfill import (
    Backfill,
    Columns,
    FileSource,
    Found,
    Plan,
    Undo,
    plan,
    undo,
    write_report,
)
from loyalty_sdk.backfill import Event as BackfillEvent
from loyalty_sdk.backfill import Summary as BackfillSummary
from loyalty_sdk.backfill import verify as verify_journal
from loyalty_sdk.export import (
    COLUMNS,
    FORMATS,
    OVERLAP,
    WINDOWS,
    Batch,
    Consumer,
    Export,
    Phase,
    Progress,
    Summary,
)
from loyalty_sdk.hooks import CallEnded, TryEnded
from loyalty_sdk.hooks import Event as HookEvent
from loyalty_sdk.webhooks import Event, MemoryStore, PointsEarned, once, verify

VERSION: str = __version__

SHOPPER = Customer(id="1001", email="a@example.com")
ORDER = Order(
    id="A-1",
    customer=SHOPPER,
    total=Decimal("99.99"),
    total_paid=Decimal("99.99"),
    payment_status="paid",
    discount_codes=[DiscountCode(code="SAVE10", amount=Decimal(10))],
    claimed_reward_ids=(7,),
    placed_at=datetime(2026, 5, 1, tzinfo=UTC),
)


class Example(Provider):
    """An adapter of one's own."""

    name = "example"
    title = "Example"
    settings = (Setting("key", env="EXAMPLE_KEY", secret=True, help="The key"),)

    def __init__(self, key: str) -> None:
        self.base_url = "https://api.example.com"
        self.credentials = {"Authorization": Credential(key, "Bearer ")}

    def create_order(self, order: Order, /) -> Flow[Transaction | None]:
        """Report a purchase."""
        path = expand("/orders/{id}", id=order.id)
        response = yield Request(
            method="POST",
            template="/orders/{id}",
            path=path,
            safety=Safety.ONCE,
            acknowledged_by=Acknowledgement.STATUS,
            trace=Trace(operation="create_order", customer_id="1001", reference=order.id),
        )
        assert_type(response, Response)
        return None

    def look(self, trace: Trace, window: Window, /) -> Flow[Sight]:
        """Find a write again."""
        response = yield get("/orders/{id}", id=trace.reference or "")
        assert_type(window.sent_at, float | None)
        assert_type(response.date, datetime | None)
        return Sight(finding=Finding.PROVEN if response.ok else Finding.ABSENT)

    def whoami(self) -> Flow[Identity]:
        """Whom the key belongs to."""
        response = yield get("/me", {"verbose": True})
        return Identity(program=response.headers["X-Program"])

    def list_coupons(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Generator[Request, Response, Page[str]]:
        """Any list of the vendor's; `Flow` is short for this generator."""
        response = yield get("/coupons", {"cursor": cursor, **filters})
        return Page((str(response.status),), cursor)

    def refusal(self, response: Response, /) -> Refusal:
        """The vendor's words."""
        return Refusal(message=str(response.status))


async def write(client: LoyaltyClient) -> None:
    """Every write returns a receipt."""
    receipt = await client.track_activity(Activity(name="$signup", customer=SHOPPER))
    assert_type(receipt, Receipt)
    assert_type(await client.create_order(ORDER), Receipt)
    assert_type(
        await client.adjust_points(
            PointsAdjustment(customer_id="1001", points=-20, reason="Returned item")
        ),
        Receipt,
    )
    assert_type(receipt.outcome, Outcome)
    assert_type(receipt.transaction, Transaction | None)


async def read(client: LoyaltyClient) -> None:
    """A list is iterated by row or by page."""
    rows = client.list_transactions(customer_id="1001", kinds=[TransactionKind.EARNED, "redeemed"])
    assert_type(rows, Pages[Transaction])
    async for row in rows:
        assert_type(row, Transaction)
        assert_type(row.points, int)
        assert_type(row.customer, Customer | None)
        assert_type(row.to_dict(), dict[str, Any])
    async for page in rows.by_page():
        assert_type(page, Page[Transaction])
    assert_type((await rows.first_page()).cursor, str | None)


async def settle(client: LoyaltyClient, receipt: Receipt) -> None:
    """What is in doubt is listed, and can be looked for."""
    assert_type(client.unresolved, tuple[Receipt, ...])
    assert_type(await client.resolve(receipt), Receipt)
    assert_type(receipt.resolve_after, datetime | None)
    again = PointsAdjustment(customer_id="1001", points=5, reference="r-1")
    tried_at = datetime(2026, 5, 1, tzinfo=UTC)
    assert_type(await client.adjust_points(again, replay=True, tried_at=tried_at), Receipt)


async def write_down(about: Try) -> None:
    """A `before_send` hook: where a journal stands."""
    assert_type(about.reference, str | None)
    assert_type(about.number, int)
    assert_type(about.at, datetime)


def listen(event: HookEvent) -> None:
    """A listener: which event it is, its type says."""
    match event:
        case CallEnded():
            assert_type(event.outcome, Outcome | None)
        case TryEnded():
            assert_type(event.status, int | None)
        case _:
            assert_type(event.operation, str)


async def many(client: LoyaltyClient) -> None:
    """The results of `map` know the type of their items."""
    results = client.map(client.create_order, [ORDER], concurrency=8)
    assert_type(results, AsyncGenerator[Result[Order], None])
    async for result in results:
        assert_type(result.item, Order)
        assert_type(result.receipt, Receipt | None)


async def beyond(client: LoyaltyClient, provider: Example) -> None:
    """What is not neutral keeps its types too."""
    assert_type(await client.run(provider.whoami()), Identity)
    assert_type(client.pages(provider.list_coupons, limit=5), Pages[str])
    response = await client.request("GET", "/v2/{name}", segments={"name": "x"}, safety=Safety.SAFE)
    assert_type(response, Response)
    assert_type(client.supports("create_order"), bool)
    hurried = client.with_options(deadline=5.0, retry=RetryPolicy(attempts=2), lane="bulk")
    assert_type(hurried, LoyaltyClient)


def limits(url: str) -> list[RateLimit]:
    """Rates are values."""
    shared = RedisBudget(url, fallback=0.25)
    assert_type(RateLimit.fixed(20), RateLimit)
    return [RateLimit.fixed(500, margin=0.02, shared=shared), RateLimit.adaptive(most=50)]


async def export(client: LoyaltyClient) -> None:
    """Into a file, and to a consumer."""
    made = Export(client, Path("points.csv"), kinds=["earned"], overlap=OVERLAP, windows=WINDOWS)
    assert_type(made.checkpoint, Path)
    summary = await made.run(show)
    assert_type(summary, Summary)
    assert_type(summary.path, Path | None)
    consumer: Consumer = take
    await Export(client, consumer, checkpoint="points.checkpoint", since_last=True).run()
    assert_type(len(COLUMNS) + len(FORMATS), int)


def show(progress: Progress) -> None:
    """Progress as an export tells it."""
    phase: Phase = progress.phase
    assert_type(progress.rows, int)
    assert phase


async def take(batch: Batch) -> None:
    """A consumer of rows."""
    assert_type(batch.items, tuple[Transaction, ...])
    assert_type(batch.number, int)


def explain(error: LoyaltyError) -> str | None:  # noqa: C901, PLR0912 - a case for each error
    """Every error is one of a tree."""
    match error:
        case ValidationError():
            assert_type(error.problems, tuple[Problem, ...])
        case AuthenticationError() | PermissionDeniedError() | PlanError():
            assert_type(error.code, str | None)
        case RateLimitedError():
            assert_type(error.retry_after, float | None)
        case BadRequestError() | NotFoundError() | ServerError():
            assert_type(error.vendor_message, str | None)
        case APIError():
            assert_type(error.status, int)
        case ConnectError() | DeadlineExceededError() | RateWaitTimeoutError():
            assert_type(error.bytes_left, bool)
        case DoubledWriteError() | OutcomeUnknownError():
            assert_type(error.rows, tuple[Transaction, ...])
        case TransportError() | ConflictError() | ReferenceConflictError() | ExportError():
            assert_type(error.receipt, Receipt | None)
        case MalformedResponseError() | MalformedWebhookError():
            assert_type(error.path, str | None)
        case MissingSignatureError() | SignatureError() | WebhookInProgressError() | WebhookError():
            assert_type(error.status, int)
        case (
            ConfigurationError() | UnsupportedOperationError() | ClientClosedError() | CursorError()
        ):
            pass
        case InputError() | JournalError():
            assert_type(error.hint, str | None)
        case _:
            assert_type(error.outcome, Outcome | None)
    return error.hint


async def receive(body: bytes, headers: Mapping[str, str]) -> int | None:
    """A webhook, verified, handled once."""
    event = verify("example", body, headers, ["new", "old"], topic="points")
    assert_type(event, Event)
    assert_type(event.raw, Mapping[str, Any])
    async with once(event, MemoryStore(1000)) as first:
        assert_type(first, bool)
    match event:
        case PointsEarned():
            assert_type(event.transaction, Transaction | None)
            return event.points
        case _:
            return None


async def fill(client: LoyaltyClient) -> None:
    """A backfill, as it ends and as it happens."""
    columns = Columns(operation="create_order", columns={"total": "amount"})
    rows = FileSource("orders.csv", columns)
    assert_type(await plan(client.provider, rows, "create_order", rate=20.0), Plan)
    backfill = Backfill(client, rows, journal="orders.journal", operation="create_order")
    assert_type(await backfill.run(), BackfillSummary)
    async for event in backfill.events():
        assert_type(event, BackfillEvent)
    async for found in verify_journal(client, "orders.journal"):
        assert_type(found, Found)
    assert_type(await undo(client, "orders.journal", "undo.jsonl"), Undo)
    write_report(Path("orders.journal"), Path("report.html"))


async def main() -> None:
    """One pool, two clients: by name, and by a provider of one's own."""
    async with (
        SessionPool(connections=20) as pool,
        connect("example", pool=pool, settle=90.0, before_send=write_down, key="k") as client,
        connect("example", listeners=[listen, print]),
        connect("example", rate_limit=RateLimit.adaptive(), account="shop", queue_timeout=60.0),
        connect("example", rate_limit=RateLimit.fixed(20, shared=RedisBudget("redis://x"))),
    ):
        await write(client)
        await settle(client, client.unresolved[0])
        await read(client)
        await many(client)
        await export(client)
        await beyond(connect(Example(key="k"), pool=pool), Example(key="k"))
