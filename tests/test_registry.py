"""Providers by name."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from loyalty_sdk import ConfigurationError, Provider, _registry


def register(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Make ``values`` all that is installed."""

    def entry_points(*, group: str) -> list[EntryPoint]:
        assert "loyalty_sdk.providers" == group
        return [EntryPoint(name, value, group) for name, value in values.items()]

    monkeypatch.setattr(_registry, "entry_points", entry_points)


class Acme(Provider):
    """A provider that this file registers."""


NOT_A_PROVIDER = object()
HERE = "loyalty_sdk_acme_for_tests"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an entry point name the file at hand."""
    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])


def test_installed_is_sorted_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every registered provider is listed, by name."""
    register(monkeypatch, zeta="z:Z", acme=f"{HERE}:Acme")

    assert ["acme", "zeta"] == list(_registry.installed())


def test_installed_imports_nothing() -> None:
    """Listing what is installed imports no adapter."""
    code = (
        "import sys; from loyalty_sdk import _registry; names = list(_registry.installed());"
        "print([m for m in sys.modules if m.startswith('loyalty_sdk_')], len(names))"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    imported, _, count = shown.stdout.strip().rpartition(" ")
    assert "[]" == imported
    assert 1 < int(count)


def test_load_gives_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name leads to the class that its entry point names."""
    register(monkeypatch, acme=f"{HERE}:Acme")

    assert Acme is _registry.load("acme")


@pytest.mark.parametrize(
    ("installed", "message"),
    [
        ({"b": "a:B", "a": "a:B"}, "no provider is called 'acme'. Installed are: a, b"),
        ({}, "no provider is called 'acme'. Installed are: none"),
    ],
)
def test_load_lists_what_is_installed(
    installed: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that nothing is registered under is a `ConfigurationError` with those there are."""
    register(monkeypatch, **installed)

    with pytest.raises(ConfigurationError) as caught:
        _registry.load("acme")

    assert message == str(caught.value)


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("no_such_module_at_all:Acme", "cannot be imported"),
        (f"{HERE}:Missing", "cannot be imported"),
        (f"{HERE}:NOT_A_PROVIDER", "is not a Provider class"),
        (f"{HERE}:pytest", "is not a Provider class"),
        ("builtins:dict", "is not a Provider class"),
    ],
)
def test_load_names_what_is_wrong(value: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with an entry point is a `ConfigurationError` that names it."""
    register(monkeypatch, acme=value)

    with pytest.raises(ConfigurationError) as caught:
        _registry.load("acme")

    assert f"provider 'acme' ({value}) {wrong}" == str(caught.value)
