"""What happens in a call, for whoever listens.

A listener is any function of one event; `loyalty_sdk.connect` takes any number of them::

    def slow(event):
        if isinstance(event, CallEnded) and event.seconds > 5:
            print(event.provider, event.operation, event.outcome)

    client = loyalty_sdk.connect("loyaltylion", listeners=[slow])

Listeners are called at once, in the order given and in the task of the call, which waits for
them: they must be quick and must not block. What one raises never reaches the call; it is
logged, once for each listener. Events hold no keys, no bodies, no ids and no addresses.
Their order is `CallStarted`, then for each try any number of `Waited`, `TryStarted`, `TryEnded`
and perhaps `Retrying`, and at last `CallEnded`. A call that only joins another one for the
same reference has no events of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from ._models import Outcome

__all__ = [
    "CallEnded",
    "CallStarted",
    "Event",
    "Listener",
    "Retrying",
    "TryEnded",
    "TryStarted",
    "Waited",
]


@attrs.frozen(kw_only=True)
class Event:
    """Something that happened in a call.

    Attributes:
        call: The call's own number in this process; all its events have it.
        provider: Registered name.
        operation: ``"create_order"``; for lists, one call is one page.
    """

    call: int
    provider: str
    operation: str


@attrs.frozen(kw_only=True)
class CallStarted(Event):
    """A call has begun; nothing was sent yet."""


@attrs.frozen(kw_only=True)
class Waited(Event):
    """A try waited for its turn; those that need not wait say nothing.

    Attributes:
        reason: ``"connection"`` where the pool was in full use, ``"rate"`` for the limit.
        seconds: How long.
        granted: Whether the turn came; False where the call gave up or was cancelled.
    """

    reason: Literal["connection", "rate"]
    seconds: float
    granted: bool


@attrs.frozen(kw_only=True)
class TryStarted(Event):
    """A request is about to be sent.

    Attributes:
        method: Upper case.
        template: Path with placeholders, ``/v2/orders/{merchant_id}``. Where a path that was
            given to `LoyaltyClient.request` holds what could be an id, ``{}`` stands for it.
        origin: Scheme, host and port.
        resends: How often this request was tried before.
        looks: Whether it only looks for a write whose answer was lost.
        headers: What a listener puts in is sent along, for trace contexts; a name that the
            request has already, or that frames a message, is not.
    """

    method: str
    template: str
    origin: str
    resends: int
    looks: bool
    headers: dict[str, str] = attrs.field(factory=dict[str, str], eq=False, repr=False)


@attrs.frozen(kw_only=True)
class TryEnded(Event):
    """The answer came, or will not come.

    Attributes:
        status: HTTP status; None where no head of an answer came.
        error: Name of the exception that came instead, or that broke the answer off.
        seconds: Since `TryStarted`.
        looks: As there.
    """

    status: int | None
    error: str | None
    seconds: float
    looks: bool


@attrs.frozen(kw_only=True)
class Retrying(Event):
    """A request will be sent again.

    Attributes:
        seconds: After this wait; others may follow, for its turn.
        reason: HTTP status or name of the exception; ``"absent"`` where the vendor's
            records show that a write in doubt was not applied.
    """

    seconds: float
    reason: str


@attrs.frozen(kw_only=True)
class CallEnded(Event):
    """The call is over.

    Attributes:
        outcome: What is known of the write; None for anything but a write.
        reconciled: Whether the vendor's records, not an answer, decided.
        tries: How often one of its requests was tried, looks not counted.
        error: Name of the exception it raised; None where it succeeded.
        seconds: Since `CallStarted`.
    """

    outcome: Outcome | None
    reconciled: bool
    tries: int
    error: str | None
    seconds: float


Listener = Callable[[Event], object]
"""Called with every event; what it returns is ignored."""
