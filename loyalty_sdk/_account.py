"""What all clients of one credential know together of their writes."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import attrs

from . import _aio as asyncio
from ._budget import Budget
from ._fork import process
from ._limits import RateLimit
from .errors import ConfigurationError, DeadlineExceededError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime

    from ._joined import Joined, Key
    from ._limiter import Limiter
    from ._look import Trace
    from ._models import Receipt

T = TypeVar("T")
Ticket = tuple["asyncio.AbstractEventLoop", "asyncio.Future[None]"]

_REMEMBERED = 16_384
_MOST_UNRESOLVED = 65_536
_numbers = count(1)
# Seconds; unless `settle` is longer.
_LONGEST_SETTLE = 600.0


@attrs.define(eq=False)
class Write:
    """One write on its way.

    Attributes:
        trace: What it leaves behind.
        replayed: Whether an earlier write with its reference may be the same one.
        perhaps_unmarked: Whether it may have been sent without its marker, too.
        sent_at: `time.monotonic` before its first try, None before that.
        left_at: The same before its last try.
        gave_up_at: The same after its last open try; None while none is open.
        denied_at: The same after it was last shown absent.
        flying: Whether a try is on the wire.
        accepted: Whether the vendor acknowledged it.
        seen: Whether its marker was seen to come back.
        tries: How often it was tried.
        resends: How often it was sent again after it was shown absent.
        number: Its own in this process.
        settle: Seconds after which an open try takes no effect any more.
        since: The vendor's time from which on its row could be, when it was last shown absent.
    """

    trace: Trace
    replayed: bool = False
    perhaps_unmarked: bool = False
    sent_at: float | None = None
    left_at: float = float("-inf")
    gave_up_at: float | None = None
    denied_at: float | None = None
    flying: bool = False
    accepted: bool = False
    seen: bool = False
    tries: int = 0
    resends: int = 0
    number: int = attrs.field(factory=_numbers.__next__)
    settle: float = 0.0
    since: datetime | None = None

    def depart(self) -> None:
        """A try is about to leave."""
        self.flying = True
        self.left_at = time.monotonic()
        if self.sent_at is None:
            self.sent_at = self.left_at

    def land(self, open_: bool) -> None:  # noqa: FBT001 - one try, one answer
        """A try has ended, perhaps in doubt."""
        self.flying = False
        self.tries += 1
        if open_:
            self.gave_up_at = time.monotonic()

    @property
    def open(self) -> bool:
        """Whether a try of it may have been applied without our knowing."""
        return self.gave_up_at is not None

    def deny(self) -> None:
        """It was shown absent."""
        self.gave_up_at = None
        self.denied_at = time.monotonic()

    @property
    def lands_until(self) -> float:
        """After when it leaves no row any more, if it was sent before."""
        if self.gave_up_at is None:
            return self.left_at
        return self.gave_up_at + max(self.settle, _LONGEST_SETTLE)

    @property
    def can_be_confused(self) -> bool:
        """Whether its row could be mistaken for another write's, or another's for its own."""
        return self.trace.adjusts or self.trace.marker is not None

    def is_rival_of(self, other: Write) -> bool:
        """Whether its row could be mistaken for that of ``other``, and is not the same write's."""
        mine, its = self.trace, other.trace
        if self.number == other.number or mine.customer_id != its.customer_id:
            return False
        if mine.marker is not None and mine.marker == its.marker:
            return not (self.replayed or other.replayed)
        return mine.adjusts


