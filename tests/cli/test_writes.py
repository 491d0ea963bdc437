"""The writes: every field can be said, and every end has its exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from loyalty_sdk import Activity, Customer, DiscountCode, Order, PointsAdjustment

WHEN = datetime(2026, 5, 1, 8, 30, tzinfo=UTC)
SHOPPER: dict[str, Any] = {
    "guest": True,
    "ip_address": "192.0.2.1",
    "user_agent": "Firefox",
    "referral_id": "ref",
    "tracking_id": "track",
}
SHOPPER_OPTIONS = [
    "--guest",
    "--ip-address=192.0.2.1",
    "--user-agent=Firefox",
    "--referral-id=ref",
    "--tracking-id=track",
]
ACTIVITY = Activity(
    name="$signup",
    customer=Customer(id="1001", email="a@example.com"),
    id="a-1",
    occurred_at=WHEN,
    properties={"colour": "red", "size": 4},
    **SHOPPER,
)
ORDER = Order(
    id="A-1",
    customer=Customer(id="1001", email="a@example.com"),
    total=Decimal("99.99"),
    total_shipping=Decimal("4.50"),
    total_paid=Decimal("99.99"),
    payment_status="paid",
    number="17",
    merchant_number="#17",
    discount_codes=(DiscountCode(code="TEN", amount=Decimal(10)),),
    claimed_reward_ids=(3, 4),
    placed_at=WHEN,
    **SHOPPER,
)
ADJUSTMENT = PointsAdjustment(
    customer_id="0012", points=-20, reason="Returned", note="ticket", reference="t-1"
)
WHO = ["--customer=1001", "--email=a@example.com"]
FULL = {
    ACTIVITY: [
        "track", "$signup", *WHO, "--id=a-1", "--occurred-at=2026-05-01T10:30:00+02:00",
        "--property=colour=red", "--property=size:=4", *SHOPPER_OPTIONS,
    ],
    ORDER: [
        "order", "A-1", *WHO, "--total=99.99", "--total-shipping=4.50", "--total-paid=99.99",
        "--payment-status=paid", "--number=17", "--merchant-number=#17", "--discount=TEN=10",
        "--reward=3", "--reward=4", "--placed-at=2026-05-01T08:30Z", *SHOPPER_OPTIONS,
    ],
    ADJUSTMENT: [
        "adjust", "--customer=0012", "--points", "-20", "--reason=Returned", "--note=ticket",
        "--reference=t-1",
    ],
}  # fmt: skip
BARE = {
    Activity(name="n", customer=Customer(id="1")): ["track", "n", "--customer=1"],
    Order(id="1", customer=Customer(id="1"), total=Decimal(1)): [
        "order", "1", "--customer=1", "--total=1",
    ],
    PointsAdjustment(customer_id="1", points=5): ["adjust", "--customer=1", "--points=5"],
}  # fmt: skip
ADJUST = BARE[PointsAdjustment(customer_id="1", points=5)]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, acme: Any, server: Any) -> None:
    """Commands talk to the scripted server unless they say otherwise."""
    monkeypatch.setenv("LOYALTY_PROVIDER", "acme")
    monkeypatch.setenv("ACME_BASE_URL", server.url)


def test_the_examples_name_every_field() -> None:
    """Each field of each value differs from its default, so a field without option is seen."""
    values: list[Any] = [*FULL]
    for value in values:
        for field in attrs.fields(type(value)):
            assert field.default != getattr(value, field.name), field.name


@pytest.mark.parametrize(
    ("value", "arguments"), [*FULL.items(), *BARE.items()], ids=lambda it: type(it).__name__
)
async def test_every_field_can_be_said_and_none_is_made_up(
    value: Any, arguments: list[str], loyalty: Any, acme: Any
) -> None:
    """The options become the value and nothing else; ids stay text."""
    ended = await loyalty(*arguments)
    assert (0, "") == (ended.code, ended.err)
    assert [value] == acme.seen


async def test_a_receipt_is_one_sentence(loyalty: Any, server: Any) -> None:
    """People are told provider, operation, outcome, tries, points and balance."""
    row = b'{"id": "1", "points": 5, "balance": 12}'
    server.script += [server.http(), server.http(body=row)]
    assert "acme: adjust_points applied (1 attempt)\n" == (await loyalty(*ADJUST)).out
    ended = await loyalty("order", "1", "--customer=1", "--total=1")
    assert "acme: create_order applied (1 attempt): +5 points, balance 12\n" == ended.out


async def test_json_prints_the_receipt(loyalty: Any) -> None:
    """With --json the receipt is one object on one line."""
    ended = await loyalty(*FULL[ADJUSTMENT], "--json")
    wanted = {
        "operation": "adjust_points",
        "provider": "acme",
        "reference": "t-1",
        "outcome": "applied",
        "attempts": 1,
        "transaction": None,
        "reconciled": False,
        "resolve_after": None,
    }
    assert [wanted] == ended.lines


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["track"], "Missing argument 'NAME'"),
        (["track", "n"], "Missing option '--customer'"),
        (["track", "n", "--customer=1", "--occurred-at=2026-05-01T08:30:00"], "add Z for UTC"),
        (["track", "n", "--customer=1", "--property=a=1", "--property=a=2"], "a is given twice"),
        (["track", "", "--customer=."], "name: must not be empty; customer.id: must not be"),
        (["order", "1", "--customer=1", "--total=1e5"], "wanted an amount"),
        (["order", "1", "--customer=1", "--total=1", "--reward=x"], "wanted a whole number"),
        (["order", "1", "--customer=1", "--total=1", "--payment-status=x"], "'x' is not one of"),
        (["order", "1", "--customer=1", "--total=1", "--discount==1"], "discount_codes[0].code"),
        (["adjust", "--customer=1", "--points=0"], "points: must not be 0"),
        (["adjust", "--customer=1", "--points=0.5"], "wanted a whole number"),
        ([*ADJUST, "--provider=nobody"], "no provider is called 'nobody'. Installed are: acme"),
        ([*ADJUST, "--deadline=nan"], "deadline must be a number of seconds, more than 0"),
        ([*ADJUST, "--deadline=0"], "0.0 is not in the range"),
        ([*ADJUST, "--set=base_url=http://192.0.2.1"], "allow_http"),
        ([*ADJUST, "--set=colour=red"], "acme has no such setting; it has key, base_url, rate"),
        ([*ADJUST, "--set=rate=much"], "--set rate: wanted a whole number"),
        ([*ADJUST, "--set=rate.x=1"], "--set rate: wanted rate=VALUE"),
        ([*ADJUST, "--set=rewards=1"], "--set rewards: wanted rewards.KEY=VALUE"),
        ([*ADJUST, "--set=rewards.=1"], "--set rewards: wanted rewards.KEY=VALUE"),
        ([*ADJUST, "--set=key="], "a key must be printable ASCII text"),
        ([*ADJUST, "--colour"], "No such option"),
        (["transactions", "--cursor=nonsense"], "cursor"),
        (["transactions", "--page-size=0"], "0 is not in the range"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
)
async def test_bad_usage_is_one_line_and_2(
    arguments: list[str], said: str, loyalty: Any, server: Any
) -> None:
    """What cannot be meant is refused before anything is sent, in one line without a traceback."""
    ended = await loyalty(*arguments)
    assert (2, "", 1) == (ended.code, ended.out, ended.err.count("\n")), ended.err
    assert said in ended.err
    assert [] == server.arrivals


async def test_the_provider_must_be_said(loyalty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --provider and LOYALTY_PROVIDER nobody knows whom to talk to."""
    monkeypatch.delenv("LOYALTY_PROVIDER")
    ended = await loyalty(*ADJUST)
    assert (2, 1) == (ended.code, ended.err.count("\n"))
    assert "Missing option '--provider'" in ended.err


