"""The program: its customers, its sites, and whose key it is that asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loyalty_sdk import wire
from loyalty_sdk._flow import Flow, get
from loyalty_sdk._provider import Provider

from . import _wire
from ._filters import CUSTOMERS, query
from ._requests import page_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loyalty_sdk._models import Identity, Page

    from ._models import CustomerRecord, Site


class ProgramFlows(Provider):
    """The flows of LoyaltyLion's programs."""

    def whoami(self) -> Flow[Identity]:
        """Program and scopes of the credentials.

        https://developers.loyaltylion.com/api-reference/v2/resources/whoami
        """
        response = yield get("/v2/identity/whoami")
        return _wire.read_identity(response.body)

    def list_customers(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[CustomerRecord]]:
        """One page of the store's customers, members or not.

        https://developers.loyaltylion.com/api-reference/v2/resources/customers/list-customers

        Args:
            cursor: The vendor's, from the page before.
            filters: ``email`` (matches any part of it: compare exactly yourself),
                ``sort_field`` (``id`` or ``updated_at``), ``sort_direction`` (``asc`` or
                ``desc``), and those of `list_orders`.

        Raises:
            ValidationError: A filter is unknown or wrong.
            MalformedResponseError: The page cannot be read.
        """
        asked = query("list_customers", filters, CUSTOMERS, cursor)
        response = yield page_of("/v2/customers", asked)
        with wire.located(cursor):
            return _wire.read_customers(response.body)

    def list_sites(self) -> Flow[tuple[Site, ...]]:
        """Every site of the program, newest first. Needs an API key.

        https://developers.loyaltylion.com/api-reference/v2/resources/sites/list-sites
        """
        response = yield get("/v2/sites")
        return _wire.read_sites(response.body)
