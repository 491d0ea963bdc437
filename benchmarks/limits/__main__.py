"""Ask this one question: `python -m benchmarks.limits`; see its `--help`."""

from __future__ import annotations

from benchmarks.harness.commands import ask_alone

from . import QUESTION

ask_alone(QUESTION)
