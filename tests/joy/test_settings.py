from __future__ import annotations

import asyncio
import traceback
from decimal import ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk.errors import ConfigurationError
from loyalty_sdk_joy import (
    PRODUCTION,
    STAGING,
    AwardPoints,
    Joy,
    JoyCalculator,
    PointsPerUnit,
    SocialInteraction,
)

money = st.decimals(min_value=0, max_value=10**20, places=6)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of the test."""
    for name in ("APP_KEY", "SECRET_KEY", "BASE_URL"):
        monkeypatch.delenv(f"JOY_{name}", raising=False)


def headers(joy: Joy) -> dict[str, str]:
    """The credentials as they are sent."""

    async def all_of_them() -> dict[str, str]:
        return {name: str(await given.header()) for name, given in joy.credentials.items()}

    return asyncio.run(all_of_them())


def refused(**settings: Any) -> str:
    """What the error about ``settings`` says."""
    with pytest.raises(ConfigurationError) as caught:
        Joy(**{"app_key": "app-1", "secret_key": "sec-1", **settings})
    return str(caught.value)


# ------------------------------------------------------------ keys and hosts


def test_both_keys_become_headers() -> None:
    """Both key headers go along, to the production host unless another one is given."""
    joy = Joy(app_key="app-1", secret_key="sec-1")

    assert {
        "X-Joy-Loyalty-App-Key": "app-1",
        "X-Joy-Loyalty-Secret-Key": "sec-1",
    } == headers(joy)
    assert "https://api.joy.so" == PRODUCTION == joy.base_url


def test_staging_is_a_base_url() -> None:
    """The staging host has a name."""
    joy = Joy(app_key="app-1", secret_key="sec-1", base_url=STAGING)

    assert "https://dev-api.joy.so" == joy.base_url


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that are not given come from the environment."""
    monkeypatch.setenv("JOY_APP_KEY", "app-env")
    monkeypatch.setenv("JOY_SECRET_KEY", "sec-env")
    monkeypatch.setenv("JOY_BASE_URL", "http://127.0.0.1:9")
    joy = Joy()

    assert ["app-env", "sec-env"] == list(headers(joy).values())
    assert "http://127.0.0.1:9" == joy.base_url


def test_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument beats the environment, and an empty one is no argument left out."""
    for name in ("APP_KEY", "SECRET_KEY", "BASE_URL"):
        monkeypatch.setenv(f"JOY_{name}", "from-env")
    joy = Joy(app_key="app-1", secret_key="sec-1", base_url="")

    assert ["app-1", "sec-1"] == list(headers(joy).values())
    assert "" == joy.base_url


def test_callable_keys() -> None:
    """A key may be a callable, async or not, and is asked for every header."""
    issued = iter("ab")

    async def secret() -> str:
        return "sec-async"

    joy = Joy(app_key=lambda: next(issued), secret_key=secret)

    assert ["a", "sec-async"] == list(headers(joy).values())
    assert ["b", "sec-async"] == list(headers(joy).values())


def test_missing_keys_are_named_with_their_variables() -> None:
    """What is missing is named, with the variable that would have done too."""
    with pytest.raises(ConfigurationError) as caught:
        Joy()

    assert (
        "missing: app_key and secret_key. Pass app_key and secret_key,"
        " or set JOY_APP_KEY and JOY_SECRET_KEY in the environment"
    ) == str(caught.value)
    with pytest.raises(ConfigurationError, match="missing: secret_key"):
        Joy(app_key="app-1")


@pytest.mark.parametrize("key", ["", "a\n", "é", 5, b"sec-1"])
def test_keys_that_cannot_be_headers(key: Any) -> None:
    """A key that no header can hold is refused, and never shown."""
    text = refused(secret_key=key)

    assert text.startswith("secret_key")
    assert repr(key) not in text


def test_no_secret_shows() -> None:
    """Neither the provider's repr nor a traceback with locals shows a key."""
    joy = Joy(app_key="app-1", secret_key="sec-1")
    with pytest.raises(ConfigurationError) as caught:
        Joy(app_key="app-1", secret_key="sec-1", orders="x")  # type: ignore[arg-type]
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = "".join(told.format())

    assert "Joy(base_url='https://api.joy.so')" == repr(joy)
    assert "sec-1" not in repr(joy.credentials)
    # This file's own lines show it; those of the library must not.
    own = [line for line in shown.splitlines() if "sec-1" in line and "Joy(app_key" not in line]
    assert [] == own


