"""Writes that must land once: after an open try, look before anything else.

Absence rests on three statements which no vendor documents: (A1) a request we gave up on
takes effect within ``settle`` or never; (A2) by then the vendor's lists show it; (A3) the
marker comes back unaltered. If they hold, a write lands once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

from ._account import Account, Write
from ._fork import process
from ._look import Finding, Sight, Trace, Window, could_be
from ._models import Outcome
from ._retry import NO_REPEATS_LEFT
from .errors import (
    ConfigurationError,
    ConflictError,
    DeadlineExceededError,
    DoubledWriteError,
    LoyaltyError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ReferenceConflictError,
)

if TYPE_CHECKING:
    from ._call import Call
    from ._flow import Request, Response
    from ._models import Receipt, Transaction

Tries = Callable[["Request", "Call"], Awaitable["Response"]]
Looks = Callable[[Trace, Window, "Call"], Awaitable[Sight]]

_LOOKS_AFTER_SETTLE = 4
_RESERVE = 1.0
# Made-up references and hashes are no longer than this.
_NEVER_CUT = 32
# Seconds. An earlier write of ours may be listed in a window, if it took effect late.
_RECENTLY = 600.0


_TAKE_BACK = "Take back all but one; settle is too short for this vendor"
_COMPARE = "Take back all but one, unless somebody else wrote it: rows do not say whose they are"


@attrs.frozen(kw_only=True)
class Reconciler:
    """How one client settles its open writes.

    Attributes:
        account: What is known of the credential's other writes.
        settle: Seconds after which a try that we gave up on takes no effect any more.
        send: Tries a request until it is accepted or may not be repeated.
        look: One look at the vendor's records, for a call and within its deadline.
        sends: Most tries of one write.
        may_repeat: Takes one repeat out of the budget; False when there is none.
        unmarked_hint: How to make the vendor's rows carry references.
        scopes: What credentials need, by operation.
    """

    account: Account
    settle: float
    send: Tries
    look: Looks
    sends: int
    may_repeat: Callable[[], bool]
    unmarked_hint: str | None = None
    scopes: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict[str, tuple[str, ...]])

    def write(self, request: Request, call: Call) -> Awaitable[Response | None]:
        """Send ``request`` so that it lands once; None when a look proved it instead.

        Raises:
            LoyaltyError: It was refused, never left, or nobody can say.
        """
        assert request.trace is not None  # noqa: S101 - for the type checker: the caller asked
        replayed = call.tried_at is not None
        write = call.write = Write(request.trace, replayed=replayed, settle=self.settle)
        if write.can_be_confused:
            return self._land_beside_others(write, request, call)
        return self._land(write, request, call)

    async def _land_beside_others(
        self, write: Write, request: Request, call: Call
    ) -> Response | None:
        with self.account.register(write):
            return await self._land(write, request, call)

    async def _land(self, write: Write, request: Request, call: Call) -> Response | None:
        if call.tried_at is not None and await self._was_done(write, call, call.tried_at):
            return None
        while True:
            response: Response | None
            try:
                response = await self.send(request, call)
            except LoyaltyError as failure:
                if await self._send_again(write, call, failure):
                    continue
                response = None
            else:
                write.accepted = True
            if write.resends:
                await self._look_for_a_double(write, call)
            return response

    async def _was_done(self, write: Write, call: Call, tried_at: float) -> bool:
        """Whether an earlier try, whose sender is dead, had been applied."""
        if write.trace.marker is None:
            raise ConfigurationError(
                "replay needs rows that carry the reference", hint=self.unmarked_hint
            )
        call.follow()
        write.gave_up_at = tried_at
        self.account.changed(write)
        finding = await self._judge(write, call)
        if finding is Finding.UNDECIDED:
            raise _earlier_doubt(call.sight)
        if finding is Finding.ABSENT:
            _refuse_lateness(call)
            write.resends += 1
            return False
        [row] = call.sight.rows
        # A removal of more than there is may have been cut down to what there was.
        clamped = row.balance == 0 and could_be(write.trace, row.points)
        if row.points != write.trace.points and not clamped:
            call.forget()
            raise ReferenceConflictError(
                f"the reference stands in the history with {row.points} points",
                hint="Nothing was sent; every adjustment needs a reference of its own",
            )
        return True

    async def resolve(self, receipt: Receipt, call: Call) -> Receipt:
        """``receipt`` as one look at the vendor's records leaves it.

        Raises:
            DoubledWriteError: It is there more than once.
            ConflictError: Something else is there in its place.
        """
        write, settled = _recalled(receipt)
        try:
            sight = await self._glance(write, call)
            self._refuse_doubles(write, sight, call)
        except DoubledWriteError as error:
            error.receipt = _resolved(receipt, Outcome.APPLIED, error.rows)
            raise
        except ConflictError as error:
            error.receipt = receipt
            raise
        if sight.finding is Finding.ABSENT:
            sight = await self._believe(write, sight, call, settled=settled)
        if sight.finding is Finding.UNDECIDED:
            return receipt
        proven = sight.finding is Finding.PROVEN
        return _resolved(receipt, Outcome.APPLIED if proven else Outcome.ABSENT, sight.rows)

    async def _send_again(self, write: Write, call: Call, failure: LoyaltyError) -> bool:
        """Whether to send again after ``failure``; False when the write is proven."""
        if not write.open:
            if write.resends and await self._landed_late(write, call):
                return False
            raise failure
        finding = await self._judge(write, call)
        if finding is Finding.PROVEN:
            return False
        late = call.deadline - time.monotonic() < _RESERVE
        if finding is Finding.UNDECIDED or late or write.tries >= self.sends:
            raise failure
        if not self.may_repeat():
            failure.hint = NO_REPEATS_LEFT
            raise failure
        write.resends += 1
        return True

    async def _judge(self, write: Write, call: Call) -> Finding:
        """What became of an open write, and account for it."""
        sight = await self._decide(write, call)
        write.since = sight.since
        call.saw(sight)
        if sight.finding is Finding.PROVEN:
            self._refuse_doubles(write, sight, call)
        elif sight.finding is Finding.ABSENT:
            call.absent()
            write.deny()
            self.account.changed(write)
        return sight.finding

    async def _decide(self, write: Write, call: Call) -> Sight:
        """Look until a look proves or denies the write, or the deadline is near."""
        assert write.gave_up_at is not None  # noqa: S101 - for the type checker: it is open
        settled_at = write.gave_up_at + self.settle
        sight = Sight(finding=Finding.UNDECIDED, note="there was no time to look")
        pause, after = 0.1, 0
        while after < _LOOKS_AFTER_SETTLE:
            began = time.monotonic()
            if began >= settled_at:
                after += 1
                await self._others_landed(write, call)
                began = time.monotonic()
            before, sight = sight.rows, await self._glance(write, call)
            if sight.finding is Finding.PROVEN:
                return sight
            if sight.finding is Finding.UNDECIDED:
                # A look that failed takes nothing back of what an earlier one saw.
                sight = attrs.evolve(sight, rows=sight.rows or before)
            if sight.finding is Finding.ABSENT:
                sight = await self._believe(write, sight, call, settled=began >= settled_at)
                if sight.finding is Finding.ABSENT:
                    return sight
            now = time.monotonic()
            wait = pause if now >= settled_at else min(pause, settled_at - now + 0.001)
            if now + wait >= call.deadline:
                return sight
            await asyncio.sleep(wait)
            pause = min(pause * 2, 15.0)
        return sight

    async def _believe(self, write: Write, sight: Sight, call: Call, *, settled: bool) -> Sight:
        """``sight`` as the absence it says, if that may be believed."""
        if not settled:
            return attrs.evolve(sight, finding=Finding.UNDECIDED, note="not there yet")
        marker = write.trace.marker
        if write.perhaps_unmarked and sight.unmarked:
            note = f"{len(sight.unmarked)} rows without a marker could be this one's"
            return attrs.evolve(sight, finding=Finding.UNDECIDED, note=note)
        if marker is not None and not await self._markers_come_back(len(marker), sight, call):
            note = "no marker of that length was ever seen to come back"
            return attrs.evolve(sight, finding=Finding.UNDECIDED, note=note)
        return sight

    async def _markers_come_back(self, length: int, sight: Sight, call: Call) -> bool:
        """Whether the vendor keeps markers that long; if need be, look for another write's."""
        listed = time.monotonic() - self.settle
        example = self.account.marked(length, listed)
        if example is None and not self.account.longest_marker:
            # Nothing is known; but a row that is not there cannot have lost its marker.
            return not sight.bare
        if example is None or example.seen:
            return self._seen(length)
        # One that came back long ago says nothing of a vendor that has changed since.
        example.seen = bool((await self._glance(example, call)).rows)
        if example.left_at > listed and not sight.bare:
            # It need not be listed yet, and no row here can have lost the marker we look for.
            return self._seen(length)
        return example.seen and self._seen(length)

    def _seen(self, length: int) -> bool:
        # A vendor that keeps a short one may still cut a long one.
        longest = self.account.longest_marker
        return longest >= length or (longest > 0 and length <= _NEVER_CUT)

    async def _others_landed(self, write: Write, call: Call) -> None:
        """Before the deciding look, let the customer's other tries come to an end.

        Their rows could be taken for this one's, unless it has a marker.
        """
        if not write.trace.adjusts or write.trace.marker:
            return
        try:
            await self.account.wait_while(
                write.trace.customer_id,
                lambda: any(other.flying for other in self.account.others(write)),
                call.deadline - _RESERVE,
            )
        except TimeoutError:
            return  # those that could be taken for it leave it undecided

    async def _glance(self, write: Write, call: Call) -> Sight:
        """One look; what goes wrong in it makes it no look."""
        others = self._rivals(write)
        window = Window(
            sent_at=write.sent_at, others=others, resent=write.resends > 0, since=write.since
        )
        try:
            sight = await self.look(write.trace, window, call)
        except ConflictError:
            raise
        except LoyaltyError as error:
            note = f"looking failed: {error.message}{self._lacking(write.trace, error)}"
            return Sight(finding=Finding.UNDECIDED, note=note)
        self.account.longest_marker = max(self.account.longest_marker, sight.longest_marker)
        return sight

    def _lacking(self, trace: Trace, error: LoyaltyError) -> str:
        needed = self.scopes.get(trace.operation, ())
        if not needed or not isinstance(error, PermissionDeniedError):
            return ""
        return f"; looking needs a key that has {' and '.join(needed)}"

    def _rivals(self, write: Write) -> tuple[Trace, ...]:
        sent_at = float("-inf") if write.sent_at is None else write.sent_at
        return self.account.rivals(write, sent_at - max(self.settle, _RECENTLY))

    async def _landed_late(self, write: Write, call: Call) -> bool:
        """Whether a try that had been shown absent took effect after all."""
        sight = await self._glance(write, call)
        call.saw(sight)
        self._refuse_doubles(write, sight, call)
        if sight.finding is Finding.UNDECIDED and sight.rows:
            call.reopen()
            write.gave_up_at = time.monotonic()
            self.account.changed(write)
        return sight.finding is Finding.PROVEN

    async def _look_for_a_double(self, write: Write, call: Call) -> None:
        """After a resend, see whether the first try landed late after all.

        What broke the promise once may be late again, so the last look waits as long as the
        deadline allows, and twice ``settle`` at most.
        """
        resent_at = time.monotonic()
        for wait in (0.0, self.settle, 2 * self.settle):
            latest = call.deadline - _RESERVE
            at = min(resent_at + wait, latest)
            await asyncio.sleep(at - time.monotonic())
            try:
                sight = await self._glance(write, call)
            except ConflictError:
                return  # it was accepted, whatever else is there
            self._refuse_doubles(write, sight, call)
            if at == latest:
                return

    def _refuse_doubles(self, write: Write, sight: Sight, call: Call) -> None:
        """Two records can't both be wanted."""
        rows = self._ours(write, sight)
        ids = sight.ids or tuple(row.id for row in rows)
        if len(ids) < 2:
            return
        call.saw(attrs.evolve(sight, finding=Finding.PROVEN, rows=rows))
        error = DoubledWriteError(
            f"it stands in the vendor's records {len(ids)} times: {', '.join(ids)}",
            hint=_TAKE_BACK if sight.finding is Finding.PROVEN else _COMPARE,
        )
        error.rows = rows
        raise error

    def _ours(self, write: Write, sight: Sight) -> tuple[Transaction, ...]:
        """Rows that are this write's, or that nobody else of us can have left."""
        trace = write.trace
        if trace.marker and sight.finding is Finding.ABSENT:
            return self._bare(write, sight)
        if sight.finding is Finding.PROVEN:
            namesakes = sum(other.marker == trace.marker for other in self._rivals(write))
            return sight.rows[namesakes if trace.marker else 0 :]
        if trace.marker or trace.points is None or not write.accepted or write.denied_at is None:
            return ()
        # There were none when it was denied: what came since is ours, or a rival's.
        return _unexplained(sight.rows, self.account.rivals(write, write.denied_at))

    def _bare(self, write: Write, sight: Sight) -> tuple[Transaction, ...]:
        """Rows without a marker, where that of an acknowledged write does not come back."""
        if not (write.accepted and write.resends) or write.sent_at is None:
            return ()
        return _unexplained(sight.unmarked, self.account.rivals(write, write.sent_at))


