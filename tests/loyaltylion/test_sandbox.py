from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from yarl import URL

from loyalty_sdk.sandbox import Rule, Sandbox
from loyalty_sdk_loyaltylion._sandbox import LoyaltyLionSandbox
from loyalty_sdk_loyaltylion._sandbox_effects import worth

CONTRACT = Path(__file__).parents[1] / "contracts" / "loyaltylion.openapi.yaml"
ACTIVITY = {"name": "review", "customer_id": "1", "customer_email": "a@example.com", "guest": False}
ORDER = {"customer_id": "1", "merchant_id": "A-1", "total": "99.99", "payment_status": "paid"}
UNCHANGED = {
    "payment_status": "paid",
    "refund_status": "not_refunded",
    "cancellation_status": "not_cancelled",
    "total_paid": "99.99",
    "total_refunded": "0.00",
}


@cache
def contract() -> OpenAPI:
    """The vendor's OpenAPI; reading it takes a second."""
    return OpenAPI.from_file_path(str(CONTRACT))


@attrs.frozen
class Answer:
    """What came back."""

    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.text)


@attrs.frozen
class Shop:
    """A sandbox and a session that talks to it, held to the contract."""

    sandbox: Sandbox
    session: aiohttp.ClientSession

    async def ask(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        lawful: bool = True,
        auth: str = "Bearer pat_sandbox",
    ) -> Answer:
        """Send a request; unless told otherwise, its answer has to be one of the contract's."""
        url = URL(self.sandbox.url + target, encoded=True)
        headers = {"Authorization": auth}
        async with self.session.request(method, url, json=body, headers=headers) as response:
            answer = Answer(response.status, response.headers, await response.text())
        if lawful:
            self._hold(method, url, answer)
        return answer

    def _hold(self, method: str, url: URL, answer: Answer) -> None:
        request = MockRequest(
            "https://api.loyaltylion.com", method.lower(), url.raw_path, args=dict(url.query)
        )
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        response = MockResponse(answer.text.encode(), answer.status, dict(answer.headers), kind)
        contract().validate_response(request, response)

    async def rows(self, target: str = "/v2/transactions", **query: Any) -> list[Any]:
        """Every row of a list, by the cursors in its bodies."""
        name = URL(target).name
        parts = {key: str(value) for key, value in query.items()}
        found: list[Any] = []
        while True:
            page = (await self.ask("GET", str(URL(target).with_query(parts)))).json
            found += page[name]
            if not page["cursor"]["next"]:
                return found
            parts["cursor"] = page["cursor"]["next"]

    def points(self, customer_id: str = "1") -> list[int]:
        """The points of the customer's ledger, oldest first."""
        return [entry.points for entry in self.sandbox.ledger("loyaltylion", customer_id)]


Open = Callable[..., Awaitable[Shop]]


@pytest.fixture
async def open_shop() -> AsyncIterator[Open]:
    """Start a sandbox with switches."""
    sandboxes: list[Sandbox] = []
    async with aiohttp.ClientSession() as session:

        async def start(**switches: Any) -> Shop:
            sandbox = await Sandbox(vendors=[LoyaltyLionSandbox], **switches).start()
            sandboxes.append(sandbox)
            return Shop(sandbox, session)

        yield start
    for sandbox in sandboxes:
        await sandbox.aclose()


@pytest.fixture
async def shop(open_shop: Open) -> Shop:
    """A sandbox as it is without switches."""
    return await open_shop()


# Credentials.


@pytest.mark.parametrize(
    "auth",
    [
        "",
        "Bearer",
        "Bearer wrong",
        "Token pat_sandbox",
        "Basic ///",
        "Basic " + base64.b64encode(b"sandbox:wrong").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
    ],
)
async def test_unauthorized(shop: Shop, auth: str) -> None:
    """Missing, malformed and wrong credentials get 401 with an error object."""
    answer = await shop.ask("GET", "/v2/identity/whoami", auth=auth)
    assert (401, {"error": {"message": "Unauthorized"}}) == (answer.status, answer.json)


async def test_settings(shop: Shop) -> None:
    """The settings are the adapter's."""
    settings = {"api_key": "pat_sandbox", "base_url": shop.sandbox.url}
    assert settings == shop.sandbox.settings("loyaltylion")


async def test_whoami(open_shop: Open) -> None:
    """Whoami tells the kind of the credentials and their scopes."""
    shop = await open_shop(scopes={"loyaltylion": {"write_customers", "read_customers"}})
    identity = (await shop.ask("GET", "/v2/identity/whoami")).json["identity"]
    assert ("api_key", ["read_customers", "write_customers"]) == (
        identity["kind"], identity["scopes"],
    )  # fmt: skip


async def test_basic_has_every_scope(open_shop: Open) -> None:
    """Token and secret have no scopes, may do everything, and are refused by the sites list."""
    shop = await open_shop(scopes={"loyaltylion": {"read_customers"}})
    auth = "Basic " + base64.b64encode(b"sandbox:sandbox").decode()
    identity = (await shop.ask("GET", "/v2/identity/whoami", auth=auth)).json["identity"]
    assert len(LoyaltyLionSandbox.scopes) == len(identity["scopes"])
    assert 201 == (await shop.ask("POST", "/v2/orders", ORDER, auth=auth)).status
    assert 403 == (await shop.ask("GET", "/v2/sites", auth=auth)).status
    assert 200 == (await shop.ask("GET", "/v2/sites")).status


async def test_write_only_key(open_shop: Open) -> None:
    """A key that may write but not read gets 403 for what it cannot read, and writes."""
    shop = await open_shop(scopes={"loyaltylion": {"write_orders", "write_customers"}})
    assert 201 == (await shop.ask("POST", "/v2/orders", ORDER)).status
    answer = await shop.ask("GET", "/v2/orders/A-1")
    assert (403, {"error": {"message": "Forbidden"}}) == (answer.status, answer.json)
    assert 403 == (await shop.ask("GET", "/v2/transactions")).status


async def test_sites(shop: Shop) -> None:
    """The sites list names one site."""
    (site,) = (await shop.ask("GET", "/v2/sites")).json["sites"]
    assert 501 == site["id"]


