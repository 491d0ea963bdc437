from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
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
from loyalty_sdk_joy._sandbox import JoySandbox
from loyalty_sdk_joy._sandbox_rows import shopify_id

CONTRACT = Path(__file__).parents[1] / "contracts" / "joy.openapi.yaml"
API = "/rest_api/v2"
POINTS = f"{API}/transactions/points"
SHOPPER = "7800000000001"
KEYS = {"X-Joy-Loyalty-App-Key": "sandbox", "X-Joy-Loyalty-Secret-Key": "sandbox"}


@cache
def contract() -> OpenAPI:
    """The vendor's OpenAPI; reading it takes a second."""
    return OpenAPI.from_file_path(str(CONTRACT))


@attrs.frozen
class Answer:
    """What came back."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.text)

    @property
    def data(self) -> Any:
        """What the envelope holds."""
        return self.json["data"]


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
        keys: Any = None,
    ) -> Answer:
        """Send a request; unless told otherwise, its answer has to be one of the contract's."""
        url = URL(self.sandbox.url + target, encoded=True)
        headers = KEYS if keys is None else keys
        async with self.session.request(method, url, json=body, headers=headers) as response:
            answer = Answer(response.status, await response.text())
        if lawful:
            request = MockRequest(
                "https://api.joy.so", method.lower(), url.raw_path, args=dict(url.query)
            )
            kind = response.headers["Content-Type"].partition(";")[0]
            held = MockResponse(answer.text.encode(), answer.status, {}, kind)
            contract().validate_response(request, held)
        return answer

    async def change(self, how: str, point: Any, **more: Any) -> Answer:
        """One of the four changes of points."""
        body = {"shopifyCustomerId": SHOPPER, "point": point} | more
        return await self.ask("POST", f"{POINTS}/{how}", body)

    async def page(self, **query: Any) -> Answer:
        """One page of the shopper's transactions."""
        parts = {"shopifyCustomerId": SHOPPER} | {k: str(v) for k, v in query.items()}
        return await self.ask("GET", str(URL(f"{API}/transactions").with_query(parts)))

    async def rows(self, **query: Any) -> list[Any]:
        """Every row of a list, by the last id of each page."""
        found: list[Any] = []
        while True:
            page = (await self.page(**query)).json
            found += page["data"]
            if not page["meta"]["pagination"]["hasNext"]:
                return found
            query["after"] = found[-1]["id"]

    def ledger(self, customer_id: str = SHOPPER) -> list[Any]:
        """The customer's ledger, oldest first."""
        return self.sandbox.ledger("joy", customer_id)

    def points(self, customer_id: str = SHOPPER) -> list[int]:
        """Its points."""
        return [entry.points for entry in self.ledger(customer_id)]


Open = Callable[..., Awaitable[Shop]]


@pytest.fixture
async def open_shop() -> AsyncIterator[Open]:
    """Start a sandbox with switches."""
    sandboxes: list[Sandbox] = []
    async with aiohttp.ClientSession() as session:

        async def start(**switches: Any) -> Shop:
            sandbox = await Sandbox(vendors=[JoySandbox], **switches).start()
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


@pytest.mark.parametrize("name", [*KEYS, None])
async def test_both_keys_are_required(shop: Shop, name: str | None) -> None:
    """Without one of the keys, or with a wrong one, everything is 401 in the envelope."""
    without = {key: value for key, value in KEYS.items() if key != name}
    wrong = dict.fromkeys(KEYS, "wrong") if name is None else KEYS | {name: "wrong"}
    for keys in (without if name else {}, wrong):
        answer = await shop.ask("GET", f"{API}/whoami", keys=keys)
        assert (401, False, 401, "UNAUTHORIZED") == (
            answer.status, answer.json["success"], answer.json["error"]["statusCode"],
            answer.json["error"]["code"],
        )  # fmt: skip


