"""LoyaltyClient: what its calls return, raise and promise."""

from __future__ import annotations

import asyncio
import pickle
import time
import traceback
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from loyalty_sdk import (
    Activity,
    APIError,
    BadRequestError,
    ClientClosedError,
    ConfigurationError,
    ConnectError,
    Customer,
    DeadlineExceededError,
    Flow,
    LoyaltyClient,
    LoyaltyError,
    MalformedResponseError,
    Order,
    Outcome,
    OutcomeUnknownError,
    PointsAdjustment,
    RetryPolicy,
    Safety,
    ServerError,
    SessionPool,
    Setting,
    TransactionKind,
    TransportError,
    UnsupportedOperationError,
    ValidationError,
    connect,
)

ORDER = Order(id="A-1", customer=Customer(id="1001"), total=Decimal("9.99"))
ACTIVITY = Activity(id="act", name="review", customer=Customer(id="1001"))


async def drop(writer: asyncio.StreamWriter) -> None:
    """Close the connection without an answer."""
    writer.transport.abort()


async def test_a_write_returns_its_receipt(server: Any, client: LoyaltyClient) -> None:
    """The receipt names operation, provider and reference, and counts sends."""
    receipt = await client.create_order(ORDER)
    assert ("create_order", "tiny", "A-1", Outcome.APPLIED, 1) == (
        receipt.operation,
        receipt.provider,
        receipt.reference,
        receipt.outcome,
        receipt.attempts,
    )
    assert "Bearer tiny-key" == server.arrivals[0].headers["authorization"]


async def test_an_accepted_write_is_returned_whatever_its_body_looks_like(
    server: Any, client: LoyaltyClient
) -> None:
    """The acknowledgement came; what stands beside it cannot take it back."""
    server.script = [server.http(201, b"<<<")]
    assert Outcome.APPLIED is (await client.track_activity(ACTIVITY)).outcome


@pytest.mark.usefixtures("skipping")
@pytest.mark.parametrize("reaction", ["drop", "500", "302", "408", "202", "hang"])
async def test_an_open_write_is_never_sent_again(
    server: Any, client: LoyaltyClient, reaction: str
) -> None:
    """One arrival, outcome UNKNOWN, and the cause is told."""

    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)

    first = {"drop": drop, "hang": hang}.get(reaction)
    server.script = [first or server.http(int(reaction))]
    with pytest.raises(OutcomeUnknownError) as caught:
        await client.with_options(deadline=0.5).create_order(ORDER)
    error = caught.value
    assert 1 == len(server.arrivals)
    assert error.receipt is not None
    assert (Outcome.UNKNOWN, "A-1", 1) == (
        error.outcome,
        error.receipt.reference,
        error.receipt.attempts,
    )
    assert isinstance(error.__cause__, LoyaltyError)


async def test_a_write_is_sent_again_after_429(server: Any, client: LoyaltyClient) -> None:
    """429 proves that nothing was applied; both sends count."""
    server.script = [server.http(429, Retry_After="0")]
    assert 2 == (await client.create_order(ORDER)).attempts


async def test_a_refused_write_says_so(server: Any, client: LoyaltyClient) -> None:
    """The error carries outcome, receipt, origin and the vendor's words."""
    server.script = [server.http(400, b'{"error": "no such shop"}')]
    with pytest.raises(
        BadRequestError, match="tiny create_order: HTTP 400: no such shop"
    ) as caught:
        await client.create_order(ORDER)
    assert Outcome.REJECTED is caught.value.outcome
    assert ("tiny", "create_order", "tiny") == (
        caught.value.provider,
        caught.value.operation,
        caught.value.code,
    )


@pytest.mark.usefixtures("skipping")
async def test_a_write_that_never_left_says_so(tiny: Any) -> None:
    """Without a connection nothing was sent."""
    async with connect(tiny("http://127.0.0.1:1"), deadline=0.2) as client:
        with pytest.raises(ConnectError) as caught:
            await client.create_order(ORDER)
    assert Outcome.NOT_SENT is caught.value.outcome
    assert caught.value.receipt is not None
    assert 0 == caught.value.receipt.attempts


