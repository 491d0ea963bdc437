"""How often a call tries, as callers say it."""

from __future__ import annotations

import attrs

from .errors import ConfigurationError


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often and how long a call tries.

    Reads and documented-idempotent writes are sent again after 429 and after anything that
    leaves them in doubt; other writes only when it is certain that the try before was not
    applied. Waits grow exponentially with full jitter; a ``Retry-After`` is never undercut.

    Args:
        attempts: Most sends of one request, the first included; at least 1.
        attempt_timeout: Seconds for one try of a request that may be repeated; any other
            write waits for its answer until the call's deadline.
        budget: Repeats that each call pays for, from 0 to 1: 0.2 lets one call in five be
            repeated once. All clients of one credential share what is saved, 200 repeats at
            most, and 20 that come back by themselves, 10 a second: calls one after the other
            may always repeat, a storm may not, and its failures are raised at once and say so
            in their hint. Reads that look for a write are never counted. None turns it off.

    Raises:
        ConfigurationError: A number is out of range.
    """

    attempts: int = 4
    attempt_timeout: float = 8.0
    budget: float | None = 0.2

    def __attrs_post_init__(self) -> None:
        if self.attempts < 1:
            raise ConfigurationError("RetryPolicy: attempts must be at least 1")
        if not self.attempt_timeout > 0:
            raise ConfigurationError("RetryPolicy: attempt_timeout must be more than 0 seconds")
        if self.budget is not None and not 0 <= self.budget <= 1:
            raise ConfigurationError("RetryPolicy: budget must be from 0 to 1, or None")