@pytest.mark.usefixtures("skipping")
async def test_rate_limited(open_shop: Open) -> None:
    """Switched on, 20 requests a second pass and the next gets the vendor's 429."""
    shop = await open_shop(limits=True)
    statuses = [(await shop.ask("GET", "/v2/identity/whoami", lawful=False)) for _ in range(21)]
    assert [200] * 20 + [429] == [answer.status for answer in statuses]
    assert {"error": {"code": "rate_limited"}} == statuses[-1].json


async def test_unknown_path(shop: Shop) -> None:
    """An unknown path is 404 with the vendor's JSON."""
    answer = await shop.ask("GET", "/v2/rewards", lawful=False)
    assert (404, {"error": {"message": "Not found"}}) == (answer.status, answer.json)


# Activities.


async def test_activity(shop: Shop) -> None:
    """An activity is 201 without a body, earns by its rule and is listed."""
    answer = await shop.ask("POST", "/v2/activities", ACTIVITY | {"merchant_id": "r-1"})
    assert (201, "") == (answer.status, answer.text)
    assert [10] == shop.points()
    (row,) = await shop.rows("/v2/activities")
    assert ("r-1", 10, "approved") == (row["merchant_id"], row["value"], row["state"])
    assert ("review", "Review") == (row["rule"]["name"], row["rule"]["title"])
    assert ("1", "a@example.com", 10) == (
        row["customer"]["merchant_id"], row["customer"]["email"],
        row["customer"]["points_approved"],
    )  # fmt: skip
    (transaction,) = await shop.rows()
    assert ("activity", 10, None) == (
        transaction["resource"], transaction["points_approved"],
        transaction["activity"]["resource"],
    )  # fmt: skip


@pytest.mark.parametrize("guest", [{}, {"guest": True}, {"guest": None}])
async def test_guests_earn_nothing(shop: Shop, guest: Any) -> None:
    """Guest is the default, and guests earn nothing; their activity has a row without a rule."""
    body = {key: value for key, value in ACTIVITY.items() if key != "guest"}
    await shop.ask("POST", "/v2/activities", body | guest)
    assert [] == shop.points()
    (row,) = await shop.rows("/v2/activities")
    assert (0, {"id": None, "name": None, "title": None}) == (row["value"], row["rule"])
    (customer,) = await shop.rows("/v2/customers")
    assert (True, False, None) == (
        customer["guest"], customer["enrolled"], customer["enrolled_at"],
    )  # fmt: skip


async def test_signup_makes_a_member(shop: Shop) -> None:
    """$signup earns, and turns a guest into a member."""
    await shop.ask("POST", "/v2/activities", ACTIVITY | {"guest": True})
    await shop.ask("POST", "/v2/activities", ACTIVITY | {"name": "$signup"})
    (customer,) = await shop.rows("/v2/customers")
    assert (False, True) == (customer["guest"], customer["enrolled"])
    assert [10] == shop.points()
    assert "Signup" == (await shop.rows("/v2/activities"))[0]["rule"]["title"]


async def test_rules(open_shop: Open) -> None:
    """What an activity earns is a table: points, a cap, nothing at all, points that wait."""
    rules = {
        "visit": 3, "share": Rule(5, limit=1), "look": None, "buy": Rule(7, pending=True),
        "free": 0,
    }  # fmt: skip
    shop = await open_shop(rules=rules)
    for name in ("visit", "visit", "share", "share", "look", "buy", "free", "other"):
        await shop.ask("POST", "/v2/activities", ACTIVITY | {"name": name})
    assert [3, 3, 5, 0, 10] == shop.points()
    values = [(row["value"], row["state"]) for row in await shop.rows("/v2/activities")]
    assert [(10, "approved"), (0, "approved"), (7, "pending"), (0, "approved")] == values[:4]
    assert 8 == len(values)
    pending = [entry.pending for entry in shop.sandbox.ledger("loyaltylion", "1")]
    assert [0, 0, 0, 7, 0] == pending
    (customer,) = await shop.rows("/v2/customers")
    assert (21, 7) == (customer["points_approved"], customer["points_pending"])


async def test_unmatched_activities_without_a_row(open_shop: Open) -> None:
    """With the switch, rule-less and capped activities and those of guests leave no row."""
    shop = await open_shop(
        unmatched_activities="no_row", rules={"look": None, "share": Rule(5, limit=1)}
    )
    for name in ("look", "share", "share"):
        await shop.ask("POST", "/v2/activities", ACTIVITY | {"name": name})
    await shop.ask("POST", "/v2/activities", ACTIVITY | {"guest": True})
    assert ["share"] == [row["rule"]["name"] for row in await shop.rows("/v2/activities")]


@pytest.mark.parametrize(
    ("customer_id", "found"), [(5000001, "5000001"), (7.0, "7"), ("x/y", "x/y")]
)
async def test_customer_id_may_be_a_number(shop: Shop, customer_id: Any, found: str) -> None:
    """A number and its digits are the same customer."""
    await shop.ask("POST", "/v2/activities", ACTIVITY | {"customer_id": customer_id})
    assert [10] == shop.points(found)


@pytest.mark.parametrize(("switch", "time"), [("date", "2026-05-01T08:00:00.000Z"), ("now", None)])
async def test_activity_time(open_shop: Open, switch: Any, time: str | None) -> None:
    """Rows carry the date that was sent, or the time of receipt."""
    shop = await open_shop(activity_time=switch)
    dated = {"date": "2026-05-01T10:00:00+02:00"}
    await shop.ask("POST", "/v2/activities", ACTIVITY | dated)
    await shop.ask("POST", "/v2/orders", ORDER | dated)
    rows = await shop.rows("/v2/activities") + await shop.rows("/v2/orders") + await shop.rows()
    assert 5 == len(rows)
    assert [time is not None] * 5 == [row["created_at"] == time for row in rows]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": 5}, "name"),
        ({"customer_id": None}, "customer_id"),
        ({"customer_email": None}, "customer_email"),
        ({"properties": []}, "properties"),
        ({"guest": "false"}, "guest"),
        ({"merchant_id": 5}, "merchant_id"),
        ({"points": 5}, "points"),
    ],
)
async def test_bad_activities(shop: Shop, change: Any, field: str) -> None:
    """A body outside the schema is 400 with an error object that names the field."""
    answer = await shop.ask("POST", "/v2/activities", ACTIVITY | change)
    assert (400, [field]) == (answer.status, list(answer.json["error"]["details"]))
    assert [] == shop.points()


