"""The example adapter, importable from its source."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parent.parent / "example_adapter"


@pytest.fixture
def cornershop(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the example adapter, with its half of the sandbox."""
    monkeypatch.syspath_prepend(EXAMPLE)
    module = importlib.import_module("loyalty_sdk_cornershop")
    module.sandbox = importlib.import_module("loyalty_sdk_cornershop._sandbox")  # type: ignore[attr-defined]
    return module
