"""What a deployment sets for every client, and what counts first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import ConfigurationError, RateLimit, RetryPolicy, SessionPool, connect
from loyalty_sdk._settings import GENERAL, UNSET, General

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
ALL = {
    "LOYALTY_DEADLINE": "7.5",
    "LOYALTY_SETTLE": "90",
    "LOYALTY_QUEUE_TIMEOUT": "600",
    "LOYALTY_RATE_LIMIT": "12",
    "LOYALTY_ATTEMPTS": "2",
    "LOYALTY_ATTEMPT_TIMEOUT": "3",
    "LOYALTY_CONNECTIONS": "5",
    "LOYALTY_PROXY": "http://proxy.example.com:3128",
}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have set something."""
    for setting in GENERAL:
        monkeypatch.delenv(setting.env, raising=False)


@pytest.fixture
def everything_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable says something other than the default."""
    for name, text in ALL.items():
        monkeypatch.setenv(name, text)


def options(client: Any) -> tuple[Any, ...]:
    """What a client goes by."""
    o, pool = client._options, client._line.pool
    return (
        o.deadline,
        o.settle,
        o.queue_timeout,
        client.limiter and client.limiter.rate,
        o.retry.attempts,
        o.retry.attempt_timeout,
        pool._slots.limit,
        pool._proxy,
    )


async def test_defaults_hold_where_nothing_is_set(tiny: Any) -> None:
    """Neither argument nor environment: the documented default."""
    async with connect(tiny("http://127.0.0.1:1", "defaults")) as client:
        assert (30.0, 60.0, None, None, 4, 8.0, 100, None) == options(client)


@pytest.mark.usefixtures("everything_set")
async def test_the_environment_counts_where_no_argument_is_given(tiny: Any) -> None:
    """Every variable reaches the client that is made."""
    assert {setting.env for setting in GENERAL} == set(ALL)
    async with connect(tiny("http://127.0.0.1:1", "environment")) as client:
        expected = (7.5, 90.0, 600.0, 12.0, 2, 3.0, 5, "http://proxy.example.com:3128")
        assert expected == options(client)


@pytest.mark.usefixtures("everything_set")
async def test_arguments_count_first(tiny: Any) -> None:
    """None is an argument too: it waits for ever."""
    pool = SessionPool(connections=9, proxy="http://other.example.com:1")
    retry = RetryPolicy()
    async with (
        pool,
        connect(
            tiny("http://127.0.0.1:1", "arguments"),
            deadline=None,
            settle=1.0,
            queue_timeout=None,
            rate_limit=RateLimit.fixed(3),
            retry=retry,
            pool=pool,
        ) as client,
    ):
        expected = (None, 1.0, None, 3.0, 4, 8.0, 9, "http://other.example.com:1")
        assert expected == options(client)


@pytest.mark.parametrize(("text", "rate"), [("off", None), ("adaptive", 10.0)])
async def test_a_limit_can_be_a_word(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, text: str, rate: float | None
) -> None:
    """``off`` sends without one, ``adaptive`` finds one."""
    monkeypatch.setenv("LOYALTY_RATE_LIMIT", text)
    async with connect(tiny("http://127.0.0.1:1", text)) as client:
        assert rate == (client.limiter and client.limiter.rate)


@pytest.mark.parametrize("setting", [each for each in GENERAL if each.name != "proxy"])
@pytest.mark.parametrize("text", ["0", "-1", "secret", "1e3", "nan", " 5"])
def test_what_cannot_be_is_refused(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, setting: General, text: str
) -> None:
    """The variable is named, and what it holds is not quoted."""
    monkeypatch.setenv(setting.env, text)
    with pytest.raises(ConfigurationError, match=f"{setting.env}: wanted a") as caught:
        connect(tiny("http://127.0.0.1:1"))
    assert "secret" not in str(caught.value)


def test_a_part_is_no_whole_number(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody opens half a connection."""
    monkeypatch.setenv("LOYALTY_CONNECTIONS", "1.5")
    with pytest.raises(ConfigurationError, match="LOYALTY_CONNECTIONS: wanted a whole number"):
        connect(tiny("http://127.0.0.1:1"))


def test_a_proxy_that_is_none_is_refused_unquoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold a password."""
    monkeypatch.setenv("LOYALTY_PROXY", "socks5://me:secret@proxy.example.com")
    with pytest.raises(ConfigurationError, match="proxy must be a URL") as caught:
        SessionPool()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("setting", GENERAL, ids=lambda setting: setting.name)
def test_an_empty_variable_is_none(setting: General, monkeypatch: pytest.MonkeyPatch) -> None:
    """As compose files and shells leave them."""
    monkeypatch.setenv(setting.env, "")

    assert not setting.is_set
    assert setting.default == setting.value(UNSET)


def test_the_page_lists_every_setting() -> None:
    """Name, variable and default of each stand in one line of the table."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    for setting in GENERAL:
        [row] = [row for row in rows if f"`{setting.env}`" in row]
        assert f"`{setting.name}`" in row
        if setting.default is not None:
            assert re.search(rf"\| {setting.default:g} \|$", row)