@pytest.mark.parametrize("missing", ["name", "customer_id", "customer_email"])
async def test_required_in_activities(shop: Shop, missing: str) -> None:
    """Name, customer and email are required."""
    body = {key: value for key, value in ACTIVITY.items() if key != missing}
    answer = await shop.ask("POST", "/v2/activities", body)
    assert (400, {missing: "is required"}) == (answer.status, answer.json["error"]["details"])


@pytest.mark.parametrize("change", [{"name": ""}, {"customer_id": ""}, {"date": "soon"}])
async def test_unprocessable_activities(shop: Shop, change: Any) -> None:
    """What passes the schema and makes no sense is 422 with an error string."""
    answer = await shop.ask("POST", "/v2/activities", ACTIVITY | change)
    assert 422 == answer.status
    assert isinstance(answer.json["error"], str)


async def test_every_documented_activity_field(shop: Shop) -> None:
    """Every documented field passes, and null where it is allowed."""
    body = ACTIVITY | {"properties": {"url": "https://example.com"}, "state": "approved"}
    optional = ("merchant_id", "ip_address", "user_agent", "referral_id", "tracking_id", "date")
    assert 201 == (await shop.ask("POST", "/v2/activities", body)).status
    nulls = dict.fromkeys(optional)
    assert 201 == (await shop.ask("POST", "/v2/activities", body | nulls)).status
    assert [10, 10] == shop.points()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff"])
async def test_bodies_that_are_no_object(shop: Shop, body: bytes) -> None:
    """A body that is no JSON object is 400."""
    url = f"{shop.sandbox.url}/v2/activities"
    headers = {"Authorization": "Bearer pat_sandbox"}
    async with shop.session.post(url, data=body, headers=headers) as response:
        assert 400 == response.status


@pytest.mark.parametrize(
    ("how", "status", "points", "rows"),
    [
        ("accept", 201, [10, 10], 2),
        ("ignore", 201, [10], 1),
        ("overwrite", 201, [10], 1),
        ("409", 409, [10], 1),
        ("422", 422, [10], 1),
    ],
)
async def test_duplicate_activities(
    open_shop: Open, how: Any, status: int, points: list[int], rows: int
) -> None:
    """A second activity with one name and id: a second row, ignored, overwritten or an error."""
    shop = await open_shop(duplicate_activities=how)
    body = ACTIVITY | {"merchant_id": "r-1"}
    await shop.ask("POST", "/v2/activities", body)
    assert status == (await shop.ask("POST", "/v2/activities", body, lawful=False)).status
    assert points == shop.points()
    assert rows == len(await shop.rows("/v2/activities"))
    other = ACTIVITY | {"merchant_id": "r-1", "name": "share"}
    assert 201 == (await shop.ask("POST", "/v2/activities", other)).status


@pytest.mark.parametrize(
    ("states", "points", "pending", "state"),
    [
        (["approved"], [0, 7], [7, -7], "approved"),
        (["declined"], [0, 0], [7, -7], "declined"),
        (["void"], [0, 0], [7, -7], "void"),
        (["approved", "void"], [0, 7, -7], [7, -7, 0], "void"),
        (["approved", "declined"], [0, 7, -7], [7, -7, 0], "void"),
        (["declined", "approved"], [0, 0], [7, -7], "declined"),
        (["approved", "approved"], [0, 7], [7, -7], "approved"),
    ],
)
async def test_activity_states(
    open_shop: Open, states: list[str], points: list[int], pending: list[int], state: str
) -> None:
    """Pending is approved or declined, approved is voided; each adds a row, a repeat none."""
    shop = await open_shop(rules={"review": Rule(7, pending=True)})
    await shop.ask("POST", "/v2/activities", ACTIVITY | {"merchant_id": "r/1"})
    for wanted in states:
        answer = await shop.ask("PUT", "/v2/activities/review/r%2F1", {"state": wanted})
        assert (204, "") == (answer.status, answer.text)
    entries = shop.sandbox.ledger("loyaltylion", "1")
    assert points == [entry.points for entry in entries]
    assert pending == [entry.pending for entry in entries]
    assert state == (await shop.rows("/v2/activities"))[0]["state"]
    (customer,) = await shop.rows("/v2/customers")
    assert (sum(points), sum(pending)) == (customer["points_approved"], customer["points_pending"])


async def test_state_of_an_activity_without_points(open_shop: Open) -> None:
    """Voiding what earned nothing adds no row."""
    shop = await open_shop(rules={"review": None})
    await shop.ask("POST", "/v2/activities", ACTIVITY | {"merchant_id": "r-1"})
    assert 204 == (await shop.ask("PUT", "/v2/activities/review/r-1", {"state": "void"})).status
    assert [] == shop.points()


async def test_bad_activity_updates(shop: Shop) -> None:
    """An unknown state is 400 and an unknown activity 404, which the contract leaves open."""
    assert 400 == (await shop.ask("PUT", "/v2/activities/a/b", {"state": "gone"})).status
    answer = await shop.ask("PUT", "/v2/activities/a/b", {"state": "void"}, lawful=False)
    assert (404, "Activity not found") == (answer.status, answer.json["error"]["message"])


async def test_activity_names_with_a_dollar(shop: Shop) -> None:
    """Built-in names arrive as themselves, encoded or not."""
    body = ACTIVITY | {"name": "$signup", "merchant_id": "1"}
    await shop.ask("POST", "/v2/activities", body)
    for name in ("$signup", "%24signup"):
        assert 204 == (await shop.ask("PUT", f"/v2/activities/{name}/1", {"state": "void"})).status
    assert [10, -10] == shop.points()


# Orders.


