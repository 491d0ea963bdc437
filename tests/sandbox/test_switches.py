from __future__ import annotations

import typing
from itertools import pairwise
from typing import Any

import attrs
import pytest

from loyalty_sdk.errors import ConfigurationError
from loyalty_sdk.sandbox import Rule, Sandbox, Switches
from loyalty_sdk.sandbox._switches import SwitchOptions

pytestmark = pytest.mark.usefixtures("skipping")

Ask = Any


def test_options_and_switches_agree() -> None:
    """Every switch is a typed keyword argument of Sandbox, and there are no others."""
    switches = {field.name for field in attrs.fields(Switches)}
    assert switches == set(typing.get_type_hints(SwitchOptions))


@pytest.mark.parametrize(
    ("switch", "value", "message"),
    [
        ("notes", "cut_51", "notes is one of 'as_is', 'cut_50'.*not 'cut_51'"),
        ("duplicate_orders", 409, "duplicate_orders is one of 'accept'.*not 409"),
        ("duplicate_activities", None, "duplicate_activities is one of"),
        ("unknown_customers", "make", "unknown_customers is one of 'create', '404', '404_nested'"),
        ("below_zero", True, "below_zero is one of"),
        ("effect_delay", -1, "effect_delay is a number, 0 or more"),
        ("effect_delay", True, "effect_delay is a number"),
        ("list_lag", "1", "list_lag is a number"),
        ("stranger", 1.5, "stranger is a number, from 0 to 1"),
        ("cache_seconds", float("nan"), "cache_seconds is a number"),
        ("limit_retry_after", -0.1, "limit_retry_after is a number"),
        ("write_success", 1, "write_success is True or False"),
        ("seed", 1.0, "seed is a whole number"),
        ("seed", True, "seed is a whole number"),
        ("rules", {"a": -1}, r"rules\['a'\] is points"),
        ("rules", {"a": "5"}, r"rules\['a'\] is points"),
        ("rules", {"a": True}, r"rules\['a'\] is points"),
    ],
)
def test_bad_positions(acme: Any, switch: str, value: Any, message: str) -> None:
    """A value that is no position of a switch is refused, with the positions there are."""
    with pytest.raises(ConfigurationError, match=message):
        Sandbox(vendors=[acme], **{switch: value})


def test_unknown_switch(acme: Any) -> None:
    """A switch that does not exist is refused, with all that do."""
    options: Any = {"duplicate_order": "accept"}
    with pytest.raises(ConfigurationError, match=r"no switch duplicate_order\. .*duplicate_orders"):
        Sandbox(vendors=[acme], **options)


def test_rules() -> None:
    """Rules are points, a Rule or none; every other name earns 10 unless "*" says otherwise."""
    switches = Switches(rules={"a": 5, "b": None, "c": Rule(7, limit=1)})
    assert (Rule(5), None, Rule(7, limit=1), Rule(10)) == tuple(map(switches.rule, "abcd"))
    assert None is Switches(rules={"*": None}).rule("a")


async def test_effect_delayed(acme: Any, ask: Ask, give: Ask) -> None:
    """With a delay, an acknowledged write changes nothing until it has passed."""
    async with Sandbox(vendors=[acme], effect_delay=30) as sandbox:
        assert 200 == (await give(sandbox, 5)).status
        sandbox.clock.advance(29)
        assert (0, 1) == (sandbox.balance("acme", "1"), sandbox.outstanding("acme"))
        sandbox.clock.advance(1)
        assert ["row-"] == [
            row[:4] for row in (await ask(sandbox, "GET", "/acme/points/1")).json["rows"]
        ]
    assert (5, 0) == (sandbox.balance("acme", "1"), sandbox.outstanding("acme"))
    assert [True, False] == [arrival.applied for arrival in sandbox.arrivals]


async def test_effect_delayed_after_an_error(acme: Any, give: Ask) -> None:
    """A write that was answered with a 5xx can take effect later all the same."""
    async with Sandbox(vendors=[acme], effect_delay=30) as sandbox:
        sandbox.faults.add("error", status=503, applied=True)
        assert 503 == (await give(sandbox, 5)).status
        assert 0 == sandbox.balance("acme", "1")
        sandbox.clock.advance(30)
        assert 5 == sandbox.balance("acme", "1")