async def test_a_wrong_argument_is_refused_before_anything_is_sent(
    server: Any, client: LoyaltyClient
) -> None:
    """The error names the value's type and what was wanted."""
    wrong: Any = {"id": "A-1"}
    with pytest.raises(ValidationError, match="wanted an Order, got dict") as caught:
        await client.create_order(wrong)
    assert Outcome.NOT_SENT is caught.value.outcome
    assert [] == server.arrivals


async def test_an_unsupported_operation_is_refused(client: LoyaltyClient) -> None:
    """What an adapter does not override does not exist, and the error says for whom."""
    assert not client.supports("adjust_points")
    assert client.supports("create_order")
    with pytest.raises(UnsupportedOperationError, match="Tiny has no adjust_points") as caught:
        await client.adjust_points(PointsAdjustment(customer_id="1", points=1))
    assert Outcome.NOT_SENT is caught.value.outcome


async def test_a_read_that_fails_has_no_outcome(server: Any, client: LoyaltyClient) -> None:
    """Only writes have outcomes."""
    server.script = [server.http(404)]
    with pytest.raises(APIError) as caught:
        await client.run(client.provider.whoami())
    assert (None, None, "whoami") == (
        caught.value.outcome,
        caught.value.receipt,
        caught.value.operation,
    )


async def test_an_unreadable_read_is_an_error_of_ours(server: Any, client: LoyaltyClient) -> None:
    """No JSON library's exception escapes."""
    server.script = [server.http(body=b"<html>")]
    with pytest.raises(MalformedResponseError, match="look like HTML"):
        await client.run(client.provider.whoami())


async def test_a_flow_sees_its_failures(server: Any, client: LoyaltyClient) -> None:
    """A failure is thrown into the flow at the yield, and what it makes of it counts."""

    def careful() -> Any:
        try:
            yield from client.provider.whoami()
        except APIError as error:
            return error.status
        return 0

    server.script = [server.http(404)]
    assert 404 == await client.run(careful())


async def test_errors_of_calls_pickle_with_all_they_know(
    server: Any, client: LoyaltyClient
) -> None:
    """Worker processes can hand errors back."""
    server.script = [server.http(400, b'{"error": "no"}')]
    with pytest.raises(BadRequestError) as caught:
        await client.create_order(ORDER)
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert vars(caught.value) == vars(copy)
    assert str(caught.value) == str(copy)


async def test_a_closed_client_says_so(server: Any, client: LoyaltyClient) -> None:
    """Nothing is sent after aclose, and closing twice is silent."""
    await client.aclose()
    await client.aclose()
    with pytest.raises(ClientClosedError) as caught:
        await client.create_order(ORDER)
    assert Outcome.NOT_SENT is caught.value.outcome
    assert [] == server.arrivals


async def test_a_client_closes_only_the_pool_it_made(server: Any, tiny: Any) -> None:
    """A shared pool outlives its clients; a copy never closes its original's pool."""
    async with SessionPool() as pool:
        async with connect(tiny(server.url), pool=pool) as client:
            await client.create_order(ORDER)
        async with connect(tiny(server.url), pool=pool) as client:
            await client.with_options(deadline=1.0).aclose()
            await client.create_order(ORDER)
    assert 2 == len(server.arrivals)


async def test_a_copy_is_as_open_as_its_original_was(server: Any, tiny: Any) -> None:
    """A copy outlives its original, and a copy of a closed client is closed."""
    async with SessionPool() as pool:
        client = connect(tiny(server.url), pool=pool)
        before = client.with_options(deadline=10.0)
        await client.aclose()
        after = client.with_options(deadline=10.0)
        await before.create_order(ORDER)
        with pytest.raises(ClientClosedError, match="the client is closed"):
            await after.create_order(ORDER)
    assert 1 == len(server.arrivals)


def test_two_event_loops_one_after_the_other(server_thread: str, tiny: Any) -> None:
    """asyncio.run twice with one client works."""
    client = connect(tiny(server_thread))

    async def read() -> int:
        return (await client.request("GET", "/")).status

    assert [200, 200] == [asyncio.run(read()), asyncio.run(read())]
    asyncio.run(client.aclose())