async def test_order(shop: Shop) -> None:
    """A paid order is 201 with an empty JSON string and earns a point per whole unit."""
    answer = await shop.ask("POST", "/v2/orders", ORDER)
    assert (201, '""') == (answer.status, answer.text)
    (entry,) = shop.sandbox.ledger("loyaltylion", "1")
    assert (99, "earned", "A-1") == (entry.points, entry.kind, entry.order_id)
    order = (await shop.ask("GET", "/v2/orders/A-1")).json
    assert ("A-1", "paid", "99.99", "99.99") == (
        order["merchant_id"], order["payment_status"], order["total"], order["total_paid"],
    )  # fmt: skip
    assert ["99.99"] == [payment["amount"] for payment in order["payments"]]
    (transaction,) = await shop.rows()
    assert ("activity", "order", "A-1") == (
        transaction["resource"], transaction["activity"]["resource"],
        transaction["activity"]["order"]["merchant_id"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "points"),
    [
        ({"payment_status": "not_paid"}, []),
        ({"payment_status": "partially_paid"}, []),
        ({"total": "0.99"}, []),
        ({"total": 12.5}, [12]),
        ({"total": 12}, [12]),
        ({"guest": True}, []),
        ({"guest": False}, [99]),
    ],
)
async def test_what_orders_earn(shop: Shop, change: Any, points: list[int]) -> None:
    """Only what is paid, in whole units, by members."""
    await shop.ask("POST", "/v2/orders", ORDER | change)
    assert points == shop.points()


async def test_least_order(shop: Shop) -> None:
    """An order needs nothing but a customer."""
    assert 201 == (await shop.ask("POST", "/v2/orders", {"customer_id": "1"})).status
    (order,) = await shop.rows("/v2/orders")
    assert ("", "0.00", "not_paid") == (
        order["merchant_id"], order["total"], order["payment_status"],
    )  # fmt: skip
    assert [] == shop.points()


async def test_every_documented_order_field(shop: Shop) -> None:
    """Every documented field passes and comes back where the vendor shows it."""
    body = ORDER | {
        "customer_email": "a@example.com", "merchant_id": 100045, "merchant_number": "#1045",
        "number": None, "total": "99.99", "total_shipping": 3.49, "total_paid": "50.00",
        "discount_codes": [{"code": "A", "amount": "5.00"}, {"code": "B", "amount": "2.5"}],
        "claimed_reward_ids": [1, 2], "date": "2026-05-01T10:00:00Z", "ip_address": "::1",
        "user_agent": "x", "referral_id": "r", "tracking_id": "t", "guest": False,
    }  # fmt: skip
    assert 201 == (await shop.ask("POST", "/v2/orders?site_id=501", body)).status
    (order,) = await shop.rows("/v2/orders")
    assert ("100045", "#1045", "3.49", "7.50", "50.00", "2026-05-01T10:00:00.000Z") == (
        order["merchant_id"], order["merchant_number"], order["total_shipping"],
        order["total_discounts"], order["total_paid"], order["created_at"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"customer_id": 5}, "customer_id"),
        ({"merchant_id": None}, "merchant_id"),
        ({"total": "ten"}, "total"),
        ({"total": "-1"}, "total"),
        ({"total": -1}, "total"),
        ({"total": 1e300}, "total"),
        ({"total_paid": 5}, "total_paid"),
        ({"payment_status": "unpaid"}, "payment_status"),
        ({"discount_codes": [{"code": "A"}]}, "discount_codes"),
        ({"discount_codes": ["A"]}, "discount_codes"),
        ({"claimed_reward_ids": ["1"]}, "claimed_reward_ids"),
        ({"date": "soon"}, "date"),
        ({"guest": None}, "guest"),
        ({"ip_address": None}, "ip_address"),
        ({"refund_status": "refunded"}, "refund_status"),
    ],
)
async def test_bad_orders(shop: Shop, change: Any, field: str) -> None:
    """A body outside the schema is 400 with an error object that names the field."""
    answer = await shop.ask("POST", "/v2/orders", ORDER | change)
    assert (400, [field]) == (answer.status, list(answer.json["error"]["details"]))
    assert [] == shop.points()


async def test_unknown_fields_ignored(open_shop: Open) -> None:
    """With the switch, fields outside the schema are ignored."""
    shop = await open_shop(unknown_fields="ignore")
    assert 201 == (await shop.ask("POST", "/v2/orders", ORDER | {"extra": 1})).status


@pytest.mark.parametrize("path", ["/v2/orders", "/v2/activities"])
@pytest.mark.parametrize("site", ["x", "", "-1", "%C2%B2"])
async def test_bad_site(shop: Shop, path: str, site: str) -> None:
    """A site id that is no number is 400."""
    body = ORDER if path.endswith("orders") else ACTIVITY
    assert 400 == (await shop.ask("POST", f"{path}?site_id={site}", body)).status


@pytest.mark.parametrize("known", [True, False])
async def test_unknown_order(shop: Shop, known: bool) -> None:  # noqa: FBT001
    """Reading or updating an order that was never created is 404: PUT is no upsert."""
    if known:
        await shop.ask("POST", "/v2/orders", ORDER)
    status = {True: (200, 204), False: (404, 404)}[known]
    read = await shop.ask("GET", "/v2/orders/A-1", lawful=known)
    put = await shop.ask("PUT", "/v2/orders/A-1", UNCHANGED, lawful=known)
    assert status == (read.status, put.status)
    if not known:
        assert {"error": {"message": "Order not found"}} == read.json == put.json


@pytest.mark.parametrize("key", ["../orders", "a/b", "é", "%2F", "$1", "a?b#c", "1 2+3"])
async def test_order_ids_arrive_as_themselves(shop: Shop, key: str) -> None:
    """Any id that is percent-encoded is found again."""
    await shop.ask("POST", "/v2/orders", ORDER | {"merchant_id": key})
    encoded = "".join(f"%{byte:02X}" for byte in key.encode())
    assert key == (await shop.ask("GET", f"/v2/orders/{encoded}")).json["merchant_id"]


async def test_paying_later(shop: Shop) -> None:
    """An order that is paid by an update earns then; the same update again changes nothing."""
    await shop.ask("POST", "/v2/orders", ORDER | {"payment_status": "not_paid"})
    assert [] == shop.points()
    for _ in range(3):
        answer = await shop.ask("PUT", "/v2/orders/A-1", UNCHANGED)
        assert (204, "") == (answer.status, answer.text)
    assert [99] == shop.points()


