"""The capability matrix is made from the code."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Any

import pytest

from loyalty_sdk import Provider, Setting, get
from loyalty_sdk.cli import _providers


class Half(Provider):
    """Can do two things, one of them with a remark, and has a flow of its own."""

    name = "half"
    title = "Half & [half]"
    settings = (
        Setting("codes", help="by name", keyed=True),
        Setting("key", "HALF_KEY", secret=True),
    )
    limitations = {"adjust_points": "only on weekdays", "create_order": "the shop does it"}  # noqa: RUF012 - as an adapter may write it

    def adjust_points(self, adjustment: Any, /) -> Any:
        """One that works."""
        yield get("/points")

    def list_tiers(self) -> Any:
        """One of its own."""
        yield get("/tiers")

    def plain_method(self) -> None:
        """No flow."""


class Bare(Provider):
    """Can do nothing."""


async def show(kinds: dict[str, Any], loyalty: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command as if exactly ``kinds`` were installed."""
    monkeypatch.setattr(_providers, "installed", lambda: dict.fromkeys(kinds))
    monkeypatch.setattr(_providers, "load", kinds.__getitem__)
    return await loyalty("providers")


async def test_the_matrix_shows_what_is_overridden(
    loyalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operation is there if the class has it; remarks, settings and own flows follow."""
    ended = await show({"half": Half, "bare": Bare}, loyalty, monkeypatch)
    assert (0, "") == (ended.code, ended.err)
    assert [
        "                    Half & [half]   bare",
        'connect(...)        "half"          "bare"',
        "track_activity      no              no",
        "create_order        no [1]          no",
        "list_transactions   no              no",
        "adjust_points       yes [2]         no",
        "",
        "Remarks",
        "[1]  the shop does it",
        "[2]  only on weekdays",
        "",
        "Settings",
        "half  codes.KEY  -         by name",
        "half  key        HALF_KEY  (secret)",
        "",
        "Also, as flows for client.run and client.pages",
        "half  list_tiers",
    ] == [line.rstrip() for line in ended.out.splitlines()]


async def test_sections_without_anything_are_left_out(
    loyalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vendor with nothing to remark shows its column and no empty headings."""
    ended = await show({"bare": Bare}, loyalty, monkeypatch)
    assert 6 == len(ended.out.splitlines())


async def test_everything_installed_is_shown(loyalty: Any, acme: Any) -> None:
    """Each registered provider has a column, and each setting its environment variable."""
    names = {entry.name for entry in entry_points(group="loyalty_sdk.providers")}
    ended = await loyalty("providers")
    assert (0, "") == (ended.code, ended.err)
    assert names >= {"acme"}
    for name in names:
        assert f'"{name}"' in ended.out
    assert "ACME_BASE_URL" in ended.out
    assert 80 >= max(map(len, ended.out.splitlines()))


async def test_nothing_installed_is_1(loyalty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty matrix would look like a success."""
    ended = await show({}, loyalty, monkeypatch)
    assert (1, "", "loyalty: no provider is installed\n") == (ended.code, ended.out, ended.err)


async def test_a_broken_provider_does_not_hide_the_others(
    loyalty: Any, acme: Any, broken: str
) -> None:
    """One that cannot be imported is named with the reason; the rest is shown, and 1."""
    ended = await loyalty("providers")
    assert (1, 1) == (ended.code, ended.err.count("\n"))
    assert '"acme"' in ended.out
    assert f"'{broken}'" in ended.err
    assert "No module named 'no_such_module'" in ended.err


async def test_what_is_no_provider_is_named(
    loyalty: Any, acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry point that leads to something else is said to be wrong, alone or not."""
    monkeypatch.setattr(sys.modules[acme.__module__], "Acme", object)
    wrong = "loyalty: provider 'acme' (acme_loyalty:Acme) is not a Provider class\n"
    ended = await loyalty("providers")
    assert (1, wrong) == (ended.code, ended.err)
    assert "connect(...)" in ended.out
    monkeypatch.setattr(_providers, "installed", lambda: ["acme"])
    alone = await loyalty("providers")
    assert (1, "", wrong) == (alone.code, alone.out, alone.err)
