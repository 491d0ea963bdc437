"""RateLimit and RedisBudget: the values that say how fast a credential may send."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import pytest

from loyalty_sdk import ConfigurationError, RateLimit, RateWaitTimeoutError, RedisBudget
from loyalty_sdk._adaptive import AdaptivePace
from loyalty_sdk._limiter import Limiter
from loyalty_sdk._shared import SharedLimiter

SECRET = "redis://ada:pa55word@localhost:6379/0"


def make_redis() -> Any:
    """What makes a client; a function pickles."""


@pytest.mark.parametrize(
    ("limit", "shown"),
    [
        (RateLimit.fixed(20), "RateLimit.fixed(20, margin=0.03)"),
        (RateLimit.fixed(500, margin=0.1), "RateLimit.fixed(500, margin=0.1)"),
        (RateLimit.adaptive(), "RateLimit.adaptive(start=10, least=1, most=1000)"),
        (
            RateLimit.fixed(20, shared=RedisBudget(SECRET, fallback=0.25)),
            (
                "RateLimit.fixed(20, margin=0.03, shared=RedisBudget(fallback=0.25, timeout=1.0,"
                " prefix='loyalty_sdk:rate:'))"
            ),
        ),
    ],
)
def test_a_limit_is_a_value(limit: RateLimit, shown: str) -> None:
    """It says what it is, pickles, hashes and compares; no secret shows."""
    copy = pickle.loads(pickle.dumps(limit))  # noqa: S301 - made in the same line

    assert shown == repr(limit)
    assert limit == copy
    assert {limit} == {copy}
    assert RateLimit.fixed(21) != limit


def test_a_limit_cannot_be_changed() -> None:
    """Who holds it can rely on it."""
    with pytest.raises(AttributeError):
        RateLimit.fixed(20).rate = 40  # type: ignore[attr-defined]


@pytest.mark.parametrize("rate", [0, -1, 0.5, 20.5, 1_000_001, float("nan"), True, "20", None])
def test_a_rate_is_a_whole_number_of_requests(rate: Any) -> None:
    """A fraction of a request does not fit into a second."""
    with pytest.raises(ConfigurationError, match="rate must be whole, from 1 to 1,000,000"):
        RateLimit.fixed(rate)


@pytest.mark.parametrize("margin", [0, -0.1, 1.1, float("inf"), True, "0.03", None])
def test_a_margin_is_a_share_of_a_second(margin: Any) -> None:
    """Without one the limit would promise what no network keeps."""
    with pytest.raises(ConfigurationError, match=r"margin must be from 0\.001 to 1"):
        RateLimit.fixed(20, margin=margin)


def test_only_a_budget_can_share_a_limit() -> None:
    """A bare address says nothing of what to do without Redis, and might be shown."""
    wrong: Any = SECRET
    with pytest.raises(ConfigurationError, match="wanted a RedisBudget, got str") as caught:
        RateLimit.fixed(20, shared=wrong)
    assert "pa55word" not in str(caught.value)


@pytest.mark.parametrize("rates", [{"start": 0}, {"most": 10**7}, {"least": "1"}, {"start": True}])
def test_adaptive_rates_are_numbers_in_range(rates: dict[str, Any]) -> None:
    """From one request in 100 seconds to 1,000,000 a second."""
    with pytest.raises(ConfigurationError, match=r"rates must be from 0\.01 to 1,000,000"):
        RateLimit.adaptive(**rates)


@pytest.mark.parametrize("rates", [{"start": 0.5}, {"start": 2000}, {"least": 20, "most": 15}])
def test_adaptive_rates_are_in_order(rates: dict[str, Any]) -> None:
    """It begins between its bounds."""
    with pytest.raises(ConfigurationError, match="least <= start <= most does not hold"):
        RateLimit.adaptive(**rates)


def test_a_limit_makes_what_keeps_it() -> None:
    """Each call makes a limiter of its own, at the rate that was given."""
    fixed, adaptive = RateLimit.fixed(20), RateLimit.adaptive(start=5)
    shared = RateLimit.fixed(500, shared=RedisBudget(SECRET))

    assert 20 == fixed.limiter(["a"]).rate
    assert fixed.limiter(["a"]) is not fixed.limiter(["a"])
    assert Limiter is type(fixed.limiter(["a"]))
    assert 5 == adaptive.limiter(["a"]).rate
    assert AdaptivePace is type(adaptive.limiter(["a"])._pace)
    assert SharedLimiter is type(shared.limiter(["a"]))


def test_the_error_for_no_turn_proves_that_nothing_was_sent() -> None:
    """Whoever catches it may send again."""
    assert not RateWaitTimeoutError("too late").bytes_left


# ------------------------------------------------------------ RedisBudget


@pytest.mark.parametrize("redis", [SECRET, "rediss://host", "unix:///run/redis.sock", make_redis])
def test_a_budget_is_a_value_that_shows_no_address(redis: Any) -> None:
    """An address may hold a password; the budget pickles and compares all the same."""
    budget = RedisBudget(redis, fallback=0.5)

    assert budget == pickle.loads(pickle.dumps(budget))  # noqa: S301 - made in the same line
    assert RedisBudget(redis) != budget
    assert "redis=" not in repr(budget)
    assert "pa55word" not in repr([budget, budget.redis])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"redis": "http://ada:pa55word@host"}, "must begin with redis, rediss or unix"),
        ({"redis": None}, "wanted a URL, or a callable .*, got nothing"),
        ({"redis": SECRET, "fallback": 0}, "fallback must be over 0 and at most 1, or None"),
        ({"redis": SECRET, "fallback": 1.5}, "fallback must be over 0 and at most 1, or None"),
        ({"redis": SECRET, "fallback": True}, "fallback must be over 0 and at most 1, or None"),
        ({"redis": SECRET, "timeout": 0}, "timeout must be over 0 and at most 60 seconds"),
        ({"redis": SECRET, "timeout": "1"}, "timeout must be over 0 and at most 60 seconds"),
        ({"redis": SECRET, "prefix": 7}, "prefix: wanted text, got int"),
    ],
)
def test_a_wrong_budget_is_refused_without_its_address(
    arguments: dict[str, Any], message: str
) -> None:
    """The message names what is wrong; nothing of the address is in it."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        RedisBudget(**arguments)
    assert "pa55word" not in str(caught.value)


def test_redis_knows_a_credential_by_a_digest() -> None:
    """The same in every process, another one for another credential, and it gives nothing away."""
    budget = RedisBudget(SECRET, prefix="shop:")
    key = budget.key(["vendor", "https://host", "digest"])

    assert key == budget.key(("vendor", "https://host", "digest"))
    assert key != budget.key(["vendor", "https://host", "another"])
    assert key != budget.key(["vendor", "https://hostdigest"])
    assert key.startswith("shop:")
    assert "host" not in key


def test_a_shared_limit_needs_redis_py(monkeypatch: pytest.MonkeyPatch) -> None:
    """That it is not installed is said when the limit is set up, with the command that mends it."""
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    limit = RateLimit.fixed(20, shared=RedisBudget(SECRET))
    with pytest.raises(ConfigurationError, match=r"pip install 'async-loyalty-sdk\[redis\]'"):
        limit.limiter(["a"])
    # What somebody else makes needs nothing of ours.
    RateLimit.fixed(20, shared=RedisBudget(make_redis)).limiter(["a"])