async def test_read_only_key(shop: Shop) -> None:
    """A key with the prefix ro_ reads and gets 403 for writes."""
    keys = KEYS | {"X-Joy-Loyalty-Secret-Key": "ro_sandbox"}
    body = {"shopifyCustomerId": SHOPPER, "point": 5}
    assert 200 == (await shop.ask("GET", f"{API}/whoami", keys=keys)).status
    assert 403 == (await shop.ask("POST", f"{POINTS}/award", body, keys=keys)).status
    assert [] == shop.points()


async def test_write_only_key(open_shop: Open) -> None:
    """Scopes can leave a key without reading."""
    shop = await open_shop(scopes={"joy": {"write"}})
    assert 200 == (await shop.change("award", 5)).status
    assert 403 == (await shop.page()).status


async def test_keys_do_not_show(shop: Shop) -> None:
    """Neither key shows in an arrival."""
    await shop.ask("GET", f"{API}/whoami", keys=dict.fromkeys(KEYS, "very-secret"))
    assert "very-secret" not in repr(shop.sandbox.arrivals[0].headers)


async def test_settings_and_demo(shop: Shop) -> None:
    """The settings are the adapter's, and the demo is told what an activity and an order mean."""
    assert {"app_key": "sandbox", "secret_key": "sandbox", "base_url": shop.sandbox.url} == (
        shop.sandbox.settings("joy")
    )
    assert {"activities", "orders"} == set(shop.sandbox.vendor("joy").demo_settings())


async def test_whoami(shop: Shop) -> None:
    """Whoami is the shop."""
    assert "shop_1" == (await shop.ask("GET", f"{API}/whoami")).data["id"]


async def test_unknown_path(shop: Shop) -> None:
    """An unknown path is 404 in the envelope."""
    answer = await shop.ask("GET", f"{API}/orders", lawful=False)
    assert (404, "NOT_FOUND") == (answer.status, answer.json["error"]["code"])


@pytest.mark.usefixtures("skipping")
async def test_no_limit_documented(open_shop: Open) -> None:
    """Joy documents no rate limit, so switching limits on enforces none; a number does."""
    shop = await open_shop(limits=True)
    assert {200} == {(await shop.ask("GET", f"{API}/whoami")).status for _ in range(30)}
    shop = await open_shop(limits={"joy": 2})
    answers = [await shop.ask("GET", f"{API}/whoami", lawful=False) for _ in range(3)]
    assert [200, 200, 429] == [answer.status for answer in answers]
    assert "rate_limited" == answers[-1].json["error"]["code"]


async def test_statuses_without_a_name(shop: Shop) -> None:
    """An injected status that has no name still comes in the envelope."""
    shop.sandbox.faults.add("error", status=599)
    answer = await shop.ask("GET", f"{API}/whoami", lawful=False)
    assert (599, "ERROR", 599) == (
        answer.status, answer.json["error"]["code"], answer.json["error"]["statusCode"],
    )  # fmt: skip


# Points.


@pytest.mark.parametrize(
    ("how", "point", "points", "kind", "type_", "event"),
    [
        ("award", 30, 30, "earned", "earn_point", "earn_point_rest_api"),
        ("deduct", 30, -30, "redeemed", "redeem_point", "spend_point_rest_api"),
        ("adjust", 30, 30, "adjusted", "adjust_point", "adjust_point_rest_api"),
        ("adjust", -30, -30, "adjusted", "adjust_point", "adjust_point_rest_api"),
        ("adjust", 0, 0, "adjusted", "adjust_point", "adjust_point_rest_api"),
        ("reset", 30, -70, "adjusted", "adjust_point", "reset_point_rest_api"),
        ("reset", 130, 30, "adjusted", "adjust_point", "reset_point_rest_api"),
    ],
)
async def test_points(  # noqa: PLR0913, PLR0917 - the columns of one table
    shop: Shop, how: str, point: int, points: int, kind: str, type_: str, event: str
) -> None:
    """Award gives, deduct takes, adjust does either, reset sets; the answer has the row."""
    shop.sandbox.add_customer("joy", SHOPPER, email="a@example.com", points=100)
    answer = await shop.change(how, point, adminNote="staff", userNote="shopper", reason="why")
    entry = shop.ledger()[-1]
    assert (points, 100 + points, kind, "shopper", "staff") == (
        entry.points, entry.balance, entry.kind, entry.reason, entry.note,
    )  # fmt: skip
    row = answer.data
    assert (True, entry.id, type_, event, "rest_api", 100, 100 + points) == (
        answer.json["success"], row["id"], row["type"], row["event"], row["source"],
        row["oldPoint"], row["newPoint"],
    )  # fmt: skip
    assert ("staff", "shopper", "why", "a@example.com") == (
        row["adminNote"], row["userNote"], row["reason"], row["email"],
    )  # fmt: skip
    assert abs(points) == row["spendPoint" if points < 0 else "earnPoint"]
    assert row == (await shop.ask("GET", f"{API}/transactions/{entry.id}")).data


