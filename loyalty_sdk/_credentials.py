"""The keys of one client, and the account they open."""

from __future__ import annotations

import time
from collections import deque
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, cast

from . import _aio as asyncio
from ._account import account_of
from ._provider import check_printable
from ._secrets import without_keys
from .errors import ConfigurationError, DeadlineExceededError, LoyaltyError

if TYPE_CHECKING:
    from ._account import Account
    from ._limits import RateLimit
    from ._provider import Provider

Headers = dict[str, str]

# So many are remembered of the keys that callables hand out, for the answers that quote them.
_HANDED = 100
# What of an error may be the vendor's words.
_SAID = {"hint", "code", "vendor_message", "details", "path"}


class Credentials:
    """What a client proves itself with, shared by all its copies.

    The account is known by the keys as they are at first use and stays the same when they
    are rotated later.

    Args:
        provider: Whose keys.
        origin: The host they are for.
        name: Names the account whatever the keys are.
        rate_limit: What the client wants to be limited by; None takes what there is.
    """

    def __init__(
        self,
        provider: Provider,
        origin: str,
        name: str | None = None,
        rate_limit: RateLimit | Literal[False] | None = None,
    ) -> None:
        self._keys = provider.credentials
        self._owner = (provider.name, origin)
        if name is not None:
            check_printable("account", name)
        self._name = name
        self._rate_limit: RateLimit | Literal[False] | None = rate_limit
        self._documented = provider.rate
        self._fixed: Headers | None = None
        self._first: Headers | None = None
        self._handed: deque[Headers] = deque(maxlen=_HANDED)
        self.account: Account | None = None
        fixed = {name: key.fixed for name, key in self._keys.items()}
        if None not in fixed.values():
            self._fixed = cast("Headers", fixed)
        if self._fixed is not None or name:
            self._open(self._fixed or {})

    def _open(self, headers: Headers) -> None:
        digests = [sha256(value.encode()).hexdigest() for value in headers.values()]
        account = account_of(*self._owner, *([self._name] if self._name else digests))
        account.agree(self, self._rate_limit, self._documented)
        self.account = account

    async def open(self, deadline: float) -> Account:
        """The account; keys that a callable hands out are asked for the first time.

        Raises:
            LoyaltyError: As `headers`.
        """
        if self.account is None:
            first = await self._ask(deadline)
            if self.account is None:
                self._first = first
                self._open(first)
        assert self.account is not None  # noqa: S101 - for the type checker: it was opened
        return self.account

    def part(self) -> None:
        """Let the account go: its limit binds the client no more."""
        if self.account is not None:
            self.account.part(self)

    async def headers(self, until: float) -> Headers:
        """The headers of one try; a callable key is asked each time.

        Raises:
            DeadlineExceededError: It has not answered ``until`` then, on `time.monotonic`.
            ConfigurationError: It failed, or what it handed out is no key.
        """
        if self._fixed is not None:
            return self._fixed
        first, self._first = self._first, None
        return first or await self._ask(until)

    async def _ask(self, until: float) -> Headers:
        left = until - time.monotonic()
        try:
            async with asyncio.timeout(None if left == float("inf") else left):
                headers: Headers = {name: await key.header() for name, key in self._keys.items()}
        except TimeoutError as exc:
            hint = "Their callable is slow"
            error = DeadlineExceededError("no credentials in time", hint=hint)
            error.bytes_left = False
            raise error from exc
        except LoyaltyError:
            raise
        except Exception as exc:
            hint = "Its own error is the cause of this one; nothing was sent"
            raise ConfigurationError("the callable for a key failed", hint=hint) from exc
        if not self._handed or self._handed[-1] != headers:
            self._handed.append(headers)
        return headers

    def hide(self, error: LoyaltyError) -> None:
        """Put stars for the keys in ``error`` and in what led to it: vendors quote them."""
        keys = self.secrets()
        for each in _led_to(error):
            if isinstance(each, LoyaltyError):
                each.args = (*(without_keys(said, keys) for said in each.args),)
                for name in _SAID & vars(each).keys():
                    setattr(each, name, without_keys(getattr(each, name), keys))

    def secrets(self) -> set[str]:
        """What no text may show: the keys, with those that were handed out of late."""
        found = {part for key in self._keys.values() for part in key.parts}
        for headers in (self._fixed, *self._handed):
            for name, value in (headers or {}).items():
                found.add(value.removeprefix(self._keys[name].prefix))
        return found


def _led_to(error: BaseException) -> list[BaseException]:
    """``error``, and whatever led to it."""
    found = [error]
    for each in found:  # while it grows
        for other in (each.__cause__, each.__context__):
            if other is not None and not any(other is known for known in found):
                found.append(other)
    return found
