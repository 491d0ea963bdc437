from __future__ import annotations

from loyalty_sdk.sandbox import Clock, Switches
from loyalty_sdk.sandbox.vendor import Ledger


class Stopped(Clock):
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 0.0

    def monotonic(self) -> float:
        """Where it stands."""
        return self.at


def test_effects_of_one_instant_keep_their_order() -> None:
    """What was asked for in one instant takes effect in the order it was asked for."""
    clock = Stopped()
    ledger = Ledger(clock, Switches(effect_delay=1))
    done: list[int] = []
    for number in range(5):
        ledger.effect(lambda number=number: done.append(number))  # type: ignore[misc]
    ledger.settle()
    assert ([], 5) == (done, ledger.outstanding)
    clock.at = 1.0
    ledger.settle()
    assert ([0, 1, 2, 3, 4], 0) == (done, ledger.outstanding)


def test_account_of_a_known_customer() -> None:
    """A customer is made once; a new address is kept, and none does not erase it."""
    ledger = Ledger(Clock(), Switches())
    account = ledger.open_account("1", email="a@example.com", guest=True)
    assert account is ledger.open_account("1", email="b@example.com")
    assert ("b@example.com", True) == (account.email, ledger.open_account("1").guest)
    assert account is ledger.numbered(account.number)
    assert None is ledger.numbered(account.number + 1)


def test_totals_of_an_account() -> None:
    """An account adds up what can be spent, what waits, what was taken and what was given."""
    ledger = Ledger(Clock(), Switches())
    account = ledger.open_account("1")
    first = ledger.write(account, 50, kind="earned")
    ledger.write(account, 0, pending=7, kind="earned")
    last = ledger.write(account, -20, pending=-7, kind="redeemed")
    assert (30, 0, 20, 50) == (account.balance, account.pending, account.spent, account.earned)
    assert [50, 50, 30] == [entry.balance for entry in account.entries.rows]
    assert (first, None) == (ledger.entry(first.number), ledger.entry(last.number + 1))


def test_records_by_key() -> None:
    """Of records with one key the newest is found, or the oldest; without a key, none."""
    ledger = Ledger(Clock(), Switches())
    account = ledger.open_account("1")
    records = [ledger.record(ledger.orders, key, account, data={}) for key in ("a", "a", "b", None)]
    assert records[1] is ledger.orders.find("a")
    assert records[0] is ledger.orders.find("a", oldest=True)
    assert None is ledger.orders.find(None)
    assert None is ledger.orders.find("c")
    ledger.reset()
    assert None is ledger.orders.find("a")
