"""Who waits, and who is next: two lanes, and in each the customers in turn."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    import asyncio

    from .errors import LoyaltyError

LaneName = Literal["interactive", "bulk"]

# Of so many that are served while both lanes wait, one is bulk.
_BULK_ONE_IN = 10


@attrs.define(eq=False)
class Waiter:
    """Somebody who waits in a lane.

    Attributes:
        future: What it awaits.
        loop: Where it awaits.
        lane: Which lane it waits in.
        group: It takes turns with the others of its group; its own where it has none.
        deadline: On `time.monotonic`; infinite where it waits for ever.
        began: When it began to wait, on the same clock.
        waits: Whether it stands in its lane.
        gone: Whether nobody awaits it any more, although it stands there.
        served: Whether its turn came.
        slot: When that was to be, where it matters.
        error: Why it need not wait any longer.
    """

    future: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop
    lane: Lane
    group: object
    deadline: float
    began: float
    waits: bool = False
    gone: bool = False
    served: bool = False
    slot: float = 0.0
    error: LoyaltyError | None = None


class Lane:
    """First come, first served; but the waiters of one customer wait for the others' turn.

    Attributes:
        grants: How many were served, those that had not to wait included.
        waits: How many of them had to wait.
        waited: Seconds they waited, all together.
        waiting: How many wait now.
    """

    def __init__(self) -> None:
        self.grants = 0
        self.waits = 0
        self.waited = 0.0
        self.waiting = 0
        # Ordered dictionaries: a plain one is slow to find its first entry after many left.
        self._groups: OrderedDict[object, OrderedDict[Waiter, None]] = OrderedDict()

    def __repr__(self) -> str:
        return (
            f"<Lane grants={self.grants} waits={self.waits} waited={self.waited:.3f}"
            f" waiting={self.waiting}>"
        )

    def ahead(self, group: object) -> int:
        """How many at least are served before somebody new of ``group``."""
        own = self._groups.get(group)
        # A group that was served goes to the end, so all others have a turn in between.
        return len(self._groups) + (len(own) - 1 if own else 0)

    def add(self, waiter: Waiter) -> None:
        """Let ``waiter`` wait at the end of its group."""
        self._groups.setdefault(waiter.group, OrderedDict())[waiter] = None
        waiter.waits = True
        self.waiting += 1

    def discard(self, waiter: Waiter) -> bool:
        """Let ``waiter`` go; whether it was still waiting."""
        if not waiter.waits:
            return False
        group = self._groups[waiter.group]
        del group[waiter]
        if not group:
            del self._groups[waiter.group]
        waiter.waits = False
        self.waiting -= 1
        return True

    def pop(self) -> Waiter:
        """The next one; its group goes to the end."""
        key, group = self._groups.popitem(last=False)
        waiter, _ = group.popitem(last=False)
        if group:
            self._groups[key] = group
        waiter.waits = False
        self.waiting -= 1
        return waiter

    def everybody(self) -> list[Waiter]:
        """All who wait."""
        return [waiter for group in self._groups.values() for waiter in group]

    def count(self, waited: float) -> None:
        """Somebody was served after so many seconds."""
        self.grants += 1
        self.waits += 1
        self.waited += waited


class Lanes:
    """Interactive goes first; bulk takes what is left, and one turn in ten."""

    def __init__(self) -> None:
        self.interactive = Lane()
        self.bulk = Lane()
        self._passed = 0

    @property
    def waiting(self) -> int:
        """How many wait in both."""
        return self.interactive.waiting + self.bulk.waiting

    def of(self, name: LaneName) -> Lane:
        """The lane called ``name``."""
        return self.bulk if name == "bulk" else self.interactive

    def pop(self) -> Waiter:
        """The next one of those who wait."""
        if not self.bulk.waiting:
            return self.interactive.pop()
        self._passed += 1
        if self.interactive.waiting and self._passed < _BULK_ONE_IN:
            return self.interactive.pop()
        self._passed = 0
        return self.bulk.pop()

    def everybody(self) -> list[Waiter]:
        """All who wait."""
        return [*self.interactive.everybody(), *self.bulk.everybody()]
