"""How many requests a second: the values that `connect(rate_limit=...)` takes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal

import attrs

from ._adaptive import AdaptivePace
from ._checks import kind
from ._limiter import Limiter
from ._pace import FixedPace
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._pace import Pace
    from ._redis import RedisBudget

_MOST = 1_000_000


class RateLimit(ABC):
    """How many requests a second one credential sends; made by `fixed` or `adaptive`.

    All clients of one credential share one limit, in all threads and event loops of the
    process. Values compare, hash and pickle.
    """

    @staticmethod
    def fixed(rate: int, *, margin: float = 0.03, shared: RedisBudget | None = None) -> RateLimit:
        """At most ``rate`` requests in any one second, where the vendor documents that.

        Requests leave evenly, one every ``(1 + margin) / rate`` seconds. So no second at the
        vendor holds more than ``rate``, as long as the way there takes one request less than
        ``margin`` seconds longer than another; up to a third of the margin may go to an event
        loop that is late. A second with 429s all the same slows the pace by as many requests, at
        least by a twentieth of the rate and at most by half of it, never below a tenth; each
        second since wins back a hundredth. ``Retry-After`` pauses everything.

        Args:
            rate: Requests in any one second; whole, from 1 to 1,000,000.
            margin: What is kept back, from 0.001 to 1; 0.03 leaves 97 % of the rate.
            shared: Shares the limit with other processes through Redis.

        Raises:
            ConfigurationError: A number is out of range.
        """
        return FixedLimit(rate=rate, margin=margin, shared=shared)

    @staticmethod
    def adaptive(*, start: float = 10.0, least: float = 1.0, most: float = 1000.0) -> RateLimit:
        """As much as the vendor takes, where it documents no limit.

        A 429 halves the pace, once for all requests under way. What was accepted in the second
        before it is taken for the limit: the pace returns to just under that and then grows by
        small steps, and by larger ones once it is past it. ``Retry-After`` pauses everything.
        Processes find their shares each by itself.

        Args:
            start: Requests a second to begin with.
            least: The pace never falls under this.
            most: Nor does it grow over this.

        Raises:
            ConfigurationError: The numbers are not in this order, or out of 0.01 to 1,000,000.
        """
        return AdaptiveLimit(start=start, least=least, most=most)

    @abstractmethod
    def limiter(self, account: Sequence[str]) -> Limiter:
        """What keeps the limit for one credential.

        Args:
            account: Names the credential, in every process alike, and gives nothing away.
        """


def limit_said(said: int | str) -> RateLimit | Literal[False]:
    """What a setting says: whole requests a second, ``off`` or ``adaptive``."""
    if said == "off":
        return False
    return RateLimit.adaptive() if said == "adaptive" else RateLimit.fixed(int(said))


@attrs.frozen(kw_only=True, repr=False)
class FixedLimit(RateLimit):
    """See `RateLimit.fixed`."""

    rate: int
    margin: float
    shared: RedisBudget | None

    def __attrs_post_init__(self) -> None:
        if not _is_number(self.rate) or self.rate != int(self.rate) or not 1 <= self.rate <= _MOST:
            raise ConfigurationError(f"RateLimit.fixed: rate must be whole, from 1 to {_MOST:,}")
        if not _is_number(self.margin) or not 0.001 <= self.margin <= 1:
            raise ConfigurationError("RateLimit.fixed: margin must be from 0.001 to 1")
        if self.shared is not None:
            _check_shared(self.shared)

    def __repr__(self) -> str:
        shared = f", shared={self.shared!r}" if self.shared is not None else ""
        return f"RateLimit.fixed({self.rate}, margin={self.margin:g}{shared})"

    def limiter(self, account: Sequence[str]) -> Limiter:
        """See `RateLimit`."""
        if self.shared is None:
            return Limiter(FixedPace(int(self.rate), self.margin))
        from ._shared import SharedLimiter  # noqa: PLC0415 - few limits are shared

        return SharedLimiter(int(self.rate), self.margin, self.shared, account)


def _check_shared(shared: object) -> None:
    from ._redis import RedisBudget  # noqa: PLC0415 - few limits are shared

    if not isinstance(shared, RedisBudget):
        wrong = kind(shared)
        raise ConfigurationError(f"RateLimit.fixed: shared: wanted a RedisBudget, got {wrong}")


@attrs.frozen(kw_only=True, repr=False)
class AdaptiveLimit(RateLimit):
    """See `RateLimit.adaptive`."""

    start: float
    least: float
    most: float

    def __attrs_post_init__(self) -> None:
        numbers = (self.least, self.start, self.most)
        if not all(_is_number(each) and 0.01 <= each <= _MOST for each in numbers):
            raise ConfigurationError(f"RateLimit.adaptive: rates must be from 0.01 to {_MOST:,}")
        if not self.least <= self.start <= self.most:
            raise ConfigurationError("RateLimit.adaptive: least <= start <= most does not hold")

    def __repr__(self) -> str:
        return f"RateLimit.adaptive(start={self.start:g}, least={self.least:g}, most={self.most:g})"

    def limiter(self, account: Sequence[str]) -> Limiter:
        """See `RateLimit`."""
        pace: Pace = AdaptivePace(float(self.start), float(self.least), float(self.most))
        return Limiter(pace)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
