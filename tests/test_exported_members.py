"""What `loyalty_sdk` exports, and that nothing public is left out."""

from __future__ import annotations

import ast
import inspect
import pickle
from pathlib import Path

import pytest

import loyalty_sdk
from loyalty_sdk import errors

SOURCE = Path(loyalty_sdk.__file__)
CONSUMER = Path(__file__).parent / "typing" / "consumer.py"


def for_type_checkers() -> set[str]:
    """The names that `__init__` imports for type checkers alone."""
    tree = ast.parse(SOURCE.read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in imports for alias in node.names}


def test_all_is_sorted_and_names_nothing_twice() -> None:
    """`__all__` is sorted, so that a diff of it is a diff of the interface."""
    assert sorted(set(loyalty_sdk.__all__)) == loyalty_sdk.__all__


def test_all_is_what_type_checkers_and_dir_see() -> None:
    """Each exported name is known to type checkers and to `dir`, and no other."""
    assert set(loyalty_sdk.__all__) == {*for_type_checkers(), "__version__"}
    assert loyalty_sdk.__all__ == dir(loyalty_sdk)


def test_every_error_is_exported() -> None:
    """Whatever the library raises on purpose can be caught by a name from the top."""
    drawn = {name for name in vars(errors) if name.endswith("Error")}

    assert drawn <= set(loyalty_sdk.__all__)


@pytest.mark.parametrize("name", loyalty_sdk.__all__)
def test_name_is_importable(name: str) -> None:
    """Each exported name exists, although it is imported when it is first used."""
    namespace: dict[str, object] = {}
    exec(f"from loyalty_sdk import {name}", namespace)  # noqa: S102 - it is the statement under test

    assert getattr(loyalty_sdk, name) is namespace[name]


@pytest.mark.parametrize("name", sorted({*loyalty_sdk.__all__} - {"__version__", "Flow"}))
def test_name_has_a_docstring(name: str) -> None:
    """Each exported class and function says what it is, in words of its own."""
    member = getattr(loyalty_sdk, name)
    inherited = (
        {base.__doc__ for base in inspect.getmro(member)[1:]} if inspect.isclass(member) else ()
    )

    assert member.__doc__
    assert member.__doc__ not in inherited


@pytest.mark.parametrize("name", sorted({*loyalty_sdk.__all__} - {"__version__", "Flow"}))
def test_public_methods_have_docstrings(name: str) -> None:
    """So does each public method and property that an exported class defines."""
    members = vars(getattr(loyalty_sdk, name))
    callables = {
        key: value
        for key, value in members.items()
        if not key.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    }

    assert [] == [key for key, value in callables.items() if not value.__doc__]


def test_unknown_name_is_an_attribute_error() -> None:
    """A name that does not exist fails as it would in any module."""
    with pytest.raises(AttributeError, match="no attribute 'settle_down'"):
        _ = loyalty_sdk.settle_down  # type: ignore[attr-defined]  # that is the rule


def test_classes_pickle_by_their_name() -> None:
    """An exported class reaches another process as itself."""
    classes = [getattr(loyalty_sdk, name) for name in loyalty_sdk.__all__]
    classes = [each for each in classes if inspect.isclass(each)]

    assert classes == pickle.loads(pickle.dumps(classes))  # noqa: S301 - made one line above


def test_the_typed_consumer_uses_every_name() -> None:
    """The file that type checkers read against the wheel leaves no exported name out."""
    tree = ast.parse(CONSUMER.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported = {
        alias.name for node in imports if node.module == "loyalty_sdk" for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    assert set(loyalty_sdk.__all__) == imported & used
