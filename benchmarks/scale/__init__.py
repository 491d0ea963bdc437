"""What a call costs when many are in flight.

Asked: processor time per call, latency and the most memory held beyond what was held after one
call, at 1, 10, 100, 1,000 and 10,000 calls in flight, with as many connections allowed (of which
httpx makes far fewer once it has one); and at 1,000 and 10,000 over a pool of 100 connections, the
default of ours and of aiohttp, where calls queue.

Against: aiohttp as people write it (the base: 1.00) and httpx.

How: as in `benchmarks.call`, on asyncio's own event loop; three rounds. Ten thousand connections
need a limit on open files beyond that: `ulimit -n`.
"""

from __future__ import annotations

from benchmarks.call import AIOHTTP, FIGURES, HTTPX, OURS
from benchmarks.harness.question import Case, Figure, Question
from benchmarks.harness.target import orders

# Opening ten thousand connections may take longer than a call usually may.
_LOOP = {"loop": "asyncio", "seconds": 2.0, "deadline": 300.0}
_QUICK = {"seconds": 0.3}

QUESTION = Question(
    name="scale",
    title="What a call costs when many are in flight",
    about=__doc__,
    figures=(
        *FIGURES[:-1],
        Figure(key="peak_mib", title="peak MiB"),
        FIGURES[-1],
    ),
    candidates=(OURS, AIOHTTP, HTTPX),
    cases=(
        *(
            Case(
                name=f"{calls:,} in flight",
                settings={**_LOOP, "in_flight": calls, "connections": calls},
                quick=_QUICK if calls in {10, 1000} else None,
            )
            for calls in (1, 10, 100, 1000, 10_000)
        ),
        *(
            Case(
                name=f"{calls:,} in flight over 100 connections",
                settings={**_LOOP, "in_flight": calls, "connections": 100},
                quick=None,
            )
            for calls in (1000, 10_000)
        ),
    ),
    base="aiohttp",
    target=orders,
    repetitions=3,
)
