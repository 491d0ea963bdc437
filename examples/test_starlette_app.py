"""The shop's own tests: the sandbox stands in for the vendor."""

from collections.abc import Iterator

import pytest
from loyalty_sdk.sandbox import Sandbox
from starlette.testclient import TestClient
from starlette_app import app

GIFT = {"points": 50, "reference": "ticket-8812"}


@pytest.fixture
def shop(loyalty_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The app, whose vendor is the sandbox."""
    monkeypatch.setenv("LOYALTYLION_API_KEY", "pat_sandbox")
    monkeypatch.setenv("LOYALTYLION_BASE_URL", loyalty_sandbox.url)
    with TestClient(app) as client:
        yield client


def test_points_arrive(shop: TestClient, loyalty_sandbox: Sandbox) -> None:
    """Who is given points has them."""
    answer = shop.post("/customers/1001/points", json=GIFT)

    assert (200, {"outcome": "applied"}) == (answer.status_code, answer.json())
    assert 50 == loyalty_sandbox.balance("loyaltylion", "1001")


def test_what_is_wrong_is_refused(shop: TestClient, loyalty_sandbox: Sandbox) -> None:
    """Points as text are none, and nothing is sent."""
    answer = shop.post("/customers/1001/points", json={"points": "50"})

    assert (422, {"outcome": None}) == (answer.status_code, answer.json())
    assert [] == loyalty_sandbox.arrivals