@pytest.mark.usefixtures("skipping")
async def test_a_copy_has_its_own_deadline_and_policy(server: Any, client: LoyaltyClient) -> None:
    """with_options changes what it names and nothing else."""

    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)

    server.script = [hang]
    began = time.monotonic()
    impatient = client.with_options(deadline=0.1, retry=RetryPolicy(attempts=1))
    with pytest.raises(DeadlineExceededError):
        await impatient.run(client.provider.whoami())
    assert time.monotonic() - began < 0.3
    server.script = [server.http(503)]
    with pytest.raises(APIError):
        await client.with_options(retry=RetryPolicy(attempts=1)).run(client.provider.whoami())
    patient = client.with_options(deadline=None)
    assert Outcome.APPLIED is (await patient.create_order(ORDER)).outcome


@pytest.mark.parametrize("deadline", [0, -1.0])
def test_a_deadline_must_lie_in_the_future(tiny: Any, deadline: float) -> None:
    """Zero seconds are no deadline, neither at connect nor in a copy."""
    with pytest.raises(ConfigurationError, match="deadline"):
        connect(tiny("http://127.0.0.1:1"), deadline=deadline)
    with pytest.raises(ConfigurationError, match="deadline"):
        connect(tiny("http://127.0.0.1:1")).with_options(deadline=deadline)


def test_settings_beside_a_provider_object_are_refused(tiny: Any) -> None:
    """They would be ignored otherwise."""
    with pytest.raises(ConfigurationError, match="api_key"):
        connect(tiny("http://127.0.0.1:1"), api_key="x")


def test_an_unknown_provider_is_named_with_the_known_ones() -> None:
    """The error says what is installed."""
    with pytest.raises(ConfigurationError, match="'nobody'"):
        connect("nobody")


def test_the_repr_of_a_client_shows_no_key(tiny: Any) -> None:
    """Neither the client nor its adapter shows a credential."""
    made = connect(tiny("http://127.0.0.1:1", "tiny-secret"))
    assert "tiny" in repr(made)
    assert "tiny-secret" not in repr(made) + repr(made.provider.credentials)


@pytest.mark.parametrize("kind", ["plain", "callable", "async"])
async def test_a_key_may_be_handed_out(server: Any, tiny: Any, kind: str) -> None:
    """A callable key is asked for every try, so rotation needs no new client."""
    keys = iter(["one", "two"])

    async def wait() -> str:
        return next(keys)

    key = {"plain": "one", "callable": lambda: next(keys), "async": wait}[kind]
    server.script = [server.http(429, Retry_After="0")]
    async with connect(tiny(server.url, key)) as client:
        await client.create_order(ORDER)
    second = "one" if kind == "plain" else "two"
    assert ["Bearer one", f"Bearer {second}"] == [
        arrival.headers["authorization"] for arrival in server.arrivals
    ]


@pytest.mark.parametrize("key", ["", "line\nbreak", "é", None])
async def test_a_key_that_is_no_header_is_refused(server: Any, tiny: Any, key: Any) -> None:
    """Control characters would be somebody else's header; nothing is sent."""
    async with connect(tiny(server.url, lambda: key)) as client:
        with pytest.raises(ConfigurationError, match="printable ASCII") as caught:
            await client.create_order(ORDER)
    assert Outcome.NOT_SENT is caught.value.outcome
    assert [] == server.arrivals


async def test_a_slow_key_obeys_the_deadline(server: Any, tiny: Any) -> None:
    """A secret manager that hangs does not hang the call; nothing was sent."""

    async def slow() -> str:
        await asyncio.sleep(5)
        return "never"

    async with connect(tiny(server.url, slow), deadline=0.1) as client:
        with pytest.raises(DeadlineExceededError, match="no credentials") as caught:
            await client.create_order(ORDER)
    assert Outcome.NOT_SENT is caught.value.outcome


