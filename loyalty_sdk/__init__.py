"""One typed asyncio client for loyalty vendors.

`connect` makes a client; the values and errors beside it are all there is to learn. What a
name needs is imported when the name is first used, so importing this package costs less
than importing aiohttp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import lazily
from ._version import __version__

if TYPE_CHECKING:
    from ._announce import Try
    from ._client import LoyaltyClient
    from ._connect import connect
    from ._flow import Acknowledgement, Flow, Request, Response, Safety, expand, get
    from ._limits import RateLimit
    from ._look import Finding, Sight, Trace, Window
    from ._map import Result
    from ._models import (
        Activity,
        Customer,
        DiscountCode,
        Identity,
        Order,
        Outcome,
        Page,
        PointsAdjustment,
        Receipt,
        Transaction,
        TransactionKind,
    )
    from ._paging import Pages
    from ._policy import RetryPolicy
    from ._pool import SessionPool
    from ._provider import Credential, Provider, Refusal, Setting
    from ._redis import RedisBudget
    from .errors import (
        APIError,
        AuthenticationError,
        BadRequestError,
        ClientClosedError,
        ConfigurationError,
        ConflictError,
        ConnectError,
        CursorError,
        DeadlineExceededError,
        DoubledWriteError,
        ExportError,
        InputError,
        JournalError,
        LoyaltyError,
        MalformedResponseError,
        MalformedWebhookError,
        MissingSignatureError,
        NotFoundError,
        OutcomeUnknownError,
        PermissionDeniedError,
        PlanError,
        Problem,
        RateLimitedError,
        RateWaitTimeoutError,
        ReferenceConflictError,
        ServerError,
        SignatureError,
        TransportError,
        UnsupportedOperationError,
        ValidationError,
        WebhookError,
        WebhookInProgressError,
    )
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "._announce": "Try",
            "._client": "LoyaltyClient",
            "._connect": "connect",
            "._flow": "Acknowledgement Flow Request Response Safety expand get",
            "._limits": "RateLimit",
            "._look": "Finding Sight Trace Window",
            "._map": "Result",
            "._models": "Activity Customer DiscountCode Identity Order Outcome Page "
            "PointsAdjustment Receipt Transaction TransactionKind",
            "._paging": "Pages",
            "._policy": "RetryPolicy",
            "._pool": "SessionPool",
            "._provider": "Credential Provider Refusal Setting",
            "._redis": "RedisBudget",
            ".errors": "APIError AuthenticationError BadRequestError ClientClosedError "
            "ConfigurationError ConflictError ConnectError CursorError DeadlineExceededError "
            "DoubledWriteError ExportError InputError JournalError LoyaltyError "
            "MalformedResponseError MalformedWebhookError MissingSignatureError NotFoundError "
            "OutcomeUnknownError PermissionDeniedError PlanError Problem RateLimitedError "
            "RateWaitTimeoutError ReferenceConflictError ServerError SignatureError "
            "TransportError UnsupportedOperationError ValidationError WebhookError "
            "WebhookInProgressError",
        },
    )

__all__ = [
    "APIError",
    "Acknowledgement",
    "Activity",
    "AuthenticationError",
    "BadRequestError",
    "ClientClosedError",
    "ConfigurationError",
    "ConflictError",
    "ConnectError",
    "Credential",
    "CursorError",
    "Customer",
    "DeadlineExceededError",
    "DiscountCode",
    "DoubledWriteError",
    "ExportError",
    "Finding",
    "Flow",
    "Identity",
    "InputError",
    "JournalError",
    "LoyaltyClient",
    "LoyaltyError",
    "MalformedResponseError",
    "MalformedWebhookError",
    "MissingSignatureError",
    "NotFoundError",
    "Order",
    "Outcome",
    "OutcomeUnknownError",
    "Page",
    "Pages",
    "PermissionDeniedError",
    "PlanError",
    "PointsAdjustment",
    "Problem",
    "Provider",
    "RateLimit",
    "RateLimitedError",
    "RateWaitTimeoutError",
    "Receipt",
    "RedisBudget",
    "ReferenceConflictError",
    "Refusal",
    "Request",
    "Response",
    "Result",
    "RetryPolicy",
    "Safety",
    "ServerError",
    "SessionPool",
    "Setting",
    "Sight",
    "SignatureError",
    "Trace",
    "Transaction",
    "TransactionKind",
    "TransportError",
    "Try",
    "UnsupportedOperationError",
    "ValidationError",
    "WebhookError",
    "WebhookInProgressError",
    "Window",
    "__version__",
    "connect",
    "expand",
    "get",
]
