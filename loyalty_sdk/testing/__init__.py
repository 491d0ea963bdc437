"""What proves an adapter right, and what tests of your own code can use.

- `replay` drives one flow without I/O, by answers you give.
- `ProviderConformance` is a suite of tests that an adapter's author subclasses.
- The pytest fixture ``loyalty_sandbox`` (see `loyalty_sdk.testing.plugin`) is there once this
  distribution is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._conformance import ProviderConformance
    from ._replay import Replayed, ReplayError, replay

__all__ = ["ProviderConformance", "ReplayError", "Replayed", "replay"]


def __getattr__(name: str) -> Any:
    # pytest imports this package in every run, for its plugin: the rest comes when it is used.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "ProviderConformance":
        from ._conformance import ProviderConformance  # noqa: PLC0415 - see above

        return ProviderConformance
    from . import _replay  # noqa: PLC0415 - see above

    return getattr(_replay, name)


def __dir__() -> list[str]:
    return list(__all__)
