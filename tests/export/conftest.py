"""A sandbox with rows in it, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from loyalty_sdk import LoyaltyClient
from loyalty_sdk.export import _clock
from loyalty_sdk.sandbox import Sandbox

from .ledgers import client_of, even, fill


@pytest.fixture(autouse=True)
def fine_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor's second is over at once, so that no test waits for it; some tests want it back."""
    monkeypatch.setattr(_clock, "_GRAIN", timedelta(0))


@pytest.fixture
async def vendor() -> AsyncIterator[Sandbox]:
    """A vendor that lists the whole program, with 600 rows of 20 customers."""
    async with Sandbox() as sandbox:
        fill(sandbox, even(600))
        yield sandbox


@pytest.fixture
async def client(vendor: Sandbox) -> AsyncIterator[LoyaltyClient]:
    """A client of it."""
    async with client_of(vendor) as made:
        yield made
