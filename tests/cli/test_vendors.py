"""The command line against every vendor's sandbox: what is printed is in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from loyalty_sdk._registry import load
from loyalty_sdk.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NAMES = Sandbox().providers


@pytest.fixture(params=NAMES)
async def vendor(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[str, Sandbox]]:
    """One vendor's name and a running sandbox that the environment leads to."""
    name = request.param
    async with Sandbox() as sandbox:
        monkeypatch.setenv("LOYALTY_PROVIDER", name)
        given = sandbox.settings(name)
        for setting in load(name).settings:
            if setting.env and setting.name in given:
                monkeypatch.setenv(setting.env, given[setting.name])
        yield name, sandbox


async def test_adjustments_and_their_list_agree_with_the_ledger(vendor: Any, loyalty: Any) -> None:
    """Points given and taken by hand arrive once, with their reasons, and are listed so."""
    name, sandbox = vendor
    for points, reason in ((50, "Thank you"), (-20, "Retoure ☃")):
        done = await loyalty(
            "adjust", "--customer=0012", f"--points={points}", f"--reason={reason}"
        )
        assert (0, "") == (done.code, done.err)
    assert [(50, "Thank you"), (-20, "Retoure ☃")] == [
        (entry.points, entry.reason) for entry in sandbox.ledger(name, "0012")
    ]
    listed = await loyalty("transactions", "--customer=0012", "--page-size=1", "--json")
    assert (0, "") == (listed.code, listed.err)
    assert [(-20, "Retoure ☃"), (50, "Thank you")] == [
        (row["points"], row["reason"]) for row in listed.lines
    ]


async def test_a_lost_answer_is_3_and_the_write_is_not_repeated(vendor: Any, loyalty: Any) -> None:
    """The points were booked once although the answer never came.

    The exit code says unknown where no row can be told from another's, and done where the
    vendor's records prove it.
    """
    name, sandbox = vendor
    sandbox.faults.add("drop", match="POST", applied=True)
    # Where nothing decides it, it looks for as long as it may.
    patience = "--deadline=10" if name == "joy" else "--deadline=1"
    ended = await loyalty("adjust", "--customer=1001", "--points=5", patience)
    if name == "joy":  # its staff note carries a marker
        assert (0, "") == (ended.code, ended.err)
    else:
        assert (3, "", 1) == (ended.code, ended.out, ended.err.count("\n"))
        assert f"loyalty transactions --provider {name} --customer 1001" in ended.err
    assert 5 == sandbox.balance(name, "1001")


async def test_the_doctor_finds_a_wrong_key(
    vendor: Any, loyalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Good credentials are ok, others are wrong, and neither is shown."""
    name, _ = vendor
    assert 0 == (await loyalty("doctor")).code
    secrets = [setting.env for setting in load(name).settings if setting.secret and setting.env]
    for variable in secrets:
        monkeypatch.setenv(variable, "not-the-key")
    ended = await loyalty("doctor")
    assert (1, "") == (ended.code, ended.err)
    assert "wrong: HTTP 401" in ended.out
    assert all(variable in ended.out.splitlines()[-1] for variable in secrets)
    assert "not-the-key" not in ended.out
