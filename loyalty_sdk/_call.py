"""The account of one call: what its tries and looks proved, and what that makes of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import attrs

from ._flow import Request, Safety
from ._fork import process
from ._look import Finding, Sight
from ._models import Outcome, Receipt, Transaction
from ._retry import Verdict
from .errors import ConflictError, LoyaltyError, OutcomeUnknownError

if TYPE_CHECKING:
    from ._account import Write
    from ._watch import Watch


class Sent(NamedTuple):
    """When a write left, for whoever looks for it later.

    Attributes:
        process: Whose monotonic clock the times are on.
        at: Before its first try; None for a replay that was not sent.
        settled_at: When its last open try can take no effect any more.
        number: The write's own in that process.
        replayed: Whether an earlier write with its reference may be the same one.
        perhaps_unmarked: Whether it may have been sent without its marker, too.
    """

    process: str
    at: float | None
    settled_at: float
    number: int
    replayed: bool
    perhaps_unmarked: bool = False


@attrs.define
class Call:
    """One run of a flow.

    Attributes:
        provider: Registered name.
        operation: Name of the operation.
        deadline: On `time.monotonic`.
        settle: Seconds after which an open try takes no effect any more.
        writes: Whether it is, or has turned out to be, a write.
        looks: Whether it only looks for another call's write.
        write: What is known of a write that can be looked for.
        tried_at: On `time.monotonic`; when an earlier try can have been sent last.
        tries: How often its writes were tried, those that never left included.
        watch: Tells those who listen; None where nobody does.
    """

    provider: str
    operation: str
    deadline: float
    settle: float
    writes: bool = False
    looks: bool = False
    write: Write | None = None
    tried_at: float | None = None
    tries: int = 0
    watch: Watch | None = None
    _patience: float | None = None
    _reference: str | None = None
    _sends: int = 0
    _verdicts: tuple[Verdict, ...] = ()
    _sight: Sight | None = None

    @classmethod
    def begin(  # noqa: PLR0913 - what it is, and how long it may take
        cls,
        provider: str,
        operation: str,
        patience: float | None,
        settle: float = 0.0,
        *,
        queue: float | None = None,
        writes: bool = False,
    ) -> Call:
        """A call that starts now and may take ``patience`` seconds; None is for ever.

        With ``queue`` it may wait so long for its first grant, and its patience begins then.
        """
        seconds = float("inf") if patience is None else patience
        call = cls(provider, operation, time.monotonic() + seconds, settle, writes)
        if queue is not None:
            call.deadline, call._patience = time.monotonic() + queue, seconds
        return call

    @property
    def under_way(self) -> bool:
        """Whether it has begun, or looks for one that has."""
        return self.looks or self._patience is None

    @property
    def latest(self) -> float:
        """Until when something that is no waiting for a turn may take, now."""
        if self._patience is None:
            return self.deadline
        return min(self.deadline, time.monotonic() + self._patience)

    def granted(self) -> None:
        """It may send: a clock that has waited for that starts."""
        if self._patience is not None:
            self.deadline, self._patience = time.monotonic() + self._patience, None

    def expect(self, request: Request) -> None:
        """Account for a request that is about to be tried."""
        if request.safety is not Safety.SAFE:
            self.writes = True
            self._reference = request.reference or self._reference

    def note(self, request: Request, verdict: Verdict) -> None:
        """Account for one try."""
        if request.safety is Safety.SAFE:
            return
        self._verdicts += (verdict,)
        self.tries += 1
        self._sends += verdict is not Verdict.NOT_SENT

    def saw(self, sight: Sight) -> None:
        """Account for what a look at the vendor's records said."""
        self._sight = sight

    @property
    def sight(self) -> Sight:
        """What the last look saw."""
        return self._sight or Sight(finding=Finding.UNDECIDED)

    def replay(self, tried_at: datetime) -> None:
        """There may have been an earlier try, sent at the latest then."""
        ago = (datetime.now(UTC) - tried_at).total_seconds()
        self.tried_at = time.monotonic() - max(0.0, ago)
        # It begins by looking, which waits for nobody.
        self.granted()

    def follow(self) -> None:
        """Account for the earlier try, which may be open still."""
        self._verdicts += (Verdict.OPEN,)

    def forget(self) -> None:
        """What was found belongs to another write; nothing of this one was sent."""
        self._verdicts, self._sight = (), None

    def absent(self) -> None:
        """Account for every open try having been shown absent."""
        self._verdicts = tuple(
            Verdict.ABSENT if verdict is Verdict.OPEN else verdict for verdict in self._verdicts
        )

    def reopen(self) -> None:
        """Account for tries shown absent of which a record may have turned up all the same."""
        self._verdicts = tuple(
            Verdict.OPEN if verdict is Verdict.ABSENT else verdict for verdict in self._verdicts
        )

    @property
    def reconciled(self) -> bool:
        """Whether the vendor's records decided."""
        proven = self._sight is not None and self._sight.finding is Finding.PROVEN
        return proven or self.outcome is Outcome.ABSENT

    @property
    def outcome(self) -> Outcome:
        """What all tries and looks together prove, whichever came last."""
        if Verdict.ACCEPTED in self._verdicts or (
            self._sight is not None and self._sight.finding is Finding.PROVEN
        ):
            return Outcome.APPLIED
        if Verdict.OPEN in self._verdicts:
            return Outcome.UNKNOWN
        sent = [verdict for verdict in self._verdicts if verdict is not Verdict.NOT_SENT]
        if not sent:
            return Outcome.NOT_SENT
        return Outcome.ABSENT if sent[-1] is Verdict.ABSENT else Outcome.REJECTED

    def receipt(self, transaction: Transaction | None = None) -> Receipt:
        """What is known of the write."""
        outcome = self.outcome
        unknown = outcome is Outcome.UNKNOWN
        reconciled = self._sight is not None and self.reconciled
        rows = self._sight.rows if self._sight is not None and reconciled else ()
        return Receipt(
            operation=self.operation,
            provider=self.provider,
            reference=self._reference,
            outcome=outcome,
            attempts=self._sends,
            transaction=transaction or (rows[0] if rows else None),
            reconciled=reconciled,
            resolve_after=self._resolve_after() if unknown else None,
            trace=self.write and self.write.trace,
            sent=self._sent() if unknown else None,
        )

    def _settled_at(self) -> float | None:
        gave_up_at = None if self.write is None else self.write.gave_up_at
        return None if gave_up_at is None else gave_up_at + self.settle

    def _resolve_after(self) -> datetime | None:
        settled_at = self._settled_at()
        if settled_at is None:
            return None
        return datetime.now(UTC) + timedelta(seconds=settled_at - time.monotonic())

    def _sent(self) -> Sent | None:
        settled_at, write = self._settled_at(), self.write
        if settled_at is None or write is None:
            return None
        return Sent(process(), write.sent_at, settled_at, write.number, write.replayed)

    def conclude(self, error: LoyaltyError) -> LoyaltyError:
        """The error to raise for ``error``: it knows its call, and an open write says so."""
        doubtful = self.writes and self.outcome is Outcome.UNKNOWN
        if doubtful and not isinstance(error, ConflictError | OutcomeUnknownError):
            error = self._doubt(error)
        error.provider = self.provider
        error.operation = self.operation
        if self.writes:
            error.receipt = self.receipt()
            error.outcome = error.receipt.outcome
        return error

    def _doubt(self, cause: LoyaltyError) -> OutcomeUnknownError:
        note = f"; {self._sight.note}" if self._sight and self._sight.note else ""
        error = OutcomeUnknownError.because(
            f"it was sent and not acknowledged ({cause.message}{note})",
            cause,
            hint="Do not send it again: resolve() looks for it later"
            if self.write
            else "Look at the vendor's records before you send it again",
        )
        error.rows = self._sight.rows if self._sight else ()
        return error