async def test_any_endpoint_can_be_called(server: Any, client: LoyaltyClient) -> None:
    """request() fills and encodes the path, sends JSON and hands the answer out."""
    server.script = [server.http(body=b'{"rewards": [1]}')]
    response = await client.request(
        "post", "/v2/{id}/rewards", segments={"id": "a/b"}, query={"x": True, "n": None}, json=[1]
    )
    [arrival] = server.arrivals
    assert ("POST", "/v2/a%2Fb/rewards?x=true", b"[1]") == (
        arrival.method,
        arrival.target,
        arrival.body,
    )
    assert {"rewards": [1]} == response.json()


async def test_any_endpoint_obeys_the_rules_of_safety(server: Any, client: LoyaltyClient) -> None:
    """GET is repeated; anything else is not, unless it is said to be idempotent."""
    server.script = [drop]
    await client.request("GET", "/a")
    server.script = [drop]
    await client.request("DELETE", "/a", safety=Safety.IDEMPOTENT)
    assert 4 == len(server.arrivals)
    server.script = [drop]
    with pytest.raises(OutcomeUnknownError):
        await client.request("DELETE", "/a")
    assert 5 == len(server.arrivals)


async def test_a_body_that_says_failure_is_no_success(server: Any, client: LoyaltyClient) -> None:
    """request() asks the adapter whether a 2xx is one."""
    server.script = [server.http(body=b'{"ok": false}')]
    with pytest.raises(OutcomeUnknownError):
        await client.request("POST", "/a")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "v2",
        "//evil.example.com/",
        "http://evil.example.com",
        "/a?b=c",
        "/a#b",
        "/a b",
        "/a/../b",
        "/a\r\nX: y",
        "/é",
        "/.",
        "/{",
        "/{}",
        "/{id.__class__}",
        5,
    ],
)
async def test_a_path_that_is_none_is_refused(
    server: Any, client: LoyaltyClient, path: Any
) -> None:
    """Credentials never leave the host, and nothing is smuggled into the request line."""
    with pytest.raises(ValidationError, match="path"):
        await client.request("GET", path)
    assert [] == server.arrivals


async def test_unknown_or_wrong_filters_are_all_listed(client: LoyaltyClient) -> None:
    """One error lists every problem of the filters."""
    wrong: Any = 1.5
    with pytest.raises(ValidationError) as caught:
        client.list_transactions(
            customer_id="",
            created_from=datetime(2026, 1, 1),  # noqa: DTZ001 - naive on purpose
            created_until=wrong,
            kinds=["earned", "stolen"],
            page_size=0,
        )
    assert {"customer_id", "created_from", "created_until", "kinds", "page_size"} == {
        problem.path for problem in caught.value.problems
    }


@pytest.mark.parametrize("kinds", [[], 5])
async def test_kinds_must_be_some_kinds(client: LoyaltyClient, kinds: Any) -> None:
    """An empty choice or no collection at all is refused."""
    with pytest.raises(ValidationError, match="kinds"):
        client.list_transactions(kinds=kinds)


async def test_one_kind_may_stand_alone(client: LoyaltyClient) -> None:
    """A single kind is a collection of one."""
    client.list_transactions(kinds=TransactionKind.EARNED, created_from=datetime.now(UTC))


