"""Transactions: a customer's history, and single rows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loyalty_sdk import wire
from loyalty_sdk._flow import Flow, get
from loyalty_sdk._provider import Provider

from . import _wire
from ._filters import TRANSACTIONS, placed, query
from ._requests import ROOT, page_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loyalty_sdk._models import Page, Transaction


class TransactionFlows(Provider):
    """The flows that read transactions."""

    def list_transactions(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[Transaction]]:
        """One page of a customer's transactions, newest first unless ``order`` says else.

        https://devdocs.joy.so/joy-rest-api-v2/api-references/activities

        Filters (``customer_id`` or ``joy_customer_id`` is required):
            customer_id: The Shopify customer id.
            joy_customer_id: Joy's own id.
            kinds: Neutral kinds; Joy is asked for one at most, the rest is left out by
                `LoyaltyClient.list_transactions`, which has to see that pages go on.
            type: ``earn_point``, ``redeem_point`` or ``adjust_point``.
            event: Joy's name of what happened, ``sign_up``; not listed by Joy.
            source: ``admin``, ``user``, ``rest_api`` or ``webhook``.
            created_from, created_until: Aware; the first inclusive, the second not.
            order: ``createdAt_desc`` or ``createdAt_asc``.
            page_size: 1 to 1000; 100 unless given.
            after: Id of the row to start after.
            before: Id of the row to end before; the pages then lead back from there.
            has_count: Whether the page is to be a `CountedPage`; slower.

        Raises:
            ValidationError: Lists every unknown name and every bad value.
            APIError: Joy refused, by status or in the body.
            MalformedResponseError: The page can't be read; the error names path and cursor.
        """
        asked = query(placed(filters, cursor), TRANSACTIONS)
        response = yield page_of(f"{ROOT}/transactions", asked)
        with wire.located(cursor):
            rows, pagination = _wire.read_transactions(response)
            return _wire.page(rows, pagination, asked)

    def get_transaction(self, transaction_id: str) -> Flow[Transaction]:
        """One transaction by its id.

        Raises:
            NotFoundError: There is none.
        """
        template = f"{ROOT}/transactions/{{transaction_id}}"
        return _wire.read_transaction((yield get(template, transaction_id=transaction_id)))
