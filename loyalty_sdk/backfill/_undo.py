"""Writes down what would take back what a journal's rows changed; sends nothing."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from filecmp import cmp
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import attrs

from loyalty_sdk._look import Sight, Window
from loyalty_sdk.errors import ConfigurationError, JournalError, LoyaltyError

from ._place import check_apart, files_of
from ._reading import Reading, trace_as_sent
from ._rejected import private
from ._states import Entry, State
from ._verify import remembering

if TYPE_CHECKING:
    from loyalty_sdk._client import LoyaltyClient
    from loyalty_sdk._flow import Response

_UNDO = "undo:"
# Of a line; that of an adjustment is much shorter.
_LONGEST = 2**20


@attrs.frozen(kw_only=True)
class Undo:
    """What was written.

    Attributes:
        path: JSON Lines, each an adjustment: the input of a backfill with `adjust_points`.
        written: How many.
        points: Their sum.
        unclear: Applied rows of which nobody can say what they changed; none is written.
        unknown: Rows that may have been applied; none is written.
        replaced: Whether other adjustments stood in the file before. A journal of theirs
            refuses it: it takes another one, and ``adopt``.
    """

    path: Path
    written: int
    points: int
    unclear: int
    unknown: int
    replaced: bool = False


async def undo(
    client: LoyaltyClient[Any], journal: str | Path, to: str | Path, *, reason: str = "Correction"
) -> Undo:
    """Write the adjustments that compensate what ``journal`` applied.

    What a row changed is what the vendor said when it was applied, else what was sent, else
    what its records show: a removal may have been less than was asked for, and what an order
    earned is the vendor's own affair. Each customer's rows are undone last first.

    Args:
        client: Of the same provider and host; only reads.
        journal: Its path.
        to: The file to write. Each adjustment's reference is ``undo:`` and the row's own, so
            that undoing twice with one journal does it once.
        reason: May be shown to the shopper.

    Raises:
        JournalError: There is none, or it is another provider's, or ``to`` cannot be written.
        ConfigurationError: ``to`` is the journal, or one of the files beside it, or is there
            and not from an earlier call.
    """
    path = Path(to)
    check_apart(path, *files_of(Path(journal)))
    part = path.with_name(f"{path.name}.part")
    reading = Reading(Path(journal), client)
    try:
        _check_ours(path, reading)
        _check_ours(part, reading)
        with private(part) as file:
            undone = await _write(client, reading, file, path, reason)
            file.flush()
            os.fsync(file.fileno())
        replaced = _replace(path, part)
    except OSError as exc:
        raise JournalError(f"{path}: {exc.strerror}") from exc
    finally:
        reading.close()
    return attrs.evolve(undone, replaced=replaced)


def _check_ours(path: Path, reading: Reading) -> None:
    """Refuse to write over anything but what was written here before.

    Raises:
        ConfigurationError: It is something else, or what the journal's own rows were read from.
    """
    with suppress(FileNotFoundError), path.open("rb") as file:
        first = file.readline(_LONGEST)
        reference = _reference(first)
        if first and (not reference.startswith(_UNDO) or reading.holds(reference)):
            raise ConfigurationError(f"{path} would be overwritten", hint="Name another file")


def _reference(line: bytes) -> str:
    """Of the adjustment in ``line``; empty where that is none."""
    try:
        return str(json.loads(line)["reference"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""


def _replace(path: Path, part: Path) -> bool:
    """Put ``part`` in the place of ``path``; whether something else was there."""
    replaced = path.exists() and not cmp(part, path, shallow=False)
    part.replace(path)
    return replaced


async def _write(
    client: LoyaltyClient[Any], reading: Reading, file: IO[str], path: Path, reason: str
) -> Undo:
    written = points = unclear = unknown = 0
    async for entries in reading.customers():
        changes = _Changes(client, reading.operation)
        # What was taken last is given back first: a balance that is too low takes no removal.
        for entry in reversed(entries):
            unknown += entry.state in {State.UNKNOWN, State.SENT}
            if entry.state is not State.APPLIED:
                continue
            changed = await changes.of(entry)
            if changed is None:
                unclear += 1
            elif changed:
                file.write(json.dumps(_compensation(entry, changed, reason)) + "\n")
                written, points = written + 1, points - changed
    return Undo(path=path, written=written, points=points, unclear=unclear, unknown=unknown)


def _compensation(entry: Entry, changed: int, reason: str) -> dict[str, Any]:
    return {
        "customer_id": entry.customer_id,
        "points": -changed,
        "reason": reason,
        "reference": f"{_UNDO}{entry.key}",
    }


class _Changes:
    """What one customer's rows changed."""

    def __init__(self, client: LoyaltyClient[Any], operation: str) -> None:
        self._client = client
        self._operation = operation
        self._pages: dict[str, Response] = {}
        self._earned: dict[str, int] | None = None

    async def of(self, entry: Entry) -> int | None:
        """Points that ``entry`` changed; None where nobody can say."""
        # It stands there more than once: all of it is to be taken back.
        doubled = entry.error is not None
        if entry.points is not None and not doubled:
            return entry.points
        try:
            if self._operation == "adjust_points":
                sent = int(entry.amount or "0")
                return sent if sent > 0 and not doubled else await self._shown(entry)
            if self._operation == "create_order":
                return await self._by_order(entry)
            return await self._shown(entry)
        except LoyaltyError:
            return None

    async def _shown(self, entry: Entry) -> int | None:
        """What the row in the vendor's records says, where one can only be this one's."""
        trace = await trace_as_sent(self._client, self._operation, entry)
        if trace is None or trace.marker is None:
            return None
        look = self._client.provider.look(trace, Window(sent_at=None))
        sight: Sight = await self._client.run(remembering(look, self._pages))
        return sum(row.points for row in sight.rows) if sight.rows else None

    async def _by_order(self, entry: Entry) -> int | None:
        if self._earned is None:
            earned: dict[str, int] = {}
            listing = self._client.list_transactions(customer_id=entry.customer_id)
            async for row in listing:
                if row.order_id is not None:
                    earned[row.order_id] = earned.get(row.order_id, 0) + row.points
            self._earned = earned
        if entry.key in self._earned:
            return self._earned[entry.key]
        return await self._shown(entry)
