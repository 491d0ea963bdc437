"""By customer: those that were named, or all whom the vendor lists."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import ConfigurationError, ExportError, LoyaltyClient, ValidationError, connect
from loyalty_sdk.export import Export
from loyalty_sdk.sandbox import Arrival, Sandbox

from .ledgers import CUSTOMERS, START, client_of, even, expected, exported, fill


@pytest.fixture
async def shop() -> AsyncIterator[Sandbox]:
    """A vendor that lists one customer's rows only, with 100 rows of 20 customers."""
    async with Sandbox() as sandbox:
        fill(sandbox, even(100), provider="joy")
        yield sandbox


@pytest.fixture
async def client(shop: Sandbox) -> AsyncIterator[LoyaltyClient]:
    """A client of it."""
    async with client_of(shop, "joy") as made:
        yield made


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return [path.name for path in folder.iterdir()]


def asked(shop: Sandbox) -> list[Mapping[str, str]]:
    """The queries of requests for transactions."""
    return [each.params for each in shop.arrivals if (each.template or "").endswith("transactions")]


@pytest.mark.parametrize("windows", [1, 8])
async def test_everybody_is_every_customer_of_the_shop(
    tmp_path: Path, client: LoyaltyClient, shop: Sandbox, windows: int
) -> None:
    """In the same order as elsewhere, not customer by customer."""
    out = tmp_path / "rows.jsonl"
    await Export(client, out, windows=windows, page_size=3).run()
    assert expected(shop, "joy") == exported(out)


async def test_a_guest_without_a_shop_id_is_not_left_out(
    tmp_path: Path, client: LoyaltyClient, shop: Sandbox
) -> None:
    """Customers are asked for by the vendor's own ids where it lists them."""
    await Export(client, tmp_path / "rows.csv").run()
    assert {f"cust_{account.number}" for account in shop.vendor("joy").ledger.accounts.rows} == {
        query.get("customerId") for query in asked(shop)
    }


async def test_named_customers_only(tmp_path: Path, client: LoyaltyClient, shop: Sandbox) -> None:
    """Each is asked for once, however often it was named."""
    out = tmp_path / "rows.jsonl"
    named = [*CUSTOMERS[:3], CUSTOMERS[0]]
    summary = await Export(client, out, customers=iter(named)).run()
    assert 15 == summary.rows
    assert [*CUSTOMERS[:3]] == sorted(query["shopifyCustomerId"] for query in asked(shop))


async def test_named_customers_of_a_vendor_that_lists_everybody(
    tmp_path: Path, vendor: Sandbox
) -> None:
    """A list of customers is a list of customers wherever."""
    out = tmp_path / "rows.jsonl"
    async with client_of(vendor) as client:
        await Export(client, out, customers=["1001"], created_from=START).run()
    ids = {row.id for row in vendor.ledger("loyaltylion", "1001")}
    assert [row for row in expected(vendor) if row[0] in ids] == exported(out)


async def test_nobody_is_nobody(tmp_path: Path, client: LoyaltyClient, shop: Sandbox) -> None:
    """An empty list is no wish for everybody."""
    summary = await Export(client, tmp_path / "rows.csv", customers=[]).run()
    assert (0, []) == (summary.rows, asked(shop))


async def test_a_customer_who_is_no_id_is_refused(tmp_path: Path, client: LoyaltyClient) -> None:
    """Before anything is read."""
    with pytest.raises(ValidationError, match="id 2: must not be empty"):
        await Export(client, tmp_path / "rows.csv", customers=["1001", ""]).run()


async def test_customers_whom_the_vendor_does_not_know_are_named(tmp_path: Path) -> None:
    """They stop nobody, and are asked for in full when they turn up."""
    async with Sandbox(unknown_customers="404") as shop, client_of(shop, "joy") as client:
        fill(shop, even(4), provider="joy", customers=("1001",))
        out = tmp_path / "rows-{run}.jsonl"
        summary = await Export(client, out, customers=["1001", "nobody"]).run()
        assert (4, 1, ("nobody",)) == (summary.rows, summary.unknown, summary.unknown_customers)
        fill(shop, even(3), provider="joy", customers=("nobody",))
        made = Export(client, out, customers=["1001", "nobody"], since_last=True)
        assert (3, 0) == ((later := await made.run()).rows, later.unknown)


