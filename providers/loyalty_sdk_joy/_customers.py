"""Customers, as Joy knows them.

https://devdocs.joy.so/joy-rest-api-v2/api-references/customers
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loyalty_sdk import wire
from loyalty_sdk._flow import Flow, get
from loyalty_sdk._models import Page
from loyalty_sdk._provider import Provider

from . import _wire
from ._filters import CUSTOMERS, placed, query
from ._requests import ROOT, page_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._models import CustomerRecord


class CustomerFlows(Provider):
    """The flows that read customers."""

    def list_customers(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[CustomerRecord]]:
        """One page of the shop's customers, newest first unless ``order`` says else.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/customers

        Filters:
            email: A search; compare the addresses that come back.
            type: ``member``, ``guest`` or ``left``.
            tier_id: Of one tier.
            updated_from, updated_until, created_until: Aware; to a millisecond, since Joy
                does not document whether they are inclusive. There is no ``created_from``.
            order: ``createdAt``, ``updatedAt`` or ``point``, with ``_desc`` or ``_asc``.
            page_size, after, before, has_count: As in `list_transactions`.

        Raises:
            ValidationError: Lists every unknown name and every bad value.
        """
        asked = query(placed(filters, cursor), CUSTOMERS)
        response = yield page_of(f"{ROOT}/customers", asked)
        with wire.located(cursor):
            return _wire.page(*_wire.read_customers(response), asked)

    def list_histories(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[Mapping[str, Any]]]:
        """One page of the shop's customers, by Joy's own ids: a guest may have no other.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/customers

        Raises:
            ValidationError: A filter beyond ``page_size``.
        """
        page = yield from self.list_customers(cursor, filters)
        rows = tuple({"joy_customer_id": customer.id} for customer in page.items)
        return Page(rows, page.cursor)

    def get_customer(self, joy_customer_id: str) -> Flow[CustomerRecord]:
        """One customer by Joy's own id.

        Raises:
            NotFoundError: There is none.
        """
        template = f"{ROOT}/customers/{{joy_customer_id}}"
        return _wire.read_customer((yield get(template, joy_customer_id=joy_customer_id)))

    def get_customer_by_shopify_id(self, customer_id: str) -> Flow[CustomerRecord]:
        """Like `get_customer`, but by the Shopify customer id."""
        template = f"{ROOT}/customers/external/{{customer_id}}"
        return _wire.read_customer((yield get(template, customer_id=customer_id)))
