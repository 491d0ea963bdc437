"""python-backoff, the maintained fork of backoff, does as well.

Both own the import name, and the one that was installed last wins: hence an environment of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
FORK = "python-backoff==3.0.0"
RUNNERS = ("hypothesis", "pytest", "pytest-asyncio", "pytest-timeout")
OWNERS = "from importlib.metadata import packages_distributions as by; print(*by()['backoff'])"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def run(command: Sequence[object], cwd: Path) -> str:
    """What ``command`` prints with nothing of this process's settings; it has to succeed."""
    mine = ("COVERAGE_", "JOY_", "LOYALTY", "PYTEST", "PYTHON", "VIRTUAL_ENV")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(mine)}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def requirements() -> list[str]:
    """What the project requires, with the fork in place of backoff."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [line for line in project["dependencies"] if Requirement(line).name != "backoff"]


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with this project and the fork."""
    home = tmp_path_factory.mktemp("fork")
    run([sys.executable, "-m", "venv", "--without-pip", home / "venv"], home)
    python = home / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    pins = ["--constraint", ROOT / "constraints.txt"]
    run([*pip, *pins, *requirements(), *RUNNERS, FORK], home)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", home, ROOT]
    run(build, home)
    # Its requirement of backoff would be installed over the fork.
    run([*pip, "--no-deps", *home.glob("*.whl")], home)
    return python


def test_the_name_is_the_forks(forked: Path, tmp_path: Path) -> None:
    """Otherwise the next test would say nothing."""
    assert ["python-backoff"] == run([forked, "-c", OWNERS], tmp_path).split()


def test_retries_work_with_the_fork(forked: Path, tmp_path: Path) -> None:
    """Everything that is tested of retries passes there, warnings included."""
    options = ["-q", "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml"]
    printed = run([forked, "-m", "pytest", *options, ROOT / "tests" / "test_retry.py"], tmp_path)

    assert " passed in " in printed
    assert " skipped" not in printed