async def test_null_fields_are_left_out(shop: Shop) -> None:
    """What a row does not have is not there."""
    row = (await shop.change("award", 5)).data
    assert not {"adminNote", "userNote", "reason", "email", "orderId", "spendPoint"} & set(row)
    assert None not in row.values()


async def test_reason_stands_in_for_a_user_note(shop: Shop) -> None:
    """The ledger's reason is the text the shopper sees, else the reason."""
    await shop.change("award", 5, reason="why")
    assert "why" == shop.ledger()[0].reason


@pytest.mark.parametrize(
    ("how", "point", "status"),
    [
        ("award", 0, 400), ("award", -1, 400), ("deduct", 0, 400), ("deduct", -5, 400),
        ("reset", -1, 400), ("reset", 0, 200), ("award", 2**53, 200),

        ("award", 2**53 + 1, 400), ("adjust", -(2**53) - 1, 400),
        ("award", 1.5, 400), ("award", "5", 400), ("award", True, 400), ("award", None, 400),
    ],
)  # fmt: skip
async def test_point_bounds(shop: Shop, how: str, point: Any, status: int) -> None:
    """Points are whole numbers that make sense; the vendor documents no bounds."""
    assert status == (await shop.change(how, point)).status


@pytest.mark.parametrize(
    "body",
    [
        None, [], {"point": 5}, {"shopifyCustomerId": SHOPPER},
        {"shopifyCustomerId": 7800000000001, "point": 5}, {"shopifyCustomerId": "", "point": 5},
        {"shopifyCustomerId": SHOPPER, "point": 5, "adminNote": None},
    ],
)  # fmt: skip
async def test_bad_bodies(shop: Shop, body: Any) -> None:
    """A body outside the schema is 400; ids are strings in requests."""
    answer = await shop.ask("POST", f"{POINTS}/award", body)
    assert (400, False) == (answer.status, answer.json["success"])
    assert [] == shop.points()


async def test_details_by_field(shop: Shop) -> None:
    """What is wrong with a body comes by field."""
    body = {"shopifyCustomerId": 5, "extra": 1}
    details = (await shop.ask("POST", f"{POINTS}/adjust", body)).json["error"]["details"]
    assert {"shopifyCustomerId": "must be a string", "point": "is required"} == details


@pytest.mark.parametrize(
    ("below_zero", "statuses", "points"),
    [
        ("clamp", [200, 200, 400], [5, -5, 0]),
        ("refuse", [400, 400, 400], [5]),
        ("negative", [200, 200, 200], [5, -9, -9, 5]),
    ],
)
async def test_below_zero(
    open_shop: Open, below_zero: Any, statuses: list[int], points: list[int]
) -> None:
    """Taking more than there is goes down to 0, is refused, or below 0."""
    shop = await open_shop(below_zero=below_zero)
    shop.sandbox.add_customer("joy", SHOPPER, points=5)
    requests = [("deduct", 9), ("adjust", -9), ("reset", -8)]
    assert statuses == [(await shop.change(how, point)).status for how, point in requests]
    assert points == shop.points()