def _unexplained(
    rows: tuple[Transaction, ...], rivals: tuple[Trace, ...]
) -> tuple[Transaction, ...]:
    """``rows`` without one for each of ``rivals``: one just as large, or a clamped removal."""
    left = list(rows)
    for rival in rivals:
        alike = [row for row in left if could_be(rival, row.points)]
        exact = [row for row in alike if row.points == rival.points]
        for row in (exact or alike)[:1]:
            left.remove(row)
    return tuple(left)


def _recalled(receipt: Receipt) -> tuple[Write, bool]:
    """The write of ``receipt``, and whether ``settle`` has passed since it was given up."""
    write, sent = Write(receipt.trace, resends=receipt.attempts - 1), receipt.sent
    if sent is not None:
        write.replayed, write.perhaps_unmarked = sent.replayed, sent.perhaps_unmarked
    if sent is not None and sent.process == process():
        write.sent_at, write.number = sent.at, sent.number
        return write, time.monotonic() >= sent.settled_at
    after = receipt.resolve_after
    return write, after is not None and datetime.now(UTC) >= after


def _resolved(receipt: Receipt, outcome: Outcome, rows: tuple[Transaction, ...]) -> Receipt:
    return attrs.evolve(
        receipt,
        outcome=outcome,
        transaction=rows[0] if rows else None,
        reconciled=True,
        resolve_after=None,
    )


def _earlier_doubt(sight: Sight) -> OutcomeUnknownError:
    error = OutcomeUnknownError(
        f"an earlier try may have been applied: {sight.note}",
        hint="Nothing was sent; resolve() looks for it later",
    )
    error.rows = sight.rows
    return error


def _refuse_lateness(call: Call) -> None:
    if call.deadline - time.monotonic() < _RESERVE:
        error = DeadlineExceededError("the earlier try was not applied, but it is too late to send")
        error.bytes_left = False
        raise error
