"""How a client is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from . import _checks
from ._client import LoyaltyClient, P
from ._credentials import Credentials
from ._limits import RateLimit, limit_said
from ._line import Line
from ._options import Options
from ._origin import check_origin
from ._policy import RetryPolicy
from ._pool import SessionPool
from ._provider import Provider
from ._registry import load
from ._secrets import masked
from ._settings import (
    ATTEMPT_TIMEOUT,
    ATTEMPTS,
    DEADLINE,
    QUEUE_TIMEOUT,
    RATE_LIMIT,
    SETTLE,
    UNSET,
)
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._announce import BeforeSend
    from .hooks import Listener


def connect(  # noqa: PLR0913 - each is one thing a deployment decides
    provider: str | P,
    *,
    pool: SessionPool | None = None,
    retry: RetryPolicy | None = None,
    deadline: float | None = UNSET,
    settle: float = UNSET,
    queue_timeout: float | None = UNSET,
    rate_limit: RateLimit | Literal[False] | None = None,
    account: str | None = None,
    before_send: BeforeSend | None = None,
    listeners: Iterable[Listener] = (),
    allow_http: bool = False,
    **settings: Any,
) -> LoyaltyClient[P]:
    """A client for one account at one vendor. Nothing connects until the first call.

    What is not given comes from the environment, ``LOYALTY_DEADLINE`` and so on, where it is
    set there: docs/settings.md lists all of it.

    Args:
        provider: A registered name, or a `Provider` (the way type checkers can follow).
        pool: Connections to share; the client makes and closes its own unless given.
        retry: How often and how long to try.
        deadline: Seconds one call may take with all its tries and waits; for lists, one
            page; 30 unless the environment says otherwise. None waits for ever.
        settle: Seconds after which a write that was given up on takes no effect any more; 60
            unless the environment says otherwise.
            You say this about the vendor; gateways give up after 30 to 60 s. Too short a
            time may double a write, which is then reported.
        queue_timeout: Seconds a call in the lane "bulk" may wait for its first grant; its
            ``deadline`` begins to count then; None waits for ever. Lanes are chosen by
            `LoyaltyClient.with_options`.
        rate_limit: None takes the vendor's documented limit, or finds one out where none is
            documented; False sends without a limit.
        account: Names the credentials, so that clients with different keys for one account
            share its limit; by default the keys themselves do, as they are at first use.
        before_send: Awaited before the first byte of every try of a write that must not be
            repeated, and within the deadline; what it raises keeps the try from being sent.
        listeners: Told what happens in calls; see `loyalty_sdk.hooks`.
        allow_http: Whether plain http may go to other machines than this one.
        **settings: The provider's own, such as ``api_key``; those not given come from the
            environment.

    Raises:
        ConfigurationError: A setting is missing, unknown or wrong; the message names it.
    """
    made: Any = provider
    if isinstance(provider, str):
        kind = load(provider)
        settings = _masked(kind, settings)
        made = _make(kind, provider, settings)
    elif settings:
        names = ", ".join(sorted(settings))
        raise ConfigurationError(
            f"settings beside a Provider object: {names}", hint="Give them to its class"
        )
    if not isinstance(made, Provider):
        wanted = "a registered name or a Provider object"
        raise ConfigurationError(f"provider: wanted {wanted}, got {_checks.kind(made)}")
    origin = check_origin(made.base_url, allow_http=allow_http)
    rate_limit = _limit(rate_limit)
    options = Options(
        retry=_retry() if retry is None else retry,
        deadline=DEADLINE.value(deadline),
        settle=SETTLE.value(settle),
        queue_timeout=QUEUE_TIMEOUT.value(queue_timeout),
        before_send=before_send,
        listeners=listeners,
    )
    line = Line(
        provider=made,
        origin=origin,
        credentials=Credentials(made, origin, account, rate_limit),
        pool=SessionPool() if pool is None else pool,
    )
    return LoyaltyClient(cast("P", made), line, options, owns_pool=pool is None)


def _limit(limit: Any) -> RateLimit | Literal[False] | None:
    """``limit``, or what the environment says; None leaves it to the vendor."""
    if limit is not None and limit is not False and not isinstance(limit, RateLimit):
        got = _checks.kind(limit)
        raise ConfigurationError(f"rate_limit: wanted a RateLimit, False or None, got {got}")
    if limit is not None:
        return limit
    said = RATE_LIMIT.value()
    return None if said is None else limit_said(said)


def _retry() -> RetryPolicy:
    return RetryPolicy(attempts=ATTEMPTS.value(), attempt_timeout=ATTEMPT_TIMEOUT.value())


def _masked(kind: type[Provider], settings: dict[str, Any]) -> dict[str, Any]:
    """Keys must not stand in the locals of a traceback, misspelt ones neither."""
    open_ = {setting.name for setting in kind.settings if not setting.secret}
    # A base_url may hold a password; it is refused, but stands in the traceback.
    return {
        name: value if name in open_ and "@" not in str(value) else masked(value)
        for name, value in settings.items()
    }


def _make(kind: type[Provider], name: str, settings: dict[str, Any]) -> Provider:
    known = [setting.name for setting in kind.settings]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ConfigurationError(
            f"{name} has no setting {', '.join(unknown)}", hint=f"It has {', '.join(known)}"
        )
    return kind(**settings)