class Account:
    """One credential's limit and its writes: those on their way, the latest, the doubtful.

    Attributes:
        budget: Repeats that are left.
        limiter: Hands out turns to send; None where there is no limit.
        longest_marker: Length of the longest marker that came back whole.
        replays: Those on their way.
    """

    def __init__(self, *key: str) -> None:
        self.budget = Budget()
        self.limiter: Limiter | None = None
        self._key = key
        self._limit: RateLimit | Literal[False] | None = None
        self._used_at = time.monotonic()
        self._wanted: WeakKeyDictionary[object, RateLimit | Literal[False]] = WeakKeyDictionary()
        self.longest_marker = 0
        self.replays: dict[Key, Joined] = {}
        self._lock = Lock()
        self._writes: dict[str, dict[int, Write]] = {}
        self._doubtful: dict[str, set[Write]] = {}
        self._recent: deque[Write] = deque()
        self._of_customer: dict[str, deque[Write]] = {}
        self._markers: deque[Write] = deque(maxlen=64)
        self._forgotten = float("-inf")
        self._unresolved: dict[int, Receipt] = {}
        self._waiting: dict[str, set[Ticket]] = {}

    def agree(
        self, client: object, wanted: RateLimit | Literal[False] | None, documented: int | None
    ) -> None:
        """Let ``client``, while it lives, be limited as it wants; None takes what there is.

        Raises:
            ConfigurationError: Another client wants another limit.
        """
        with self._lock:
            if wanted is None:
                wanted = self._limit
            if wanted is None:
                wanted = RateLimit.fixed(documented) if documented else RateLimit.adaptive()
            if any(limit != wanted for limit in self._wanted.values()):
                raise ConfigurationError(
                    f"rate_limit: these credentials have another already: {self._limit!r}",
                    hint="One account has one limit; account=... tells accounts apart",
                )
            self._wanted[client] = wanted
            if wanted != self._limit:
                self._limit = wanted
                self.limiter = wanted.limiter(self._key) if wanted else None
        self.used()

    def part(self, client: object) -> None:
        """``client`` wants nothing any more."""
        self._wanted.pop(client, None)

    def used(self) -> None:
        """It matters from now on: to the next client too, if this one ends."""
        self._used_at = time.monotonic()
        _held[self] = None

    @property
    def unresolved(self) -> tuple[Receipt, ...]:
        """Receipts of writes that may or may not have been applied, oldest first."""
        return tuple(self._unresolved.values())

    def leave_open(self, receipt: Receipt) -> None:
        """Remember a write that ended in doubt."""
        _held[self] = None
        self._unresolved[id(receipt)] = receipt
        while len(self._unresolved) > _MOST_UNRESOLVED:
            del self._unresolved[next(iter(self._unresolved))]

    def settle(self, receipt: Receipt) -> None:
        """Forget a doubt that was resolved."""
        same = [key for key, held in self._unresolved.items() if held == receipt]
        for key in same:
            del self._unresolved[key]

    @contextmanager
    def register(self, write: Write) -> Generator[None]:
        """Count ``write`` among the customer's until it ends."""
        customer = write.trace.customer_id
        with self._lock:
            self._writes.setdefault(customer, {})[write.number] = write
        self.changed(write)
        try:
            yield
        finally:
            with self._lock:
                del self._writes[customer][write.number]
                if not self._writes[customer]:
                    del self._writes[customer]
            if write.sent_at is not None:
                self._remember(write)
            self.changed(write, ended=True)

    def _remember(self, write: Write) -> None:
        _held[self] = None
        if write.accepted and write.trace.marker:
            self._markers.append(write)
        self._recent.append(write)
        self._of_customer.setdefault(write.trace.customer_id, deque()).append(write)
        if len(self._recent) > _REMEMBERED:
            self._forget(self._recent.popleft())

    def _forget(self, oldest: Write) -> None:
        self._forgotten = max(self._forgotten, oldest.lands_until)
        customer = oldest.trace.customer_id
        self._of_customer[customer].popleft()
        if not self._of_customer[customer]:
            del self._of_customer[customer]

    @property
    def is_over(self) -> bool:
        """Whether nothing that is known here can matter to a later client."""
        last = self._recent[-1].lands_until if self._recent else self._used_at
        latest = max(last, self._used_at, self.limiter.paused_until if self.limiter else last)
        return not self._unresolved and latest + _LONGEST_SETTLE < time.monotonic()

    def others(self, write: Write) -> list[Write]:
        """Adjustments of the same customer that are on their way beside ``write``."""
        held = tuple(self._writes.get(write.trace.customer_id, {}).values())
        return [other for other in held if other is not write and other.trace.adjusts]

    def rivals(self, write: Write, since: float) -> tuple[Trace, ...]:
        """Further adjustments of ours that may have left rows after ``since``.

        Args:
            write: Whose rows theirs could be mistaken for.
            since: On `time.monotonic`; minus infinity where that clock says nothing.
        """
        ended = tuple(self._of_customer.get(write.trace.customer_id, ()))
        recent = [other for other in ended if other.lands_until >= since]
        known = [*self.others(write), *recent]
        rivals = [other.trace for other in known if other.is_rival_of(write)]
        if self._forgotten >= since and write.trace.marker is None:
            # What was forgotten, or another process knows, may have been just like this one.
            rivals.append(write.trace)
        return tuple(rivals)

    def marked(self, length: int, before: float) -> Write | None:
        """The latest acknowledged write with a marker as long as ``length``, sent ``before``.

        Shorter or later ones where there is no such.
        """
        marked = tuple(self._markers)
        long = [write for write in marked if len(write.trace.marker or "") >= length] or marked
        found = [write for write in long if write.left_at <= before] or long
        return found[-1] if found else None

    async def turn(self, write: Write, deadline: float) -> None:
        """Wait while another adjustment of this customer is in doubt.

        Raises:
            DeadlineExceededError: ``deadline``, on `time.monotonic`, passed first.
        """
        customer = write.trace.customer_id
        try:
            await self.wait_while(customer, lambda: customer in self._doubtful, deadline)
        except TimeoutError as exc:
            error = DeadlineExceededError("another adjustment of this customer is still in doubt")
            error.bytes_left = False
            raise error from exc

    async def wait_while(
        self, customer: str, condition: Callable[[], bool], deadline: float
    ) -> None:
        """Wait until ``condition``, on the writes of ``customer``, is false.

        Raises:
            TimeoutError: ``deadline``, on `time.monotonic`, passed first.
        """
        if not condition():
            return
        left = deadline - time.monotonic()
        async with asyncio.timeout(None if left == float("inf") else left):
            while await self._still(customer, condition):
                pass

    async def _still(self, customer: str, condition: Callable[[], bool]) -> bool:
        """Whether ``condition`` holds, after something changed if it does."""
        loop = asyncio.get_running_loop()
        # What another thread changes between the question and the wait must wake this one.
        ticket = (loop, loop.create_future())
        with self._lock:
            self._waiting.setdefault(customer, set()).add(ticket)
        try:
            if not condition():
                return False
            await ticket[1]
        finally:
            with self._lock:
                _discard(self._waiting, customer, ticket)
        return True

    def changed(self, write: Write, *, ended: bool = False) -> None:
        """Let those who wait for the customer's writes look again, in whichever loop they are."""
        customer = write.trace.customer_id
        if not (write.open or customer in self._doubtful or customer in self._waiting):
            return
        with self._lock:
            if write.open and write.trace.adjusts and not ended:
                self._doubtful.setdefault(customer, set()).add(write)
            else:
                _discard(self._doubtful, customer, write)
            waiting = tuple(self._waiting.get(customer, ()))
        for loop, ticket in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake, ticket)


def _discard(held: dict[str, set[T]], customer: str, item: T) -> None:
    of_customer = held.get(customer, set())
    of_customer.discard(item)
    if not of_customer:
        held.pop(customer, None)


def _wake(ticket: asyncio.Future[None]) -> None:
    if not ticket.done():
        ticket.set_result(None)


_accounts: WeakValueDictionary[tuple[str, ...], Account] = WeakValueDictionary()
# The next client of a credential must know what the one before it left in doubt.
_held: dict[Account, None] = {}
_lock = Lock()


def account_of(*key: str) -> Account:
    """The one `Account` for ``key``, as long as somebody holds it or it holds something."""
    with _lock:
        for account in [held for held in _held if held.is_over]:
            del _held[account]
        known = _accounts.get((process(), *key))
        if known is None:
            known = _accounts[process(), *key] = Account(*key)
        return known
