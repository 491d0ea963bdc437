"""Covering arrays: few combinations in which every pair of values meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from random import Random
from typing import Any

Row = dict[str, Any]


def pairwise(factors: Mapping[str, Sequence[Any]], seed: int) -> list[Row]:
    """Rows in which any two values of any two of ``factors`` are found together."""
    draw = Random(seed)
    missing = {
        ((one, i), (two, j))
        for one, two in combinations(factors, 2)
        for i, j in product(range(len(factors[one])), range(len(factors[two])))
    }
    rows: list[Row] = []
    while missing:
        chosen = max((_candidate(factors, missing, draw) for _ in range(10)), key=lambda c: c[0])
        missing -= _pairs(chosen[1])
        rows.append({name: factors[name][index] for name, index in chosen[1].items()})
    return rows


_Pair = tuple[tuple[str, int], tuple[str, int]]


def _candidate(
    factors: Mapping[str, Sequence[Any]], missing: set[_Pair], draw: Random
) -> tuple[int, dict[str, int]]:
    """A row that is built around a missing pair, and how many it covers."""
    row = dict(draw.choice(sorted(missing)))
    names = [name for name in factors if name not in row]
    draw.shuffle(names)
    for name in names:
        indices = list(range(len(factors[name])))
        draw.shuffle(indices)
        row[name] = max(indices, key=lambda i: _gain(factors, row, (name, i), missing))
    row = {name: row[name] for name in factors}
    return len(_pairs(row) & missing), row


def _gain(
    factors: Mapping[str, Sequence[Any]],
    row: Mapping[str, int],
    one: tuple[str, int],
    missing: set[_Pair],
) -> int:
    order = list(factors)
    ordered = (
        (one, two) if order.index(one[0]) < order.index(two[0]) else (two, one)
        for two in row.items()
    )
    return sum(pair in missing for pair in ordered)


def _pairs(row: Mapping[str, int]) -> set[_Pair]:
    return set(combinations(row.items(), 2))
