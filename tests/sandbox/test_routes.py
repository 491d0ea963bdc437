from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk.sandbox import Clock, Sandbox, Switches
from loyalty_sdk.sandbox._routes import Router
from loyalty_sdk.sandbox.vendor import Answer, Call, VendorSandbox, route

Ask = Any


class Vendor(VendorSandbox):
    """Only routes."""

    name = "acme"
    prefix = "/acme/"

    @route("GET", "/acme/echo/{one}/{two}")
    def echo(self, _call: Call) -> Answer:
        """Nothing."""
        return Answer(200)


def _router() -> Router:
    return Router([Vendor(Clock(), Switches())])


@pytest.mark.parametrize(
    ("segment", "value"),
    [
        ("..%2Forders", "../orders"),
        ("a%2Fb", "a/b"),
        ("%252F", "%2F"),
        ("%24signup", "$signup"),
        ("$signup", "$signup"),
        ("%C3%A9", "é"),
        ("a%20b+c", "a b+c"),
        ("..", ".."),
        ("%3Fq%23f", "?q#f"),
    ],
)
async def test_ids_arrive_as_themselves(acme: Any, ask: Ask, segment: str, value: str) -> None:
    """A path is routed as it came, and its parameters are decoded once."""
    async with Sandbox(vendors=[acme]) as sandbox:
        answer = await ask(sandbox, "GET", f"/acme/echo/{segment}/end?q=1")
    assert {"one": value, "two": "end"} == answer.json
    assert f"/acme/echo/{segment}/end" == sandbox.arrivals[0].path


@given(one=st.text(min_size=1), two=st.text(min_size=1))
def test_quoted_segments_come_back(one: str, two: str) -> None:
    """Whatever is percent-encoded into a segment is what the handler gets."""
    router = _router()
    try:
        path = f"/acme/echo/{quote(one, safe='')}/{quote(two, safe='')}"
    except UnicodeEncodeError:
        return  # a lone surrogate has no UTF-8
    found = router.find("GET", path)
    assert found is not None
    assert {"one": one, "two": two} == found[1]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/acme"),
        ("GET", "/acme/echo/a"),
        ("GET", "/acme/echo/a/b/c"),
        ("GET", "/acme/echo//b"),
        ("GET", "/acme/echo/a/b/"),
        ("PUT", "/acme/echo/a/b"),
        ("GET", "/ACME/echo/a/b"),
    ],
)
def test_unknown_paths(method: str, path: str) -> None:
    """Paths that differ in anything, and other methods, lead nowhere."""
    assert None is _router().find(method, path)


def test_named_segments_go_first() -> None:
    """A segment with a name of its own is preferred to a parameter, which is tried next."""

    class Two(Vendor):
        @route("GET", "/acme/things/{id}")
        def any(self, _call: Call) -> Answer:
            """One thing."""
            return Answer(200)

        @route("GET", "/acme/things/all/{kind}")
        def all(self, _call: Call) -> Answer:
            """All things."""
            return Answer(200)

    router = Router([Two(Clock(), Switches())])
    found = [router.find("GET", f"/acme/things/{rest}") for rest in ("1", "all", "all/red")]
    assert ["any", "any", "all"] == [one[0].route.handler if one else None for one in found]


def test_vendor_by_prefix() -> None:
    """A path belongs to the vendor whose prefix it has, whether or not it leads anywhere."""
    router = _router()
    vendor = router.vendor("/acme/whatever")
    assert "acme" == (vendor and vendor.name)
    assert None is router.vendor("/acmeless")