async def test_delayed_effects_keep_their_order(acme: Any, give: Ask) -> None:
    """Effects that are due together are made in the order they were asked for."""
    async with Sandbox(vendors=[acme], effect_delay=1) as sandbox:
        for points in (5, 6, 7):
            await give(sandbox, points)
        sandbox.clock.advance(2)
    assert [5, 6, 7] == [entry.points for entry in sandbox.ledger("acme", "1")]


async def test_list_lag(acme: Any, ask: Ask, give: Ask) -> None:
    """Rows come up in lists one by one and out of id order; the ledger has them at once."""
    async with Sandbox(vendors=[acme], list_lag=60, seed=3) as sandbox:
        for points in range(1, 9):
            await give(sandbox, points)
        ids = [entry.id for entry in sandbox.ledger("acme", "1")]
        shown: dict[str, int] = {}
        for second in range(61):
            listed = (await ask(sandbox, "GET", "/acme/points/1")).json["rows"]
            assert listed == sorted(listed, reverse=True)
            shown |= {row: second for row in listed if row not in shown}
            sandbox.clock.advance(1)
    assert 8 == len(ids)
    assert sorted(ids) == sorted(shown)
    assert len(set(shown.values())) > 4
    assert any(shown[later] < shown[earlier] for earlier, later in pairwise(ids))


@pytest.mark.parametrize(
    ("notes", "kept"),
    [
        ("as_is", ' a  <b> & "c" ' + "x" * 300),
        ("cut_50", (' a  <b> & "c" ' + "x" * 300)[:50]),
        ("cut_255", (' a  <b> & "c" ' + "x" * 300)[:255]),
        ("trimmed", 'a <b> & "c" ' + "x" * 300),
        ("escaped", " a  &lt;b&gt; &amp; &quot;c&quot; " + "x" * 300),
        ("dropped", None),
    ],
)
async def test_notes(acme: Any, give: Ask, notes: Any, kept: str | None) -> None:
    """A note is kept as it is, cut, trimmed, escaped or dropped."""
    async with Sandbox(vendors=[acme], notes=notes) as sandbox:
        await give(sandbox, 5, ' a  <b> & "c" ' + "x" * 300)
    assert [kept] == [entry.note for entry in sandbox.ledger("acme", "1")]


@pytest.mark.parametrize(
    ("below_zero", "status", "balance"),
    [("clamp", 200, 0), ("refuse", 400, 3), ("negative", 200, -2)],
)
async def test_below_zero(acme: Any, give: Ask, below_zero: Any, status: int, balance: int) -> None:
    """Taking more than there is goes down to 0, is refused, or below."""
    async with Sandbox(vendors=[acme], below_zero=below_zero) as sandbox:
        await give(sandbox, 3)
        assert status == (await give(sandbox, -5)).status
    assert balance == sandbox.balance("acme", "1")
    assert balance == sum(entry.points for entry in sandbox.ledger("acme", "1"))


async def test_nothing_to_take(acme: Any, give: Ask) -> None:
    """Taking from a customer nobody knows is refused when removals below 0 are."""
    async with Sandbox(vendors=[acme], below_zero="refuse") as sandbox:
        assert 400 == (await give(sandbox, -1)).status


@pytest.mark.parametrize(("mode", "status"), [("create", 200), ("404", 404), ("404_nested", 404)])
async def test_unknown_customers(acme: Any, give: Ask, mode: Any, status: int) -> None:
    """A write for an unknown customer makes one, or is 404; a known one is always found."""
    async with Sandbox(vendors=[acme], unknown_customers=mode) as sandbox:
        sandbox.add_customer("acme", "known")
        assert status == (await give(sandbox, 5)).status
        assert 200 == (await give(sandbox, 5, customer="known")).status


@pytest.mark.parametrize(("mode", "status"), [("refuse", 400), ("ignore", 200)])
async def test_unknown_fields(acme: Any, ask: Ask, mode: Any, status: int) -> None:
    """A field outside a closed schema is refused or ignored."""
    async with Sandbox(vendors=[acme], unknown_fields=mode) as sandbox:
        answer = await ask(sandbox, "POST", "/acme/points/1", {"points": 1, "extra": 1})
    assert status == answer.status


