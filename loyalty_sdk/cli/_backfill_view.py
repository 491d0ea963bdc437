"""A run of a backfill as people or programs see it."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import click

from loyalty_sdk import _checks
from loyalty_sdk._models import plain
from loyalty_sdk.backfill import Progress, RowEnded, State, Stopping, Summary, Waiting
from loyalty_sdk.backfill._report_svg import duration

from ._output import complain, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from loyalty_sdk.backfill import Event

_LINE_EVERY = 10.0
_QUIET = 1.0  # what is over so soon is told by its end
_EVENT_EVERY = 1.0
WORDS = {
    State.APPLIED: "applied",
    State.REJECTED: "rejected",
    State.INVALID: "invalid",
    State.UNKNOWN: "unknown",
    State.SENT: "in doubt",
    State.WAITING: "waiting",
}
"""What states are called."""

_STYLES = {
    State.APPLIED: "green",
    State.REJECTED: "red",
    State.INVALID: "yellow",
    State.UNKNOWN: "magenta",
}


class View(Protocol):
    """What shows a run."""

    def show(self, event: Event) -> None:
        """Show what happened."""
        ...

    def note(self, text: str) -> None:
        """Say something to people."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...


def view_for(name: str, limit: float | None, *, as_json: bool) -> View:
    """Events for programs, a picture for a terminal, lines for anything else."""
    if as_json:
        return Events()
    return Picture(name, limit) if sys.stderr.isatty() else Lines(limit)


class Events:
    """One JSON object a line: what ended other than applied, pauses, and how far it is."""

    def __init__(self) -> None:
        self._told = float("-inf")

    def show(self, event: Event) -> None:
        """See `View`."""
        if isinstance(event, RowEnded) and event.state is State.APPLIED and event.error is None:
            return
        if isinstance(event, Progress) and event.phase != "done":
            if time.monotonic() - self._told < _EVENT_EVERY:
                return
            self._told = time.monotonic()
        click.echo(json.dumps({"event": _NAMES[type(event)]} | as_dict(event)))

    def note(self, text: str) -> None:
        """See `View`."""
        complain(text, 0)

    def close(self) -> None:
        """See `View`."""


_NAMES: dict[type, str] = {
    RowEnded: "row",
    Waiting: "waiting",
    Stopping: "stopping",
    Progress: "progress",
    Summary: "summary",
}


def as_dict(event: Any) -> dict[str, Any]:
    """An event as JSON types; states by their names."""
    return {field: _plain(value) for field, value in attrs.asdict(event, recurse=False).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, State):
        return value.name.lower()
    if _checks.is_mapping(value):
        return {_plain(key): each for key, each in value.items()}
    simple = plain(value)
    return simple if isinstance(simple, str | int | float | None) else str(value)


class Lines:
    """A line every ten seconds, and one for whatever else there is to say."""

    def __init__(self, limit: float | None) -> None:
        self._limit = limit
        self._began = self._told = time.monotonic()
        self._phase = ""

    def show(self, event: Event) -> None:
        """See `View`."""
        if isinstance(event, Progress):
            self._progress(event)
        elif isinstance(event, Waiting):
            self.note(f"waiting about {duration(event.seconds)}: {event.reason}")
        elif isinstance(event, Stopping):
            self.note(f"stopping: {event.reason}; finishing what is on its way")

    def _progress(self, progress: Progress) -> None:
        turned = progress.phase != self._phase and progress.phase in {"sending", "resolving"}
        now = time.monotonic()
        if (turned and now - self._began >= _QUIET) or now - self._told >= _LINE_EVERY:
            self._told, self._phase = time.monotonic(), progress.phase
            counts = ", ".join(f"{WORDS[state]} {n:,}" for state, n in shown(progress.counts))
            parts = [progress.phase, share(progress), counts, pace(progress, self._limit)]
            if progress.waiting:
                parts.append(f"waiting: {progress.waiting}")
            self.note("; ".join(filter(None, parts)))

    def note(self, text: str) -> None:
        """See `View`."""
        complain(text, 0)

    def close(self) -> None:
        """See `View`."""


class Picture:
    """A few lines of a terminal, drawn again with every progress: four times a second."""

    def __init__(self, name: str, limit: float | None) -> None:
        from rich.console import Console  # noqa: PLC0415 - lines and events need no rich
        from rich.live import Live  # noqa: PLC0415 - as above

        self._name, self._limit = name, limit
        console = Console(stderr=True, markup=False, emoji=False, highlight=False)
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def show(self, event: Event) -> None:
        """See `View`."""
        if isinstance(event, Progress):
            self._live.update(self._picture(event), refresh=True)
        elif isinstance(event, Stopping):
            self.note(f"stopping: {event.reason}; finishing what is on its way")

    def note(self, text: str) -> None:
        """See `View`."""
        self._live.console.print(f"loyalty: {one_line(text)}")

    def close(self) -> None:
        """See `View`."""
        self._live.stop()

    def _picture(self, progress: Progress) -> RenderableType:
        from rich.console import Group  # noqa: PLC0415 - lines and events need no rich
        from rich.progress_bar import ProgressBar  # noqa: PLC0415 - as above
        from rich.table import Table  # noqa: PLC0415 - as above
        from rich.text import Text  # noqa: PLC0415 - as above

        head = Table.grid(padding=(0, 1), expand=True)
        head.add_column(no_wrap=True)
        head.add_column(ratio=1)
        head.add_column(no_wrap=True)
        bar = ProgressBar(total=progress.total, completed=done(progress.counts))
        head.add_row(Text(one_line(self._name), "bold"), bar, Text(share(progress)))
        counts = Text("  ").join(
            Text(f"{WORDS[state]} {number:,}", _STYLES.get(state, ""))
            for state, number in shown(progress.counts)
        )
        counts.append(f"  on their way {progress.in_flight:,}", "dim")
        last = f"waiting: {one_line(progress.waiting)}" if progress.waiting else progress.phase
        return Group(head, counts, Text(pace(progress, self._limit)), Text(last, "dim"))


def shown(counts: Mapping[State, int]) -> list[tuple[State, int]]:
    """The states there is something to say of; applied always."""
    return [(state, counts[state]) for state in WORDS if counts[state] or state is State.APPLIED]


def done(counts: Mapping[State, int]) -> int:
    """Rows that this run need not look at again."""
    return sum(number for state, number in counts.items() if state.final or state is State.UNKNOWN)


def share(progress: Progress) -> str:
    """``62 % of about 20,000 rows``."""
    rows = done(progress.counts)
    if not progress.total:
        return f"{rows:,} rows"
    return f"{min(1.0, rows / progress.total):.0%} of about {about(progress.total):,} rows"


def about(number: int) -> int:
    """An estimate, without digits that mean nothing."""
    digits = max(len(str(number)) - 3, 0)
    return round(number, -digits)


def pace(progress: Progress, limit: float | None) -> str:
    """``19.9 rows a second of 20, 6 min 21 s to go, 10 min so far``."""
    parts = [f"{progress.rate:,.1f} rows a second" + (f" of {limit:g}" if limit else "")]
    left = (progress.total or 0) - done(progress.counts)
    if left > 0 and progress.rate > 0:
        parts.append(f"about {duration(round(left / progress.rate))} to go")
    return ", ".join([*parts, f"{duration(round(progress.elapsed))} so far"])
