"""What can go wrong between a client and a vendor, on request."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk.errors import ConfigurationError

from ._fault_kinds import (
    FAULT_KINDS,
    FaultKind,
    Match,
    check_odds,
    matcher,
    options_of,
    whether_applied,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._arrivals import Arrival


@attrs.define(eq=False)
class Fault:
    """One fault that was added.

    Attributes:
        kind: See `Faults.add`.
        applied: Whether the request takes effect all the same.
        options: The kind's own settings.
        times: How often it may still strike, None for no limit.
        struck: How often it did.
        seen: How many arrivals it matched.
    """

    kind: str
    match: Match | None
    share: float
    seed: int
    times: int | None
    applied: bool
    options: dict[str, Any]
    _matches: Callable[[Arrival], bool] = attrs.field(repr=False, alias="matches")
    _draw: Random = attrs.field(repr=False, alias="draw")
    struck: int = 0
    seen: int = 0

    @property
    def unread(self) -> bool:
        """Whether it strikes before the body is read."""
        return bool(self.options.get("unread"))

    def falls_on(self, arrival: Arrival) -> bool:
        """Whether it would strike ``arrival``: one draw for each that matches."""
        if not self._matches(arrival):
            return False
        self.seen += 1
        hit = self._draw.random() < self.share
        return hit and self.times != 0

    def strike(self) -> None:
        """Count one."""
        self.struck += 1
        if self.times is not None:
            self.times -= 1


class Faults:
    """The faults in force, in the order they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def __len__(self) -> int:
        return len(self._faults)

    def add(  # noqa: PLR0913 - what they mean is the same for every kind
        self,
        kind: FaultKind,
        *,
        match: Match | None = None,
        share: float = 1.0,
        seed: int = 0,
        times: int | None = None,
        applied: bool | None = None,
        **options: Any,
    ) -> Fault:
        """Let a share of the matching requests meet a fault.

        ================  ==========================================  ============================
        kind              what the client sees                        options
        ================  ==========================================  ============================
        ``latency``       the true answer, later                      ``seconds`` 0.1, ``jitter`` 0
        ``rate_limit``    429 in the vendor's shape                   ``retry_after``, ``as_date``
        ``error``         ``status`` in the vendor's shape            ``status`` 500, ``body``,
                                                                      ``retry_after``, ``as_date``
        ``redirect``      3xx with ``Location``                       ``status`` 307, ``location``
        ``accepted``      202, no body
        ``success_false`` 200 that says ``success: false``
        ``captive``       200 with a log-in page in HTML
        ``drop``          the connection closes without an answer     ``unread``, ``reset``
        ``hang``          no answer, the connection stays open
        ``truncate``      ``Content-Length`` in full, then a part     ``keep`` 0.5
        ``wrong_length``  ``Content-Length`` off by ``by``            ``by`` -1
        ``garble``        a body that is neither JSON nor UTF-8
        ``drip``          the true answer, spread over ``seconds``    ``seconds`` 1.0
        ``repeat``        a page that leads to itself
        ``cycle``         pages that lead A, B, A, B
        ``endless``       a list that begins again after its end
        ``empty``         pages without rows that say more follow
        ================  ==========================================  ============================

        ``applied`` says whether the request takes effect although its answer is lost: False
        unless given (408, 5xx and the rest *before* applying), True for *after*. It is always
        True for the kinds that need the true answer: truncate, wrong_length, garble, drip and
        the paging kinds. ``latency`` waits before the effect, with ``applied=True`` after it; a
        client that hangs up meanwhile takes nothing back.

        Latencies that strike the same arrival add up; of the other kinds the first one decides.

        Args:
            kind: One of the above.
            match: Which requests: ``"POST"``, ``"/v2/orders/*"`` (``*`` and ``{name}`` stand for
                one path segment, ``**`` for any number), ``"POST /v2/orders"``, or a function of
                the `Arrival`. All of them unless given.
            share: Part of the matching requests, 0 to 1. Which ones depends on the seed and on
                their number only, so that a run can be repeated.
            seed: Seeds the draw.
            times: How often at most; None for no limit.
            applied: See above.
            **options: ``seconds``, ``jitter`` (up to so many more) and ``keep`` (a share) are
                numbers; ``retry_after`` is seconds, or any text for a malformed header, and with
                ``as_date`` becomes an HTTP date so many seconds ahead; ``body`` replaces the
                vendor's error text; ``location`` is where to, the request's own path with
                ``?redirected=1`` unless given; ``unread`` closes before the body is read,
                ``reset`` with a TCP reset.

        Returns:
            The fault; its ``struck`` counts.

        Raises:
            ConfigurationError: The kind or an option is unknown, or a value out of range.
        """
        if kind not in FAULT_KINDS:
            known = ", ".join(FAULT_KINDS)
            raise ConfigurationError(f"no fault is called {kind!r}", hint=f"There are: {known}")
        check_odds(share, times)
        fault = Fault(
            kind=kind,
            match=match,
            share=share,
            seed=seed,
            times=times,
            applied=whether_applied(kind, options, applied=applied),
            options=options_of(kind, options),
            matches=matcher(match),
            draw=Random(seed),  # noqa: S311 - repeatable on purpose
        )
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take one away; silent when it is gone."""
        self._faults = [other for other in self._faults if other is not fault]

    def clear(self) -> None:
        """Take all away."""
        self._faults.clear()

    def draw(self, arrival: Arrival, *, unread: bool = False) -> list[Fault]:
        """The faults that strike ``arrival``: latencies, then at most one that decides.

        ``unread`` asks for those that strike before the body is read, else for the others.
        """
        if not self._faults:
            return []
        drawn = [f for f in self._faults if f.unread is unread and f.falls_on(arrival)]
        delays = [fault for fault in drawn if fault.kind == "latency"]
        deciding = [fault for fault in drawn if fault.kind != "latency"][:1]
        for fault in (struck := delays + deciding):
            fault.strike()
            arrival.fault = fault.kind
        return struck
