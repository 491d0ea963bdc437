"""What it costs to import a client and to make one, and to make its first call.

Asked: processor time, wall time and memory of a new interpreter that imports, makes a client and
ends, beyond those of an interpreter that does nothing; and of one that goes on to report one order
to a server before it ends.

Against: `import aiohttp` alone (the base: 1.00), aiohttp with a session, httpx, and the official
SDKs of stripe and openai. Ours once only imported, and once with a client of each vendor. With the
first call ours, which until then has put off most of what it imports, is beside aiohttp and httpx
that post the same order.

How: interpreters are started in turns with bare ones, whose median is taken off; five rounds.
Byte code is compiled already. The server is nginx in a process of its own where it is installed.
"""

from __future__ import annotations

from typing import Literal

from benchmarks.harness.question import Candidate, Case, Figure, Question
from benchmarks.harness.target import orders

from . import codes


def _candidate(name: str, code: str, needs: tuple[str, ...] = ()) -> Candidate:
    run = "benchmarks.import_.startup:measure"
    role: Literal["ours", "peer"] = "ours" if name.startswith("ours") else "peer"
    return Candidate(name=name, run=run, needs=needs, role=role, settings={"code": code})


_CLIENTS = (
    _candidate("ours, import alone", "import loyalty_sdk"),
    _candidate("ours, a LoyaltyLion client", f"import loyalty_sdk; {codes.LION}"),
    _candidate("ours, a Joy client", f"import loyalty_sdk; {codes.JOY}"),
    _candidate("aiohttp, import alone", "import aiohttp"),
    _candidate("aiohttp, with a session", codes.SESSION),
    _candidate("httpx, with a client", codes.HTTPX, ("httpx",)),
    _candidate("stripe, with a client", codes.STRIPE, ("stripe",)),
    _candidate("openai, with a client", codes.OPENAI, ("openai",)),
)
_CALLS = (
    _candidate("ours, with its first call", codes.OURS_CALLING),
    _candidate("aiohttp, with its first call", codes.AIOHTTP_CALLING),
    _candidate("httpx, with its first call", codes.HTTPX_CALLING, ("httpx",)),
)


def _case(name: str, candidates: tuple[Candidate, ...]) -> Case:
    names = tuple(candidate.name for candidate in candidates)
    return Case(name=name, settings={"turns": 3}, quick={"turns": 1}, candidates=names)


QUESTION = Question(
    name="import",
    title="What importing and making a client costs",
    about=__doc__,
    figures=(
        Figure(key="cpu_ms", title="CPU ms"),
        Figure(key="wall_ms", title="wall ms"),
        Figure(key="mib", title="MiB"),
    ),
    candidates=(*_CLIENTS, *_CALLS),
    cases=(
        _case("beyond a bare interpreter", _CLIENTS),
        _case("beyond a bare interpreter, with a first call", _CALLS),
    ),
    base="aiohttp, import alone",
    target=orders,
)
