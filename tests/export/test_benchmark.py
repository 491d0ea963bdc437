"""The measurement of windows runs, and its files agree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_windows_are_measured() -> None:
    """A table with a line for each number of windows, and 0 for a goal that is reached."""
    options = ["--rows=800", "--page-size=20", "--latency=0.005", "--rounds=1", "--goal=0.2"]
    command = [sys.executable, "-m", "benchmarks.export", *options]
    environ = {**os.environ, "LOYALTY_RATE_LIMIT": "off"}
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    title, heading, one, eight, verdict = done.stdout.splitlines()
    assert (0, "") == (done.returncode, done.stderr)
    assert "800 rows, 5 ms a request, 1 rounds" == title
    assert ["windows", "seconds", "rows/s"] == heading.split()[:3]
    assert (["1", "42", "1.00"], "8") == ([one.split()[at] for at in (0, 3, 5)], eight.split()[0])
    assert "The files are equal; the goal is 0.2 times" == verdict