async def test_a_page_that_is_missing_later_is_no_unknown_customer(
    tmp_path: Path, client: LoyaltyClient, shop: Sandbox
) -> None:
    """A customer whose first page came is known; what is missing then is a failure."""
    shop.faults.add("error", status=404, match=lambda arrival: "after=act" in arrival.query)
    with pytest.raises(ExportError, match="customer 1001: joy list_transactions: HTTP 404"):
        await Export(client, tmp_path / "rows.csv", customers=["1001"], page_size=3).run()


async def test_a_customer_who_is_gone_in_the_middle_is_no_unknown_one(
    tmp_path: Path, client: LoyaltyClient, shop: Sandbox
) -> None:
    """Nor as the same run goes on: half a history is a failure until there is the whole."""
    pages = 0

    def gone(arrival: Arrival) -> bool:
        nonlocal pages
        pages += "1001" in arrival.query
        return "1001" in arrival.query and pages > 1

    shop.faults.add("error", status=404, match=gone)
    out = tmp_path / "rows.jsonl"
    made = Export(client, out, customers=["1001", "1002"], page_size=3)
    for _ in range(2):
        with pytest.raises(ExportError, match="customer 1001: joy list_transactions: HTTP 404"):
            await made.run()
    shop.faults.clear()
    summary = await made.run()
    assert (10, 0, 10) == (summary.rows, summary.unknown, len(exported(out)))


async def test_other_customers_in_the_middle_of_a_run_are_refused(
    tmp_path: Path, client: LoyaltyClient, shop: Sandbox
) -> None:
    """The same ones in another order are the same."""
    shop.faults.add("error", status=400, match="/rest_api/v2/transactions", times=1)
    out = tmp_path / "rows.csv"
    with pytest.raises(ExportError):
        await Export(client, out, customers=["1001", "1002"], windows=1).run()
    for others in (["1001"], ["1001", "1003"], ["1001", "1002", "1003"]):
        with pytest.raises(ConfigurationError, match="in the middle of a run with other customers"):
            await Export(client, out, customers=others).run()
    with pytest.raises(ConfigurationError, match="customers is given ones there and everybody"):
        await Export(client, out).run()
    summary = await Export(client, out, customers=["1002", "1001"]).run()
    assert 10 == summary.rows


async def test_a_run_that_was_given_up_leaves_no_rows(
    tmp_path: Path, client: LoyaltyClient, shop: Sandbox
) -> None:
    """What it had read of other customers is none of the next run's."""

    def second(arrival: Arrival) -> bool:
        return arrival.params.get("shopifyCustomerId") == "1002"

    fault = shop.faults.add("error", status=400, match=second)
    out = tmp_path / "rows.jsonl"
    with pytest.raises(ExportError):
        await Export(client, out, customers=["1001", "1002"]).run()
    shop.faults.remove(fault)
    summary = await Export(client, out, customers=["1003"], restart=True).run()
    assert (5, 1) == (summary.rows, summary.pages)
    assert {row.id for row in shop.ledger("joy", "1003")} == {row[0] for row in exported(out)}


def listed(shop: Sandbox) -> list[bool]:
    """The requests for customers: whether each went on after a cursor."""
    arrivals = [each for each in shop.arrivals if each.path.endswith("customers")]
    return ["after" in each.query for each in arrivals]


def second_page(arrival: Arrival) -> bool:
    """A request for customers with a cursor."""
    return arrival.path.endswith("customers") and "after" in arrival.query


async def test_customers_are_asked_for_on_where_it_stopped(
    tmp_path: Path, client: LoyaltyClient, shop: Sandbox
) -> None:
    """Which customers there are is kept page by page, too."""
    shop.faults.add("error", status=401, match=second_page, times=2)
    out = tmp_path / "rows.jsonl"
    made = Export(client, out, page_size=8)
    with pytest.raises(ExportError, match=r"the customers could not be listed: .*HTTP 401"):
        await made.run()
    shop.arrivals.clear()
    await made.run()
    assert [True, True] == listed(shop)
    assert expected(shop, "joy") == exported(out)


