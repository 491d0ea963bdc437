from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import Any

import pytest

from benchmarks.harness import load, rows, target
from benchmarks.harness.question import Case
from benchmarks.harness.usage import cpu_seconds, peak_mib
from loyalty_sdk import TransactionKind
from loyalty_sdk_joy._wire import read_transactions as read_joy
from loyalty_sdk_loyaltylion._wire import read_transactions as read_lion


def fetch(url: str, data: bytes | None = None) -> Any:
    """The JSON behind ``url``."""
    with urllib.request.urlopen(url, data, timeout=5) as answer:  # noqa: S310 - on loopback
        return json.load(answer)


async def test_so_many_calls_are_in_flight_and_no_more() -> None:
    """The loop is closed: a call begins when one has ended."""
    flying = most = 0

    async def call(_: int) -> None:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.001)
        flying -= 1

    window = await load.drive(call, 7, 0.05)

    assert 7 == most
    assert 0 == flying
    assert len(window.latencies) >= 7


async def test_a_window_accounts_for_what_ended_in_it() -> None:
    """The warm-up is not counted, and every figure follows from the latencies."""
    numbers: list[int] = []

    async def call(number: int) -> None:
        numbers.append(number)
        await asyncio.sleep(0.002)

    window = await load.drive(call, 2, 0.04)
    figures = window.figures()

    assert len(window.latencies) < len(numbers)
    assert list(range(len(numbers))) == sorted(numbers)
    assert pytest.approx(len(window.latencies) / window.wall) == figures["per_second"]
    assert 2 <= figures["p50_ms"] <= figures["p99_ms"]


async def test_a_number_of_calls_is_exact() -> None:
    """Where instructions are counted, two runs differ in the number of calls alone."""
    numbers: list[int] = []

    async def call(number: int) -> None:
        numbers.append(number)

    assert {} == await load.under_load(call, {"in_flight": 3, "calls": 10})
    assert [-1, *range(10)] == sorted(numbers)


def test_processes_tell_what_they_used() -> None:
    """The server's idle share is made of its processor seconds."""
    case = Case(name="orders")
    with target.answers({}) as server:
        used = cpu_seconds(server["pid"])
        assert {"id": "1", "object": "order"} == fetch(f"{server['url']}/v2/orders", b"{}")

    assert used is not None
    assert 0 <= used < 60
    assert cpu_seconds(server["pid"]) is None
    assert peak_mib() > 1
    assert case.missing == ()


@pytest.mark.skipif(target.nginx() is None, reason="nginx is not installed")
def test_nginx_takes_orders() -> None:
    """Where nginx is installed, it is what is called."""
    with target.orders(Case(name="orders")) as server:
        assert "nginx, one worker" == server["what"]
        assert {"id": "1", "object": "order"} == fetch(f"{server['url']}/v2/orders", b"{}")


def test_without_nginx_our_own_server_takes_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table says which server it was."""
    monkeypatch.setattr(target, "nginx", lambda: None)
    with target.orders(Case(name="orders")) as server:
        assert "an asyncio protocol in its own process" == server["what"]


def test_pages_follow_their_cursors() -> None:
    """The server hands out every transaction once."""
    case = Case(name="pages", settings={"server": {"pages": {"count": 25, "size": 10}}})
    ids: list[int] = []
    with target.paced(case) as server:
        query: str | None = ""
        while query is not None:
            page = fetch(f"{server['url']}/v2/transactions?limit=10{query}")
            ids += [row["id"] for row in page["transactions"]]
            following = page["cursor"]["next"]
            query = following and f"&cursor={following}"

    assert 25 == len(set(ids)) == len(ids)


def test_made_up_pages_read_like_the_vendors() -> None:
    """Our adapters take them whole, with every kind that a shop has."""
    from loyalty_sdk import Response

    lion = read_lion(rows.page("loyaltylion", 60)).items
    joy = read_joy(Response(status=200, body=rows.page("joy", 60)))[0]

    wanted = {TransactionKind.EARNED, TransactionKind.ADJUSTED, TransactionKind.REDEEMED}
    for page in (lion, joy):
        assert 60 == len({row.id for row in page})
        assert wanted == {row.kind for row in page}
        assert any(row.order_id for row in page)