@pytest.mark.parametrize(
    ("mode", "write", "read"), [("create", 200, 200), ("404", 404, 404), ("404_nested", 200, 200)]
)
async def test_unknown_customers(open_shop: Open, mode: Any, write: int, read: int) -> None:
    """An unknown customer is made or 404; no path of Joy's points calls holds a customer."""
    shop = await open_shop(unknown_customers=mode)
    assert read == (await shop.page()).status
    answers = [
        await shop.change("award", 5),
        await shop.ask(
            "POST",
            f"{API}/programs/earning/social/interactions",
            {"shopifyCustomerId": "other", "event": "follow_instagram"},
        ),
    ]
    assert [write] * 2 == [answer.status for answer in answers]
    if write == 404:
        assert "NOT_FOUND" == answers[0].json["error"]["code"]


@pytest.mark.parametrize(("data", "delay"), [("empty", 0), ("activity", 1)])
async def test_data_may_be_empty(open_shop: Open, data: Any, delay: float) -> None:
    """With the switch, or when the effect is still to come, data is an empty object."""
    shop = await open_shop(point_data=data, effect_delay=delay)
    assert {} == (await shop.change("award", 5)).data
    shop.sandbox.clock.advance(delay)
    assert [5] == shop.points()


async def test_success_false_after_applying(open_shop: Open) -> None:
    """With the switch, a write is applied and its 200 says that it was not."""
    shop = await open_shop(write_success=False)
    answer = await shop.change("award", 5)
    assert (200, False, "INTERNAL_ERROR") == (
        answer.status, answer.json["success"], answer.json["error"]["code"],
    )  # fmt: skip
    assert [5] == shop.points()


async def test_notes_are_changed(open_shop: Open) -> None:
    """All three texts are kept as the switch says."""
    shop = await open_shop(notes="trimmed")
    row = (await shop.change("award", 5, adminNote=" a  b ", userNote=" c ", reason=" d ")).data
    assert ("a b", "c", "d") == (row["adminNote"], row["userNote"], row["reason"])


async def test_strangers_row(open_shop: Open) -> None:
    """The stranger's row is equal to ours but for the marker."""
    shop = await open_shop(stranger=1)
    await shop.change("adjust", 5, adminNote="[ref:A-1] thanks", userNote="Thanks")
    newest, oldest = await shop.rows()
    assert ("[ref:A-1] thanks", "thanks") == (oldest["adminNote"], newest["adminNote"])
    assert oldest["userNote"] == newest["userNote"]
    assert oldest["newPoint"] == newest["oldPoint"]


# Programs.


async def test_social_interactions(open_shop: Open) -> None:
    """An interaction earns what the rule of its event says, each time it is reported."""
    shop = await open_shop(rules={"follow_instagram": 20, "once": Rule(5, limit=1), "no": None})
    path = f"{API}/programs/earning/social/interactions"
    statuses = []
    for body in (
        {"event": "follow_instagram"}, {"event": "follow_instagram"}, {"earningId": "prog_1"},
        {"event": "once"}, {"event": "once"}, {"event": "no"}, {}, {"event": 5},
    ):  # fmt: skip
        answer = await shop.ask("POST", path, {"shopifyCustomerId": SHOPPER} | body)
        statuses.append(answer.status)
    assert [200, 200, 200, 200, 400, 404, 400, 400] == statuses
    assert [20, 20, 10, 5] == shop.points()
    assert [("earn_point", "follow_instagram")] * 2 == [
        (row["type"], row["event"]) for row in (await shop.rows())[2:]
    ]
    empty = {"shopifyCustomerId": "", "event": "follow_instagram"}
    assert 400 == (await shop.ask("POST", path, empty)).status


async def test_capped_for_each_customer(open_shop: Open) -> None:
    """A cap counts for each customer, known before or not."""
    shop = await open_shop(rules={"once": Rule(5, limit=1)})
    path = f"{API}/programs/earning/social/interactions"
    for customer in ("1", "2"):
        shop.sandbox.add_customer("joy", customer) if customer == "2" else None
        body = {"shopifyCustomerId": customer, "event": "once"}
        assert [200, 400] == [(await shop.ask("POST", path, body)).status for _ in range(2)]