@pytest.mark.parametrize(
    ("changes", "points", "state"),
    [
        (
            [{"total_refunded": "20.00", "refund_status": "partially_refunded"}],
            [99, -20],
            "approved",
        ),
        ([{"total_refunded": "99.99", "refund_status": "refunded"}], [99, -99], "void"),
        ([{"cancellation_status": "cancelled"}], [99, -99], "void"),
        ([{"cancellation_status": "cancelled"}, {}], [99, -99, 99], "approved"),
        ([{"payment_status": "not_paid"}], [99, -99], "void"),
    ],
)
async def test_refunds(shop: Shop, changes: list[Any], points: list[int], state: str) -> None:
    """Refunds and cancellations take back what was earned, in proportion, once."""
    await shop.ask("POST", "/v2/orders", ORDER)
    for change in changes:
        for _ in range(2):
            await shop.ask("PUT", "/v2/orders/A-1", UNCHANGED | change)
    assert points == shop.points()
    (activity,) = await shop.rows("/v2/activities")
    assert (sum(points), state) == (activity["value"], activity["state"])
    refunds = (await shop.ask("GET", "/v2/orders/A-1")).json["refunds"]
    wanted = [change["total_refunded"] for change in changes if "total_refunded" in change]
    assert wanted == [refund["amount"] for refund in refunds]


@pytest.mark.parametrize(
    "change", [{"total_paid": 5}, {"refund_status": "some"}, {"total_refunded": "x"}]
)
async def test_bad_order_updates(shop: Shop, change: Any) -> None:
    """An update outside the schema is 400, and so is one that is not the full state."""
    await shop.ask("POST", "/v2/orders", ORDER)
    assert 400 == (await shop.ask("PUT", "/v2/orders/A-1", UNCHANGED | change)).status
    partial = {"payment_status": "paid"}
    assert 400 == (await shop.ask("PUT", "/v2/orders/A-1", partial)).status
    magento = UNCHANGED | {"$magento_payload": {"a": 1}, "whatever": 1}
    assert 204 == (await shop.ask("PUT", "/v2/orders/A-1", magento)).status


@pytest.mark.parametrize(
    ("how", "status", "points", "rows"),
    [
        ("accept", 201, [99, 50], 2),
        ("ignore", 201, [99], 1),
        ("overwrite", 201, [99, -49], 1),
        ("409", 409, [99], 1),
        ("422", 422, [99], 1),
    ],
)
async def test_duplicate_orders(
    open_shop: Open, how: Any, status: int, points: list[int], rows: int
) -> None:
    """A second order with one id: a second row, ignored, overwritten or an error."""
    shop = await open_shop(duplicate_orders=how)
    await shop.ask("POST", "/v2/orders", ORDER)
    again = await shop.ask("POST", "/v2/orders", ORDER | {"total": "50.00"}, lawful=False)
    assert status == again.status
    assert points == shop.points()
    assert rows == len(await shop.rows("/v2/orders"))
    assert [True, status == 201 and how != "ignore"] == [
        arrival.applied for arrival in shop.sandbox.arrivals[:2]
    ]


async def test_orders_without_id_are_never_the_same(open_shop: Open) -> None:
    """Two orders without an id are two orders, whatever happens to duplicates."""
    shop = await open_shop(duplicate_orders="409")
    body = {key: value for key, value in ORDER.items() if key != "merchant_id"}
    for _ in range(2):
        assert 201 == (await shop.ask("POST", "/v2/orders", body)).status
    assert [99, 99] == shop.points()


@pytest.mark.parametrize(("shared", "total"), [(False, "50.00"), (True, "99.99")])
async def test_shared_order_ids(open_shop: Open, shared: Any, total: str) -> None:
    """Reading an order gives the newest of that id, or the oldest, which may be another site's."""
    shop = await open_shop(shared_order_ids=shared)
    await shop.ask("POST", "/v2/orders?site_id=1", ORDER)
    await shop.ask("POST", "/v2/orders?site_id=2", ORDER | {"total": "50.00"})
    assert total == (await shop.ask("GET", "/v2/orders/A-1")).json["total"]


@given(
    total=st.decimals(0, 10**6, places=2),
    refunded=st.decimals(0, 10**6, places=2),
    status=st.sampled_from(["paid", "not_paid", "partially_paid"]),
)
def test_worth(total: Decimal, refunded: Decimal, status: str) -> None:
    """An order is worth the whole units that are paid and not refunded, and never less than 0."""
    order = {
        "payment_status": status, "refund_status": "not_refunded", "guest": False,
        "cancellation_status": "not_cancelled", "total": str(total),
        "total_refunded": str(refunded),
    }  # fmt: skip
    value = worth(order)
    assert value >= 0
    assert 0 == value or 0 <= total - refunded - value < 1
    assert 0 == worth(order | {"refund_status": "refunded"})
    assert 0 == worth(order | {"guest": True})


# Points.


async def test_points(shop: Shop) -> None:
    """Adding is 201 with an empty JSON string, removing 204; both are adjustments with a note."""
    added = await shop.ask("POST", "/v2/customers/1/points", {"points": 50, "reason": "Sorry"})
    removed = await shop.ask("POST", "/v2/customers/1/remove_points", {"points": 20})
    assert (201, '""', 204, "") == (added.status, added.text, removed.status, removed.text)
    entries = shop.sandbox.ledger("loyaltylion", "1")
    assert [(50, "Sorry", 50), (-20, None, 30)] == [
        (entry.points, entry.reason, entry.balance) for entry in entries
    ]
    newest, oldest = await shop.rows()
    assert ("adjustment", {"note": None}, -20) == (
        newest["resource"], newest["adjustment"], newest["points_approved"],
    )  # fmt: skip
    assert ({"note": "Sorry"}, str(oldest["id"])) == (oldest["adjustment"], entries[0].id)
    assert 20 == newest["customer"]["points_spent"]


@pytest.mark.parametrize(
    ("points", "add", "remove"),
    [
        (0, 400, 400),
        (-1, 400, 400),
        (1, 201, 204),
        (1_000_000, 201, 204),
        (1_000_001, 400, 204),
        (1.5, 400, 400),
        ("5", 400, 400),
        (True, 400, 400),
        (None, 400, 400),
    ],
)
async def test_point_bounds(shop: Shop, points: Any, add: int, remove: int) -> None:
    """Points are whole and from 1; only adding has an upper bound, of 1,000,000."""
    for path, status in (("points", add), ("remove_points", remove)):
        answer = await shop.ask("POST", f"/v2/customers/1/{path}", {"points": points})
        assert status == answer.status


