"""The shop's own tests: the sandbox stands in for the vendor."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from fastapi_app import app
from loyalty_sdk.sandbox import Sandbox

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


def test_a_lost_answer_gives_nothing_twice(shop: TestClient, loyalty_sandbox: Sandbox) -> None:
    """The connection breaks after the points were booked; the shop finds that they were."""
    loyalty_sandbox.faults.add("drop", match="POST", times=1, applied=True)
    answer = shop.post("/customers/1001/points", json=GIFT)

    assert {"outcome": "applied"} == answer.json()
    assert 50 == loyalty_sandbox.balance("loyaltylion", "1001")


def test_a_request_has_its_own_deadline(shop: TestClient, loyalty_sandbox: Sandbox) -> None:
    """Where the vendor is silent, the visitor hears in time that nobody knows yet."""
    loyalty_sandbox.faults.add("hang")
    answer = shop.post("/customers/1001/points", json=GIFT, headers={"X-Deadline": "1"})

    assert (202, {"outcome": "unknown"}) == (answer.status_code, answer.json())


def test_no_points_are_no_gift(shop: TestClient, loyalty_sandbox: Sandbox) -> None:
    """What cannot be sent is refused before anything is."""
    answer = shop.post("/customers/1001/points", json={"points": 0, "reference": "x"})

    assert 422 == answer.status_code
    assert [] == loyalty_sandbox.arrivals
