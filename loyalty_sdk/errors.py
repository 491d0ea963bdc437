"""Everything this library raises on purpose.

LoyaltyError
 |-- ConfigurationError           a setting is missing, unknown or contradictory
 |-- ValidationError              a value was refused before anything was sent
 |-- UnsupportedOperationError    this provider cannot do that, or not as configured
 |-- ClientClosedError            the client or its pool is closed, or belongs to another process
 |-- CursorError                  a cursor is foreign or damaged, or the pages go in circles
 |-- InputError                   a file cannot be read, or not further
 |-- JournalError                 a journal cannot be written, or is not the one for this run
 |-- TransportError               no complete answer arrived
 |    |-- ConnectError            no connection was made: nothing was sent
 |    |-- DeadlineExceededError   the call's deadline passed
 |    '-- RateWaitTimeoutError    the rate limit left no turn in time: nothing was sent
 |-- APIError                     the vendor answered, and refused or failed
 |    |-- BadRequestError         400, 422
 |    |-- AuthenticationError     401
 |    |-- PlanError               402
 |    |-- PermissionDeniedError   403
 |    |-- NotFoundError           404
 |    |-- RateLimitedError        429
 |    '-- ServerError             5xx
 |-- MalformedResponseError       the vendor's answer cannot be read
 |-- ConflictError                the vendor holds something else under the same id
 |-- ReferenceConflictError       the reference was used before, for other points
 |-- DoubledWriteError            a write landed more than once
 |-- ExportError                  an export stopped; what it read is kept, and it can go on
 |-- OutcomeUnknownError          a write may have been applied, and nobody can say yet
 '-- WebhookError                 a webhook arrived that cannot be taken
      |-- SignatureError          its signature is not the vendor's
      |    '-- MissingSignatureError   it has none
      |-- MalformedWebhookError   it is signed, and cannot be read
      '-- WebhookInProgressError  the same event is being handled at this moment

Every error raised by a write carries ``outcome`` and ``receipt``. All of them pickle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._models import Outcome, Receipt, Transaction


class LoyaltyError(Exception):
    """The root of every error of this library.

    Attributes:
        provider: Registered name of the provider, None when none was involved.
        operation: Name of the operation, ``"create_order"``, None outside of one.
        hint: What to do next, in one sentence; it also ends ``str(error)``.
        outcome: What is known of the write that failed; None for anything but a write.
        receipt: The same with the number of sends; None for anything but a write.
    """

    provider: str | None = None
    operation: str | None = None
    outcome: Outcome | None = None
    receipt: Receipt | None = None

    def __init__(self, message: str = "", *, hint: str | None = None) -> None:
        # Only `message` is positional: BaseException pickles as cls(*args) plus
        # __dict__, which keyword-only arguments without a default would break.
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickling drops causes; one of ours pickles and says what went wrong on the wire.
        cause = self.__cause__ if isinstance(self.__cause__, LoyaltyError) else None
        return type(self), self.args, {**vars(self), "__cause__": cause}

    @property
    def message(self) -> str:
        """The error without provider, operation and hint."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        """``loyaltylion create_order: message. hint``."""
        origin = " ".join(filter(None, (self.provider, self.operation)))
        text = f"{origin}: {self.message}" if origin else self.message
        return f"{text}. {self.hint}" if self.hint else text


class ConfigurationError(LoyaltyError):
    """A setting is missing, unknown or contradictory; the message names it."""


class Problem(NamedTuple):
    """One thing that is wrong with a value, and where.

    ``path`` leads from the checked value to the part at fault, ``customer.id`` or
    ``discount_codes[2].amount``; ``message`` says what was wanted and what type came.
    """

    path: str
    message: str

    def __str__(self) -> str:
        """``path: message``."""
        return f"{self.path}: {self.message}"


class ValidationError(LoyaltyError):
    """A value was refused before anything was sent; ``problems`` lists every reason.

    Values themselves are never quoted, only their types: they may be secret.
    """

    problems: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, subject: str, problems: Iterable[Problem]) -> ValidationError:
        """One error for all ``problems`` found in ``subject``."""
        found = tuple(problems)
        error = cls(f"{subject} is not valid: " + "; ".join(map(str, found)))
        error.problems = found
        return error


class UnsupportedOperationError(LoyaltyError):
    """The provider has no such operation, or not the way it is configured."""


class ClientClosedError(LoyaltyError):
    """The client or its pool was closed, or was made in another process."""


class CursorError(LoyaltyError):
    """A cursor belongs elsewhere or is damaged, or the pages it leads to go in circles."""


class InputError(LoyaltyError):
    """An input file cannot be read, or not further: it is missing, truncated or of no known kind.

    What was read before stands. A row that can be read and is wrong raises nothing.

    Attributes:
        summary: What had been done by then, where a backfill had begun: its `Summary`.
    """

    summary: Any = None


class JournalError(LoyaltyError):
    """A journal cannot be written or read, or is not the one for this run; nothing was sent.

    It may be another input's, an older copy, in use by another process, or on a disk that is
    full: the message says which.

    Attributes:
        summary: What had been done, where a backfill came to its end and only the file of its
            dead letters could not be written: its `Summary`. They stand in the journal.
    """

    summary: Any = None


class TransportError(LoyaltyError):
    """No complete answer arrived.

    Attributes:
        bytes_left: Whether any byte of the request may have left this process. False
            proves that nothing was sent.
    """

    bytes_left: bool = True


class ConnectError(TransportError):
    """No connection was made (DNS, refused, TLS, proxy): nothing was sent."""

    bytes_left = False


class DeadlineExceededError(TransportError):
    """The call's deadline passed; ``bytes_left`` says whether anything had been sent."""


