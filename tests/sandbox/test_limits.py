from __future__ import annotations

from typing import Any

import pytest

from loyalty_sdk.errors import ConfigurationError
from loyalty_sdk.sandbox import Clock, Sandbox
from loyalty_sdk.sandbox._limits import SlidingLimit

pytestmark = pytest.mark.usefixtures("skipping")

Ask = Any


async def statuses(ask: Ask, sandbox: Sandbox, number: int, key: str = "sandbox") -> list[int]:
    """The statuses of so many requests with one key."""
    return [
        (await ask(sandbox, "GET", "/acme/echo/a/b", X_Acme_Key=key)).status for _ in range(number)
    ]


async def test_off_by_default(acme: Any, ask: Ask) -> None:
    """No limit is enforced unless asked for."""
    async with Sandbox(vendors=[acme]) as sandbox:
        assert [200] * 9 == await statuses(ask, sandbox, 9)


async def test_documented_limit(acme: Any, ask: Ask) -> None:
    """Switched on, the vendor's documented number counts, by credential."""
    async with Sandbox(vendors=[acme], limits=True) as sandbox:
        sandbox.add_key("acme", "other")
        assert [200, 200, 200, 429, 429] == await statuses(ask, sandbox, 5)
        assert [200] == await statuses(ask, sandbox, 1, "other")
        sandbox.clock.advance(1)
        assert [200] == await statuses(ask, sandbox, 1)


async def test_given_limit(acme: Any, ask: Ask) -> None:
    """A number by provider is enforced in place of the documented one, and nothing is applied."""
    async with Sandbox(vendors=[acme], limits={"acme": 1}, limit_retry_after=1.5) as sandbox:
        await ask(sandbox, "POST", "/acme/points/1", {"points": 1})
        refused = await ask(sandbox, "POST", "/acme/points/1", {"points": 1})
    assert (429, "1.5") == (refused.status, refused.headers["retry-after"])
    assert "rate_limited" == refused.json["code"]
    assert 1 == sandbox.balance("acme", "1")


async def test_no_retry_after(acme: Any, ask: Ask) -> None:
    """The 429 of a limit has no Retry-After unless a switch says so."""
    async with Sandbox(vendors=[acme], limits={"acme": 1}) as sandbox:
        await statuses(ask, sandbox, 1)
        answer = await ask(sandbox, "GET", "/acme/echo/a/b")
    assert (429, None) == (answer.status, answer.headers.get("retry-after"))


async def test_undocumented_limit(acme: Any, ask: Ask) -> None:
    """A vendor that documents no limit has none when limits are switched on."""

    class Free(acme):  # type: ignore[misc, no-any-unimported]
        documented_limit = None

    async with Sandbox(vendors=[Free], limits=True) as sandbox:
        assert [200] * 9 == await statuses(ask, sandbox, 9)


@pytest.mark.parametrize("limits", [{"nope": 1}, {"acme": 0}, {"acme": 1.5}, {"acme": True}])
def test_refused_limits(acme: Any, limits: Any) -> None:
    """Limits of unknown providers, and numbers that are none, are refused."""
    with pytest.raises(ConfigurationError, match=r"limits.*('nope'|'acme'\] is a whole number)"):
        Sandbox(vendors=[acme], limits=limits)


def test_any_second_counts() -> None:
    """No window of one second holds more than the limit, wherever it begins."""

    class Steps(Clock):
        def __init__(self) -> None:
            super().__init__()
            self.at = 0.0

        def monotonic(self) -> float:
            return self.at

    clock = Steps()
    limit = SlidingLimit(clock, 5)
    granted = []
    for step in range(400):
        clock.at = step / 40
        if limit.admits("key"):
            granted.append(clock.at)
    assert 50 == len(granted)
    assert all(later - earlier >= 1 for earlier, later in zip(granted, granted[5:], strict=False))
