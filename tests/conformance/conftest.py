"""The example adapter, installed as anybody would install one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent / "example_adapter"


@pytest.fixture(scope="module")
def example_adapter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that the example adapter's distribution is installed to, on the import path."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-index", "--no-build-isolation", "--target", str(folder)]
    subprocess.run([*pip, *alone, str(EXAMPLE)], check=True, timeout=50)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder
        # The next test may want it from its source.
        for name in [name for name in sys.modules if name.startswith("loyalty_sdk_cornershop")]:
            del sys.modules[name]