async def test_calculate(shop: Shop) -> None:
    """Products would earn a point per whole unit; nothing changes."""
    path = f"{API}/programs/earning/points/calculate"
    products = [{"id": "1", "quantity": 2, "price": 19.99}, {"id": "2", "price": 0.5}, {}]
    body = {"products": products, "shopifyCustomerId": SHOPPER, "sourceName": "web"}
    answer = await shop.ask("POST", path, body)
    assert (40, ["1", "2", ""]) == (
        answer.data["pointsEarn"], [product["id"] for product in answer.data["products"]],
    )  # fmt: skip
    assert {"pointsEarn": 0, "products": []} == (
        await shop.ask("POST", path, {"products": []})
    ).data
    assert [] == shop.points()
    assert not shop.sandbox.arrivals[0].applied


@pytest.mark.parametrize(
    "body", [{}, {"products": {}}, {"products": ["a"]}, {"products": [{"price": "1"}]}]
)
async def test_bad_calculations(shop: Shop, body: Any) -> None:
    """Products are objects with numbers."""
    answer = await shop.ask("POST", f"{API}/programs/earning/points/calculate", body)
    assert 400 == answer.status


# Customers.


async def test_customers(shop: Shop) -> None:
    """A customer is found by Joy's id and by Shopify's, as the list shows it."""
    shop.sandbox.add_customer("joy", SHOPPER, email="a@example.com", points=7)
    (row,) = (await shop.ask("GET", f"{API}/customers")).data
    own = await shop.ask("GET", f"{API}/customers/{row['id']}")
    external = await shop.ask("GET", f"{API}/customers/external/{SHOPPER}")
    assert row == own.data == external.data
    assert (int(SHOPPER), 7, "member", "a@example.com") == (
        row["shopifyCustomerId"], row["point"], row["type"], row["email"],
    )  # fmt: skip


async def test_unknown_customer(shop: Shop) -> None:
    """Nobody is 404: an object by Joy's id, and the plain text of the examples by Shopify's."""
    for own in ("cust_1", "cust_", "cust_x", "external", "cust_%C2%B2"):
        answer = await shop.ask("GET", f"{API}/customers/{own}")
        assert (404, "NOT_FOUND") == (answer.status, answer.json["error"]["code"])
    external = await shop.ask("GET", f"{API}/customers/external/{SHOPPER}")
    assert (404, {"success": False, "error": "Customer not found", "data": None}) == (
        external.status, external.json,
    )  # fmt: skip


async def test_list_customers(shop: Shop) -> None:
    """Customers are newest first, 20 a page, by last id, with a count when asked."""
    for number in range(45):
        shop.sandbox.add_customer("joy", str(number))
    first = (await shop.ask("GET", f"{API}/customers?hasCount=true")).json
    assert {"hasNext": True, "hasPre": False, "total": 45, "totalPage": 3} == (
        first["meta"]["pagination"]
    )
    assert list(range(44, 24, -1)) == [row["shopifyCustomerId"] for row in first["data"]]
    after = first["data"][-1]["id"]
    rest = (await shop.ask("GET", f"{API}/customers?limit=100&after={after}")).json
    assert list(range(24, -1, -1)) == [row["shopifyCustomerId"] for row in rest["data"]]
    assert {"hasNext": False, "hasPre": True} == rest["meta"]["pagination"]


