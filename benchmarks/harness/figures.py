"""Medians and spreads."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import attrs


@attrs.frozen
class Measured:
    """Repetitions of one figure.

    Attributes:
        median: Of all repetitions.
        spread: Half the distance between the smallest and the largest, as a share of the
            median; 0.03 reads as "plus or minus 3 %".
    """

    median: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Measured:
        """The repetitions ``values``, at least one."""
        middle = median(values)
        half = (max(values) - min(values)) / 2
        return cls(middle, half / abs(middle) if middle else 0.0)


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """``values`` to ``base``, round by round, so that what slows a whole round cancels out."""
    return [value / other for value, other in zip(values, base, strict=False) if other]
