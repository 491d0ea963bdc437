"""Medians and spreads."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import attrs

LEAST_NOISE = 0.02
"""What two medians may differ by, as a share, and be the same: less is no news."""


@attrs.frozen
class Measured:
    """Repetitions of one figure.

    Attributes:
        median: Of all repetitions.
        spread: Half the distance between the smallest and the largest, as a share of the
            median; 0.03 reads as "plus or minus 3 %". None where there was one repetition, of
            which nobody knows how far the next would be.
    """

    median: float
    spread: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Measured:
        """The repetitions ``values``, at least one."""
        middle = median(values)
        if len(values) == 1:
            return cls(middle, None)
        half = (max(values) - min(values)) / 2
        return cls(middle, half / abs(middle) if middle else 0.0)


def noise(*measured: Measured) -> float | None:
    """What figures may differ by, as a share, and be the same; None where that is unknown."""
    spreads = [each.spread for each in measured if each.spread is not None]
    return max(sum(spreads), LEAST_NOISE) if len(spreads) == len(measured) else None


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """``values`` to ``base``, round by round, so that what slows a whole round cancels out."""
    return [value / other for value, other in zip(values, base, strict=False) if other]
