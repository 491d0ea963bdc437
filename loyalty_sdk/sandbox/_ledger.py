"""What one vendor knows: customers, their points, orders and activities."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from random import Random
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from ._rows import Account, Entry, Record, Records
from ._tables import Row, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from ._clock import Clock
    from ._switches import Switches

R = TypeVar("R", bound=Row)


class Ledger:
    """Everything one vendor has recorded. There is no dedup in it.

    Attributes:
        lock: Held while it changes: tests may look from another thread than the server's.
        told: Called with every row that is written, None when nobody wants to know.
    """

    def __init__(self, clock: Clock, switches: Switches, *, prefix: str = "") -> None:
        self.lock = RLock()
        self.clock = clock
        self.switches = switches
        self.prefix = prefix
        self.customers: dict[str, Account] = {}
        self.accounts: Table[Account] = Table()
        self.entries: Table[Entry] = Table()
        self.orders = Records()
        self.activities = Records()
        self.told: Callable[[Entry], None] | None = None
        self._numbers = count(900_001)
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._draw = Random(switches.seed)  # noqa: S311 - repeatable on purpose

    @property
    def outstanding(self) -> int:
        """How many acknowledged writes have not changed anything yet."""
        return len(self._due)

    def effect(self, change: Callable[[], object]) -> None:
        """Make ``change`` now, or when `Switches.effect_delay` has passed."""
        delay = self.switches.effect_delay
        if not delay:
            change()
            return
        heappush(self._due, (self.clock.monotonic() + delay, next(self._order), change))

    def settle(self) -> None:
        """Make the changes that are due, as of when they were."""
        with self.lock:
            while self._due and self._due[0][0] <= self.clock.monotonic():
                due, _, change = heappop(self._due)
                with self.clock.back(self.clock.monotonic() - due):
                    change()

    def account(self, customer_id: str) -> Account | None:
        """The customer with the merchant's id ``customer_id``."""
        return self.customers.get(customer_id)

    def numbered(self, number: int) -> Account | None:
        """The customer with the vendor's own id ``number``."""
        found, _ = self.accounts.page(1, anchor=number - 1, ascending=True)
        return found[0] if found and found[0].number == number else None

    def entry(self, number: int) -> Entry | None:
        """The row with that number."""
        found, _ = self.entries.page(1, anchor=number - 1, ascending=True)
        return found[0] if found and found[0].number == number else None

    def open_account(
        self, customer_id: str, *, email: str | None = None, guest: bool = False
    ) -> Account:
        """The customer with that id, made when there is none; a new ``email`` is kept."""
        account = self.customers.get(customer_id)
        if account is None:
            now = self.clock.now()
            account = Account(
                number=next(self._numbers), id=customer_id, guest=guest, time=now, updated=now
            )
            self.customers[customer_id] = account
            self.accounts.add(account)
        if email:
            account.email = email
        return account

    def write(self, account: Account, points: int, *, kind: str, **facts: Any) -> Entry:
        """Change ``account`` by ``points`` and record it; ``facts`` are more of `Entry`."""
        account.balance += points
        account.pending += facts.get("pending", 0)
        account.spent -= min(points, 0)
        account.earned += max(points, 0)
        account.updated = self.clock.now()
        entry = Entry(
            number=next(self._numbers),
            prefix=self.prefix,
            customer_id=account.id,
            points=points,
            balance=account.balance,
            kind=kind,
            time=facts.pop("time", None) or account.updated,
            shown_at=self._shown_at(),
            **facts,
        )
        account.entries.add(entry)
        self.entries.add(entry)
        if self.told is not None:
            self.told(entry)
        return entry

    def record(
        self, table: Records, key: Hashable | None, account: Account, **facts: Any
    ) -> Record:
        """Add an order or activity to ``table``; ``facts`` are ``time`` and ``data``."""
        now = self.clock.now()
        row = Record(
            number=next(self._numbers),
            key=key,
            customer=account,
            time=facts.get("time") or now,
            updated=now,
            data=facts["data"],
            shown_at=self._shown_at(),
        )
        table.add(row)
        return row

    def shown(self, keep: Callable[[R], bool] | None = None) -> Callable[[R], bool] | None:
        """``keep``, and only rows that lists show by now; None when all of them pass."""
        if not self.switches.list_lag:
            return keep
        now = self.clock.time()
        return lambda row: row.shown_at <= now and (keep is None or keep(row))

    def reset(self) -> None:
        """Forget everything; numbers go on, and what is still outstanding is lost."""
        with self.lock:
            self.customers.clear()
            self._due.clear()
            for table in (self.accounts, self.entries, self.orders, self.activities):
                table.clear()

    def _shown_at(self) -> float:
        lag = self.switches.list_lag
        return self.clock.time() + self._draw.random() * lag if lag else 0.0
