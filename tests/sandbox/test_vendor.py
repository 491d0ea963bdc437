from __future__ import annotations

import attrs
import pytest

from loyalty_sdk.sandbox import Clock, Switches
from loyalty_sdk.sandbox.vendor import Access, Answer, Call, Route, VendorSandbox, route

Acme = type[VendorSandbox]


def test_routes_are_the_marked_methods(acme: Acme) -> None:
    """A vendor's endpoints are its methods that `route` marked, subclasses' included."""

    class More(acme):  # type: ignore[misc, valid-type]
        @route("DELETE", "/acme/points/{customer}", scope="give")
        def forget(self, _call: Call) -> Answer:
            return Answer(204)

    handlers = {found.handler: found for found in More.routes()}
    assert {"echo", "forget", "give", "put", "rows"} == set(handlers)
    assert (
        Route("DELETE", "/acme/points/{customer}", "give", handler="forget") == (handlers["forget"])
    )
    assert [True, False] == [handlers["forget"].writes, handlers["rows"].writes]


def test_what_a_vendor_must_say() -> None:
    """Settings, credentials and errors have no default."""
    vendor = VendorSandbox(Clock(), Switches())
    with pytest.raises(NotImplementedError):
        vendor.settings()
    with pytest.raises(NotImplementedError):
        vendor.authenticate(attrs.make_class("Nothing", [])())
    with pytest.raises(NotImplementedError):
        vendor.error(500, "broken")


def test_what_a_vendor_may_leave_out() -> None:
    """A vendor without an envelope, and one the demo need not be told about, says nothing."""
    vendor = VendorSandbox(Clock(), Switches())
    assert None is vendor.unsuccessful()
    assert {} == vendor.demo_settings()


def test_access() -> None:
    """A scope is needed unless an endpoint needs none or the credential has all."""
    some = Access("key", frozenset({"look"}))
    assert [True, True, False] == [some.may(None), some.may("look"), some.may("give")]
    assert Access("key").may("give")
    assert "key" not in repr(some)


def test_seed_is_an_adjustment(acme: Acme) -> None:
    """Unless a vendor says it better, a seeded row is an adjustment without a cause."""
    vendor = acme(Clock(), Switches())
    entry = vendor.seed(vendor.ledger.open_account("1"), 5)
    assert (5, "adjusted", "seed", None) == (entry.points, entry.kind, entry.origin, entry.note)
