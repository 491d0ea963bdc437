"""Joy as this package's users set it up; its flows are in the modules beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from loyalty_sdk._flow import Flow, get
from loyalty_sdk._provider import Credential, Key, Setting, from_environment, read_key

from . import _wire
from ._customers import CustomerFlows
from ._earning import EarningFlows
from ._filters import MOST_ROWS
from ._requests import ROOT
from ._settings import Activities, Orders, check_keys, check_settings
from ._texts import parse_activity, parse_orders
from ._transactions import TransactionFlows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loyalty_sdk._flow import Response
    from loyalty_sdk._look import Sight, Trace, Window
    from loyalty_sdk._models import Identity
    from loyalty_sdk._provider import Refusal
    from loyalty_sdk.webhooks import WebhookFormat

PRODUCTION = "https://api.joy.so"
STAGING = "https://dev-api.joy.so"


class Joy(EarningFlows, TransactionFlows, CustomerFlows):
    """Joy Loyalty for Shopify shops, through its REST API v2.

    Overview: https://devdocs.joy.so/joy-rest-api-v2/rest-api-v2
    Points and transactions: https://devdocs.joy.so/joy-rest-api-v2/api-references/activities
    Keys: Joy app in the Shopify admin, Settings > Developers > Manage keys.

    Limitations and quirks:

    - Joy has no call for activities and none for orders: Shopify feeds it. Both are supported
      only as configured by ``activities`` and ``orders``. **An order that the shop sends to
      Joy as well earns twice**: ``orders`` is for those that never reach the shop, such as
      marketplaces and tills.
    - Points are awarded at once, and Joy gives the row its own time. So an order that is
      said to be unpaid is refused, so is what a guest did, and the time of an order or
      activity goes into the staff note. What does not bear on the points (discounts,
      numbers, IP address, properties and so on) is not sent.
    - Customers are known by their Shopify customer id. Transactions are listed for one of
      them; there is no list for the whole shop.
    - An adjustment's ``reason`` becomes Joy's ``reason`` and ``userNote``, which the shopper
      sees; its ``note`` becomes ``adminNote``, behind a marker made of the reference,
      ``[ref:ticket-8812] ...``, by which a write in doubt is found again.
    - No write has an idempotency key, and Joy does not say what becomes of a removal below
      zero. Success is a 2xx with ``success: true``, nothing less.
    - Whether the ends of a time window are inclusive is not documented. The window asked of
      Joy is a millisecond wider, and rows outside the one you asked for are left out here.
    - Rows waiting for their order count as ``pending``, as far as the balance does not show
      them. What a refund takes back from those (``refundPendingPoint``) is in ``raw`` only.
    - Which of the two hosts serves a shop's keys is not documented: some live shops are on
      `STAGING`.

    Args:
        app_key: The App ID, or a callable that gives it (may be async).
        secret_key: The secret key, likewise; a read-only one (``ro_``) can't write.
        base_url: `PRODUCTION` unless given; `STAGING` or any other origin.
        activities: What each activity name means, ``{"signup": AwardPoints(50)}``.
        orders: What an order earns, ``PointsPerUnit(Decimal("1"))`` or ``JoyCalculator()``.

    Raises:
        ConfigurationError: A setting is missing or wrong; each is named.
    """

    name: ClassVar[str] = "joy"
    title: ClassVar[str] = "Joy"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("app_key", "JOY_APP_KEY", secret=True, help="App ID"),
        Setting("secret_key", "JOY_SECRET_KEY", secret=True, help="secret key"),
        Setting("base_url", "JOY_BASE_URL", help=f"origin of the API; {PRODUCTION} unless given"),
        Setting(
            "activities",
            help="what each activity means: points, event:NAME or program:ID",
            parse=parse_activity,
            keyed=True,
        ),
        Setting(
            "orders",
            help="what an order earns: points for each unit of money, or calculator",
            parse=parse_orders,
        ),
    )
    limitations: ClassVar[Mapping[str, str]] = {
        "track_activity": "Joy has no call for it; activities={'signup': AwardPoints(50)} or"
        " {'follow': SocialInteraction('follow_instagram')} says what a name means",
        "create_order": "Joy has no call for it; orders=PointsPerUnit(Decimal('1')) or"
        " JoyCalculator() awards points for orders that never reach the shop",
        "list_transactions": "one customer's only",
        "adjust_points": "below zero is not documented",
    }
    largest_page: ClassVar[int | None] = MOST_ROWS

    @classmethod
    def webhook_format(cls) -> WebhookFormat:
        """See `Provider`."""
        from ._webhooks import JoyWebhooks  # noqa: PLC0415 - many classes, which few programs need

        return JoyWebhooks()

    def __init__(
        self,
        *,
        app_key: Key | None = None,
        secret_key: Key | None = None,
        base_url: str | None = None,
        activities: Activities | None = None,
        orders: Orders | None = None,
    ) -> None:
        origin = from_environment(base_url, "JOY_BASE_URL")
        self.base_url = PRODUCTION if origin is None else origin
        app_key = read_key(app_key, "JOY_APP_KEY")
        secret_key = read_key(secret_key, "JOY_SECRET_KEY")
        check_keys(app_key=app_key, secret_key=secret_key)
        check_settings(activities, orders)
        self.credentials = {
            "X-Joy-Loyalty-App-Key": Credential(app_key),
            "X-Joy-Loyalty-Secret-Key": Credential(secret_key),
        }
        self._activities = dict(activities or {})
        self._orders = orders

    def __repr__(self) -> str:
        return f"Joy(base_url={self.base_url!r})"

    def look(self, trace: Trace, window: Window, /) -> Flow[Sight]:
        """What Joy's records say of a write."""
        from ._look import look_for_marker  # noqa: PLC0415 - few writes are looked for

        return look_for_marker(self, trace, window)

    def whoami(self) -> Flow[Identity]:
        """The shop that the keys belong to; Joy does not say what they may do.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/shop
        """
        return _wire.read_identity((yield get(f"{ROOT}/whoami")))

    def refusal(self, response: Response, /) -> Refusal:
        """Joy's words in an answer that is no success; never raises."""
        return _wire.read_refusal(response)

    def acknowledges(self, response: Response, /) -> bool:
        """Whether the body says ``success: true``; never raises."""
        return _wire.acknowledges(response)
