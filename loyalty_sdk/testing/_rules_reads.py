"""What an adapter's reads bring back, over real HTTP, from its half of the sandbox."""

from __future__ import annotations

import traceback
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

import pytest

from loyalty_sdk.errors import (
    APIError,
    AuthenticationError,
    CursorError,
    LoyaltyError,
    error_for_status,
)

from ._rules_answers import check_row
from ._shop import Shop, ShopRules
from ._subject import PLAIN_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loyalty_sdk._client import LoyaltyClient
    from loyalty_sdk._flow import Flow
    from loyalty_sdk._provider import Provider

_CUSTOMERS = (PLAIN_ID, "other0id")
_PASSING: tuple[Literal["rate_limit", "error", "drop"], ...] = ("rate_limit", "error", "drop")
_SOON = 8
_STATUSES = (400, 401, 402, 403, 404, 409, 422, 429, 500, 503)


class ReadRules(ShopRules):
    """Rules about lists, identities and refusals."""

    def test_pages_are_the_ledger(self) -> None:
        """Several pages hold each row of the ledger once, newest first, with nothing changed."""

        async def rule(shop: Shop) -> None:
            self._seed(shop)
            rows = [row async for row in self._transactions(shop)]
            entries = shop.sandbox.ledger(self.name, PLAIN_ID)[::-1]
            assert [row.id for row in rows] == [entry.id for entry in entries]
            assert [row.points for row in rows] == [entry.points for entry in entries]
            assert [row.created_at for row in rows] == [entry.time for entry in entries]
            for row, entry in zip(rows, entries, strict=True):
                check_row(row)
                assert row.balance in {None, entry.balance}

        self._against_the_sandbox(rule, "list_transactions")

    def test_everybodys_rows_can_be_read(self) -> None:
        """By the way that the provider says there is, in pages as large as it says."""

        async def rule(shop: Shop) -> None:
            for customer in _CUSTOMERS:
                shop.sandbox.add_transactions(self.name, customer, 3)
            client, size = shop.client, shop.client.provider.largest_page
            listing = client.provider.list_transactions
            found = [
                row.id
                for narrowed in await self._histories(client)
                async for row in client.pages(listing, page_size=size, **narrowed)
            ]
            ledgers = (shop.sandbox.ledger(self.name, customer) for customer in _CUSTOMERS)
            assert sorted(found) == sorted(entry.id for ledger in ledgers for entry in ledger)

        self._against_the_sandbox(rule, "list_transactions")

    async def _histories(self, client: LoyaltyClient) -> list[Mapping[str, Any]]:
        """The filters by which everybody's rows can be listed."""
        provider = client.provider
        if provider.lists_program:
            return [{}]
        if not provider.supports("list_histories"):
            return [{"customer_id": customer} for customer in _CUSTOMERS]
        pages = client.pages(provider.list_histories, page_size=provider.largest_page)
        return [filters async for filters in pages]

    def test_a_cursor_goes_on_elsewhere(self) -> None:
        """A page's cursor, given to another client, leads to the rows after that page."""

        async def rule(shop: Shop) -> None:
            self._seed(shop)
            every = [row.id async for row in self._transactions(shop)]
            first = await self._transactions(shop).first_page()
            assert first.cursor is not None
            async with self._client(shop.sandbox) as other:
                rest = [row.id async for row in other.list_transactions(cursor=first.cursor)]
            assert [row.id for row in first.items] + rest == every

        self._against_the_sandbox(rule, "list_transactions")

    def test_the_next_cursor_can_be_read_alone(self) -> None:
        """What `Request.next_cursor` reads of an answer is what its page then says."""

        async def rule(shop: Shop) -> None:
            self._seed(shop)
            for name in self.lists:
                await self._compare_cursors(shop.client, name)

        self._against_the_sandbox(rule)

    async def _compare_cursors(self, client: LoyaltyClient, name: str) -> None:
        """Go through a list row by row."""
        cursor, ended = None, False
        while not ended:
            alone: list[str | None] = []
            start = self.list_flow(client.provider, name, {"page_size": 1}, cursor)
            page = await client.run(_peeking(start(), alone))
            assert alone in ([], [page.cursor]), f"{name}: another cursor is read alone"
            cursor, ended = page.cursor, page.cursor is None

    @pytest.mark.parametrize("fault", ["repeat", "cycle"])
    def test_circles_end(self, fault: Literal["repeat", "cycle"]) -> None:
        """Pages that lead in a circle end in a `CursorError`, soon."""

        async def rule(shop: Shop) -> None:
            self._seed(shop)
            shop.sandbox.faults.add(fault)
            with pytest.raises(CursorError):
                _ = [row async for row in self._transactions(shop)]
            assert len(shop.sandbox.arrivals) <= _SOON

        self._against_the_sandbox(rule, "list_transactions")

    def test_reads_are_repeated(self) -> None:
        """A read gets through 429, 5xx and a dropped connection."""

        async def rule(shop: Shop) -> None:
            faults = [shop.sandbox.faults.add(kind, times=1) for kind in _PASSING]
            await self._transactions(shop).first_page()
            assert len(shop.sandbox.arrivals) == len(faults) + 1

        self._against_the_sandbox(rule, "list_transactions")

    @pytest.mark.parametrize("status", _STATUSES)
    def test_refusals_have_their_type_and_the_vendors_words(self, status: int) -> None:
        """Each status is its own error, with what the vendor says and whose it is."""

        async def rule(shop: Shop) -> None:
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                shop.sandbox.faults.add("rate_limit")
            else:
                shop.sandbox.faults.add("error", status=status)
            with pytest.raises(APIError) as caught:
                await self._transactions(shop).first_page()
            assert type(caught.value) is error_for_status(status)
            assert caught.value.status == status
            words = caught.value.vendor_message or caught.value.code
            assert words, "the vendor's words are lost"
            assert caught.value.provider == self.name
            assert caught.value.operation == "list_transactions"

        self._against_the_sandbox(rule, "list_transactions", attempts=1)

    def test_whoami_names_the_program(self) -> None:
        """The identity behind the credentials has an id."""

        async def rule(shop: Shop) -> None:
            identity = await shop.client.run(shop.client.provider.whoami())
            assert identity.program
            assert type(identity.program) is str

        self._against_the_sandbox(rule, "whoami")

    def test_credentials_show_nowhere(self) -> None:
        """No repr of provider, client or request, and no traceback of a refusal, shows a key."""
        known = self.sandbox().vendor(self.name).settings()
        secrets = {
            setting.name: f"hush{number}hush"
            for number, setting in enumerate(self.provider_class().settings)
            if setting.secret and setting.name in known
        }
        assert secrets, "no setting of the sandbox's is marked as secret"

        async def rule(shop: Shop) -> None:
            provider: Provider = shop.client.provider
            shown = [repr(shop.client), repr(provider), str(provider), repr(vars(provider))]
            for start in self.every_flow(provider).values():
                # All its parts: the vendor's own log shows paths and queries.
                shown.append(repr(tuple(next(start()))))
                with pytest.raises(AuthenticationError) as caught:
                    await shop.client.run(start())
                shown.append(_shown(caught.value))
            assert "hush" not in "\n".join(shown), "a key shows"

        self._against_the_sandbox(rule, secrets=secrets)

    def _seed(self, shop: Shop) -> None:
        shop.sandbox.add_customer(self.name, PLAIN_ID, email="shopper@example.com")
        shop.sandbox.add_transactions(self.name, PLAIN_ID, 2 * self.page_size + 1, points=3)


def _peeking(flow: Flow[Any], alone: list[str | None]) -> Flow[Any]:
    """``flow``; what its requests read alone to go on from goes into ``alone``."""
    try:
        request = next(flow)
        while True:
            response = yield request
            if request.next_cursor is not None:
                alone.append(request.next_cursor(response))
            request = flow.send(response)
    except StopIteration as end:
        return end.value


def _shown(error: LoyaltyError) -> str:
    """All that a logger could print of an error, locals included, but for those of the rules."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    lines = [str(error), repr(error)]
    chain: traceback.TracebackException | None = told
    while chain is not None:
        frames = (frame for frame in chain.stack if frame.filename != __file__)
        lines += [f"{frame.name} {frame.locals}" for frame in frames]
        chain = chain.__cause__ or chain.__context__
    return "\n".join(lines)
