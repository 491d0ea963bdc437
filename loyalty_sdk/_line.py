"""Whom a client talks to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ._options import instance_of
from ._pool import SessionPool

if TYPE_CHECKING:
    from ._credentials import Credentials
    from ._provider import Provider


@attrs.frozen(kw_only=True)
class Line:
    """Whom one client talks to, and over what; its copies share it.

    Attributes:
        provider: Reads answers.
        origin: Where requests go.
        credentials: Asked before each try.
        pool: The connections, and their slots.
    """

    provider: Provider
    origin: str
    credentials: Credentials
    pool: SessionPool = attrs.field(validator=instance_of(SessionPool))


@attrs.define(eq=False)
class Use:
    """Whether one client may still be used; its calls look when they begin."""

    closed: bool = False
