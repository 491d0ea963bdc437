"""constraints.txt pins all that the project, its tests and its checks install."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LINE = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[0-9a-z.]+)(?: ; (?P<marker>.+))?")


def pins() -> dict[str, str]:
    """The pinned versions by name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [LINE.fullmatch(line) for line in lines if not line.startswith("#")]
    return {match["name"]: match["version"] for match in found if match}


def group(name: str) -> Iterator[str]:
    """The requirements of a dependency group, with those it includes."""
    for entry in PROJECT["dependency-groups"][name]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from group(entry["include-group"])


def closure(wanted: list[str]) -> set[str]:
    """The names of everything ``wanted`` installs on this interpreter, itself included."""
    names: set[str] = set()
    seen: set[str] = set()
    while wanted:
        requirement = Requirement(wanted.pop())
        if str(requirement) not in seen:
            seen.add(str(requirement))
            names.add(canonicalize_name(requirement.name))
            wanted += needed(requirement)
    return names


def needed(requirement: Requirement) -> list[str]:
    """What one installed requirement requires in turn."""
    found = (Requirement(line) for line in distribution(requirement.name).requires or ())
    extras = requirement.extras or {""}
    return [
        str(each).partition(";")[0]
        for each in found
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras)
    ]


@pytest.mark.parametrize("name", ["test", pytest.param("dev", marks=pytest.mark.slow)])
def test_every_requirement_is_pinned_to_what_is_installed(name: str) -> None:
    """A pin that is missing would let a release of tomorrow break the tests of today."""
    extras = PROJECT["project"]["optional-dependencies"]
    extra = [*extras["cli"], *extras["redis"]]
    installed = closure([*PROJECT["project"]["dependencies"], *extra, *group(name)])

    assert {each: distribution(each).version for each in installed} == {
        each: pins().get(each) for each in installed
    }


def test_what_the_benchmarks_compare_with_is_pinned() -> None:
    """Every extra is pinned, those too that the tests do not install."""
    extras: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
    lines = [line for extra in extras.values() for line in extra]
    wanted = {canonicalize_name(Requirement(line).name) for line in lines}

    assert set() == wanted - pins().keys()


def test_constraints_are_exact_sorted_and_nothing_else() -> None:
    """No address, no hash, no range: an entry is a name and one version, perhaps a marker."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    entries = [line for line in lines if not line.startswith("#")]

    assert [] == [line for line in entries if not LINE.fullmatch(line)]
    assert sorted(entries, key=lambda line: line.partition("==")[0]) == entries


def test_the_project_is_never_fetched_by_name() -> None:
    """No group asks an index for this distribution: it is installed from the tree."""
    names = {canonicalize_name(Requirement(line).name) for line in group("dev")}

    assert PROJECT["project"]["name"] not in names
