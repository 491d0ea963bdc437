"""Answers as no vendor should give them: true ones, with anything in them changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

_SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.9, 10**30, float("nan"), float("-inf"),
    "", "0", "true", "\x00", "9" * 400, "\ud800", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999+23:59", "[ref:r1]", "[ref:r1] [ref:r2]", [], {}, [[]], {"id": {}},
)  # fmt: skip


def mutated(draw: Random, seeds: Sequence[bytes]) -> bytes:
    """One of ``seeds``, damaged as text or as a document."""
    body = draw.choice(seeds)
    how = draw.choice([_cut, _flipped, _spliced, _deep, *[_redocumented] * 6])
    return how(draw, body, draw.choice(seeds))


def _cut(draw: Random, body: bytes, _: bytes) -> bytes:
    return body[: draw.randrange(len(body) + 1)]


def _flipped(draw: Random, body: bytes, _: bytes) -> bytes:
    changed = bytearray(body)
    for _place in range(draw.randint(1, 6)):
        if changed:
            changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def _spliced(draw: Random, body: bytes, other: bytes) -> bytes:
    at = draw.randrange(len(body) + 1)
    return body[:at] + other[draw.randrange(len(other) + 1) :]


def _deep(draw: Random, body: bytes, _: bytes) -> bytes:
    depth = draw.choice([10, 1_000, 20_000])
    return b'{"transactions":[' * depth + body + b"]}" * draw.choice([0, depth])


def _redocumented(draw: Random, body: bytes, _: bytes) -> bytes:
    """Parts are gone, or something else, or in another place."""
    try:
        document = json.loads(body)
    except ValueError:
        return json.dumps(draw.choice(_SCALARS)).encode()
    for _change in range(draw.randint(1, 4)):
        places = list(_places(document))
        if not places:
            return json.dumps(draw.choice(_SCALARS)).encode()
        holder, key = draw.choice(places)
        if draw.random() < 0.3:
            del holder[key]
        elif draw.random() < 0.3:
            other, place = draw.choice(places)
            holder[key] = json.loads(json.dumps(other.get(place) if isinstance(other, dict) else 7))
        else:
            holder[key] = copy.deepcopy(draw.choice(_SCALARS))
    return json.dumps(document).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in ``value`` with each of its keys or indices."""
    if isinstance(value, dict | list):
        container: Any = value
        for key in list(container) if isinstance(container, dict) else range(len(container)):
            yield container, key
            yield from _places(container[key])