async def test_point_bodies(shop: Shop) -> None:
    """A reason may be null and unknown fields pass; points are required."""
    body = {"points": 5, "reason": None, "extra": 1}
    assert 201 == (await shop.ask("POST", "/v2/customers/1/points", body)).status
    assert 400 == (await shop.ask("POST", "/v2/customers/1/points", {"reason": "x"})).status
    assert (
        400 == (await shop.ask("POST", "/v2/customers/1/points", {"points": 1, "reason": 5})).status
    )


@pytest.mark.parametrize(
    ("how", "status", "points"),
    [("clamp", 204, [5, -5]), ("refuse", 400, [5]), ("negative", 204, [5, -9])],
)
async def test_below_zero(open_shop: Open, how: Any, status: int, points: list[int]) -> None:
    """Removing more than there is goes down to 0, is 400, or below 0."""
    shop = await open_shop(below_zero=how)
    await shop.ask("POST", "/v2/customers/1/points", {"points": 5})
    answer = await shop.ask("POST", "/v2/customers/1/remove_points", {"points": 9})
    assert status == answer.status
    assert points == shop.points()


async def test_nothing_to_take_below_zero(shop: Shop) -> None:
    """A refund may leave less than nothing; a removal that is clamped takes nothing then."""
    await shop.ask("POST", "/v2/orders", ORDER)
    await shop.ask("POST", "/v2/customers/1/remove_points", {"points": 50})
    await shop.ask("PUT", "/v2/orders/A-1", UNCHANGED | {"refund_status": "refunded"})
    await shop.ask("POST", "/v2/customers/1/remove_points", {"points": 10})
    assert [99, -50, -99, 0] == shop.points()
    assert -50 == shop.sandbox.balance("loyaltylion", "1")


NESTED: list[tuple[str, str, Any]] = [
    ("POST", "/v2/customers/x/points", {"points": 1}),
    ("POST", "/v2/customers/x/remove_points", {"points": 1}),
    ("GET", "/v2/customers/x/transactions", None),
    ("PATCH", "/v2/customers/x", {"customer": {}}),
]
ELSEWHERE: list[tuple[str, str, Any]] = [
    ("POST", "/v2/orders", ORDER | {"customer_id": "x"}),
    ("POST", "/v2/activities", ACTIVITY | {"customer_id": "x"}),
]


@pytest.mark.parametrize(
    ("mode", "nested", "elsewhere"), [("create", 2, 2), ("404", 4, 4), ("404_nested", 4, 2)]
)
async def test_unknown_customers(open_shop: Open, mode: Any, nested: int, elsewhere: int) -> None:
    """An unknown customer is made, or 404, or 404 where the id is part of the path."""
    for requests, wanted in ((NESTED, nested), (ELSEWHERE, elsewhere)):
        for method, path, body in requests:
            shop = await open_shop(unknown_customers=mode)
            answer = await shop.ask(method, path, body, lawful=False)
            assert wanted == answer.status // 100, path
            if wanted == 4:
                assert (404, "Customer not found") == (
                    answer.status, answer.json["error"]["message"],
                )  # fmt: skip


async def test_update_customer(shop: Shop) -> None:
    """Birthday and the blocked flag can be set, and come back."""
    shop.sandbox.add_customer("loyaltylion", "1")
    change = {"customer": {"birthday": "1990-05-15", "blocked": True}}
    answer = await shop.ask("PATCH", "/v2/customers/1", change)
    assert 200 == answer.status
    for customer in (answer.json["customer"], *(await shop.rows("/v2/customers"))):
        assert ("1990-05-15", True) == (customer["birthday"], customer["blocked"])


@pytest.mark.parametrize("body", [{}, {"customer": 5}, {"customer": {"blocked": "yes"}}])
async def test_bad_customer_updates(shop: Shop, body: Any) -> None:
    """An update outside the schema is 400."""
    assert 400 == (await shop.ask("PATCH", "/v2/customers/1", body)).status


# Lists.


@pytest.fixture
async def full(shop: Shop) -> Shop:
    """A shop with 25 rows of one customer and one of another."""
    shop.sandbox.add_transactions("loyaltylion", "1", 25)
    shop.sandbox.add_customer("loyaltylion", "2", email="Bea@example.com", points=7)
    return shop


async def test_newest_first(full: Shop) -> None:
    """Lists are newest first, and their cursors lead to every row once."""
    ids = [row["id"] for row in await full.rows("/v2/customers/1/transactions", limit=4)]
    entries = full.sandbox.ledger("loyaltylion", "1")
    assert [entry.number for entry in reversed(entries)] == ids
    assert 26 == len(await full.rows(limit=5))


async def test_default_limit(full: Shop) -> None:
    """A page has 100 rows unless told otherwise."""
    full.sandbox.add_transactions("loyaltylion", "1", 200)
    page = (await full.ask("GET", "/v2/customers/1/transactions")).json
    assert 100 == len(page["transactions"])


async def test_end_of_a_list(full: Shop) -> None:
    """The cursors of a list that fits on a page are null; so are those of an empty one."""
    for target in ("/v2/transactions?limit=26", "/v2/customers/nobody/transactions"):
        answer = await full.ask("GET", target)
        assert {"prev": None, "next": None} == answer.json["cursor"]
        assert "Link" not in answer.headers


async def test_there_and_back(full: Shop) -> None:
    """The previous cursor leads to the page before, whose own previous cursor ends."""
    path = "/v2/customers/1/transactions"
    first = (await full.ask("GET", f"{path}?limit=10")).json
    second = (await full.ask("GET", f"{path}?limit=10&cursor={first['cursor']['next']}")).json
    back = (await full.ask("GET", f"{path}?limit=10&cursor={second['cursor']['prev']}")).json
    assert first["transactions"] == back["transactions"]
    assert None is first["cursor"]["prev"]
    assert None is back["cursor"]["prev"]
    forth = (await full.ask("GET", f"{path}?limit=10&cursor={back['cursor']['next']}")).json
    assert second["transactions"] == forth["transactions"]
    third = (await full.ask("GET", f"{path}?limit=10&cursor={second['cursor']['next']}")).json
    up = (await full.ask("GET", f"{path}?limit=4&cursor={third['cursor']['prev']}")).json
    assert second["transactions"][-4:] == up["transactions"]
    assert up["cursor"]["prev"] is not None


