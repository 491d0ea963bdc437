"""What an export hands out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime  # noqa: TC003 - attrs resolves it
from pathlib import Path  # noqa: TC003 - attrs resolves it
from typing import Literal

import attrs

from loyalty_sdk._models import Transaction  # noqa: TC001 - attrs resolves it

Phase = Literal["asking", "reading", "writing"]
"""Asking the vendor who its customers are, reading their rows, writing them out."""


@attrs.frozen
class Batch:
    """Rows for a consumer, oldest first.

    Attributes:
        number: Counts from 1 in every run. The same number holds the same rows, however often
            the run was killed: a consumer that keeps the number together with the rows can
            leave out the one batch that may come twice.
        run: The number of the run.
        items: A thousand rows, fewer in the last batch.
    """

    number: int
    run: int
    items: tuple[Transaction, ...]


Consumer = Callable[[Batch], Awaitable[None]]
"""Takes the rows, batch by batch; the next one comes when it has returned."""


@attrs.frozen(kw_only=True)
class Progress:
    """How far a run has come.

    Attributes:
        phase: What is being done.
        rows: Rows read so far, in earlier processes too; while writing, rows written.
        pages: Pages read so far.
        done: Windows or customers that are done with.
        total: Windows or customers so far; windows become more as they are cut.
    """

    phase: Phase
    rows: int
    pages: int
    done: int
    total: int


@attrs.frozen(kw_only=True)
class Summary:
    """What a run came to.

    Attributes:
        run: Its number, 1 for the checkpoint's first.
        incremental: Whether it went on where the last one had ended.
        path: The file, None where a consumer took the rows.
        rows: Rows handed out.
        repeated: Rows that were read again and left out, since an earlier run handed them out.
        pages: Pages read.
        created_until: Where it ended, by the vendor's clock: later rows are the next run's.
        unknown: How many customers the vendor does not know.
        unknown_customers: The first hundred of them.
    """

    run: int
    incremental: bool
    path: Path | None
    rows: int
    repeated: int
    pages: int
    created_until: datetime
    unknown: int
    unknown_customers: tuple[str, ...]
