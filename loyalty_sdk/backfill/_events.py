"""What a run tells while it goes on, and what it leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ._states import State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@attrs.frozen(kw_only=True)
class RowEnded:
    """A row got where it stays, and that is on the disk.

    Attributes:
        ordinal: Its position in the input, 0 for the first.
        line: Where it begins in the input, from 1.
        key: The reference it is known by.
        customer_id: Whose; None for a row that could not be read.
        state: Where it stands.
        error: What went wrong, in words. An applied row has one if it stands there twice.
        seconds: From the last intent to the outcome; None where nothing was sent.
    """

    ordinal: int
    line: int | None
    key: str | None
    customer_id: str | None
    state: State
    error: str | None
    seconds: float | None


@attrs.frozen(kw_only=True)
class Waiting:
    """Nothing, or less than could be, is sent for now.

    Attributes:
        reason: Why.
        seconds: For how long, about.
    """

    reason: str
    seconds: float


@attrs.frozen(kw_only=True)
class Stopping:
    """No further row is begun; those on their way are finished."""

    reason: str


@attrs.frozen(kw_only=True)
class Progress:
    """How far a run has come.

    Attributes:
        counts: Rows of the journal by state; what is on its way is in none.
        in_flight: Rows on their way.
        ended: Rows that this run brought where they stay.
        elapsed: Seconds since it began.
        rate: Rows that ended a second, over the last ten seconds.
        total: Rows of the input, as far as can be told.
        waiting: What is being waited for; None while nothing is.
        phase: ``resuming``, ``sending``, ``resolving`` or ``done``.
    """

    counts: Mapping[State, int]
    in_flight: int
    ended: int
    elapsed: float
    rate: float
    total: int | None
    waiting: str | None
    phase: str


@attrs.frozen(kw_only=True)
class Summary:
    """What became of the input, over all runs with its journal.

    Attributes:
        counts: Rows by state; each is in exactly one.
        doubled: Applied rows that the vendor's records show more than once.
        complete: Whether all of the input was read; dead letters are not all of it.
        reason: Why the run stopped before; None when it did not.
        ended: Rows that this run brought where they stay.
        resent_unknown: Rows that it sent again although an earlier try may have been applied.
        elapsed: Seconds.
        journal: The journal's path.
        rejected: Where the dead letters stand; None when there are none, or no such file could
            be written.
    """

    counts: Mapping[State, int]
    doubled: int
    complete: bool
    reason: str | None
    ended: int
    resent_unknown: int
    elapsed: float
    journal: Path
    rejected: Path | None

    @property
    def applied(self) -> int:
        """Rows that the vendor has."""
        return self.counts[State.APPLIED]

    @property
    def dead(self) -> int:
        """Rows that the vendor refused, or that could not be sent."""
        return self.counts[State.REJECTED] + self.counts[State.INVALID]

    @property
    def unknown(self) -> int:
        """Rows of which nobody can say whether the vendor has them."""
        return self.counts[State.UNKNOWN]

    @property
    def unfinished(self) -> int:
        """Rows that the next run goes on with."""
        return self.counts[State.SENT] + self.counts[State.WAITING]

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do for another run."""
        return self.complete and not self.unfinished and self.reason is None


Event = RowEnded | Waiting | Stopping | Progress | Summary