async def test_a_cursor_of_customers_that_expired_begins_the_list_again(
    tmp_path: Path, client: LoyaltyClient, shop: Sandbox
) -> None:
    """In the same run; who is known already is not added again."""
    shop.faults.add("error", status=400, match=second_page, times=1)
    out = tmp_path / "rows.jsonl"
    await Export(client, out, page_size=8).run()
    assert [False, True, False, True, True] == listed(shop)
    assert expected(shop, "joy") == exported(out)


async def test_a_customers_list_that_fails_at_once_is_an_error(
    tmp_path: Path, client: LoyaltyClient, shop: Sandbox
) -> None:
    """Without a cursor there is nothing to begin again."""
    shop.faults.add("error", status=400, match="/rest_api/v2/customers")
    with pytest.raises(ExportError, match=r"the customers could not be listed: .*HTTP 400"):
        await Export(client, tmp_path / "rows.csv").run()
    assert 1 == sum(each.path.endswith("customers") for each in shop.arrivals)


async def test_kinds_that_are_rare_do_not_look_like_a_list_without_end(
    tmp_path: Path, client: LoyaltyClient, shop: Sandbox
) -> None:
    """However many pages hold none of them: of two kinds the vendor filters neither."""
    fill(shop, even(101), provider="joy", customers=("1001",))
    kinds = ["redeemed", "expired"]
    made = Export(client, tmp_path / "a.jsonl", customers=["1001"], kinds=kinds, page_size=1)
    assert (0, 106) == ((await made.run()).rows, len(asked(shop)))


async def test_a_vendor_without_filters_by_time_can_be_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named customers need no filter that not every vendor has."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "example_adapter")
    package: Any = import_module("loyalty_sdk_cornershop")
    half: Any = import_module("loyalty_sdk_cornershop._sandbox")
    async with Sandbox(vendors=[half.CornerShopSandbox]) as shop:
        fill(shop, even(60), provider="cornershop", customers=("1001",))
        made = package.CornerShop(**shop.settings("cornershop"))
        async with connect(made) as client:
            out = tmp_path / "rows.jsonl"
            await Export(client, out, customers=["1001"]).run()
        assert expected(shop, "cornershop") == exported(out)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ("1001", r"customers: wanted some ids, got one text"),
        (["1001", None], r"list of customers is not valid: id 2: wanted a str, got nothing"),
        (["1001", ".."], r"id 2: must not be"),
    ],
)
async def test_what_is_no_customer_is_never_everybody(
    tmp_path: Path, ids: Any, message: str
) -> None:
    """A NULL from a database would stand for the whole program; nothing is left behind."""
    async with Sandbox() as vendor, client_of(vendor) as client:
        with pytest.raises((ConfigurationError, ValidationError), match=message):
            await Export(client, tmp_path / "rows.jsonl", customers=ids).run()
    assert [] == names(tmp_path)


async def test_customers_that_are_used_up_are_not_no_customers(tmp_path: Path) -> None:
    """A second run with a generator would end well and bring nothing."""
    async with Sandbox() as vendor, client_of(vendor) as client:
        ids = (customer for customer in ["1001"])
        made = Export(client, tmp_path / "rows-{run}.jsonl", customers=ids, since_last=True)
        await made.run()
        with pytest.raises(ConfigurationError, match="customers: they can be read only once"):
            await made.run()


async def test_a_database_that_customers_come_from_is_not_taken_for_the_checkpoint(
    tmp_path: Path,
) -> None:
    """One clear error of theirs: a cursor that another thread may not use, for one."""
    async with Sandbox() as vendor, client_of(vendor) as client:
        with closing(sqlite3.connect(":memory:")) as base:
            ids = (customer for (customer,) in base.execute("SELECT '1001'"))
            with pytest.raises(ConfigurationError, match="cannot be read: SQLite objects created"):
                await Export(client, tmp_path / "rows.jsonl", customers=ids).run()
    assert [] == names(tmp_path)
