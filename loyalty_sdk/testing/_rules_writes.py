"""What an adapter's writes do to a ledger, over real HTTP, against its half of the sandbox."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import pytest

from loyalty_sdk._flow import Safety
from loyalty_sdk._models import Outcome, Receipt
from loyalty_sdk.errors import OutcomeUnknownError

from ._recording import recorded
from ._rules_answers import check_row
from ._shop import Shop, ShopRules
from ._subject import PLAIN_ID

if TYPE_CHECKING:
    from collections.abc import Collection

    from loyalty_sdk.sandbox import Arrival


class WriteRules(ShopRules):
    """Rules about writes."""

    def test_each_write_reaches_the_ledger_once(self) -> None:
        """A write is acknowledged, arrives once, and leaves one row."""
        targets = self._targets(Safety.ONCE, Safety.IDEMPOTENT)

        async def rule(shop: Shop) -> None:
            for operation, written in targets.items():
                shop.begin_again()
                receipt = await self._write(shop, operation)
                arrived = shop.arrived(partial(_at, written))
                assert arrived == 1, f"{operation}: {arrived} arrivals"
                assert (self.name, operation) == (receipt.provider, receipt.operation)
                assert receipt.outcome is Outcome.APPLIED, f"{operation}: {receipt.outcome}"
                assert receipt.attempts == 1, f"{operation}: {receipt.attempts} sends"
                assert receipt.reference == PLAIN_ID, f"{operation}: {receipt.reference!r}"
                assert len(shop.points()) == 1, f"{operation}: {len(shop.points())} rows"
                if receipt.transaction is not None:
                    check_row(receipt.transaction)

        self._against_the_sandbox(rule)

    def test_adjustments_add_up(self) -> None:
        """Points given and taken arrive with their sign, and the list shows what the ledger has."""

        async def rule(shop: Shop) -> None:
            for points in (50, -20):
                await shop.client.adjust_points(self.adjustment(points=points))
            assert shop.points() == [50, -20]
            rows = [row async for row in self._transactions(shop)]
            assert [row.points for row in rows] == [-20, 50]
            assert {row.customer and row.customer.id for row in rows} <= {PLAIN_ID, None}

        self._against_the_sandbox(rule, "adjust_points", "list_transactions")

    def test_rate_limited_writes_are_repeated(self) -> None:
        """A write that met 429 was not applied: it is sent again, and leaves one row."""

        async def rule(shop: Shop) -> None:
            for operation in self._writes(shop.client):
                shop.begin_again()
                shop.sandbox.faults.add("rate_limit", match=_writes, times=1, retry_after=0)
                receipt = await self._write(shop, operation)
                assert receipt.outcome is Outcome.APPLIED
                assert len(shop.points()) == 1

        self._against_the_sandbox(rule)

    @pytest.mark.parametrize("fault", ["drop", "error"])
    def test_open_writes_land_once(self, fault: Literal["drop", "error"]) -> None:
        """A write that was applied without an answer leaves one row, repeated or not.

        One that is not safe to repeat has arrived once, and the caller is told that it was
        found in the records, or that it may have been applied.
        """
        targets = self._targets(Safety.ONCE)

        async def rule(shop: Shop) -> None:
            for operation, once in targets.items():
                shop.begin_again()
                at = partial(_at, once) if once else _writes
                shop.sandbox.faults.add(fault, match=at, applied=True, times=1)
                if once:
                    await self._check_told(shop, operation)
                    assert shop.arrived(at) == 1, f"{operation}: {shop.arrived(at)} arrivals"
                else:
                    await self._write(shop, operation)
                    assert shop.arrived(at) > 1, f"{operation}: is not repeated"
                assert len(shop.points()) == 1, f"{operation}: {len(shop.points())} rows"

        self._against_the_sandbox(rule)

    async def _check_told(self, shop: Shop, operation: str) -> None:
        try:
            receipt = await self._write(shop, operation, deadline=1.0)
        except OutcomeUnknownError:
            return
        assert receipt.reconciled, f"{operation}: {receipt.outcome} without having looked"
        assert receipt.outcome is Outcome.APPLIED, f"{operation}: {receipt.outcome}"

    async def _write(self, shop: Shop, operation: str, *, deadline: float = 10.0) -> Receipt:
        values = {
            "track_activity": self.activity(),
            "create_order": self.order(),
            "adjust_points": self.adjustment(),
        }
        client = shop.client.with_options(deadline=deadline)
        receipt: Receipt = await getattr(client, operation)(values[operation])
        return receipt

    def _targets(self, *safeties: Safety) -> dict[str, set[str]]:
        """Where each write's requests of those safeties go."""
        plain = recorded(self).plain
        return {
            operation: {
                sent.request.target for sent in plain[operation] if sent.request.safety in safeties
            }
            for operation in self._writes(self.provider())
        }


def _writes(arrival: Arrival) -> bool:
    return arrival.method != "GET"


def _at(targets: Collection[str], arrival: Arrival) -> bool:
    return f"{arrival.path}?{arrival.query}".rstrip("?") in targets
