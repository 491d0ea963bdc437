"""What a journal says of one row."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import attrs

from loyalty_sdk._fork import process

if TYPE_CHECKING:
    from loyalty_sdk._call import Sent
    from loyalty_sdk._models import Receipt

    from ._rows import Row


class State(IntEnum):
    """Where a row stands. Every row that was read and journaled is in exactly one."""

    SENT = 1
    """About to leave, or left; nothing is known of what became of it."""
    APPLIED = 2
    """The vendor acknowledged it, or its records show it."""
    REJECTED = 3
    """The vendor refused it, or its records show that it was not applied: a dead letter."""
    INVALID = 4
    """It could not be sent at all: a dead letter."""
    UNKNOWN = 5
    """It left, and nobody can say whether it was applied."""
    WAITING = 6
    """Read and put aside; not sent, or certainly not applied. Its turn comes."""

    @property
    def final(self) -> bool:
        """Whether nothing is left to do."""
        return self in {State.APPLIED, State.REJECTED, State.INVALID}

    @property
    def dead(self) -> bool:
        """Whether it is a dead letter, which can be mended and played again."""
        return self in {State.REJECTED, State.INVALID}


@attrs.frozen
class Held:
    """A journaled row with all that is needed to go on with it, or to look for it.

    Attributes:
        tried_at: Unix time of its last try; None where there was none.
        tries: How often it was about to leave.
        receipt: Of the call that ended in doubt.
        marker: What the record of its last try carries, and what it is looked for by.
    """

    row: Row
    state: State
    tried_at: float | None
    tries: int
    receipt: Receipt | None = None
    marker: str | None = None

    @property
    def left(self) -> bool:
        """Whether it may have left, and was not shown absent since."""
        return self.tries > 0 and self.state is not State.WAITING

    @property
    def is_ours(self) -> bool:
        """Whether this process tried it last."""
        sent: Sent | None = self.receipt.sent if self.receipt else None
        return sent is not None and sent.process == process()

    def is_older(self, adopted_at: float | None) -> bool:
        """Whether it was not tried since its journal was adopted: others may have sent it."""
        return adopted_at is not None and (self.tried_at or 0.0) <= adopted_at


@attrs.frozen
class Known:
    """What a journal holds under a key.

    Attributes:
        run: The run that last saw the row in its input.
    """

    ordinal: int
    state: State
    run: int
    customer_id: str | None
    amount: str | None


@attrs.frozen(kw_only=True)
class Entry:
    """One journaled row, for reports.

    Attributes:
        ordinal: Its position in the input, 0 for the first.
        line: Where it begins in the input, from 1.
        key: The reference it is known by.
        customer_id: Whose.
        amount: Points, total or name, as sent, in text.
        points: What the vendor said it changed, where it said so.
        tries: How often it was about to leave.
        tried_at: Unix time of the last try.
        ended_at: Unix time of the outcome.
        error: What went wrong, in words.
        marker: What the record of its last try carries.
    """

    ordinal: int
    line: int | None
    key: str | None
    customer_id: str | None
    state: State
    amount: str | None
    points: int | None
    tries: int
    tried_at: float | None
    ended_at: float | None
    error: str | None
    marker: str | None
