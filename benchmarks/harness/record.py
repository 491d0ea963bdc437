"""The record of ratios that a check is held against: one for each Python and way to measure."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from .compare import differences
from .figures import Measured
from .machine import describe

RECORD = Path(__file__).parent.parent / "recorded.json"
_LEAST_NOISE = {"instructions": 0.02, "cpu": 0.05}
_MOST_NOISE = 0.1
_KEPT = ("processor", "python", "versions")


class RecordError(Exception):
    """The record cannot be read, or must not be taken; the message says why."""


@attrs.frozen(kw_only=True)
class Ratio:
    """What was recorded: a ratio, and by what share it may be exceeded."""

    ratio: float
    noise: float


@attrs.frozen(kw_only=True)
class Record:
    """What was recorded for one Python by one way to measure, and where."""

    ratios: Mapping[str, Ratio]
    machine: Mapping[str, Any] = attrs.field(factory=dict[str, Any])

    def differences(self) -> Iterator[str]:
        """What is other here and now than where this was recorded."""
        return differences(dict(self.machine), _here())

    def strangers(self, names: set[str]) -> Iterator[str]:
        """What is recorded and not of ``names``, and the other way round."""
        yield from (
            f"recorded, and no longer measured: {name}"
            for name in sorted(self.ratios.keys() - names)
        )
        yield from (
            f"measured, and not recorded: {name}" for name in sorted(names - self.ratios.keys())
        )


def version() -> str:
    """What a record holds for: ratios differ from one Python to the next."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def recorded(by: str) -> Record:
    """What was recorded for this Python.

    Raises:
        RecordError: Nothing was, or the file holds something else.
    """
    held = _held().get(version(), {}).get(by)
    if held is None:
        said = f"nothing is recorded for Python {version()} by {by}"
        raise RecordError(f"{said}; `check --record` does it")
    try:
        ratios = {name: Ratio(**each) for name, each in held["ratios"].items()}
        return Record(ratios=ratios, machine=held["machine"])
    except (AttributeError, KeyError, TypeError) as exc:
        said = f"{RECORD} holds no record of {by} in this form: {exc!r}"
        raise RecordError(f"{said}; `check --record` makes one") from exc


def record(by: str, found: Mapping[str, Measured]) -> None:
    """Take ``found`` for what later runs are held against, on this Python.

    Raises:
        RecordError: The ratios vary too much to say anything, or the file holds something else.
    """
    noise = {name: max(2 * (each.spread or 0.0), _LEAST_NOISE[by]) for name, each in found.items()}
    wild = [f"{name} ±{share:.0%}" for name, share in noise.items() if share > _MOST_NOISE]
    if wild:
        said = f"recorded nothing, the machine is too busy: {', '.join(wild)}"
        raise RecordError(f"{said}; at most ±{_MOST_NOISE:.0%}")
    ratios = {
        name: {"ratio": round(each.median, 4), "noise": round(noise[name], 4)}
        for name, each in found.items()
    }
    held = _held()
    held.setdefault(version(), {})[by] = {"ratios": ratios, "machine": _here()}
    RECORD.write_text(json.dumps(held, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _held() -> dict[str, Any]:
    """What is in the file; nothing where there is none."""
    try:
        found = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    except (OSError, ValueError) as exc:
        raise RecordError(f"{RECORD} is broken: {exc}") from exc
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise RecordError(f"{RECORD} is broken: it is no record")
    return found


def _here() -> dict[str, Any]:
    machine = describe()
    return {name: machine[name] for name in _KEPT}


@attrs.frozen(kw_only=True)
class Verdict:
    """One ratio, what it was, and whether it got worse by more than the noise."""

    name: str
    before: Ratio
    now: float

    @property
    def worse(self) -> bool:
        """Whether it is."""
        return self.now > self.before.ratio * (1 + self.before.noise)


def verdicts(before: Record, now: Mapping[str, Measured]) -> list[Verdict]:
    """One for each ratio that is recorded."""
    return [
        Verdict(name=name, before=before.ratios[name], now=each.median)
        for name, each in now.items()
        if name in before.ratios
    ]