class RateWaitTimeoutError(TransportError):
    """The turn to send comes after the deadline, or nobody can say when: nothing was sent.

    It is raised as soon as that is known, so perhaps at once.
    """

    bytes_left = False


class APIError(LoyaltyError):
    """The vendor answered, and refused or failed.

    Attributes:
        status: HTTP status of the answer.
        code: The vendor's machine-readable code, None when it sent none.
        vendor_message: The vendor's own words, None when it sent none.
        details: The vendor's details by field; empty when it sent none.
        retry_after: Seconds the vendor asked to wait, None when it asked nothing.
    """

    status: int = 0
    code: str | None = None
    vendor_message: str | None = None
    retry_after: float | None = None

    def __init__(self, message: str = "", *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.details: Mapping[str, Any] = {}


class BadRequestError(APIError):
    """400 or 422: the vendor found the request invalid."""


class AuthenticationError(APIError):
    """401: the credentials are missing, wrong or disabled."""


class PlanError(APIError):
    """402: the shop's plan does not include this."""


class PermissionDeniedError(APIError):
    """403: the credentials lack a scope, or the plan lacks the feature."""


class NotFoundError(APIError):
    """404: the vendor knows no such thing."""


class RateLimitedError(APIError):
    """429: too many requests; ``retry_after`` holds the vendor's wish, if it said one."""


class ServerError(APIError):
    """5xx: the vendor, or something in front of it, failed."""


_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: PlanError,
    403: PermissionDeniedError,
    404: NotFoundError,
    422: BadRequestError,
    429: RateLimitedError,
}


def error_for_status(status: int) -> type[APIError]:
    """The class for an answer with ``status``; `APIError` itself where none is closer."""
    return _BY_STATUS.get(status) or (ServerError if 500 <= status < 600 else APIError)


class MalformedResponseError(LoyaltyError):
    """The answer is complete but cannot be read; ``path`` says where reading stopped."""

    path: str | None = None


class ConflictError(LoyaltyError):
    """The vendor holds another order under this id; the shop or another site may own it."""


class ReferenceConflictError(LoyaltyError):
    """The reference stands in the customer's history with other points; nothing was sent."""


class DoubledWriteError(LoyaltyError):
    """A write stands in the vendor's records more than once; ``rows`` holds them all.

    It was sent again after it had been shown absent, and the first try took effect after
    all: ``settle`` is too short for this vendor. Take back all but one.
    """

    rows: tuple[Transaction, ...] = ()


class ExportError(LoyaltyError):
    """An export stopped before its end; ``__cause__`` is what went wrong first.

    What it read is kept in its checkpoint: the same export again goes on from there.
    """


class OutcomeUnknownError(LoyaltyError):
    """A write may have been applied: it left, and no acknowledgement came back.

    Do not send it again. `LoyaltyClient.resolve` looks later; ``__cause__`` is what went
    wrong on the wire, and ``receipt.resolve_after`` when looking can decide.

    Attributes:
        status: HTTP status of the answer that was no acknowledgement, None without one.
        code, vendor_message, details: Its words, as in `APIError`.
        rows: Rows in the vendor's records that could be this write's.
    """

    status: int | None = None
    code: str | None = None
    vendor_message: str | None = None
    rows: tuple[Transaction, ...] = ()

    def __init__(self, message: str = "", *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.details: Mapping[str, Any] = {}

    @classmethod
    def because(cls, message: str, cause: LoyaltyError, *, hint: str) -> OutcomeUnknownError:
        """An open write whose try ended in ``cause``."""
        error = cls(message, hint=hint)
        error.__cause__ = cause
        if isinstance(cause, APIError):
            error.status, error.code = cause.status, cause.code
            error.vendor_message, error.details = cause.vendor_message, cause.details
        return error


class WebhookError(LoyaltyError):
    """A webhook arrived that cannot be taken.

    Attributes:
        status: The HTTP status to answer with; the vendor sends anything but 2xx again.
    """

    status: int = 400


class SignatureError(WebhookError):
    """Whoever sent it does not know the secret, or the body was changed on its way."""

    status = 401


class MissingSignatureError(SignatureError):
    """The header that carries the signature is not there."""


class MalformedWebhookError(WebhookError):
    """The signature is right, but the body is not what the vendor documents.

    Attributes:
        path: Where reading stopped, None where it never began.
    """

    path: str | None = None


class WebhookInProgressError(WebhookError):
    """The same event arrived before and is still being handled.

    Nobody knows yet whether that will end well: let the vendor send it once more.
    """

    status = 503
