"""What a run of ``loyalty`` ends with."""

from __future__ import annotations

from loyalty_sdk.errors import (
    ConfigurationError,
    LoyaltyError,
    UnsupportedOperationError,
    ValidationError,
)

DONE = 0
FAILED = 1
"""Refused, or it failed; a write was not applied."""
MISUSED = 2
"""Bad usage or configuration; nothing was sent."""
UNKNOWN = 3
"""A write may have been applied."""
INTERRUPTED = 130
"""As a shell reports a program that was interrupted."""

_MISUSES = (ConfigurationError, UnsupportedOperationError, ValidationError)


def code_of(error: LoyaltyError) -> int:
    """The exit code that says what is known after ``error``."""
    # Compared as text, since importing the models takes as long as a `--help`.
    if error.outcome == "unknown":
        return UNKNOWN
    return MISUSED if isinstance(error, _MISUSES) else FAILED
