"""Packages whose names are imported when they are first used."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import loyalty_sdk
from loyalty_sdk._lazy import lazily
from loyalty_sdk._registry import installed


def lazy_modules() -> dict[str, Path]:
    """What says by `lazily` what is in it, in this package and in the providers."""
    roots = ["loyalty_sdk", *(entry.module for entry in installed().values())]
    found: dict[str, Path] = {}
    for root in roots:
        home = Path(str(import_module(root).__file__)).parent
        for path in home.rglob("*.py"):
            if "= lazily(" in path.read_text():
                parts = path.relative_to(home).with_suffix("").parts
                found[".".join([root, *(part for part in parts if part != "__init__")])] = path
    return found


MODULES = lazy_modules()


def both_lists(path: Path) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Names by their homes: as type checkers read them, and as they are imported."""
    tree = ast.parse(path.read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    typed = {
        "." * node.level + str(node.module): {alias.name for alias in node.names}
        for node in imports
    }
    [homes] = [node for node in ast.walk(block) if isinstance(node, ast.Dict)]
    lazy = {home: set(names.split()) for home, names in ast.literal_eval(homes).items()}
    return typed, lazy


def test_the_packages_are_found() -> None:
    """The values, what reads JSON and the package itself are such packages."""
    assert {"loyalty_sdk", "loyalty_sdk.wire", "loyalty_sdk._models"} <= MODULES.keys()


@pytest.mark.parametrize("name", MODULES)
def test_type_checkers_read_what_is_imported(name: str) -> None:
    """Each name comes from where type checkers were told."""
    typed, lazy = both_lists(MODULES[name])
    typed.pop("._lazy", None)

    assert typed == lazy


@pytest.mark.parametrize("name", MODULES)
def test_every_name_is_there(name: str) -> None:
    """`dir` shows what the module exports, and each of it can be had."""
    module = import_module(name)

    assert sorted(module.__all__) == dir(module)
    assert [] == [each for each in module.__all__ if not hasattr(module, each)]


@pytest.mark.parametrize("name", MODULES)
def test_other_names_are_attribute_errors(name: str) -> None:
    """A name that is not there fails as it would in any module."""
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'settle_down'"):
        _ = import_module(name).settle_down


def test_a_name_is_imported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found stays in the module, where names cost nothing."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "shelf.py").write_text("")
    (tmp_path / "book.py").write_text("page = object()")
    shelf: Any = import_module("shelf")
    shelf.__getattr__, _ = lazily("shelf", {"book": "page"})

    found = shelf.page
    del shelf.__getattr__

    assert found is shelf.page is import_module("book").page


def test_two_values_do_not_bring_the_others() -> None:
    """Importing a name imports no more than the name needs."""
    code = "from loyalty_sdk import Customer, PointsAdjustment; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())

    assert "loyalty_sdk._models._adjustment" in loaded
    assert set() == {"loyalty_sdk._models._order", "msgspec", "asyncio"} & loaded


def test_the_version_needs_nothing() -> None:
    """`__version__` is no lazy name: tools read it without importing anything else."""
    assert "__version__" in vars(loyalty_sdk)
