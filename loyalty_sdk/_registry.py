"""Providers by name, found through entry points and imported when asked for."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from ._provider import Provider
from .errors import ConfigurationError

GROUP = "loyalty_sdk.providers"


def installed() -> dict[str, EntryPoint]:
    """Every registered provider by name, sorted; nothing is imported."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    return dict(sorted(found.items()))


def load(name: str) -> type[Provider]:
    """The provider class registered as ``name``.

    Raises:
        ConfigurationError: Nothing is registered under that name, or it is no `Provider`,
            or importing it failed.
    """
    entry = installed().get(name)
    if entry is None:
        known = ", ".join(installed()) or "none"
        raise ConfigurationError(f"no provider is called {name!r}", hint=f"Installed are: {known}")
    try:
        provider = entry.load()
    except Exception as exc:
        raise ConfigurationError(f"provider {name!r} ({entry.value}) cannot be imported") from exc
    if not (isinstance(provider, type) and issubclass(provider, Provider)):
        raise ConfigurationError(f"provider {name!r} ({entry.value}) is not a Provider class")
    return provider
