"""A backfill whose process is killed again and again, and what is true afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import attrs

from loyalty_sdk.backfill import State
from loyalty_sdk.sandbox import Sandbox

from .child import REFUSED

_ROOT = Path(__file__).parents[2]
_KEY = re.compile(r"K-[0-9]+")
# Runs that end by themselves, the last of which leaves nothing.
_MOST_ENDS = 4


@attrs.frozen(kw_only=True)
class Play:
    """One input, one vendor, and how often the process is killed.

    Attributes:
        rows: How many.
        kills: How often.
        settle: Seconds; what is late is so for less.
        deadline: Seconds of one call.
        faulty: Share of requests that meet a fault.
        restores: Whether an older copy of the journal is put in its place once.
    """

    provider: str
    operation: str
    rows: int
    kills: int
    seed: int = 1
    customers: int = 97
    settle: float = 1.5
    deadline: float = 12.0
    faulty: float = 0.1
    restores: bool = True


@attrs.define
class Verdict:
    """What is true of the ledger, beside what the journal says.

    Attributes:
        states: Rows by state, as the journal has them.
        lost: Applied, says the journal, and not in the ledger; or in no state at all.
        doubled: In the ledger more than once.
        hidden: In the ledger, and dead letters in the journal.
        killed: How often it was.
        refused: What was said of the older copy.
        left: What each run that ended by itself left for a later one; the last, nothing.
    """

    states: Counter[str]
    lost: list[str]
    doubled: list[str]
    hidden: list[str]
    killed: int = 0
    refused: str = ""
    left: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing is that must not be, and every row has got where it stays."""
        unfinished = self.states[State.SENT.name] + self.states[State.WAITING.name]
        return not (self.lost or self.doubled or self.hidden or unfinished)


async def play(one: Play, folder: Path) -> Verdict:
    """Run it until it ends by itself and leaves nothing, and a few times more at the most."""
    draw = Random(one.seed)
    _write_rows(one, folder / "rows.csv")
    late = one.settle / 3
    async with Sandbox(effect_delay=late, list_lag=late / 2, seed=one.seed) as sandbox:
        _add_faults(sandbox, one)
        killed, refused, left = 0, "", list[str]()
        while True:
            aim = draw.randint(1, max(2, one.rows // max(1, one.kills)))
            process = await _start(one, sandbox, folder)
            if killed < one.kills and await _killed_after(process, sandbox, aim):
                killed += 1
                if one.restores and not refused and killed > one.kills // 2:
                    refused = await _restore(one, sandbox, folder)
                continue
            said = await _said(process)
            if process.returncode != 0:
                raise AssertionError(said)
            left.append(_left(json.loads(said)))
            if not left[-1] or len(left) == _MOST_ENDS:
                break
        # What was acknowledged takes effect a little later.
        while sandbox.outstanding(one.provider):
            await asyncio.sleep(0.05)
        verdict = _judge(one, sandbox, folder)
        return attrs.evolve(verdict, killed=killed, refused=refused, left=tuple(left))


def _left(said: dict[str, Any]) -> str:
    """What a run left for a later one, in words; nothing where it is done."""
    open_states = (State.SENT, State.WAITING, State.UNKNOWN)
    counts = {state.name: said["counts"][state.name] for state in open_states}
    rows = [f"{name.lower()} {count}" for name, count in counts.items() if count]
    return ", ".join(rows + [said["reason"]] * (said["reason"] is not None))


def _write_rows(one: Play, path: Path) -> None:
    numbers = range(one.rows)
    if one.operation == "create_order":
        lines = [f"K-{n},{n % one.customers},{1 + n % 9},paid" for n in numbers]
        head = "id,customer_id,total,payment_status"
    else:
        lines = [f"K-{n},{n % one.customers},{1 + n % 9}" for n in numbers]
        head = "reference,customer_id,points"
    path.write_text("\n".join([head, *lines, ""]), encoding="utf-8")


def _add_faults(sandbox: Sandbox, one: Play) -> None:
    kinds: list[dict[str, Any]] = [
        {"kind": "error", "status": 500},
        {"kind": "error", "status": 503, "applied": True},
        {"kind": "drop", "applied": True},
        {"kind": "drop", "unread": True},
        {"kind": "truncate"},
        {"kind": "rate_limit", "retry_after": 0},
        {"kind": "latency", "seconds": one.settle / 3, "applied": True},
        {"kind": "latency", "seconds": one.settle / 3},
    ]
    for number, kind in enumerate(kinds):
        share = one.faulty / len(kinds)
        sandbox.faults.add(share=share, seed=one.seed + number, **kind)


async def _start(one: Play, sandbox: Sandbox, folder: Path) -> Process:
    facts = {
        "provider": one.provider,
        "operation": one.operation,
        "url": sandbox.url,
        "rows": str(folder / "rows.csv"),
        "journal": str(folder / "journal"),
        "state": str(folder / "state"),
        "settle": one.settle,
        "deadline": one.deadline,
    }
    command = (sys.executable, "-m", "tests.backfill.child", json.dumps(facts))
    # Coverage would lose what a killed process ran, and other tests run the rest.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    return await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=PIPE, env=environ, cwd=_ROOT
    )


async def _said(process: Process) -> str:
    said, _ = await process.communicate()
    return said.decode()


async def _killed_after(process: Process, sandbox: Sandbox, arrivals: int) -> bool:
    """Whether it was still there to be killed after so many more requests."""
    until = len(sandbox.arrivals) + arrivals
    ending = asyncio.ensure_future(process.wait())
    while len(sandbox.arrivals) < until and not ending.done():
        await asyncio.sleep(0.001)
    if ending.done():
        return False
    process.send_signal(signal.SIGKILL)
    await ending
    return True


async def _restore(one: Play, sandbox: Sandbox, folder: Path) -> str:
    """What is said of the journal as it was a while ago; the newest one is put back."""
    journal, newest = folder / "journal", folder / "newest"
    _copy(journal, folder / "older")
    process = await _start(one, sandbox, folder)
    assert await _killed_after(process, sandbox, one.rows // (2 * one.kills) + 10)
    _copy(journal, newest)
    _copy(folder / "older", journal)
    process = await _start(one, sandbox, folder)
    said = await _said(process)
    assert REFUSED == process.returncode, said
    _copy(newest, journal)
    return said


def _copy(journal: Path, to: Path) -> None:
    for suffix in ("", "-wal"):
        Path(f"{to}{suffix}").unlink(missing_ok=True)
        if Path(f"{journal}{suffix}").exists():
            shutil.copy2(f"{journal}{suffix}", f"{to}{suffix}")


def _judge(one: Play, sandbox: Sandbox, folder: Path) -> Verdict:
    landed: Counter[str] = Counter()
    for number in range(one.customers):
        for row in sandbox.ledger(one.provider, str(number)):
            found = _KEY.search(f"{row.order_id} {row.note} {row.reason}")
            landed[found[0] if found else "?"] += 1
    database = sqlite3.connect(folder / "journal")
    journaled = dict(database.execute("SELECT key, state FROM rows").fetchall())
    database.close()
    keys = {f"K-{number}" for number in range(one.rows)}
    dead = {State.REJECTED, State.INVALID}
    return Verdict(
        states=Counter(State(state).name for state in journaled.values()),
        lost=sorted(
            key
            for key in keys
            if key not in journaled or (journaled[key] == State.APPLIED and not landed[key])
        ),
        doubled=sorted(key for key, times in landed.items() if times > 1 or key not in keys),
        hidden=sorted(key for key in keys if landed[key] and journaled.get(key) in dead),
    )