async def test_write_success_false(acme: Any, ask: Ask, give: Ask) -> None:
    """With write_success off, writes are applied and say that they were not; reads are true."""
    async with Sandbox(vendors=[acme], write_success=False) as sandbox:
        answer = await give(sandbox, 5)
        listed = await ask(sandbox, "GET", "/acme/points/1")
    assert (200, {"success": False, "says": "acme"}) == (answer.status, answer.json)
    assert 5 == sandbox.balance("acme", "1")
    assert 1 == len(listed.json["rows"])


async def test_stranger(acme: Any, give: Ask) -> None:
    """A stranger writes a row equal to ours beside it, without our marker."""
    async with Sandbox(vendors=[acme], stranger=1) as sandbox:
        await give(sandbox, 5, "[ref:A-1] thank you")
    rows = [(entry.points, entry.note, entry.origin) for entry in sandbox.ledger("acme", "1")]
    assert [(5, "[ref:A-1] thank you", "api"), (5, "thank you", "stranger")] == rows


async def test_stranger_beside_a_lost_write(acme: Any, give: Ask) -> None:
    """The stranger's row is there although ours never was."""
    async with Sandbox(vendors=[acme], stranger=1) as sandbox:
        sandbox.faults.add("error")
        await give(sandbox, 5)
    assert ["stranger"] == [entry.origin for entry in sandbox.ledger("acme", "1")]
    assert [False] == [arrival.applied for arrival in sandbox.arrivals]


async def test_stranger_with_delay(acme: Any, give: Ask) -> None:
    """A delayed write of ours keeps its own marker beside the stranger's row."""
    async with Sandbox(vendors=[acme], stranger=1, effect_delay=1) as sandbox:
        await give(sandbox, 5, "[ref:A-1] x")
        sandbox.clock.advance(1)
    assert ["[ref:A-1] x", "x"] == [entry.note for entry in sandbox.ledger("acme", "1")]


async def test_stranger_leaves_other_writes_alone(acme: Any, ask: Ask) -> None:
    """What does not change points by hand has no double."""
    async with Sandbox(vendors=[acme], stranger=1) as sandbox:
        assert 200 == (await ask(sandbox, "PUT", "/acme/points/1", {"points": 5})).status
    assert ["api"] == [entry.origin for entry in sandbox.ledger("acme", "1")]


async def test_stranger_share(acme: Any, ask: Ask, give: Ask) -> None:
    """The stranger writes beside the seeded share of point changes, and only of those."""

    async def run() -> list[str]:
        async with Sandbox(vendors=[acme], stranger=0.5, seed=11) as sandbox:
            for _ in range(12):
                await give(sandbox, 5)
            await ask(sandbox, "GET", "/acme/points/1")
            await ask(sandbox, "POST", "/acme/points/1", {"points": 1}, X_Acme_Key="wrong")
        return [entry.origin for entry in sandbox.ledger("acme", "1")]

    first = await run()
    assert 12 == first.count("api")
    assert 0 < first.count("stranger") < 12
    assert first == await run()


async def test_cached_lists(acme: Any, ask: Ask, give: Ask) -> None:
    """A polite cache gives an old list with its Age, a true one when asked not to."""
    async with Sandbox(vendors=[acme], cached_lists="polite", cache_seconds=60) as sandbox:
        fresh = await ask(sandbox, "GET", "/acme/points/1")
        await give(sandbox, 5)
        sandbox.clock.advance(20)
        old = await ask(sandbox, "GET", "/acme/points/1")
        other = await ask(sandbox, "GET", "/acme/points/1?page=2")
        true = await ask(sandbox, "GET", "/acme/points/1", Cache_Control="no-cache")
        sandbox.clock.advance(60)
        expired = await ask(sandbox, "GET", "/acme/points/1")
    assert ([], None) == (fresh.json["rows"], fresh.headers.get("age"))
    assert ([], "20") == (old.json["rows"], old.headers.get("age"))
    for answer in (other, true, expired):
        assert (1, None) == (len(answer.json["rows"]), answer.headers.get("age"))


async def test_stubborn_cache(acme: Any, ask: Ask, give: Ask) -> None:
    """A stubborn cache gives the old list whatever the request says."""
    async with Sandbox(vendors=[acme], cached_lists="stubborn") as sandbox:
        await ask(sandbox, "GET", "/acme/points/1")
        await give(sandbox, 5)
        old = await ask(sandbox, "GET", "/acme/points/1", Cache_Control="no-cache")
    assert ([], "0") == (old.json["rows"], old.headers.get("age"))
