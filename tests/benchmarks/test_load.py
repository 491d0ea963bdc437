from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import load, rows, target
from benchmarks.harness.question import Case
from benchmarks.harness.usage import busy_seconds, idle_share, peak_mib
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


@pytest.mark.skipif(sys.platform != "linux", reason="a peak cannot be told from what came before")
async def test_the_first_call_counts_for_nothing() -> None:
    """What it imports is held by whoever imports late, and would be taken for calls in flight."""

    async def call(number: int) -> None:
        if number < 0:
            bytearray(200 * 2**20)
        await asyncio.sleep(0)

    figures = await load.under_load(call, {"in_flight": 1, "seconds": 0.01})

    assert 100 > figures["peak_mib"]


async def test_who_is_refused_is_not_measured() -> None:
    """The first answer says whether the server takes orders."""

    async def call(_: int) -> str:
        return "503"

    with pytest.raises(RuntimeError, match="answered with 503"):
        await load.under_load(call, {"in_flight": 1, "calls": 1}, int)


@pytest.mark.skipif(sys.platform != "linux", reason="others do not say how busy a process was")
def test_processes_tell_what_they_used() -> None:
    """The server's idle share is what is left of the time beside that in which it was busy."""
    with target.answers({}) as server:
        pid = server["pid"]
        used = busy_seconds(pid)
        assert {"id": "1", "object": "order"} == fetch(f"{server['url']}/v2/orders", b"{}")

        assert used is not None
        assert 0 < used < 60
        assert 90 < idle_share(pid, used, 60.0)["server_idle"] < 100
        assert {"server_idle": 0.0} == idle_share(pid, used, 1e-6)
        assert {} == idle_share(pid, None, 1.0)

    assert busy_seconds(pid) is None
    assert {} == idle_share(pid, used, 1.0)
    assert peak_mib() > 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a core cannot be chosen")
def test_a_server_that_is_kept_from_running_is_not_idle() -> None:
    """Of two that want one core, each is busy all the time: running, or waiting for it."""
    spin = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"
    with ExitStack() as ended:
        command = [sys.executable, "-c", spin]
        busy = [ended.enter_context(subprocess.Popen(command)) for _ in range(2)]
        for each in busy:
            ended.callback(each.kill)
        time.sleep(0.2)  # until both have begun
        before, began = busy_seconds(busy[0].pid), time.perf_counter()
        time.sleep(0.3)
        share = idle_share(busy[0].pid, before, time.perf_counter() - began)

    assert 20 > share["server_idle"]


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


@pytest.mark.skipif(os.name != "posix", reason="a script stands in for nginx")
def test_where_nginx_does_not_start_our_own_server_takes_orders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The table says so, and the line with the reason is printed, without what is no reason."""
    script = tmp_path / "nginx"
    lines = ["nginx: [alert] no log", "nginx: [emerg] no such user", "nginx: it failed"]
    script.write_text("#!/bin/sh\n" + "".join(f"echo '{line}' >&2\n" for line in lines) + "exit 1")
    script.chmod(0o755)
    monkeypatch.setattr(target, "nginx", lambda: str(script))

    with target.orders(Case(name="orders")) as server:
        assert {"id": "1", "object": "order"} == fetch(f"{server['url']}/v2/orders", b"{}")

    what = "an asyncio protocol in its own process, since nginx did not start"
    assert what == server["what"]
    assert "nginx did not start: nginx: [emerg] no such user\n" == capfd.readouterr().err


@pytest.mark.skipif(target.nginx() is None, reason="nginx is not installed")
def test_nginx_says_what_it_does_not_understand(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What it complains of is passed on as it is."""
    monkeypatch.setattr(target, "_CONFIGURATION", "no_such_directive;")
    with target.orders(Case(name="orders")) as server:
        assert "since nginx did not start" in server["what"]

    assert 'unknown directive "no_such_directive"' in capfd.readouterr().err


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