async def test_settings_are_parsed_as_the_provider_says(loyalty: Any, acme: Any) -> None:
    """A setting that is no text, and one that is a mapping, can be given too."""
    given = ["--set=rate=3", "--set=rewards.a.b=5", "--set=rewards.c=6", "--set=key=k=="]
    assert 0 == (await loyalty(*ADJUST, *given)).code
    assert [{"rate": 3, "rewards": {"a.b": 5, "c": 6}, "key": "k=="}] == acme.made


@pytest.mark.parametrize("arguments", [["--set=s3cret"], ["--set=s3cret=="], ["--set==s3cret"]])
async def test_a_key_in_the_wrong_place_is_not_repeated(arguments: list[str], loyalty: Any) -> None:
    """What somebody mistyped into --set may be a key and is not shown."""
    ended = await loyalty(*ADJUST, *arguments)
    assert 2 == ended.code
    assert "s3cret" not in ended.err


async def test_a_refused_write_is_1(loyalty: Any, server: Any) -> None:
    """The vendor's no is one line with its words, printable and on stderr."""
    server.script.append(server.http(422, b"too \x1b[31m many\r\npoints"))
    ended = await loyalty(*ADJUST, "--json")
    assert (1, "", 1) == (ended.code, ended.out, ended.err.count("\n"))
    assert "acme adjust_points: HTTP 422: too \ufffd[31m many points" in ended.err


async def test_a_server_that_is_not_there_is_1(loyalty: Any) -> None:
    """Nothing was sent: one line, and the write may be repeated."""
    closed = ["--set=base_url=http://127.0.0.1:9", "--deadline=1"]
    ended = await loyalty(*ADJUST, *closed)
    assert (1, "", 1) == (ended.code, ended.out, ended.err.count("\n"))
    assert "acme adjust_points: " in ended.err


async def test_an_unknown_outcome_is_3_and_loud(loyalty: Any, server: Any) -> None:
    """A write that left without an answer may have been applied; the line says where to look."""

    async def hang_up(writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server.script.append(hang_up)
    ended = await loyalty("adjust", "--customer=a b", "--points=5")
    assert (3, "", 1) == (ended.code, ended.out, ended.err.count("\n"))
    assert "OUTCOME UNKNOWN, it may have been applied" in ended.err
    assert "loyalty transactions --provider acme --customer 'a b'" in ended.err
    assert 1 == len(server.arrivals)


async def test_an_interrupted_write_is_3(server: Any) -> None:
    """Ctrl-C while a write is under way leaves its outcome unknown, and the line says so."""
    arrived = asyncio.Event()

    async def never(_: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.sleep(30)

    server.script.append(never)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "loyalty_sdk", *ADJUST),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent / "acme")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Whoever runs the tests in the background has it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    await arrived.wait()
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert (3, b"", 1) == (process.returncode, out, err.count(b"\n"))
    assert b"OUTCOME UNKNOWN" in err
    assert b"interrupted" in err
