"""The pytest plugin and its fixture."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import loyalty_sdk
from loyalty_sdk import ConfigurationError, PointsAdjustment
from loyalty_sdk.sandbox import Sandbox
from loyalty_sdk.testing._thread import served

CREDIT = PointsAdjustment(customer_id="1001", points=5)
# Some vendor; which one does not matter.
PROVIDER = Sandbox().providers[0]


async def give(sandbox: Sandbox) -> None:
    """Give points the way a program would."""
    async with loyalty_sdk.connect(PROVIDER, **sandbox.settings(PROVIDER)) as client:
        await client.adjust_points(CREDIT)


def python(code: str) -> str:
    """What ``code`` prints in a fresh interpreter."""
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return shown.stdout.strip()


async def test_it_serves_async_tests(loyalty_sandbox: Sandbox) -> None:
    """A test with a loop of its own reaches the sandbox in another thread."""
    await give(loyalty_sandbox)

    assert 5 == loyalty_sandbox.balance(PROVIDER, "1001")
    assert ["POST"] == [arrival.method for arrival in loyalty_sandbox.arrivals]


def test_it_serves_plain_tests(loyalty_sandbox: Sandbox) -> None:
    """A test without a loop, or with several, uses the same fixture."""
    asyncio.run(give(loyalty_sandbox))
    asyncio.run(give(loyalty_sandbox))

    assert 10 == loyalty_sandbox.balance(PROVIDER, "1001")


async def test_each_test_has_its_own(loyalty_sandbox: Sandbox) -> None:
    """What other tests wrote is not there."""
    assert 0 == loyalty_sandbox.balance(PROVIDER, "1001")
    assert [] == loyalty_sandbox.arrivals


@pytest.mark.loyalty_sandbox(below_zero="refuse", notes="cut_50")
class TestMarker:
    """The marker sets what `Sandbox` takes."""

    def test_it_is_taken_from_the_class(self, loyalty_sandbox: Sandbox) -> None:
        """A marked class is marked for each of its tests."""
        assert "refuse" == loyalty_sandbox.switches.below_zero

    @pytest.mark.loyalty_sandbox(below_zero="negative")
    def test_the_closest_one_wins(self, loyalty_sandbox: Sandbox) -> None:
        """Options add up, and the marker closest to the test decides."""
        assert "negative" == loyalty_sandbox.switches.below_zero
        assert "cut_50" == loyalty_sandbox.switches.notes


def test_the_thread_ends_with_the_sandbox() -> None:
    """Nothing runs on after the fixture, whatever happened inside."""
    before = set(threading.enumerate())

    with pytest.raises(ValueError, match="inside"), served(Sandbox()) as sandbox:
        assert sandbox.url
        assert 1 == len(set(threading.enumerate()) - before)
        raise ValueError("inside")

    assert before == set(threading.enumerate())


def test_a_sandbox_that_cannot_start_leaves_no_thread() -> None:
    """A taken port is an error of the test that wanted it, and nothing is left behind."""
    before = set(threading.enumerate())

    with served(Sandbox()) as first:
        taken = int(first.url.rpartition(":")[2])
        with pytest.raises(ConfigurationError, match="cannot listen"), served(Sandbox(taken)):
            pytest.fail("it started")

    assert before == set(threading.enumerate())


def test_loading_the_plugin_costs_next_to_nothing() -> None:
    """Every run of pytest loads it, so it imports pytest and a handful of its own modules."""
    code = (
        "import sys, pytest; before = set(sys.modules); import loyalty_sdk.testing.plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )

    imported = python(code).split()

    assert "loyalty_sdk.testing.plugin" in imported
    assert all(name.startswith("loyalty_sdk") for name in imported)
    assert len(imported) < 6


def test_it_works_without_an_asyncio_plugin(tmp_path: Path) -> None:
    """The fixture and its marker need pytest alone, with its strictest settings."""
    test = tmp_path / "test_plain.py"
    test.write_text(
        "import pytest, urllib.request\n"
        "@pytest.mark.loyalty_sandbox(limits=True)\n"
        "def test_it(loyalty_sandbox):\n"
        "    with pytest.raises(urllib.error.HTTPError):\n"
        "        urllib.request.urlopen(loyalty_sandbox.url)\n"
        "    assert 1 == len(loyalty_sandbox.arrivals)\n"
    )
    options = ["-p", "no:asyncio", "-p", "no:cacheprovider", "--strict-markers", "-W", "error"]

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, "-c", "/dev/null", str(test)],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr


def test_the_marker_explains_itself() -> None:
    """``pytest --markers`` lists it."""
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "--markers"], check=True, capture_output=True, text=True
    )

    assert "@pytest.mark.loyalty_sandbox(**options)" in ended.stdout
