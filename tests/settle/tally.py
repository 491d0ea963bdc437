"""What callers were told, beside what is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import attrs

from loyalty_sdk import Outcome

from .world import Told

# Attempts to connect that fail are among what is played.
_MOST_UNSENT = 0.15
DENIED = frozenset({Outcome.REJECTED, Outcome.NOT_SENT, Outcome.ABSENT})


@attrs.define
class Tally:
    """Counts of many deeds.

    Attributes:
        outcomes: By what was told; a double that was told is ``doubled``.
        doubled: Landed more than once.
        unreported: Of those, the ones whose caller was told something else.
        false_alarms: Told to have landed more than once, and did not.
        lost: Told APPLIED, and not applied.
        hidden: Applied, and told that it was not.
        misjudged: Resolved later as what it was not.
        groundless: UNKNOWN although there was time to look and no row could be its.
        wrong: Everything that must not be, to print.
    """

    outcomes: Counter[str] = attrs.field(factory=Counter[str])
    doubled: int = 0
    unreported: int = 0
    false_alarms: int = 0
    lost: int = 0
    hidden: int = 0
    misjudged: int = 0
    groundless: int = 0
    wrong: list[Told] = attrs.field(factory=list[Told])

    @property
    def calls(self) -> int:
        """How many deeds were counted."""
        return self.outcomes.total()

    def share(self, outcome: str) -> float:
        """Part of the deeds that ended so."""
        return self.outcomes[outcome] / max(1, self.calls)

    @property
    def tells(self) -> bool:
        """Whether most deeds were sent: of the others nothing can go wrong."""
        return self.share(Outcome.NOT_SENT) < _MOST_UNSENT

    def add(self, told: Iterable[Told]) -> None:
        """Count more."""
        for one in told:
            name = "doubled" if one.doubled else "conflict" if one.conflict else one.outcome.value
            self.outcomes[name] += 1
            self._judge(one)

    def _judge(self, one: Told) -> None:
        self.doubled += one.landed > 1
        groundless = one.outcome is Outcome.UNKNOWN and not (one.overdue or one.conflict)
        self.groundless += groundless and not one.landed and not one.alike
        wrong = {
            # One that is UNKNOWN is not lied to: all rows are in its error.
            "unreported": one.landed > 1 and not one.doubled and one.outcome != "unknown",
            "false_alarms": one.doubled and one.landed < 2 and not one.strangers,
            "lost": one.outcome is Outcome.APPLIED and not one.landed and not one.wiped,
            "hidden": one.outcome in DENIED and one.landed > 0,
            "misjudged": _misjudged(one),
        }
        for name, is_so in wrong.items():
            setattr(self, name, getattr(self, name) + is_so)
        if any(wrong.values()):
            self.wrong.append(one)


def table(tallies: Sequence[tuple[str, Tally]]) -> str:
    """One line for each tally: the share of each outcome, and what must not be."""
    names = [*(outcome.value for outcome in Outcome), "doubled", "conflict"]
    head = f"{'':28} {'calls':>7}" + "".join(f"{name:>10}" for name in names)
    rows = [
        f"{title:28} {tally.calls:7}"
        + "".join(f"{100 * tally.share(name):9.2f}%" for name in names)
        + f"  {tally.doubled:7} {tally.unreported:10} {tally.lost:4} {tally.hidden:6}"
        + f" {tally.groundless:10}"
        for title, tally in tallies
    ]
    return "\n".join([f"{head}   landed2 unreported lost hidden groundless", *rows])


def _misjudged(one: Told) -> bool:
    if one.landed:
        return one.resolved in DENIED
    return one.resolved is Outcome.APPLIED and not one.wiped
