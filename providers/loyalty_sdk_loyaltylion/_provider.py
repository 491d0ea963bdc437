"""LoyaltyLion as this package's users set it up; its flows are in the modules beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from loyalty_sdk._provider import Key, Setting, from_environment
from loyalty_sdk._secrets import masked

from . import _wire
from ._activities import ActivityFlows
from ._filters import MOST_ROWS
from ._orders import OrderFlows
from ._points import PointFlows
from ._program import ProgramFlows
from ._settings import check_flag, credential, parse_flag, read_site

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loyalty_sdk._flow import Flow, Response
    from loyalty_sdk._look import Sight, Trace, Window
    from loyalty_sdk._provider import Refusal
    from loyalty_sdk.webhooks import WebhookFormat


class LoyaltyLion(ActivityFlows, OrderFlows, PointFlows, ProgramFlows):
    """LoyaltyLion's Admin API v2, https://developers.loyaltylion.com/api-reference/introduction.

    Args:
        api_key: ``pat_...``, made under Manage > API keys, or a callable that hands it out
            (https://developers.loyaltylion.com/api-reference/authentication/api-keys).
            From ``LOYALTYLION_API_KEY`` unless given.
        site_id: The site that activities and orders go to; needed only where a program has
            several. From ``LOYALTYLION_SITE_ID`` unless given.
        token, secret: A site's, instead of a key. Deprecated: the vendor ends them on
            2027-01-10, and `list_sites` refuses them already
            (https://developers.loyaltylion.com/api-reference/authentication/token-secret).
        base_url: Origin of the API. From ``LOYALTYLION_BASE_URL`` unless given.
        reference_in_reason: Whether every adjustment's reason begins with a marker made of
            its reference, ``[ref:ticket-8812] Returned item``. The shopper may see it; it is
            the only way to find an adjustment again for certain.
        sole_writer: Your statement that nobody else adjusts points in this program, which
            lets one row of the right size prove an adjustment without a marker.

    Raises:
        ConfigurationError: No credentials, two kinds of them, or a setting that is wrong.

    Limitations and quirks:
        - An activity needs the customer's email. An accepted one earns points only if a rule
          applies, and only for members: ``guest`` is always sent, since the vendor takes
          everybody for a guest who is not said to be none.
        - Points have no staff note: one is refused. At most 1,000,000 are added at once.
        - The vendor ignores a query parameter that it does not know, and returns everything.
          Unknown filters are therefore refused here.
        - A cursor carries the filters of the list's first page. ``kinds`` is none of the
          vendor's: `LoyaltyClient.list_transactions` picks the rows, a flow of its own does not.
        - The customer in a transaction, activity or order is the one of now.
        - No write returns a row, so receipts hold no transaction.
    """

    name: ClassVar[str] = "loyaltylion"
    title: ClassVar[str] = "LoyaltyLion"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("api_key", "LOYALTYLION_API_KEY", secret=True, help="API key, pat_..."),
        Setting("site_id", "LOYALTYLION_SITE_ID", help="site of a program that has several"),
        Setting("token", secret=True, help="site token, until 2027-01-10; needs secret"),
        Setting("secret", secret=True, help="site secret, until 2027-01-10; needs token"),
        Setting("base_url", "LOYALTYLION_BASE_URL", help="origin of the API"),
        Setting("reference_in_reason", help="mark reasons with the reference", parse=parse_flag),
        Setting("sole_writer", help="nobody else adjusts points here", parse=parse_flag),
    )
    # https://developers.loyaltylion.com/api-reference/introduction
    rate = 20
    limitations: ClassVar[Mapping[str, str]] = {
        "track_activity": "needs the customer's email; earns only where a rule applies",
        "list_transactions": "gives no balance",
        "adjust_points": "no staff note; adds at most 1,000,000 at once",
    }
    unmarked_hint: ClassVar[str | None] = "Connect with reference_in_reason=True"
    lists_program: ClassVar[bool] = True
    largest_page: ClassVar[int | None] = MOST_ROWS

    # Tracebacks that print locals print `self` too, even if `__init__` got no further.
    site_id: int | None = None

    # https://developers.loyaltylion.com/api-reference/authentication/api-keys
    scopes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "track_activity": ("write_customers", "read_customers"),
        "create_order": ("write_orders", "read_orders"),
        "list_transactions": ("read_customers",),
        "adjust_points": ("write_customers", "read_customers"),
    }

    @classmethod
    def webhook_format(cls) -> WebhookFormat:
        """See `Provider`."""
        from ._webhooks import LoyaltyLionWebhooks  # noqa: PLC0415 - many classes, which few programs need

        return LoyaltyLionWebhooks()

    def __init__(  # noqa: PLR0913 - each is one thing a merchant decides
        self,
        *,
        api_key: Key | None = None,
        site_id: int | None = None,
        token: str | None = None,
        secret: str | None = None,
        base_url: str | None = None,
        reference_in_reason: bool = False,
        sole_writer: bool = False,
    ) -> None:
        # Tracebacks that print locals must not print keys.
        api_key, token, secret = masked(api_key), masked(token), masked(secret)
        origin = from_environment(base_url, "LOYALTYLION_BASE_URL")
        self.base_url = "https://api.loyaltylion.com" if origin is None else origin
        self.site_id = read_site(from_environment(site_id, "LOYALTYLION_SITE_ID"))
        self.reference_in_reason = check_flag("reference_in_reason", reference_in_reason)
        self.sole_writer = check_flag("sole_writer", sole_writer)
        self.credentials = {"Authorization": credential(api_key, token, secret)}

    def __repr__(self) -> str:
        return f"LoyaltyLion(base_url={self.base_url!r}, site_id={self.site_id!r})"

    def look(self, trace: Trace, window: Window, /) -> Flow[Sight]:
        """What LoyaltyLion's records say of a write."""
        from ._look import LOOKS  # noqa: PLC0415 - few writes are looked for

        return LOOKS[trace.operation](self, trace, window)

    def refusal(self, response: Response, /) -> Refusal:
        """Read ``error``, which is an object or a text; whatever else there is goes along.

        https://developers.loyaltylion.com/api-reference/v2/resources/activities/create-activity
        """
        return _wire.read_refusal(response.body)
