"""What an adapter's author says about the adapter, and how the rules reach it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, ClassVar

from loyalty_sdk import _registry
from loyalty_sdk._flow import Flow
from loyalty_sdk._models import Activity, Customer, DiscountCode, Order, PointsAdjustment
from loyalty_sdk._provider import OPERATIONS, Provider
from loyalty_sdk.errors import LoyaltyError
from loyalty_sdk.sandbox import Sandbox

if TYPE_CHECKING:
    from loyalty_sdk.sandbox.vendor import VendorSandbox

Flows = dict[str, Callable[[], Flow[Any]]]

WRITES = tuple(operation for operation in OPERATIONS if operation != "list_transactions")
ORIGIN = "https://api.example.com"
PLAIN_ID = "plain0id"


class Subject:
    """An adapter under test; see `ProviderConformance` for what to set."""

    name: ClassVar[str]
    settings: ClassVar[Mapping[str, Any] | None] = None
    activity_name: ClassVar[str] = "review"
    lists: ClassVar[tuple[str, ...]] = ("list_transactions",)
    page_size: ClassVar[int] = 2

    def flows(self, provider: Any, an_id: str) -> Flows:
        """The flows that only this provider has, by name, each with ``an_id`` for every id."""
        return {}

    def provider_class(self) -> type[Provider]:
        """The class under test: what is registered under `name`."""
        return _registry.load(self.name)

    def sandbox_class(self) -> type[VendorSandbox]:
        """The provider's half of the sandbox: what is registered under `name`."""
        (entry,) = entry_points(group="loyalty_sdk.sandboxes", name=self.name)
        half: type[VendorSandbox] = entry.load()
        return half

    # Values that any provider can take.

    def customer(self, an_id: str = PLAIN_ID) -> Customer:
        """A shopper with an address."""
        return Customer(id=an_id, email="shopper@example.com")

    def activity(self, an_id: str = PLAIN_ID) -> Activity:
        """Something a member did."""
        return Activity(name=self.activity_name, customer=self.customer(an_id), id=an_id)

    def order(self, an_id: str = PLAIN_ID) -> Order:
        """A paid order; its money has exponents and trailing zeros that must survive."""
        return Order(
            id=an_id,
            customer=self.customer(an_id),
            total=Decimal("1E+2"),
            total_shipping=Decimal("0.30"),
            total_paid=Decimal("100.10"),
            payment_status="paid",
            discount_codes=[DiscountCode(code="TEN", amount=Decimal("10.10"))],
        )

    def adjustment(self, an_id: str = PLAIN_ID, points: int = 50) -> PointsAdjustment:
        """Points with a reason."""
        return PointsAdjustment(
            customer_id=an_id, points=points, reason="Conformance", reference=an_id
        )

    # What the rules use.

    def sandbox(self) -> Sandbox:
        """A sandbox of this vendor alone."""
        return Sandbox(vendors=[self.sandbox_class()])

    def provider(self, **settings: Any) -> Provider:
        """The provider as configured for the sandbox, with ``settings`` in place of its own."""
        vendor = self.sandbox().vendor(self.name)
        more = vendor.demo_settings() if self.settings is None else self.settings
        given = {"base_url": ORIGIN, **vendor.settings(), **more}
        return self.provider_class()(**given | settings)

    def neutral_flows(
        self, provider: Provider, an_id: str = PLAIN_ID, *, supported: bool = True
    ) -> Flows:
        """The neutral operations and whoami that are supported, or those that are not.

        ``an_id`` stands for every id.
        """
        every: Flows = {
            "track_activity": lambda: provider.track_activity(self.activity(an_id)),
            "create_order": lambda: provider.create_order(self.order(an_id)),
            "list_transactions": lambda: provider.list_transactions(None, {"customer_id": an_id}),
            "adjust_points": lambda: provider.adjust_points(self.adjustment(an_id)),
            "whoami": provider.whoami,
        }
        return {
            name: start for name, start in every.items() if provider.supports(name) is supported
        }

    def every_flow(self, provider: Provider, an_id: str = PLAIN_ID) -> Flows:
        """`neutral_flows` and `flows`."""
        return self.neutral_flows(provider, an_id) | self.flows(provider, an_id)

    def list_flow(
        self,
        provider: Provider,
        name: str,
        filters: Mapping[str, Any],
        cursor: str | None = None,
    ) -> Callable[[], Flow[Any]]:
        """One page of a list, for the one customer where a list is of customers'."""
        required = {"customer_id": PLAIN_ID} if name == "list_transactions" else {}
        return lambda: getattr(provider, name)(cursor, {**required, **filters})


def refusal_of(start: Callable[[], Flow[Any]]) -> LoyaltyError | None:
    """What a flow raises before it makes a request; None when it makes one."""
    try:
        flow = start()
        try:
            next(flow)
        finally:
            flow.close()
    except LoyaltyError as error:
        return error
    except StopIteration:
        pass
    return None


def report(violations: Iterable[str]) -> None:
    """Fail with every violation, one a line."""
    found = "\n".join(violations)
    if found:
        raise AssertionError(found)
