"""Which process this is: a fork shares all that was there before it, sockets and clocks too."""

from __future__ import annotations

import os
import uuid

_process = uuid.uuid4().hex


def process() -> str:
    """Tells this process from any other, a fork of it included."""
    return _process


def _renew() -> None:
    global _process  # noqa: PLW0603 - asking the system each time would cost every request
    _process = uuid.uuid4().hex


if hasattr(os, "register_at_fork"):  # pragma: no branch - a system without has no forks
    os.register_at_fork(after_in_child=_renew)
