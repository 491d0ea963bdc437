"""Many writes, of which the process may be killed at any moment: none lost, none doubled.

`Backfill` sends the rows of a file, or of anything that can be iterated, with a journal
beside it; `verify` compares the journal with the vendor's records, `undo` says how to take
back what was applied.
"""

from __future__ import annotations

from ._engine import Backfill
from ._events import Event, Progress, RowEnded, Stopping, Summary, Waiting
from ._mapping import Columns
from ._plan import Plan, plan
from ._report import write_report
from ._rows import BadRow, Position, Row, Source
from ._sources import FileSource, source_of
from ._sources_iterable import IterableSource
from ._sources_keyset import resume_after
from ._sources_mended import MendedSource, mended
from ._states import Entry, State
from ._undo import Undo, undo
from ._verify import Difference, Found, verify

__all__ = [
    "Backfill",
    "BadRow",
    "Columns",
    "Difference",
    "Entry",
    "Event",
    "FileSource",
    "Found",
    "IterableSource",
    "MendedSource",
    "Plan",
    "Position",
    "Progress",
    "Row",
    "RowEnded",
    "Source",
    "State",
    "Stopping",
    "Summary",
    "Undo",
    "Waiting",
    "mended",
    "plan",
    "resume_after",
    "source_of",
    "undo",
    "verify",
    "write_report",
]