def test_an_unknown_setting_is_named_and_shown_nowhere(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names it and the known ones; a misspelt key's value is in no frame."""
    monkeypatch.setattr(tiny, "settings", (Setting("base_url"), Setting("key", secret=True)))
    monkeypatch.setattr("loyalty_sdk._connect.load", lambda _: tiny)
    assert "tiny" == connect("tiny", base_url="http://127.0.0.1:1", key="k").provider.name
    with pytest.raises(ConfigurationError, match=r"no setting kee. It has base_url, key") as caught:
        connect("tiny", kee="planted")
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [frame for frame in shown.stack if frame.filename.endswith("_client.py")]
    assert frames
    assert not [frame for frame in frames if "planted" in str(frame.locals)]


async def test_an_answer_that_a_flow_cannot_use_leaves_the_write_unsent(
    server: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unreadable before the write is an error; only beside an acknowledgement it is none."""

    def ask_first(provider: Any, order: Order) -> Flow[None]:
        yield from provider.whoami()
        yield provider.post(Safety.ONCE, order.id)

    monkeypatch.setattr(tiny, "create_order", ask_first)
    server.script = [server.http(body=b"<html>")]
    async with connect(tiny(server.url)) as client:
        with pytest.raises(MalformedResponseError) as caught:
            await client.create_order(ORDER)
    assert Outcome.NOT_SENT is caught.value.outcome
    assert 1 == len(server.arrivals)


@pytest.mark.usefixtures("skipping")
async def test_a_read_that_stays_cut_ends_as_a_broken_connection(
    server: Any, client: LoyaltyClient
) -> None:
    """A head without its body is no answer to a read."""

    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        await writer.drain()
        writer.close()

    server.script = [cut] * 4
    with pytest.raises(TransportError, match="broke"):
        await client.run(client.provider.whoami())
    assert 4 == len(server.arrivals)


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"method": 5}, "method"),
        ({"method": ""}, "method"),
        ({"method": "GET\r\nX: y"}, "method"),
        ({"query": 5}, "query"),
        ({"query": {"a": ["b"]}}, "query.a"),
        ({"query": {"a": "\ud800"}}, "query.a"),
        ({"query": {5: "a"}}, "query"),
        ({"json": object()}, "json"),
        ({"json": {"a": float("nan")}}, "json.a"),
        ({"json": "\ud800"}, "json"),
        ({"path": "/{id}"}, "id"),
        ({"segments": {"id": "1"}}, "id"),
    ],
)
async def test_what_a_request_cannot_say_is_refused(
    server: Any, client: LoyaltyClient, wrong: dict[str, Any], path: str
) -> None:
    """One error that names the part; nothing is coerced and nothing is sent."""
    asked: dict[str, Any] = {"method": "POST", "path": "/a", **wrong}
    with pytest.raises(ValidationError) as caught:
        await client.request(asked.pop("method"), asked.pop("path"), **asked)
    assert [path] == [problem.path for problem in caught.value.problems]
    assert "request" == caught.value.operation
    assert [] == server.arrivals


@pytest.mark.parametrize("wrong", [None, 5, Order])
def test_what_is_no_provider_is_refused(wrong: Any) -> None:
    """Connect wants a name or an object, and says so."""
    with pytest.raises(ConfigurationError, match="a registered name or a Provider object"):
        connect(wrong)


@pytest.mark.parametrize(
    ("name", "wrong"), [("pool", 5), ("retry", 5), ("deadline", "1"), ("deadline", True)]
)
def test_options_of_another_type_are_refused(tiny: Any, name: str, wrong: Any) -> None:
    """At once, and by name."""
    options: dict[str, Any] = {name: wrong}
    with pytest.raises(ConfigurationError, match=name):
        connect(tiny("http://127.0.0.1:1"), **options)


async def test_a_key_that_cannot_be_had_is_an_error_of_ours(server: Any, tiny: Any) -> None:
    """The callable's own failure is the cause; nothing was sent, and that is said."""

    def broken() -> str:
        raise ZeroDivisionError

    async with connect(tiny(server.url, broken)) as client:
        with pytest.raises(ConfigurationError, match="callable for a key failed") as caught:
            await client.create_order(ORDER)
    assert Outcome.NOT_SENT is caught.value.outcome
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert [] == server.arrivals


@pytest.mark.usefixtures("skipping")
async def test_a_slow_key_takes_its_time_from_the_try(server: Any, tiny: Any) -> None:
    """A deadline covers both; it is not given twice."""

    async def slow() -> str:
        await asyncio.sleep(0.2)
        return "key"

    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)

    server.script = [hang]
    began = time.monotonic()
    async with connect(tiny(server.url, slow), deadline=0.3) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.create_order(ORDER)
    assert time.monotonic() - began < 0.4


async def test_an_open_write_keeps_the_vendors_words(server: Any, client: LoyaltyClient) -> None:
    """Status, words and cause survive, in another process too."""
    server.script = [server.http(500, b'{"error": "oops"}')]
    with pytest.raises(OutcomeUnknownError) as caught:
        await client.create_order(ORDER)
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    for error in (caught.value, copy):
        assert (500, "tiny", "oops") == (error.status, error.code, error.vendor_message)
        assert isinstance(error.__cause__, ServerError)
