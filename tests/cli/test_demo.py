"""The demo prints what is true, or ends with 1."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest

import loyalty_sdk
from loyalty_sdk._registry import load
from loyalty_sdk.cli import _demo_view
from loyalty_sdk.sandbox import Sandbox

if TYPE_CHECKING:
    from loyalty_sdk import Transaction

TITLES = {name: load(name).title for name in Sandbox().providers}
WRITES = ["track_activity", "create_order", "adjust_points", "adjust_points"]


@pytest.mark.parametrize("columns", [80, 120])
async def test_every_vendor_goes_through_every_operation(
    columns: int, loyalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step of each vendor is applied, and the verdict is the ledger's; nothing is cut."""
    monkeypatch.setenv("COLUMNS", str(columns))
    ended = await loyalty("demo")
    assert (0, "") == (ended.code, ended.err)
    steps = re.findall(r"^.{13}(\w+) +(applied|read) +(\S+) +(\d+)  ", ended.out, re.MULTILINE)
    wanted = [
        ("track_activity", "applied", "+50", "50"),
        ("create_order", "applied", "+99", "149"),
        ("adjust_points", "applied", "+25", "174"),
        ("adjust_points", "applied", "-20", "154"),
        ("list_transactions", "read", "-", "154"),
    ]
    assert wanted * len(TITLES) == steps
    assert len(TITLES) == ended.out.count("4 rows on 4 pages")
    assert "The sandbox's ledger agrees with every line above.\n" in ended.out
    assert "…" not in ended.out
    assert columns >= max(map(len, ended.out.splitlines()[:-3]))


async def test_the_vendors_are_shown_side_by_side(loyalty: Any) -> None:
    """One line holds the same row of two vendors."""
    ended = await loyalty("demo")
    assert re.search("^" + " +".join(TITLES.values()) + "$", ended.out, re.MULTILINE)
    assert re.search(r"^adjusted +-20 .+ adjusted +-20 ", ended.out, re.MULTILINE)


async def test_a_pipe_gets_neither_colour_nor_boxes(loyalty: Any) -> None:
    """Nothing but printable ASCII, and no blanks at the ends of lines."""
    out = (await loyalty("demo")).out
    assert all(line.isprintable() and line.isascii() for line in out.splitlines())
    assert all(line == line.rstrip() for line in out.splitlines())


async def test_a_terminal_gets_colour(loyalty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was given is green and what was taken is red."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    out = (await loyalty("demo")).out
    assert re.search(r"\x1b\[32m *\+25\x1b\[0m", out)
    assert re.search(r"\x1b\[31m *-20\x1b\[0m", out)


async def test_it_ends_with_three_lines_to_go_on(loyalty: Any) -> None:
    """They are those that are tested against a running sandbox, for a vendor of the demo."""
    last = (await loyalty("demo")).out.splitlines()[-3:]
    sandbox = Sandbox()
    assert last in [
        _demo_view.next_lines(name, sandbox.vendor(name).settings()) for name in sandbox.providers
    ]


async def test_a_balance_that_differs_is_1(loyalty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every printed balance is compared with the ledger's, and the difference is said."""
    balance = Sandbox.balance
    monkeypatch.setattr(Sandbox, "balance", lambda *key: balance(*key) + (balance(*key) == 174))
    ended = await loyalty("demo")
    assert 1 == ended.code
    assert "does not agree:" in ended.out
    assert [
        f"loyalty: {name}: the balance after adjust_points (Thank you) is 174, "
        "but 175 in the ledger"
        for name in TITLES
    ] == ended.err.splitlines()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", 1),
        ("customer_id", "other"),
        ("points", 1),
        ("pending", 1),
        ("balance", 1),
        ("kind", "expired"),
        ("time", None),
    ],
)
async def test_a_row_that_differs_is_1(
    field: str, value: Any, loyalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every fact of every row is compared with the ledger's."""
    ledger = Sandbox.ledger

    def changed(*key: Any) -> Any:
        rows = ledger(*key)
        setattr(rows[0], field, value)
        return rows

    monkeypatch.setattr(Sandbox, "ledger", changed)
    ended = await loyalty("demo")
    assert 1 == ended.code
    assert " in the ledger\n" in ended.err


async def test_a_row_too_many_is_1(loyalty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that the vendor's list did not show is missed."""
    ledger = Sandbox.ledger
    monkeypatch.setattr(Sandbox, "ledger", lambda *key: [*ledger(*key), *ledger(*key)[-1:]])
    ended = await loyalty("demo")
    assert 1 == ended.code
    assert len(TITLES) == ended.err.count("the number of rows is 4, but 5 in the ledger\n")


async def test_an_operation_a_vendor_lacks_is_shown_as_such(
    loyalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo goes on without it, and the rest still has to agree."""
    for name in TITLES:
        monkeypatch.setattr(load(name), "create_order", loyalty_sdk.Provider.create_order)
    ended = await loyalty("demo")
    assert (0, "") == (ended.code, ended.err)
    shown = re.findall(r"create_order +not_sent +0 +50  unsupported$", ended.out, re.MULTILINE)
    assert len(TITLES) == len(shown)
    assert len(TITLES) == ended.out.count("3 rows on 3 pages")


async def test_a_real_accounts_settings_do_not_reach_the_demo(
    loyalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment holds, the demo talks to the sandbox, and leaves it as it was."""
    settings = [setting for name in TITLES for setting in load(name).settings if setting.env]
    for setting in settings:
        monkeypatch.setenv(setting.env or "", "no good")
    before = dict(os.environ)
    ended = await loyalty("demo")
    assert (0, "") == (ended.code, ended.err)
    assert before == dict(os.environ)


async def test_a_failure_is_one_line(loyalty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stops the demo is said like any other failure."""

    def refuse(*_: Any) -> Any:
        raise loyalty_sdk.ServerError("no")

    monkeypatch.setattr(loyalty_sdk.LoyaltyClient, "adjust_points", refuse)
    ended = await loyalty("demo")
    assert (1, "loyalty: no\n") == (ended.code, ended.err)


def test_three_vendors_do_not_stand_abreast(capsys: pytest.CaptureFixture[str]) -> None:
    """80 columns hold two histories; a third stands below them."""
    view = _demo_view.View()
    view.open("http://127.0.0.1:1", {"a": "Alpha"})
    view.open("http://127.0.0.1:1", {"a": "Alpha", "b": "Beta", "c": "Gamma"})
    histories: dict[str, list[Transaction]] = {"a": [], "b": [], "c": []}
    opened = capsys.readouterr().out
    assert "stands in for Alpha at" in opened
    assert "stands in for Alpha, Beta and Gamma at" in opened
    view.compare(histories)
    lines = capsys.readouterr().out.splitlines()
    assert ["Alpha", "Beta"] == lines[3].split()
    assert ["", "Gamma"] == [lines[5], *lines[6].split()]
