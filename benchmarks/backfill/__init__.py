"""What sending a file of orders takes.

Asked: rows a second, processor time per row and the most memory held beyond what the process
began with, for 10,000 rows and for 1,000,000; how long a `Backfill` takes to go on with a journal
that is half done (until its next row is applied) or all done (until it says so); and how much of a
limit of 500 requests a second it uses, and how often it is refused.

Against: `create_order` alone with orders made up on the spot, without file and journal (the base:
1.00), and scripts as people write them, over aiohttp and over httpx: `csv.DictReader`, a dict for
each row, `asyncio.gather` and a semaphore, no journal. The scripts hold all rows at once, so they
are asked for 10,000 only. Ours reads the CSV, checks every row, and writes what it does into a
journal on disk.

How: each measurement is a new process, 64 rows under way at once; a first file of 200 rows, which
imports what is needed, counts for memory only. The candidates take turns, five rounds; one round
for a million rows. The server is nginx in a process of its own where it is installed; under the
limit it is the sandbox with its own limit on, whose record of arrivals is what counts.
"""

from __future__ import annotations

from benchmarks.harness.question import Candidate, Case, Figure, Question

from ._target import target

_OURS, _SCRIPTS = "benchmarks.backfill.ours", "benchmarks.backfill.scripts"
_BOTH = ("Backfill", "create_order alone")
_HOUR = 3600


def _rows(rows: int, **more: object) -> dict[str, object]:
    return {"rows": rows, "concurrency": 64, **more}


QUESTION = Question(
    name="backfill",
    title="What sending a file of orders takes",
    about=__doc__,
    figures=(
        Figure(key="cpu_us", title="CPU us/row"),
        Figure(key="per_second", title="rows/s", better="more", digits=0),
        Figure(key="peak_mib", title="peak MiB"),
        Figure(key="resume_s", title="s to go on", digits=2),
        Figure(key="used", title="limit used %", better="more", digits=2),
        Figure(key="refused", title="429s", digits=0),
        Figure(key="server_idle", title="server idle %", better=None, digits=0),
    ),
    candidates=(
        Candidate(name="Backfill", run=f"{_OURS}:backfill", role="ours"),
        Candidate(name="create_order alone", run=f"{_OURS}:alone", role="floor"),
        Candidate(name="gather, aiohttp", run=f"{_SCRIPTS}:with_aiohttp"),
        Candidate(name="gather, httpx", run=f"{_SCRIPTS}:with_httpx", needs=("httpx",)),
        Candidate(name="Backfill, half done", run=f"{_OURS}:half_done", role="ours"),
        Candidate(name="Backfill, limited", run=f"{_OURS}:limited", role="ours"),
    ),
    cases=(
        Case(
            name="10,000 rows",
            settings=_rows(10_000, timeout=180),
            quick={"rows": 2000},
            candidates=(*_BOTH, "gather, aiohttp", "gather, httpx"),
        ),
        Case(
            name="1,000,000 rows",
            settings=_rows(1_000_000, timeout=_HOUR),
            quick={"rows": 50_000},
            repetitions=1,
            candidates=_BOTH,
        ),
        Case(
            name="1,000,000 rows, half of them done",
            settings=_rows(1_000_000, timeout=_HOUR),
            quick={"rows": 50_000},
            repetitions=1,
            candidates=("Backfill, half done",),
        ),
        Case(
            name="500 rows a second allowed",
            settings=_rows(10_000, limit=500, timeout=180),
            quick={"rows": 2000},
            repetitions=3,
            candidates=("Backfill, limited",),
        ),
    ),
    base="create_order alone",
    target=target,
)
