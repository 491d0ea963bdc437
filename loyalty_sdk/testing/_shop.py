"""A sandbox and a client of it, for the rules that take the whole way over HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk._connect import connect
from loyalty_sdk._policy import RetryPolicy

from ._subject import PLAIN_ID, WRITES, Subject

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from loyalty_sdk._client import LoyaltyClient
    from loyalty_sdk._provider import Provider
    from loyalty_sdk.sandbox import Arrival, Sandbox


@attrs.frozen
class Shop:
    """A sandbox and a client of it.

    Attributes:
        sandbox: With the one vendor.
        client: Of the adapter under test.
        name: The adapter's registered name.
    """

    sandbox: Sandbox
    client: LoyaltyClient
    name: str

    def points(self, customer_id: str = PLAIN_ID) -> list[int]:
        """The points of the customer's ledger, oldest first."""
        return [entry.points for entry in self.sandbox.ledger(self.name, customer_id)]

    def arrived(self, matches: Callable[[Arrival], bool]) -> int:
        """How many requests arrived that ``matches`` takes."""
        return sum(map(matches, self.sandbox.arrivals))

    def begin_again(self) -> None:
        """Forget what happened and what was to happen."""
        self.sandbox.reset()
        self.sandbox.arrivals.clear()
        self.sandbox.faults.clear()


class ShopRules(Subject):
    """How rules get to a sandbox and a client."""

    def _against_the_sandbox(
        self,
        rule: Callable[[Shop], Awaitable[None]],
        *needs: str,
        attempts: int = 4,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        """Run ``rule``, if the provider has all operations that it ``needs``."""
        if not all(map(self.provider().supports, needs)):
            return

        async def run() -> None:
            async with self.sandbox() as sandbox:
                client = self._client(sandbox, attempts, secrets)
                async with client:
                    await rule(Shop(sandbox, client, self.name))

        asyncio.run(run())

    def _client(
        self, sandbox: Sandbox, attempts: int = 4, secrets: Mapping[str, str] | None = None
    ) -> LoyaltyClient:
        provider = self.provider(**{**sandbox.settings(self.name), **(secrets or {})})
        return connect(provider, retry=RetryPolicy(attempts=attempts), deadline=10.0)

    def _writes(self, able: LoyaltyClient | Provider) -> list[str]:
        return [operation for operation in WRITES if able.supports(operation)]

    def _transactions(self, shop: Shop) -> Any:
        return shop.client.list_transactions(customer_id=PLAIN_ID, page_size=self.page_size)
