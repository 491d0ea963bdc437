"""The wheel, installed where the source tree is not."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CONSUMERS = ROOT / "tests" / "typing"
PACKAGES = ("loyalty_sdk", "loyalty_sdk_joy", "loyalty_sdk_loyaltylion")
BROKEN = "from loyalty_sdk import Customer\n\nCustomer(id=1001)\n"
MISSPELT = "from {0} import settle_down\n\nprint(settle_down)\n"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def run(
    command: Sequence[object], cwd: Path, *, status: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` with nothing of this process's settings for Python, and expect ``status``."""
    mine = ("COVERAGE_", "JOY_", "LOYALTY", "MYPY", "PYTHON", "VIRTUAL_ENV")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(mine)}
    environ["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"  # it would ask the index for a newer version
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert status == done.returncode, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `python -m build` makes it, with the pinned hatchling of this environment."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT]
    run(build, out)
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the wheel and what the wheel asks for."""
    home = tmp_path_factory.mktemp("elsewhere")
    run([sys.executable, "-m", "venv", "--without-pip", home / "venv"], home)
    python = home / "venv" / "bin" / "python"
    pins = ["--constraint", ROOT / "constraints.txt"]
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *pins]
    run([*pip, f"{wheel}[cli]"], home)
    return python


def mypy(python: Path, folder: Path, *, status: int = 0) -> str:
    """What mypy --strict says about ``folder`` with the packages that ``python`` has."""
    options = ["--strict", "--config-file=", f"--cache-dir={folder / '.mypy_cache'}"]
    command = [sys.executable, "-m", "mypy", *options, "--python-executable", python, folder]
    return run(command, folder, status=status).stdout


def pyright(python: Path, folder: Path, *, status: int = 0) -> str:
    """What pyright, strict, says about ``folder`` with the packages that ``python`` has."""
    config = folder / "pyrightconfig.json"
    config.write_text(json.dumps({"typeCheckingMode": "strict"}))
    command = [sys.executable, "-m", "pyright", "--pythonpath", python, "--project", config]
    return run(command, folder, status=status).stdout


@pytest.fixture
def consumers(tmp_path: Path) -> Path:
    """Copies of the programs that use every public name, away from the source tree."""
    return Path(shutil.copytree(CONSUMERS, tmp_path / "consumers"))


def test_wheel_holds_the_three_packages_and_nothing_else(wheel: Path) -> None:
    """Each import package is at the top of the wheel and marked as typed; no test goes along."""
    names = zipfile.ZipFile(wheel).namelist()

    assert wheel.name.startswith("async_loyalty_sdk-")
    assert {*PACKAGES} == {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert [] == [name for name in names if "/tests/" in name or name.endswith(".pyc")]


@pytest.mark.parametrize("package", ["loyalty_sdk_joy", "loyalty_sdk_loyaltylion"])
def test_the_typed_consumer_uses_every_name_of(package: str) -> None:
    """What the checkers read leaves no name out that a vendor's package exports."""
    tree = ast.parse((CONSUMERS / "vendors.py").read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported = {alias.name for node in imports if node.module == package for alias in node.names}

    assert set(import_module(package).__all__) == imported


def test_packages_come_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """The fresh environment imports all three from itself, not from the source tree."""
    code = f"import {', '.join(PACKAGES)}; print({', '.join(f'{p}.__file__' for p in PACKAGES)})"
    found = run([installed, "-c", code], tmp_path).stdout.split()

    assert [] == [name for name in found if installed.parent.parent not in Path(name).parents]


def test_demo_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """`loyalty demo` needs nothing but the wheel and its declared dependencies."""
    done = run([installed.with_name("loyalty"), "demo"], tmp_path)

    assert "LoyaltyLion" in done.stdout
    assert "Joy" in done.stdout
    assert "" == done.stderr


def test_wheel_type_checks(installed: Path, consumers: Path) -> None:
    """Both mypy --strict and pyright, strict, find all types in the installed wheel."""
    assert "no issues found" in mypy(installed, consumers)
    assert "0 errors" in pyright(installed, consumers)


def test_editable_install_type_checks(consumers: Path) -> None:
    """They find them in an editable install too, which is what this environment has."""
    origin = json.loads(distribution("async-loyalty-sdk").read_text("direct_url.json") or "{}")
    python = Path(sys.executable)

    assert {"editable": True} == origin["dir_info"]
    assert "no issues found" in mypy(python, consumers)
    assert "0 errors" in pyright(python, consumers)


def test_wrong_types_are_found(installed: Path, tmp_path: Path) -> None:
    """A wrong type is reported, and so is a name that no package has: the types are read."""
    (tmp_path / "broken.py").write_text(BROKEN)

    for package in PACKAGES:
        (tmp_path / f"{package}_misspelt.py").write_text(MISSPELT.format(package))

    said = mypy(installed, tmp_path, status=1), pyright(installed, tmp_path, status=1)

    assert 'Argument "id" to "Customer"' in said[0]
    assert "reportArgumentType" in said[1]
    assert len(PACKAGES) == said[0].count('has no attribute "settle_down"')
    assert len(PACKAGES) == said[1].count('"settle_down" is unknown import symbol')
