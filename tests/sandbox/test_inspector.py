from __future__ import annotations

from typing import Any

import pytest

from loyalty_sdk.sandbox import Sandbox

Ask = Any


async def test_ledger_and_balance(acme: Any, ask: Ask, give: Ask) -> None:
    """Another process can read the balance and every row, oldest first."""
    async with Sandbox(vendors=[acme]) as sandbox:
        await give(sandbox, 5, "first")
        query = "?provider=acme&customer_id=1"
        balance = await ask(sandbox, "GET", f"/_sandbox/balance{query}")
        ledger = await ask(sandbox, "GET", f"/_sandbox/ledger{query}")
    assert (200, {"balance": 5, "outstanding": 0}) == (balance.status, balance.json)
    (row,) = ledger.json["ledger"]
    (entry,) = sandbox.ledger("acme", "1")
    assert (entry.id, 5, 5, "first", "api") == (
        row["id"], row["points"], row["balance"], row["note"], row["origin"],
    )  # fmt: skip
    assert row["time"].endswith("Z")


async def test_arrivals(acme: Any, ask: Ask, give: Ask) -> None:
    """Arrivals come with what became of them and without credentials; asking leaves no trace."""
    async with Sandbox(vendors=[acme]) as sandbox:
        await give(sandbox, 5)
        await give(sandbox, 6)
        every = (await ask(sandbox, "GET", "/_sandbox/arrivals")).json["arrivals"]
        later = (await ask(sandbox, "GET", "/_sandbox/arrivals?since=1")).json["arrivals"]
        assert 2 == len(sandbox.arrivals)
        assert {} == (await ask(sandbox, "DELETE", "/_sandbox/arrivals")).json
        assert [] == sandbox.arrivals
    first, second = every
    assert [second] == later
    assert ("POST", "/acme/points/1", "acme", 200, True, '{"points": 5}') == (
        first["method"], first["path"], first["provider"], first["status"], first["applied"],
        first["body"],
    )  # fmt: skip
    assert ("***", "sandbox") == (first["headers"]["X-Acme-Key"], first["headers"]["Host"])


async def test_faults(acme: Any, ask: Ask, give: Ask) -> None:
    """Faults can be added, looked at and taken away."""
    async with Sandbox(vendors=[acme]) as sandbox:
        wanted = {"kind": "error", "match": "POST", "status": 503, "times": 3, "applied": True}
        added = await ask(sandbox, "POST", "/_sandbox/faults", wanted)
        assert 503 == (await give(sandbox, 5)).status
        (listed,) = (await ask(sandbox, "GET", "/_sandbox/faults")).json["faults"]
        await ask(sandbox, "DELETE", "/_sandbox/faults")
        assert 200 == (await give(sandbox, 5)).status
    assert ("error", "POST", 3, 0) == tuple(
        added.json[k] for k in ("kind", "match", "times", "struck")
    )
    assert (2, 1, 1) == (listed["times"], listed["struck"], listed["seen"])
    assert (503, True) == (listed["options"]["status"], listed["applied"])


async def test_functions_do_not_show(acme: Any, ask: Ask) -> None:
    """A fault that is for what a function says is listed without it."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add("error", match=lambda _: False)
        (listed,) = (await ask(sandbox, "GET", "/_sandbox/faults")).json["faults"]
    assert None is listed["match"]


async def test_clock(acme: Any, ask: Ask) -> None:
    """The clock can be pushed, and read."""
    async with Sandbox(vendors=[acme]) as sandbox:
        before = (await ask(sandbox, "POST", "/_sandbox/clock", {})).json["now"]
        after = (await ask(sandbox, "POST", "/_sandbox/clock", {"advance": 86400})).json["now"]
    assert before[:10] < after[:10]


async def test_seeding_and_reset(acme: Any, ask: Ask) -> None:
    """Customers and rows can be made, and everything forgotten."""
    async with Sandbox(vendors=[acme]) as sandbox:
        customer = {"provider": "acme", "customer_id": "1", "points": 4}
        await ask(sandbox, "POST", "/_sandbox/customers", customer)
        rows = {"provider": "acme", "customer_id": "1", "count": 3, "until": "2026-05-01T00:00:00Z"}
        await ask(sandbox, "POST", "/_sandbox/transactions", rows)
        await ask(sandbox, "POST", "/_sandbox/transactions", rows | {"until": None, "points": 2})
        assert [4, 1, 1, 1, 2, 2, 2] == [row.points for row in sandbox.ledger("acme", "1")]
        assert 2026 == sandbox.ledger("acme", "1")[1].time.year
        await ask(sandbox, "POST", "/_sandbox/reset", {"provider": "acme"})
        assert [] == sandbox.ledger("acme", "1")


async def test_settings(acme: Any, ask: Ask) -> None:
    """What connect wants can be asked for."""
    async with Sandbox(vendors=[acme]) as sandbox:
        answer = await ask(sandbox, "GET", "/_sandbox/settings?provider=acme")
        assert sandbox.settings("acme") == answer.json


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("GET", "balance?provider=nope&customer_id=1", None, "no provider 'nope'"),
        ("GET", "ledger", None, "missing 2 required positional arguments"),
        ("GET", "arrivals?since=x", None, "invalid literal"),
        ("POST", "faults", {"kind": "explode"}, "no fault is called"),
        ("POST", "faults", [], "unsupported operand"),
        ("POST", "clock", {"advance": -1}, "0 seconds or more"),
        ("POST", "clock", {"advance": "1"}, "not supported"),
        ("POST", "transactions", {"until": "soon"}, "until is an ISO 8601"),
    ],
)
async def test_bad_requests(  # noqa: PLR0913, PLR0917 - the columns of one table
    acme: Any, ask: Ask, method: str, path: str, body: Any, message: str
) -> None:
    """What is wrong with a request is said in one line."""
    async with Sandbox(vendors=[acme]) as sandbox:
        answer = await ask(sandbox, method, f"/_sandbox/{path}", body)
    assert 400 == answer.status
    assert message in answer.json["error"]


async def test_unknown_path(acme: Any, ask: Ask) -> None:
    """A path the inspector does not have is 404 with those it has."""
    async with Sandbox(vendors=[acme]) as sandbox:
        answer = await ask(sandbox, "PUT", "/_sandbox/ledger")
    assert 404 == answer.status
    assert "GET ledger" in answer.json["error"]
    assert [] == sandbox.arrivals
