"""The example adapter, importable from its source."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

EXAMPLE = Path(__file__).parent.parent / "example_adapter"


class CornerShop(NamedTuple):
    """The classes of the example."""

    adapter: Any
    half: Any


@pytest.fixture
def cornershop(monkeypatch: pytest.MonkeyPatch) -> Iterator[CornerShop]:
    """The example adapter and its half of the sandbox."""
    monkeypatch.syspath_prepend(EXAMPLE)
    adapter = importlib.import_module("loyalty_sdk_cornershop").CornerShop
    half = importlib.import_module("loyalty_sdk_cornershop._sandbox").CornerShopSandbox
    yield CornerShop(adapter, half)
    for name in [name for name in sys.modules if name.startswith("loyalty_sdk_cornershop")]:
        del sys.modules[name]