async def test_link_header(full: Shop) -> None:
    """The Link header has the body's cursors, previous before next."""
    first = await full.ask("GET", "/v2/transactions?limit=10")
    assert first.headers["Link"].startswith(f"<{full.sandbox.url}/v2/transactions?cursor=")
    assert first.headers["Link"].endswith('&limit=10>; rel="next"')
    second = await full.ask(
        "GET", f"/v2/transactions?limit=10&cursor={first.json['cursor']['next']}"
    )
    previous, following = second.headers["Link"].split(", ")
    assert previous.endswith('rel="previous"')
    assert following.endswith('rel="next"')
    assert second.json["cursor"]["prev"] in previous
    assert second.json["cursor"]["next"] in following


async def test_filters_are_in_the_cursor(full: Shop) -> None:
    """Filters beside a cursor are ignored, those of the first request count, and so does limit."""
    entries = full.sandbox.ledger("loyaltylion", "1")
    since, until = entries[5].time.isoformat(), entries[20].time.isoformat()
    query: dict[str, Any] = {"created_at_min": since, "created_at_max": until, "limit": 4}
    url = str(URL("/v2/customers/1/transactions").with_query(query))
    first = (await full.ask("GET", url)).json
    cursor = first["cursor"]["next"]
    follow: dict[str, Any] = {
        "cursor": cursor,
        "created_at_min": until,
        "limit": 3,
        "since_id": 0,
        "page": 9,
    }
    second = (await full.ask("GET", str(URL("/v2/transactions").with_query(follow)))).json
    assert [entry.number for entry in entries[19:15:-1]] == [r["id"] for r in first["transactions"]]
    assert 3 == len(second["transactions"])
    whole = await full.rows("/v2/customers/1/transactions", **query)
    # Inclusive and exclusive.
    assert [entry.number for entry in entries[19:4:-1]] == [row["id"] for row in whole]


async def test_unknown_parameters_are_ignored(full: Shop) -> None:
    """A misspelt filter returns everything, without a word."""
    answer = await full.ask("GET", "/v2/transactions?created_at_gte=2030-01-01&customer=2&page=3")
    assert 26 == len(answer.json["transactions"])


async def test_since_id(full: Shop) -> None:
    """since_id gives rows with greater ids, ascending, and cursors that go on so."""
    entries = full.sandbox.ledger("loyaltylion", "1")
    last = entries[9].number
    url = f"/v2/customers/1/transactions?since_id={last}&limit=6"
    page = (await full.ask("GET", url)).json
    assert [e.number for e in entries[10:16]] == [row["id"] for row in page["transactions"]]
    assert None is page["cursor"]["prev"]
    rows = await full.rows("/v2/customers/1/transactions", since_id=last, limit=6)
    assert [entry.number for entry in entries[10:]] == [row["id"] for row in rows]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=501", "limit=x", "limit=", "limit=-1", "limit=²", "since_id=-1",
        "since_id=" + "9" * 5000,
        "since_id=x", "created_at_min=soon", "created_at_max=", "customer_id=x", "cursor=x",
        "cursor=", "cursor=é", "cursor=WzFd", "cursor=WyJhIixudWxsLGZhbHNlLGZhbHNlLDAse31d",
    ],
)  # fmt: skip
async def test_bad_parameters(full: Shop, query: str) -> None:
    """A parameter that cannot be is 400 and named."""
    target = str(URL(f"/v2/transactions?{query}"))
    answer = await full.ask("GET", target)
    assert 400 == answer.status
    assert [query.partition("=")[0]] == list(answer.json["error"]["details"])


async def test_customer_filter(full: Shop) -> None:
    """The program's transactions are filtered by LoyaltyLion's own id, not by the store's."""
    customers = {row["merchant_id"]: row["id"] for row in await full.rows("/v2/customers")}
    own = (await full.ask("GET", f"/v2/transactions?customer_id={customers['2']}")).json
    assert [7] == [row["points_approved"] for row in own["transactions"]]
    for other in (2, 10**9):
        answer = await full.ask("GET", f"/v2/transactions?customer_id={other}")
        assert [] == answer.json["transactions"]


async def test_csv(full: Shop) -> None:
    """As CSV, the cursors are in the Link header only."""
    # The validator knows no CSV.
    answer = await full.ask("GET", "/v2/transactions?type=csv&limit=2", lawful=False)
    head, *rows = answer.text.split("\r\n")
    assert head.startswith("id,customer,points_approved")
    newest = full.sandbox.ledger("loyaltylion", "2")[0]
    assert rows[0].startswith(f"{newest.number},2,7,0,")
    assert 3 == len(rows)
    assert 'rel="next"' in answer.headers["Link"]
    assert answer.headers["Content-Type"].startswith("text/csv")


async def test_pages_by_number(shop: Shop) -> None:
    """Deprecated, but customers, activities and orders can be paged by number."""
    for number in range(5):
        await shop.ask("POST", "/v2/orders", ORDER | {"merchant_id": str(number)})
    page = (await shop.ask("GET", "/v2/orders?limit=2&page=2")).json
    assert ["2", "1"] == [row["merchant_id"] for row in page["orders"]]
    assert 400 == (await shop.ask("GET", "/v2/orders?page=0")).status


async def test_updated_orders(shop: Shop) -> None:
    """Orders are filtered by their last change, both ends inclusive."""
    for number in ("1", "2"):
        await shop.ask("POST", "/v2/orders", ORDER | {"merchant_id": number})
    shop.sandbox.clock.advance(60)
    await shop.ask("PUT", "/v2/orders/1", UNCHANGED)
    updated = (await shop.rows("/v2/orders"))[1]["updated_at"]
    for query, wanted in (
        ({"updated_at_min": updated}, ["1"]),
        ({"updated_at_max": updated}, ["2", "1"]),
        ({"updated_at_max": "2026-01-01"}, []),
    ):
        rows = await shop.rows("/v2/orders", **query)
        assert wanted == [row["merchant_id"] for row in rows]


