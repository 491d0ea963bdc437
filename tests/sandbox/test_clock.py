from __future__ import annotations

import time
from datetime import UTC
from email.utils import parsedate_to_datetime

import pytest

from loyalty_sdk.errors import ConfigurationError
from loyalty_sdk.sandbox import Clock


def test_real_time() -> None:
    """Unless pushed, the clock shows the time."""
    clock = Clock()
    assert abs(clock.time() - time.time()) < 1
    assert abs(clock.monotonic() - time.monotonic()) < 1


def test_now_in_milliseconds() -> None:
    """Now is aware, UTC and in whole milliseconds, as vendors print it."""
    now = Clock().now()
    assert UTC is now.tzinfo
    assert 0 == now.microsecond % 1000


def test_advance() -> None:
    """Pushed forward, everything it shows is later."""
    clock = Clock()
    before = clock.monotonic()
    # Unless a second begins just in between.
    assert any(clock.http_date() == clock.http_date() for _ in range(3))
    clock.advance(3600)
    clock.advance(0)
    assert abs(clock.time() - time.time() - 3600) < 1
    assert abs(clock.monotonic() - before - 3600) < 1
    assert abs(parsedate_to_datetime(clock.http_date()).timestamp() - clock.time()) < 2


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_never_backwards(seconds: float) -> None:
    """Time does not run backwards."""
    with pytest.raises(ConfigurationError, match="0 seconds or more"):
        Clock().advance(seconds)
