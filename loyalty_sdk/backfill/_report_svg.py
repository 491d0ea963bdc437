"""Small pictures as inline SVG: no script, and nothing from elsewhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WIDTH, HEIGHT = 900, 220
# Seconds between two marks on the time axis: what people count in.
_CLOCK = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_TICKS = 8
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 24, 12, 28


@attrs.frozen
class Axes:
    """Where values stand in a picture.

    Args:
        span: The largest x, in seconds.
        top: The largest y.
    """

    span: float
    top: float

    def x(self, seconds: float) -> float:
        """The column of a moment."""
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * seconds / self.span

    def y(self, value: float) -> float:
        """The row of a value."""
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / self.top


def nice_top(value: float) -> float:
    """The least of 1, 2, 2.5, 4, 5 and 10 times a power of ten that is not below ``value``."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 4, 5, 10) if step * power >= value * 0.999)


def duration(seconds: float) -> str:
    """``1 h 05 min``, ``3 min 20 s``, ``12 s``, ``0.25 s``, ``18 ms``."""
    if 0 < seconds < 0.1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"


def number(value: float) -> str:
    """``1,234`` or ``2.5``: no more digits than say something."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def stacked(
    times: Sequence[tuple[float, float]],
    layers: Mapping[str, Sequence[float]],
    breaks: Sequence[float],
    label: str,
) -> str:
    """Bars over time, one layer on top of the other.

    Args:
        times: Beginning and length of each bar, in seconds.
        layers: Heights by CSS class, the lowest layer first.
        breaks: Moments to mark.
        label: What it shows, for those who cannot see it.
    """
    axes = Axes(_end(times), nice_top(max(map(sum, zip(*layers.values(), strict=True)))))
    parts = [*_frame(axes, number), *_marks(axes, breaks)]
    below = [0.0] * len(times)
    for name, heights in layers.items():
        for place, ((at, lasts), height) in enumerate(zip(times, heights, strict=True)):
            if height:
                parts.append(_bar(axes, name, (at, lasts), below[place], height))
                below[place] += height
    return _svg(parts, label)


def curves(
    times: Sequence[tuple[float, float]],
    lines: Mapping[str, Sequence[float | None]],
    breaks: Sequence[float],
    label: str,
) -> str:
    """Curves over time, in seconds; see `stacked`. Where there is no value, a curve ends."""
    known = [value for line in lines.values() for value in line if value is not None]
    axes = Axes(_end(times), nice_top(max(known, default=1.0)))
    parts = [*_frame(axes, duration), *_marks(axes, breaks)]
    for name, values in lines.items():
        for piece in _pieces(times, values):
            points = " ".join(f"{axes.x(at):.1f},{axes.y(value):.1f}" for at, value in piece)
            parts.append(f'<polyline class="{name}" points="{points}"/>')
            if len(piece) == 1:
                at, value = piece[0]
                place = f'cx="{axes.x(at):.1f}" cy="{axes.y(value):.1f}"'
                parts.append(f'<circle class="{name}" {place} r="2.5"/>')
    return _svg(parts, label)


def _pieces(
    times: Sequence[tuple[float, float]], values: Sequence[float | None]
) -> Iterator[list[tuple[float, float]]]:
    piece: list[tuple[float, float]] = []
    for (at, lasts), value in zip(times, values, strict=True):
        if value is not None:
            piece.append((at + lasts / 2, value))
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _end(times: Sequence[tuple[float, float]]) -> float:
    return max((at + lasts for at, lasts in times), default=1.0)


def _bar(axes: Axes, name: str, time: tuple[float, float], below: float, height: float) -> str:
    at, lasts = time
    left, right = axes.x(at), axes.x(at + lasts)
    top, bottom = axes.y(below + height), axes.y(below)
    gap = 1 if right - left > 4 else 0
    return (
        f'<rect class="{name}" x="{left:.1f}" y="{top:.1f}" width="{right - left - gap:.1f}" '
        f'height="{max(bottom - top, 1):.1f}"><title>{duration(at)}: {number(height)} a second '
        f"{name}</title></rect>"
    )


def _frame(axes: Axes, words: object) -> Iterator[str]:
    say = words if callable(words) else str
    steps = _steps(axes.top)
    for step in range(steps + 1):
        value = axes.top * step / steps
        y = axes.y(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        text = say(value) if value else "0"
        yield f'<text class="left" x="{_LEFT - 6}" y="{y + 4:.1f}">{text}</text>'
    width: float = next((each for each in _CLOCK if axes.span / each <= _TICKS), axes.span / _TICKS)
    for tick in range(int(axes.span / width) + 1):
        at = tick * width
        place = f'x="{axes.x(at):.1f}" y="{HEIGHT - 8}"'
        yield f'<text class="middle" {place}>{duration(at) if at else "0"}</text>'


def _steps(top: float) -> int:
    """Lines that stand at round values: 2 is 4 times a half, 2.5 is 5 times a half."""
    return 4 if f"{top:e}".startswith(("2.0", "4.0")) else 5


def _marks(axes: Axes, breaks: Sequence[float]) -> Iterator[str]:
    for at in breaks:
        x = axes.x(at)
        place = f'x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"'
        yield f'<line class="break" {place}><title>stopped, and gone on later</title></line>'


def _svg(parts: Sequence[str], label: str) -> str:
    shape = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {shape}>{"".join(parts)}</svg>'
