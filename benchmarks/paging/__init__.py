"""What going through 100,000 transactions takes, in pages of 500.

Asked: wall time, rows per second, processor time per row and the most memory held beyond what
was held before, at 0, 20 and 100 ms of latency.

Against: a plain loop over aiohttp with `response.json()` (the base: 1.00), and a loop that
searches the cursor in the bytes, fetches the next page and decodes nothing, which is what the
latency alone costs. Ours hands out neutral values row by row, and has asked for the next page
before it decodes one.

How: each measurement is a new process; the candidates take turns, three rounds. The server is an
asyncio protocol in a process of its own that has its answers ready, since it has to wait
before each; the table shows how idle it was.
"""

from __future__ import annotations

from benchmarks.harness.question import Candidate, Case, Figure, Question
from benchmarks.harness.target import paced

_LOOPS = "benchmarks.paging.loops"
_ROWS, _SIZE = 100_000, 500


def _settings(latency: int, rows: int = _ROWS) -> dict[str, object]:
    pages = {"count": rows, "size": _SIZE}
    return {"size": _SIZE, "server": {"pages": pages, "latency": latency / 1000}}


QUESTION = Question(
    name="paging",
    title="What going through 100,000 transactions takes",
    about=__doc__,
    figures=(
        Figure(key="seconds", title="seconds", digits=2),
        Figure(key="per_second", title="rows/s", better="more", digits=0),
        Figure(key="cpu_us", title="CPU us/row", digits=2),
        Figure(key="peak_mib", title="peak MiB"),
        Figure(key="server_idle", title="server idle %", better=None, digits=0),
    ),
    candidates=(
        Candidate(name="ours", run=f"{_LOOPS}:ours", role="ours"),
        Candidate(name="plain loop", run=f"{_LOOPS}:plain"),
        Candidate(name="nothing decoded", run=f"{_LOOPS}:undecoded", role="floor"),
    ),
    cases=tuple(
        Case(
            name=f"{latency} ms latency",
            settings=_settings(latency),
            quick=_settings(latency, rows=10_000) if latency < 100 else None,
        )
        for latency in (0, 20, 100)
    ),
    base="plain loop",
    target=paced,
    repetitions=3,
)