async def test_customer_filters(shop: Shop) -> None:
    """Customers are filtered by part of the e-mail, type, tier, and times; no other filter is."""
    shop.sandbox.add_customer("joy", "1", email="ann@example.com")
    ledger = shop.sandbox.vendor("joy").ledger
    ledger.open_account("2", email="bea@example.com", guest=True)
    shop.sandbox.clock.advance(3600)
    shop.sandbox.add_customer("joy", "3", points=5)
    (newest, *_) = (await shop.ask("GET", f"{API}/customers")).data
    updated = newest["updatedAt"]
    for query, wanted in {
        "email=ann": [1],
        "email=example.com": [2, 1],
        "type=guest": [2],
        "type=member": [3, 1],
        "type=left": [],
        "tierId=gold": [],
        f"updated_at_min={updated}": [3],
        "updated_at_max=2026-01-01": [],
        f"updated_at_max={updated}": [3, 2, 1],
        "created_at_max=2026-01-01": [],
        "created_at_min=2099-01-01": [3, 2, 1],
        "enrolled=yes": [3, 2, 1],
    }.items():
        rows = (await shop.ask("GET", f"{API}/customers?{query}")).data
        assert wanted == [row["shopifyCustomerId"] for row in rows], query


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ("createdAt_desc", [3, 2, 1]),
        ("createdAt_asc", [1, 2, 3]),
        ("updatedAt_desc", [1, 3, 2]),
        ("updatedAt_asc", [2, 3, 1]),
        ("point_desc", [2, 1, 3]),
        ("point_asc", [3, 1, 2]),
    ],
)
async def test_order_of_customers(shop: Shop, order: str, wanted: list[int]) -> None:
    """Customers come in the order asked for, page by page, and back."""
    for customer_id, points in (("1", 0), ("2", 50), ("3", 5)):
        shop.sandbox.add_customer("joy", customer_id, points=points)
        shop.sandbox.clock.advance(1)
    await shop.ask("POST", f"{POINTS}/award", {"shopifyCustomerId": "1", "point": 20})
    path = f"{API}/customers?order={order}&limit=2"
    first = (await shop.ask("GET", path)).json
    rest = (await shop.ask("GET", f"{path}&after={first['data'][-1]['id']}")).json
    rows = first["data"] + rest["data"]
    assert wanted == [row["shopifyCustomerId"] for row in rows]
    assert [True, False] == [page["meta"]["pagination"]["hasNext"] for page in (first, rest)]
    back = (await shop.ask("GET", f"{path}&before={rows[-1]['id']}")).json
    assert wanted[:2] == [row["shopifyCustomerId"] for row in back["data"]]


@given(st.text() | st.integers(0, 2**70).map(str) | st.from_regex(r"0*[0-9]{1,25}", fullmatch=True))
def test_shopify_ids_come_back(customer_id: str) -> None:
    """An id reads back as what it was: a number only where nothing is lost."""
    shown = shopify_id(customer_id)
    assert customer_id == str(shown)
    assert isinstance(shown, str) or shown < 2**63
    assert customer_id == shopify_id(customer_id, as_text=True)


# Transactions.


@pytest.fixture
async def full(shop: Shop) -> Shop:
    """A shop with 25 rows of one customer and one of another."""
    shop.sandbox.add_transactions("joy", SHOPPER, 25)
    shop.sandbox.add_customer("joy", "2", points=7)
    return shop


@pytest.mark.parametrize("query", ["", "?limit=5", "?shopifyCustomerId=", "?customerId="])
async def test_a_customer_is_required(full: Shop, query: str) -> None:
    """There is no list of the whole shop."""
    answer = await full.ask("GET", f"{API}/transactions{query}")
    assert (400, "shopifyCustomerId or customerId is required") == (
        answer.status, answer.json["error"]["message"],
    )  # fmt: skip


async def test_newest_first(full: Shop) -> None:
    """A page has 10 rows, newest first; the last id leads on while hasNext."""
    first = (await full.page()).json
    assert {"hasNext": True, "hasPre": False} == first["meta"]["pagination"]
    assert 10 == len(first["data"])
    wanted = [entry.id for entry in reversed(full.ledger())]
    assert wanted == [row["id"] for row in await full.rows(limit=4)]


async def test_either_customer_id(full: Shop) -> None:
    """The customer is named by Shopify's id, Joy's own, or both when they agree."""
    own = (await full.page(limit=1)).data[0]["customerId"]
    by_own = (await full.ask("GET", f"{API}/transactions?customerId={own}&limit=100")).data
    assert 25 == len(by_own) == len((await full.page(customerId=own, limit=100)).data)
    assert [] == (await full.page(customerId="cust_1")).data
    assert [] == (await full.ask("GET", f"{API}/transactions?customerId=cust_1")).data


