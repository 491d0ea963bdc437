"""`python -m benchmarks`."""

from __future__ import annotations

from benchmarks.harness.commands import main
from benchmarks.harness.signals import end_on_signals

if __name__ == "__main__":
    end_on_signals()
    main(prog_name="python -m benchmarks")
