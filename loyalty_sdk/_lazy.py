"""Packages whose names are imported when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazily(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` for a package that says what is in it, and imports it later.

    They are hidden from type checkers, who would take any name for one of the package's.

    Args:
        package: Its ``__name__``; its ``__all__`` is what `dir` shows.
        homes: Names, with blanks between them, by the module that they come from, ``"._home"``.
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(home_of[name], package), name)
        # Kept, so that it is looked for once and then costs what any name does.
        setattr(sys.modules[package], name, value)
        return value

    return find, lambda: list(sys.modules[package].__all__)