async def test_oldest_first(full: Shop) -> None:
    """The order can be turned round, and after and before follow it."""
    wanted = [entry.id for entry in full.ledger()]
    assert wanted == [row["id"] for row in await full.rows(limit=7, order="createdAt_asc")]
    page = (await full.page(limit=3, order="createdAt_asc", before=wanted[10])).json
    assert wanted[7:10] == [row["id"] for row in page["data"]]
    assert {"hasNext": True, "hasPre": True} == page["meta"]["pagination"]


async def test_before(full: Shop) -> None:
    """before= leads back to the page ahead of its row."""
    wanted = [entry.id for entry in reversed(full.ledger())]
    page = (await full.page(limit=4, before=wanted[8])).json
    assert wanted[4:8] == [row["id"] for row in page["data"]]
    assert {"hasNext": True, "hasPre": True} == page["meta"]["pagination"]
    first = (await full.page(limit=4, before=wanted[4])).json
    assert wanted[:4] == [row["id"] for row in first["data"]]
    assert {"hasNext": True, "hasPre": False} == first["meta"]["pagination"]


@pytest.mark.parametrize(("limit", "pages"), [(10, 3), (25, 1), (24, 2), (1000, 1)])
async def test_count(full: Shop, limit: int, pages: int) -> None:
    """A count adds the number of rows and pages, whatever the page."""
    query: dict[str, Any] = {"limit": limit, "hasCount": "true"}
    pagination = (await full.page(**query)).json["meta"]["pagination"]
    assert (25, pages) == (pagination["total"], pagination["totalPage"])
    assert "total" not in (await full.page(hasCount="false")).json["meta"]["pagination"]


async def test_filters(full: Shop) -> None:
    """Type, event and source filter; each alone and all together."""
    await full.change("award", 5)
    await full.change("deduct", 2)
    for query, number in (
        ({"type": "earn_point"}, 1),
        ({"type": "redeem_point"}, 1),
        ({"type": "adjust_point"}, 25),
        ({"event": "spend_point_rest_api"}, 1),
        ({"event": "nothing"}, 0),
        ({"source": "rest_api"}, 2),
        ({"source": "admin"}, 25),
        ({"source": "rest_api", "type": "earn_point"}, 1),
        ({"source": "webhook"}, 0),
    ):
        rows = await full.rows(limit=20, **query)
        assert number == len(rows), query


@pytest.mark.parametrize(("bounds", "first", "last"), [("inclusive", 5, 11), ("exclusive", 6, 10)])
async def test_dates(open_shop: Open, bounds: Any, first: int, last: int) -> None:
    """Dates filter; whether they include their own instant is a switch."""
    shop = await open_shop(date_bounds=bounds)
    shop.sandbox.add_transactions("joy", SHOPPER, 20)
    entries = shop.ledger()
    since, until = entries[5].time.isoformat(), entries[11].time.isoformat()
    rows = await shop.rows(created_at_min=since, created_at_max=until, limit=3)
    assert [entry.id for entry in entries[last : first - 1 : -1]] == [row["id"] for row in rows]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"), ("limit", "1001"), ("limit", "ten"), ("type", "expire_point"),
        ("source", "shop"), ("order", "point_desc"), ("hasCount", "yes"),
        ("created_at_min", "soon"), ("created_at_max", ""), ("after", "8"), ("before", "act_x"),
        ("after", "act_" + "9" * 5000),
    ],
)  # fmt: skip
async def test_bad_parameters(full: Shop, name: str, value: str) -> None:
    """A parameter that cannot be is 400 and named."""
    answer = await full.page(**{name: value})
    assert (400, [name]) == (answer.status, list(answer.json["error"]["details"]))


async def test_both_cursors(full: Shop) -> None:
    """Both cursors together are refused."""
    first = (await full.page()).data[0]["id"]
    assert 400 == (await full.page(after=first, before=first)).status


