"""What one `create_order` costs.

Asked: processor time per call in the client's process, calls per second and latency, one call
at a time and with 64 in flight, on asyncio's own event loop and on uvloop.

Against: aiohttp as people write it (the base: 1.00) and tuned to the bone, httpx, the official
SDKs of stripe and openai over httpx (openai's own version of it) and over aiohttp, and an asyncio
protocol written for this one request, which is the floor. Ours has everything on: values that
check themselves, the account of open writes, retries, deadline, receipt, and a limiter at a rate
that is never reached.

How: each measurement is a new process that calls for a second and a half; the candidates take
turns, five rounds. Everybody builds the order anew for each call, posts as many bytes as the
others, and reads the answer; whose first order is not taken is left out. The server is nginx in a
process of its own where it is installed. The table shows how idle it was: for which share of the
time it neither ran nor waited for a core, so a server that is kept from running is not idle.
"""

from __future__ import annotations

from itertools import product

from benchmarks.harness.question import Candidate, Case, Figure, Question
from benchmarks.harness.target import orders

FIGURES = (
    Figure(key="cpu_us", title="CPU us/call"),
    Figure(key="per_second", title="calls/s", better="more", digits=0),
    Figure(key="p50_ms", title="p50 ms", digits=2),
    Figure(key="p99_ms", title="p99 ms", digits=2),
    Figure(key="server_idle", title="server idle %", better=None, digits=0),
)

_CALL = "benchmarks.call"

OURS = Candidate(name="ours", run=f"{_CALL}.ours:measure", role="ours")
AIOHTTP = Candidate(name="aiohttp", run=f"{_CALL}.with_aiohttp:as_written")
TUNED = Candidate(name="aiohttp, tuned", run=f"{_CALL}.with_aiohttp:tuned")
HTTPX = Candidate(name="httpx", run=f"{_CALL}.with_httpx:measure", needs=("httpx",))
FLOOR = Candidate(name="asyncio protocol", run=f"{_CALL}.floor:measure", role="floor")

_SDKS = tuple(
    Candidate(
        name=f"{sdk} on {over}",
        run=f"{_CALL}.with_{sdk}:measure",
        needs=(sdk,) if (sdk, over) == ("openai", "httpx") else (sdk, over),
        settings={"over": over},
    )
    for sdk, over in product(("stripe", "openai"), ("aiohttp", "httpx"))
)

_FLIGHTS = {1: "one at a time", 64: "64 in flight"}
_LOOPS = {"asyncio": (), "uvloop": ("uvloop",)}

QUESTION = Question(
    name="call",
    title="What one create_order costs",
    about=__doc__,
    figures=FIGURES,
    candidates=(OURS, AIOHTTP, TUNED, HTTPX, *_SDKS, FLOOR),
    cases=tuple(
        Case(
            name=f"{_FLIGHTS[in_flight]}, {loop}",
            settings={"loop": loop, "in_flight": in_flight, "seconds": 1.5},
            quick={"seconds": 0.3} if loop == "asyncio" else None,
            needs=_LOOPS[loop],
        )
        for in_flight, loop in product(_FLIGHTS, _LOOPS)
    ),
    base="aiohttp",
    target=orders,
)
