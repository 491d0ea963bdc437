"""A rate that Redis keeps for several processes; the only user of redis-py."""

from __future__ import annotations

from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from ._checks import kind
from ._secrets import masked
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

# Slots lie on a grid, an interval apart, on the clock of the server. KEYS[1] holds the first one
# that is free, in microseconds. Whoever asks gets the next `count`; where nobody asked for a
# while the grid begins anew, so that nothing is saved up. `hold` keeps slots from being given
# out for a while: the vendor's Retry-After.
_RESERVE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, count, hold = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local first = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now + hold)
local free = first + count * interval
redis.call('SET', KEYS[1], string.format('%.0f', free), 'PX', math.ceil((free - now) / 1000) + 1000)
return {now, string.format('%.0f', first)}
"""


def _check_redis(_: Any, __: Any, value: Any) -> None:
    if isinstance(value, str):
        if value.split("://")[0] not in {"redis", "rediss", "unix"}:
            raise ConfigurationError("RedisBudget: the URL must begin with redis, rediss or unix")
    elif not callable(value):
        wanted = "a URL, or a callable that makes a redis.asyncio client"
        raise ConfigurationError(f"RedisBudget: wanted {wanted}, got {kind(value)}")


def _check_fallback(_: Any, __: Any, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and 0 < value <= 1):
        raise ConfigurationError("RedisBudget: fallback must be over 0 and at most 1, or None")


def _check_timeout(_: Any, __: Any, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 60:
        raise ConfigurationError("RedisBudget: timeout must be over 0 and at most 60 seconds")


def _check_prefix(_: Any, __: Any, value: Any) -> None:
    if not isinstance(value, str):
        raise ConfigurationError(f"RedisBudget: prefix: wanted text, got {kind(value)}")


@attrs.frozen
class RedisBudget:
    """A rate that several processes share through Redis; needs the extra ``redis``.

    Redis hands out moments to send at, in small leases and by its own clock: those of the
    processes may differ as they like. A process that is killed takes 25 ms of the rate with
    it, no more. Processes take turns as they ask; lanes and customers count in each by itself.

    Redis knows the credential by a digest. In each process its key has to be the same text, or
    ``connect(account=...)`` has to name it.

    Args:
        redis: ``"redis://user:password@host:6379/0"`` (also ``rediss``, ``unix``), or what makes
            a `redis.asyncio.Redis`, called once in every event loop.
        fallback: What to do while Redis cannot be reached. None refuses: every call raises
            `RateWaitTimeoutError`, and nothing is sent. A number from 0 to 1 goes on with that
            share of the rate in each process: one over the number of processes is safe. Either
            is logged once, as is that Redis is back, which is seen within a second.
        timeout: Seconds Redis may take for an answer.
        prefix: What the key in Redis begins with.

    Raises:
        ConfigurationError: One of these is wrong.
    """

    redis: str | Callable[[], Any] = attrs.field(
        validator=_check_redis, converter=masked, repr=False
    )
    fallback: float | None = attrs.field(default=None, kw_only=True, validator=_check_fallback)
    timeout: float = attrs.field(default=1.0, kw_only=True, validator=_check_timeout)
    prefix: str = attrs.field(default="loyalty_sdk:rate:", kw_only=True, validator=_check_prefix)

    def key(self, account: Sequence[str]) -> str:
        """Where Redis keeps the rate of one credential."""
        return self.prefix + sha256("\0".join(account).encode()).hexdigest()[:32]

    def check(self) -> None:
        """Import redis-py: at once, since in a running loop that would hold up everybody.

        Raises:
            ConfigurationError: It is not installed.
        """
        if callable(self.redis):
            return
        try:
            import_module("redis.asyncio")
        except ImportError as exc:
            raise ConfigurationError(
                "RedisBudget needs redis-py", hint="pip install 'async-loyalty-sdk[redis]'"
            ) from exc

    async def link(self) -> Link:
        """A client for the event loop that runs, closed when that ends."""
        link = Link(self.redis() if callable(self.redis) else _client(self.redis))
        await link.watch()
        return link


def _client(url: str) -> Any:
    from redis.asyncio import Redis  # noqa: PLC0415 - see `check`
    from redis.asyncio.retry import Retry  # noqa: PLC0415 - as above
    from redis.backoff import NoBackoff  # noqa: PLC0415 - as above

    # What is asked twice is reserved twice. (The options of `from_url` have no types.)
    connect = Redis.from_url  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return connect(url, retry=Retry(NoBackoff(), 0))


class Reserved(NamedTuple):
    """What Redis gave, in seconds on its own clock: its time then, and the first slot."""

    now: float
    first: float


class Link:
    """One event loop's connection to Redis."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._script = client.register_script(_RESERVE)
        self._watch = self._until_shutdown()

    async def watch(self) -> None:
        """Close when the loop shuts down, which ends the generators that were started in it."""
        await anext(self._watch)

    async def _until_shutdown(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self._client.aclose()

    async def reserve(self, key: str, interval: float, count: int, hold: float) -> Reserved:
        """Take the next slots.

        Args:
            key: From `RedisBudget.key`.
            interval: Seconds between two slots.
            count: How many.
            hold: Seconds from now in which nobody is to get a slot.
        """
        microseconds = (interval * 1e6, count, hold * 1e6)
        now, first = await self._script(keys=[key], args=microseconds)
        return Reserved(int(now) / 1e6, int(first) / 1e6)
