"""All transactions into a file or to a consumer, whatever happens to the process meanwhile."""

from __future__ import annotations

from ._export import OVERLAP, WINDOWS, Export
from ._files import FORMATS
from ._rows import COLUMNS
from ._values import Batch, Consumer, Phase, Progress, Summary

__all__ = [
    "COLUMNS",
    "FORMATS",
    "OVERLAP",
    "WINDOWS",
    "Batch",
    "Consumer",
    "Export",
    "Phase",
    "Progress",
    "Summary",
]