async def test_customer_search(full: Shop) -> None:
    """email= finds a part of an address."""
    assert ["2"] == [row["merchant_id"] for row in await full.rows("/v2/customers", email="ea@ex")]
    assert [] == await full.rows("/v2/customers", email="bea@")
    assert ["2", "1"] == [row["merchant_id"] for row in await full.rows("/v2/customers")]


@pytest.mark.parametrize(
    ("field", "direction", "wanted"),
    [
        ("id", "asc", ["1", "2", "3"]),
        ("id", "desc", ["3", "2", "1"]),
        ("updated_at", "asc", ["1", "3", "2"]),
        ("updated_at", "desc", ["2", "3", "1"]),
    ],
)
async def test_sorted_customers(full: Shop, field: str, direction: str, wanted: list[str]) -> None:
    """Customers can be sorted, and the cursors go on in that order."""
    full.sandbox.clock.advance(1)
    full.sandbox.add_customer("loyaltylion", "3")
    full.sandbox.clock.advance(1)
    await full.ask("POST", "/v2/customers/2/points", {"points": 1})
    rows = await full.rows("/v2/customers", sort_field=field, sort_direction=direction, limit=1)
    assert wanted == [row["merchant_id"] for row in rows]


@pytest.mark.parametrize("query", ["sort_field=email", "sort_direction=up"])
async def test_bad_sort(full: Shop, query: str) -> None:
    """A field or direction that does not exist is 400."""
    assert 400 == (await full.ask("GET", f"/v2/customers?{query}")).status


async def test_cursor_after_a_reset(full: Shop) -> None:
    """A cursor from before the shop was emptied leads to an empty page."""
    first = (await full.ask("GET", "/v2/transactions?limit=3")).json
    full.sandbox.reset()
    page = (await full.ask("GET", f"/v2/transactions?cursor={first['cursor']['next']}")).json
    assert ([], None) == (page["transactions"], page["cursor"]["next"])
    back = (await full.ask("GET", f"/v2/transactions?cursor={first['cursor']['next']}")).json
    assert None is back["cursor"]["prev"]


async def test_previous_page_after_a_reset(full: Shop) -> None:
    """So does one towards the head."""
    first = (await full.ask("GET", "/v2/transactions?limit=3")).json
    second = (await full.ask("GET", f"/v2/transactions?cursor={first['cursor']['next']}")).json
    full.sandbox.reset()
    page = (await full.ask("GET", f"/v2/transactions?cursor={second['cursor']['prev']}")).json
    assert ([], {"prev": None, "next": None}) == (page["transactions"], page["cursor"])


async def test_list_lag(open_shop: Open) -> None:
    """Rows that lag are missing from lists and counted in the ledger; an order can be read."""
    shop = await open_shop(list_lag=60, seed=1)
    for number in range(5):
        await shop.ask("POST", "/v2/orders", ORDER | {"merchant_id": str(number)})
    shown = len(await shop.rows("/v2/orders"))
    assert shown < 5
    assert 200 == (await shop.ask("GET", "/v2/orders/4")).status
    assert 5 == len(shop.points())
    shop.sandbox.clock.advance(60)
    assert 5 == len(await shop.rows("/v2/orders"))
    assert 5 == len(await shop.rows())


async def test_other_resources(shop: Shop) -> None:
    """Rewards that were claimed and points that expired have sub-objects of their own."""
    ledger = shop.sandbox.vendor("loyaltylion").ledger
    account = ledger.open_account("1")
    for kind in ("redeemed", "expired"):
        ledger.write(account, -1, kind=kind)
    newest, oldest = await shop.rows()
    assert ("expiry", "claimed_reward") == (newest["resource"], oldest["resource"])
    assert "expiry" in newest
    assert "claimed_reward" in oldest


# Faults of pages.


async def walk(shop: Shop, steps: int) -> tuple[list[str | None], list[list[int]]]:
    """The cursors that pages lead to, and their rows' ids."""
    cursors: list[str | None] = []
    rows: list[list[int]] = []
    query = ""
    for _ in range(steps):
        page = (await shop.ask("GET", f"/v2/customers/1/transactions?limit=5{query}")).json
        rows.append([row["id"] for row in page["transactions"]])
        cursors.append(page["cursor"]["next"])
        query = f"&cursor={cursors[-1]}"
    return cursors, rows


async def test_page_that_repeats(full: Shop) -> None:
    """From the second page on, a page leads to itself."""
    full.sandbox.faults.add("repeat")
    cursors, rows = await walk(full, 4)
    assert 1 == len(set(cursors))
    assert rows[0] != rows[1] == rows[2] == rows[3]


async def test_cycle_of_pages(full: Shop) -> None:
    """Pages lead A, B, A, B."""
    full.sandbox.faults.add("cycle")
    cursors, rows = await walk(full, 6)
    assert cursors[:2] * 3 == cursors
    assert rows[1:3] * 2 == rows[1:5]
    assert rows[1] != rows[2]


async def test_endless_pages(full: Shop) -> None:
    """A list begins again after its end, and no cursor comes twice."""
    full.sandbox.faults.add("endless")
    cursors, rows = await walk(full, 12)
    assert 12 == len(set(cursors))
    assert None not in cursors
    assert rows[:5] * 2 == rows[:10]


async def test_empty_pages(full: Shop) -> None:
    """Pages without rows say that more follow, and once the fault ends they do."""
    full.sandbox.faults.add("empty", times=3)
    cursors, rows = await walk(full, 8)
    assert [[], [], []] == rows[:3]
    assert 3 == len(set(cursors[:3]))
    assert 25 == sum(map(len, rows))


# At scale.


async def test_long_histories_page_quickly(shop: Shop) -> None:
    """A page costs the same however long the list is."""
    shop.sandbox.add_transactions("loyaltylion", "1", 30_000)
    ledger = shop.sandbox.ledger("loyaltylion", "1")
    rows = await shop.rows("/v2/customers/1/transactions", since_id=ledger[-1200].number, limit=500)
    assert [entry.number for entry in ledger[-1199:]] == [row["id"] for row in rows]
