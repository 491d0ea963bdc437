"""An adapter in somebody else's distribution needs nothing from us."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import loyalty_sdk
from loyalty_sdk.sandbox import Sandbox
from loyalty_sdk.testing import ProviderConformance


@pytest.mark.usefixtures("example_adapter")
class TestCornerShop(ProviderConformance):
    """The example keeps every rule, with nothing but its name."""

    name = "cornershop"


async def test_it_is_found_by_its_name(example_adapter: Path) -> None:
    """Installing the distribution is all: `connect` and the sandbox know the name."""
    async with Sandbox() as sandbox:
        assert "cornershop" in sandbox.providers
        client = loyalty_sdk.connect("cornershop", **sandbox.settings("cornershop"))
        async with client:
            identity = await client.run(client.provider.whoami())

    assert "corner-1" == identity.program
    module = sys.modules[type(client.provider).__module__]
    assert example_adapter in Path(str(module.__file__)).parents