# ------------------------------------------------------------ what activities and orders mean


def test_every_problem_of_the_activities_by_path() -> None:
    """All problems of the configuration come at once, each with its path."""
    text = refused(
        activities={
            "a": AwardPoints(0),
            "b": AwardPoints(1.5, reason=7),  # type: ignore[arg-type]
            "c": SocialInteraction(),
            "d": 50,
            "e": AwardPoints(2**53),
            "f": SocialInteraction("follow", earning_id=9),  # type: ignore[arg-type]
            "": AwardPoints(points=True),
        }
    )

    assert [
        "activities['a'].points: must be at least 1",
        "activities['b'].points: wanted an int, got float",
        "activities['b'].reason: wanted a str, got int",
        "activities['c']: needs an event or an earning_id",
        "activities['d']: wanted AwardPoints or SocialInteraction, got int",
        "activities['e'].points: does not fit into a JSON number (2**53 - 1)",
        "activities['f'].earning_id: wanted a str, got int",
        "activities key '': must not be empty",
        "activities[''].points: wanted an int, got bool",
    ] == text.split("; ")


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        (PointsPerUnit(Decimal(0)), "orders.rate: must be more than 0"),
        (PointsPerUnit(Decimal("NaN")), "orders.rate: must be finite"),
        (PointsPerUnit(1.5), "orders.rate: wanted a Decimal, got float"),  # type: ignore[arg-type]
        (PointsPerUnit(Decimal(1), b"x"), "orders.reason: wanted a str, got bytes"),  # type: ignore[arg-type]
        (JoyCalculator(source_name=1), "orders.source_name: wanted a str, got int"),  # type: ignore[arg-type]
        ({}, "orders: wanted PointsPerUnit or JoyCalculator, got dict"),
    ],
)
def test_problems_of_the_orders(orders: Any, message: str) -> None:
    """What an order earns is checked when the provider is made."""
    assert message == refused(orders=orders)


def test_activities_must_be_a_mapping() -> None:
    """Activities come by name."""
    message = "activities: wanted a mapping of names, got list"

    assert message == refused(activities=[AwardPoints(1)])


def test_later_changes_do_not_reach_the_provider() -> None:
    """The provider keeps the activities it was made with."""
    activities: dict[str, AwardPoints | SocialInteraction] = {"signup": AwardPoints(50)}
    joy = Joy(app_key="app-1", secret_key="sec-1", activities=activities)
    activities.clear()

    assert joy.supports("track_activity")


@pytest.mark.parametrize(
    ("total", "rate", "points"),
    [("99.99", "1", 99), ("0.99", "1", 0), ("10", "0.5", 5), ("3", "0.333333", 0), ("1", "7.9", 7)],
)
def test_points_per_unit_rounds_down(total: str, rate: str, points: int) -> None:
    """An order earns the rate times its total, rounded down."""
    assert points == PointsPerUnit(Decimal(rate)).points(Decimal(total))


@given(total=money, rate=money)
def test_points_per_unit_is_exact(total: Decimal, rate: Decimal) -> None:
    """No size of total or rate loses a digit, whatever the decimal context says."""
    expected = Fraction(total) * Fraction(rate)

    with localcontext(prec=3, rounding=ROUND_FLOOR):
        points = PointsPerUnit(rate).points(total)
    assert expected.numerator // expected.denominator == points
