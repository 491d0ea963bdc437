"""The account of one call: what its tries proved, and what that makes of it."""

from __future__ import annotations

import time

import attrs

from ._flow import Request, Safety
from ._models import Outcome, Receipt, Transaction
from ._retry import Verdict
from .errors import LoyaltyError, OutcomeUnknownError


@attrs.define
class Call:
    """One run of a flow.

    Attributes:
        provider: Registered name.
        operation: Name of the operation.
        deadline: On `time.monotonic`.
        writes: Whether it is, or has turned out to be, a write.
    """

    provider: str
    operation: str
    deadline: float
    writes: bool = False
    _reference: str | None = None
    _sends: int = 0
    _verdicts: set[Verdict] = attrs.field(factory=set[Verdict])

    @classmethod
    def begin(
        cls, provider: str, operation: str, patience: float | None, *, writes: bool = False
    ) -> Call:
        """A call that starts now and may take ``patience`` seconds; None is for ever."""
        deadline = time.monotonic() + (float("inf") if patience is None else patience)
        return cls(provider, operation, deadline, writes)

    def note(self, request: Request, verdict: Verdict) -> None:
        """Account for one try."""
        if request.safety is Safety.SAFE:
            return
        self._verdicts.add(verdict)
        self._sends += verdict is not Verdict.NOT_SENT

    def expect(self, request: Request) -> None:
        """Account for a request that is about to be tried."""
        if request.safety is not Safety.SAFE:
            self.writes = True
            self._reference = request.reference or self._reference

    @property
    def outcome(self) -> Outcome:
        """What all tries together prove, whichever came last."""
        if Verdict.ACCEPTED in self._verdicts:
            return Outcome.APPLIED
        if Verdict.OPEN in self._verdicts:
            return Outcome.UNKNOWN
        return Outcome.REJECTED if Verdict.REFUSED in self._verdicts else Outcome.NOT_SENT

    def receipt(self, transaction: Transaction | None = None) -> Receipt:
        """What is known of the write."""
        return Receipt(
            operation=self.operation,
            provider=self.provider,
            reference=self._reference,
            outcome=self.outcome,
            attempts=self._sends,
            transaction=transaction,
        )

    def conclude(self, error: LoyaltyError) -> LoyaltyError:
        """The error to raise for ``error``: it knows its call, and an open write says so."""
        if self.writes and self.outcome is Outcome.UNKNOWN:
            error = OutcomeUnknownError.because(
                f"it was sent and not acknowledged ({error.message})",
                error,
                hint="Look at the vendor's records before you send it again",
            )
        error.provider = self.provider
        error.operation = self.operation
        if self.writes:
            error.receipt = self.receipt()
            error.outcome = error.receipt.outcome
        return error
