"""LoyaltyClient under a limit: every try in its turn, in two lanes, for all of one account."""

from __future__ import annotations

import asyncio
import gc
import time
from decimal import Decimal
from typing import Any

import pytest

from loyalty_sdk import (
    ConfigurationError,
    Customer,
    DeadlineExceededError,
    LoyaltyClient,
    Order,
    Outcome,
    RateLimit,
    RateLimitedError,
    RateWaitTimeoutError,
    RetryPolicy,
    SessionPool,
    connect,
)
from loyalty_sdk._slots import Slots

pytestmark = pytest.mark.usefixtures("skipping")

TEN = RateLimit.fixed(10, margin=0.001)


async def ask(client: LoyaltyClient, path: str = "/a") -> None:
    """One read."""
    await client.request("GET", path)


# ------------------------------------------------------------ whose limit


@pytest.mark.limited
async def test_the_vendor_s_documented_rate_is_the_default(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it documents none, the client finds out how much it takes."""
    async with connect(tiny("http://127.0.0.1:1", "undocumented")) as client:
        assert 10 == client.limiter.rate  # type: ignore[union-attr]
    monkeypatch.setattr(tiny, "rate", 20)
    async with connect(tiny("http://127.0.0.1:1", "documented")) as client:
        assert 20 == client.limiter.rate  # type: ignore[union-attr]


async def test_without_a_limit_nothing_waits(tiny: Any, server: Any) -> None:
    """`False` turns it off, for this account."""
    async with connect(tiny(server.url, "k"), rate_limit=False) as client:
        assert client.limiter is None
        await asyncio.gather(*(ask(client) for _ in range(50)))
    assert 50 == len(server.arrivals)


@pytest.mark.limited
async def test_clients_of_one_key_share_its_limit(tiny: Any, server: Any) -> None:
    """Two of them are no faster than one, and one that says nothing takes what there is."""
    async with (
        connect(tiny(server.url, "k"), rate_limit=TEN) as one,
        connect(tiny(server.url, "k")) as other,
        connect(tiny(server.url, "another"), rate_limit=TEN) as stranger,
    ):
        assert one.limiter is other.limiter
        assert one.limiter is not stranger.limiter
        began = time.monotonic()
        await asyncio.gather(*(ask(client) for client in (one, other) for _ in range(3)))
        assert 0.45 <= time.monotonic() - began < 2
        assert (6, 5) == (one.limiter.interactive.grants, one.limiter.interactive.waits)  # type: ignore[union-attr]


@pytest.mark.limited
async def test_a_name_for_the_account_outlives_its_keys(tiny: Any) -> None:
    """Rotated keys go on sharing what the old ones had."""
    url = "http://127.0.0.1:1"
    async with (
        connect(tiny(url, "old"), rate_limit=TEN, account="shop") as one,
        connect(tiny(url, lambda: "new"), account="shop") as other,
        connect(tiny(url, "old")) as unnamed,
    ):
        assert one.limiter is other.limiter
        assert one.limiter is not unnamed.limiter


async def test_one_account_has_one_limit(tiny: Any, server: Any) -> None:
    """Another explicit one is refused, also where the key is asked for later."""
    async with connect(tiny(server.url, "k"), rate_limit=TEN) as client:
        assert client.limiter is not None
        for other in (RateLimit.fixed(11), RateLimit.adaptive(), False):
            with pytest.raises(ConfigurationError, match=r"another already: RateLimit.fixed\(10"):
                connect(tiny(server.url, "k"), rate_limit=other)
        async with connect(tiny(server.url, lambda: "k"), rate_limit=RateLimit.fixed(11)) as late:
            with pytest.raises(ConfigurationError, match="another already"):
                await ask(late)
        async with connect(tiny(server.url, "k"), rate_limit=RateLimit.fixed(10, margin=0.001)):
            pass
    assert [] == server.arrivals


async def test_a_limit_may_be_changed_when_nobody_keeps_the_old_one(tiny: Any) -> None:
    """A closed client wants nothing, although somebody still holds it."""
    url = "http://127.0.0.1:1"
    async with connect(tiny(url, "k"), rate_limit=TEN) as first:
        pass
    async with connect(tiny(url, "k"), rate_limit=RateLimit.fixed(11)) as second:
        assert 11 == second.limiter.rate  # type: ignore[union-attr]
    await first.aclose()
    async with connect(tiny(url, lambda: "never asked")) as unopened:
        pass
    assert unopened.limiter is None


@pytest.mark.limited
async def test_who_says_nothing_keeps_what_it_found(tiny: Any) -> None:
    """Its calls may wait for their turn: two limits side by side would send too much."""
    url = "http://127.0.0.1:1"
    async with connect(tiny(url, "k")) as client:
        assert client.limiter is not None
        with pytest.raises(ConfigurationError, match=r"another already: RateLimit\.adaptive"):
            connect(tiny(url, "k"), rate_limit=TEN)


async def test_the_next_client_keeps_the_pace_of_the_last(tiny: Any, server: Any) -> None:
    """One client a request is common: each would else send its first at once."""
    seen = set()
    for _ in range(3):
        async with connect(tiny(server.url, "k"), rate_limit=TEN) as client:
            await ask(client)
            seen.add(id(client.limiter))
        del client
        gc.collect()
    assert 1 == len(seen)


@pytest.mark.parametrize("name", ["", 5, "caf\u00e9\n"])
async def test_an_account_s_name_is_text(tiny: Any, name: Any) -> None:
    """Nothing else can be shared by other processes."""
    with pytest.raises(ConfigurationError, match="account must be printable"):
        connect(tiny("http://127.0.0.1:1", "k"), account=name)


async def test_what_is_no_limit_is_refused(tiny: Any) -> None:
    """A number is not enough: whether it is exact or a guess has to be said."""
    with pytest.raises(ConfigurationError, match="rate_limit: wanted a RateLimit, False or None"):
        connect(tiny("http://127.0.0.1:1", "k"), rate_limit=20)  # type: ignore[arg-type]


# ------------------------------------------------------------ every try


async def test_every_try_takes_a_grant(tiny: Any, server: Any) -> None:
    """Repeats too."""
    server.script = [server.http(500), server.http(500), server.http()]
    async with connect(tiny(server.url, "k"), rate_limit=RateLimit.fixed(1000)) as client:
        await ask(client)
        assert 3 == client.limiter.interactive.grants  # type: ignore[union-attr]


async def test_a_429_pauses_everybody(tiny: Any, server: Any) -> None:
    """`Retry-After` is for the account, not for the call that was told."""
    server.script = [server.http(429, Retry_After="0.3")]
    async with connect(tiny(server.url, "k"), rate_limit=RateLimit.fixed(1000)) as client:
        first = asyncio.create_task(ask(client))
        while not client.limiter.throttles:  # type: ignore[union-attr]
            await asyncio.sleep(0.01)
        began = time.monotonic()
        await ask(client)
        assert time.monotonic() - began > 0.2
        await first


async def test_a_pause_beyond_the_deadline_is_told_at_once(tiny: Any, server: Any) -> None:
    """To the call that was refused, and to one that would have to wait for its turn."""
    server.script = [server.http(429, Retry_After="60")]
    async with connect(
        tiny(server.url, "k"), rate_limit=RateLimit.fixed(1000), deadline=5
    ) as client:
        began = time.monotonic()
        with pytest.raises(RateLimitedError, match="beyond the deadline"):
            await ask(client)
        with pytest.raises(RateWaitTimeoutError) as caught:
            await client.request("POST", "/a")
        assert time.monotonic() - began < 1
    assert Outcome.NOT_SENT is caught.value.outcome
    assert 1 == len(server.arrivals)


async def test_a_turn_that_comes_too_late_is_not_waited_for_again(tiny: Any, server: Any) -> None:
    """The wait was as long as the deadline lets it be: a repeat could not be sooner."""
    async with connect(tiny(server.url, "k"), rate_limit=TEN, deadline=0.35) as client:
        ends = await asyncio.gather(*(ask(client) for _ in range(9)), return_exceptions=True)
    late = [end for end in ends if isinstance(end, RateWaitTimeoutError)]
    assert 9 == len(late) + len(server.arrivals)
    assert 5 <= len(late) <= 6


# ------------------------------------------------------------ lanes


async def test_bulk_waits_for_its_first_turn_without_a_deadline(tiny: Any, server: Any) -> None:
    """Its clock starts when it may send: a queue of hours fails nobody."""
    async with connect(tiny(server.url, "k"), rate_limit=TEN, deadline=0.25) as client:
        bulk = client.with_options(lane="bulk")
        await asyncio.gather(*(ask(bulk) for _ in range(8)))
        assert (8, 7) == (client.limiter.bulk.grants, client.limiter.bulk.waits)  # type: ignore[union-attr]


async def test_the_clock_of_bulk_starts_with_its_grant(tiny: Any, server: Any) -> None:
    """Then its deadline is kept like any other."""

    async def never(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    server.script = [never]
    async with connect(tiny(server.url, "k"), deadline=0.2) as client:
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError):
            await ask(client.with_options(lane="bulk"))
        assert time.monotonic() - began < 0.3


async def test_queue_timeout_bounds_the_wait_of_bulk(tiny: Any, server: Any) -> None:
    """And of nobody else."""
    async with connect(tiny(server.url, "k"), rate_limit=TEN, queue_timeout=0.25) as client:
        bulk = client.with_options(lane="bulk")
        ends = await asyncio.gather(*(ask(bulk) for _ in range(9)), return_exceptions=True)
        await asyncio.gather(*(ask(client) for _ in range(4)))
    late = [end for end in ends if isinstance(end, RateWaitTimeoutError)]
    assert 13 == len(late) + len(server.arrivals)
    assert 5 <= len(late) <= 7


async def test_interactive_calls_overtake_bulk(tiny: Any, server: Any) -> None:
    """However many of these wait."""
    limit = RateLimit.fixed(50, margin=0.001)
    async with connect(tiny(server.url, "k"), rate_limit=limit) as client:
        bulk = client.with_options(lane="bulk")
        crowd = [asyncio.create_task(ask(bulk, "/bulk")) for _ in range(40)]
        await asyncio.sleep(0.05)
        await ask(client, "/now")
        before = [arrival.target for arrival in server.arrivals].index("/now")
        assert before <= 8
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)


async def test_what_is_under_way_goes_before_what_is_not(tiny: Any, server: Any) -> None:
    """A repeat of bulk does not wait behind the whole queue while its deadline runs."""
    server.script = [server.http(500)]
    async with connect(tiny(server.url, "k"), rate_limit=TEN, deadline=2) as client:
        bulk = client.with_options(lane="bulk")
        crowd = [asyncio.create_task(ask(bulk, f"/{n}")) for n in range(40)]
        await crowd[0]
        assert [arrival.target for arrival in server.arrivals][1:].index("/0") < 10
        assert 1 == client.limiter.interactive.grants  # type: ignore[union-attr]
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)


@pytest.mark.parametrize("lane", ["bulk", "interactive"])
async def test_a_key_that_hangs_does_not_hang_the_call(tiny: Any, server: Any, lane: Any) -> None:
    """Asking for it is no waiting for a turn, and a slot may be held meanwhile."""
    keys = iter(["k", "k"])

    async def key() -> str:
        for known in keys:
            return known
        await asyncio.sleep(60)
        raise AssertionError

    policy = RetryPolicy(attempts=1)
    async with connect(tiny(server.url, key), deadline=0.2, retry=policy) as client:
        asker = client.with_options(lane=lane)
        await ask(asker)
        await ask(asker)
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError, match="no credentials"):
            await ask(asker)
        assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("lane", ["fast", None, 1])
async def test_there_are_two_lanes(tiny: Any, lane: Any) -> None:
    """Another one is refused by name."""
    async with connect(tiny("http://127.0.0.1:1", "k")) as client:
        with pytest.raises(ConfigurationError, match="lane must be one of interactive, bulk"):
            client.with_options(lane=lane)


# ------------------------------------------------------------ slots


async def test_a_slot_is_given_back_whoever_holds_the_lock() -> None:
    """A call that nobody awaits any more may be collected while others are being served."""
    slots = Slots(1)
    await slots.take("bulk", float("inf"))
    with slots._lock:
        slots.give("bulk")
    waiting = asyncio.create_task(slots.take("bulk", time.monotonic() + 1))
    await asyncio.wait_for(waiting, 1)
    with slots._lock:
        await asyncio.to_thread(slots.give, "bulk")
    await slots.take("bulk", time.monotonic() + 1)
    assert 1 == slots.taken


async def test_a_waiter_gets_a_slot_that_came_back_under_the_lock() -> None:
    """The loop looks again when it comes to it."""
    slots = Slots(1)
    await slots.take("interactive", float("inf"))
    waiting = asyncio.create_task(slots.take("interactive", time.monotonic() + 2))
    await asyncio.sleep(0.01)
    with slots._lock:
        slots.give("interactive")
    await asyncio.wait_for(waiting, 1)


async def test_the_first_call_is_ready_before_its_turn(tiny: Any, server: Any) -> None:
    """What the first one takes to set up would else come between its turn and its leaving."""
    async with (
        SessionPool() as pool,
        connect(tiny(server.url, "k"), pool=pool, rate_limit=RateLimit.fixed(1)) as client,
    ):
        assert client.limiter is not None
        await client.limiter.grant("interactive", float("inf"))
        waiting = asyncio.create_task(ask(client))
        await asyncio.sleep(0.05)
        [session] = pool._sessions.values()
        assert [server.url] == list(session.routes)
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_no_more_calls_are_under_way_than_the_pool_has_connections(
    tiny: Any, server: Any
) -> None:
    """Those that wait for one have no grant yet: a granted request never waits again."""
    most = 0

    async def slow(writer: asyncio.StreamWriter) -> None:
        nonlocal most
        most = max(most, len(server.connections))
        await asyncio.sleep(0.02)
        writer.write(server.http())

    server.script = [slow] * 8
    async with (
        SessionPool(connections=2) as pool,
        connect(tiny(server.url, "k"), rate_limit=RateLimit.fixed(1000), pool=pool) as client,
    ):
        calls = [asyncio.create_task(ask(client)) for _ in range(8)]
        await asyncio.sleep(0.01)
        assert 2 == client.limiter.interactive.grants  # type: ignore[union-attr]
        await asyncio.gather(*calls)
    assert 2 == most


async def test_a_host_has_slots_of_its_own(tiny: Any, server: Any) -> None:
    """Where the pool bounds connections per host, one slow host leaves room for another."""

    async def never(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    server.script = [never, never]
    policy = RetryPolicy(attempts=1)
    async with (
        SessionPool(connections=3, connections_per_host=2) as pool,
        connect(tiny(server.url, "k"), pool=pool, deadline=0.3, retry=policy) as client,
        connect(tiny("http://127.0.0.1:1", "k"), pool=pool, deadline=1, retry=policy) as other,
    ):
        hasty = client.with_options(deadline=0.2)
        held = [asyncio.create_task(ask(each)) for each in (client, client, hasty)]
        await asyncio.sleep(0.05)
        with pytest.raises(Exception, match="cannot connect"):
            await ask(other)
        ends = await asyncio.gather(*held, return_exceptions=True)
    assert [True, True, False] == [isinstance(end, DeadlineExceededError) for end in ends]
    assert isinstance(ends[2], RateWaitTimeoutError)


async def test_a_cancelled_wait_for_a_host_s_slot_gives_it_back(tiny: Any, server: Any) -> None:
    """It held one for the host and waited for one of the pool."""

    async def hold(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(server.http())

    server.script = [hold]
    async with (
        SessionPool(connections=1, connections_per_host=1) as pool,
        connect(tiny(server.url, "k"), pool=pool) as client,
        connect(tiny(server.url.replace("127.0.0.1", "localhost"), "k"), pool=pool) as other,
    ):
        first = asyncio.create_task(ask(client))
        await asyncio.sleep(0.02)
        waiting = asyncio.create_task(ask(other))
        await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.wait([waiting])
        await first
        await ask(other)
    assert waiting.cancelled()
    assert 2 == len(server.arrivals)


# ------------------------------------------------------------ a journal in between


@pytest.mark.limited
async def test_what_a_journal_held_up_counts_when_it_leaves(tiny: Any, server: Any) -> None:
    """Nine were granted in time and leave as one: the rest keep out of their second."""
    arrived: list[float] = []
    prompt: list[float] = []

    async def hook(attempt: Any) -> None:
        if attempt.reference == "held":
            await asyncio.sleep(began + 1.2 - time.monotonic())
        arrived.append(time.monotonic() - began)
        if attempt.reference == "prompt":
            prompt.append(arrived[-1])

    began = time.monotonic()
    async with connect(tiny(server.url, "k"), rate_limit=TEN, before_send=hook) as client:

        async def write(reference: str) -> None:
            order = Order(id=reference, customer=Customer(id="1"), total=Decimal(1))
            await client.create_order(order)

        await asyncio.gather(
            *(write("held") for _ in range(9)), *(write("prompt") for _ in "12345")
        )

    assert (14, 5) == (len(arrived), len(prompt))
    assert max(sum(end - 1 < at <= end for at in arrived) for end in prompt) <= 10
