"""``loyalty demo``: every operation on every vendor, and a look into the ledger afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import click

import loyalty_sdk
from loyalty_sdk._models import (
    Activity,
    Customer,
    Order,
    Outcome,
    PointsAdjustment,
    Transaction,
)
from loyalty_sdk._registry import load
from loyalty_sdk.errors import UnsupportedOperationError
from loyalty_sdk.sandbox import Sandbox

from ._demo_view import Step, View
from ._failures import DONE, FAILED
from ._output import complain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

    from loyalty_sdk import LoyaltyClient, Receipt
    from loyalty_sdk._provider import Provider
    from loyalty_sdk.sandbox import Entry

CUSTOMER = Customer(id="1001", email="shopper@example.com")
ACTIVITY = "review"
"""The vendors' halves of the sandbox say in `demo_settings` what it means to their adapters."""
_PAGE_SIZE = 1


@click.command()
def demo() -> int:
    """Run every operation on every vendor that has a sandbox, through the same lines of code.

    Ends with 0 only if the sandbox's ledger agrees with what was printed.
    """
    differences = asyncio.run(_demonstrate(View()))
    for difference in differences:
        complain(difference, FAILED)
    return FAILED if differences else DONE


async def _demonstrate(view: View) -> list[str]:
    histories: dict[str, list[Transaction]] = {}
    differences: list[str] = []
    async with Sandbox(rules={ACTIVITY: 50}) as sandbox:
        kinds = {name: load(name) for name in sandbox.providers}
        view.open(sandbox.url, {name: kind.title for name, kind in kinds.items()})
        for name, kind in kinds.items():
            settings: dict[str, Any] = sandbox.settings(name) | sandbox.vendor(name).demo_settings()
            with _without_environment(kind):
                client = loyalty_sdk.connect(name, **settings)
            async with client:
                story = _Story(client=client, sandbox=sandbox, view=view)
                await _tell(story)
            histories[name] = story.rows
            differences += story.differences
        view.compare(histories)
        name = min(sandbox.providers, key=lambda name: len(sandbox.settings(name)))
        view.close(name, sandbox.settings(name), agrees=not differences)
    return differences


@contextlib.contextmanager
def _without_environment(kind: type[Provider]) -> Generator[None]:
    """Hide the settings of a real account, which the sandbox knows nothing of."""
    names = {setting.env or "" for setting in kind.settings}
    hidden = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


async def _tell(story: _Story) -> None:
    """What the demo is about: these lines know no vendor."""
    client = story.client
    await story.write(
        "wrote a review",
        client.track_activity(Activity(name=ACTIVITY, customer=CUSTOMER, id="review-1")),
    )
    await story.write(
        "order A-1, 99.90 paid",
        client.create_order(
            Order(id="A-1", customer=CUSTOMER, total=Decimal("99.90"), payment_status="paid")
        ),
    )
    for points, reason in ((25, "Thank you"), (-20, "Returned item")):
        adjustment = PointsAdjustment(customer_id=CUSTOMER.id, points=points, reason=reason)
        await story.write(reason, client.adjust_points(adjustment))
    await story.read()


@attrs.define(kw_only=True)
class _Story:
    """What one vendor's client did, beside what the ledger says of it."""

    client: LoyaltyClient
    sandbox: Sandbox
    view: View
    rows: list[Transaction] = attrs.field(factory=list[Transaction])
    differences: list[str] = attrs.field(factory=list[str])

    async def write(self, about: str, call: Awaitable[Receipt]) -> None:
        """Await a write, look at what it changed and show both."""
        before = sum(row.points for row in self.rows)
        try:
            receipt = await call
        except UnsupportedOperationError as exc:
            self._show(str(exc.operation), Outcome.NOT_SENT, 0, before, "unsupported")
            return
        listing = self.client.list_transactions(customer_id=CUSTOMER.id)
        self.rows = [row async for row in listing]
        balance = sum(row.points for row in self.rows)
        self._show(receipt.operation, receipt.outcome, balance - before, balance, about)

    async def read(self) -> None:
        """Read the history again, in small pages."""
        listing = self.client.list_transactions(customer_id=CUSTOMER.id, page_size=_PAGE_SIZE)
        pages = [page async for page in listing.by_page()]
        self.rows = [row for page in pages for row in page.items]
        balance = sum(row.points for row in self.rows)
        about = f"{len(self.rows)} rows on {len(pages)} pages"
        self._show("list_transactions", "read", None, balance, about)
        self._audit()

    def _show(
        self, operation: str, outcome: str, points: int | None, balance: int, about: str
    ) -> None:
        name = self.client.provider.name
        self.view.step(Step(name, operation, outcome, points, balance, about))
        truth = self.sandbox.balance(name, CUSTOMER.id)
        self._expect(f"the balance after {operation} ({about})", balance, truth)

    def _audit(self) -> None:
        """Compare every row with the ledger's, oldest first."""
        ledger = self.sandbox.ledger(self.client.provider.name, CUSTOMER.id)
        self._expect("the number of rows", len(self.rows), len(ledger))
        for row, entry in zip(reversed(self.rows), ledger, strict=False):
            for field, (printed, truth) in _facts(row, entry).items():
                self._expect(f"{field} of row {entry.id}", printed, truth)

    def _expect(self, what: str, printed: object, truth: object) -> None:
        if printed != truth:
            name = self.client.provider.name
            self.differences.append(f"{name}: {what} is {printed}, but {truth} in the ledger")


def _facts(row: Transaction, entry: Entry) -> dict[str, tuple[object, object]]:
    """What a transaction and the ledger's entry both say; a vendor may give no balance."""
    return {
        "the id": (row.id, entry.id),
        "the customer": (row.customer and row.customer.id, entry.customer_id),
        "the points": (row.points, entry.points),
        "the pending points": (row.pending, entry.pending),
        "the balance": (entry.balance if row.balance is None else row.balance, entry.balance),
        "the kind": (str(row.kind), entry.kind),
        "the time": (row.created_at, entry.time),
    }