async def test_unknown_parameters_are_ignored(full: Shop) -> None:
    """Names that do not exist are ignored."""
    assert 10 == len((await full.page(pageSize=3)).data)


async def test_cursor_after_a_reset(full: Shop) -> None:
    """The id of a row that is gone leads to an empty last page."""
    last = (await full.page()).data[-1]["id"]
    full.sandbox.reset()
    page = (await full.page(after=last)).json
    assert ([], False) == (page["data"], page["meta"]["pagination"]["hasNext"])


async def test_ids_are_numbers_or_strings(full: Shop) -> None:
    """A customer's id is a string in rows of one type and a number in the others."""
    full.sandbox.clock.advance(1)
    await full.change("deduct", 1)
    newest, older = (await full.page(limit=2)).data
    assert (SHOPPER, int(SHOPPER)) == (newest["shopifyCustomerId"], older["shopifyCustomerId"])


@pytest.mark.parametrize("own", ["act_1", "act_", "row_1", "act_-5", "act_1e3"])
async def test_unknown_transaction(full: Shop, own: str) -> None:
    """A row that does not exist is 404."""
    answer = await full.ask("GET", f"{API}/transactions/{own}")
    assert (404, "NOT_FOUND") == (answer.status, answer.json["error"]["code"])


async def test_list_lag(open_shop: Open) -> None:
    """Rows that lag are missing from lists, and so the chain of balances has gaps."""
    shop = await open_shop(list_lag=60, seed=2)
    for _ in range(6):
        await shop.change("award", 1)
    rows = await shop.rows()
    assert len(rows) < 6
    assert 6 == len(shop.points())
    shop.sandbox.clock.advance(60)
    assert 6 == len(await shop.rows())


async def test_cached_list(open_shop: Open) -> None:
    """A cached list is old."""
    shop = await open_shop(cached_lists="polite")
    await shop.page()
    await shop.change("award", 1)
    assert [] == (await shop.page()).data


# Faults of pages.


async def walk(shop: Shop, steps: int) -> list[list[str]]:
    """The ids on the pages that the last id leads to."""
    pages: list[list[str]] = []
    query: dict[str, Any] = {"limit": 5}
    for _ in range(steps):
        page = (await shop.page(**query)).json
        assert page["meta"]["pagination"]["hasNext"]
        pages.append([row["id"] for row in page["data"]])
        if pages[-1]:
            query["after"] = pages[-1][-1]
    return pages


async def test_page_that_repeats(full: Shop) -> None:
    """A page after a row ends with that row again."""
    full.sandbox.faults.add("repeat")
    first, second, third = await walk(full, 3)
    assert first == second == third
    assert 5 == len(first)


@pytest.mark.parametrize("order", ["createdAt_desc", "point_desc"])
async def test_customers_that_repeat(shop: Shop, order: str) -> None:
    """The same holds for customers in any order."""
    for number in range(9):
        shop.sandbox.add_customer("joy", str(number), points=number % 4)
    path = f"{API}/customers?limit=3&order={order}"
    first = (await shop.ask("GET", path)).data
    shop.sandbox.faults.add("repeat")
    again = (await shop.ask("GET", f"{path}&after={first[-1]['id']}")).data
    assert first == again


async def test_cycle_of_pages(full: Shop) -> None:
    """Pages end with A, B, A, B."""
    full.sandbox.faults.add("cycle")
    pages = await walk(full, 6)
    assert pages[:2] * 3 == pages
    assert pages[0] != pages[1]


async def test_endless_pages(full: Shop) -> None:
    """A list begins again after its end."""
    full.sandbox.faults.add("endless")
    pages = await walk(full, 12)
    assert pages[:5] * 2 == pages[:10]
    assert 25 == len({row for page in pages for row in page})


async def test_empty_pages(full: Shop) -> None:
    """Pages without rows say that more follow, and once the fault ends they do."""
    full.sandbox.faults.add("empty", times=2)
    pages = await walk(full, 4)
    assert [0, 0, 5, 5] == list(map(len, pages))
