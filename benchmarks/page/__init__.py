"""What reading one page of transactions costs.

Asked: processor time from the bytes of a page of 10, 100 and 1,000 transactions to values, for
both vendors.

Against: `json.loads` alone, orjson with cattrs into attrs classes, msgspec into Structs, and
pydantic v2 by `model_validate_json` (the base: 1.00), into classes shaped like the vendor's JSON
with every documented field. They map nothing. Ours ends in neutral values, frozen, that can
still hand out every field of the vendor's, documented or not. "pydantic, in part" knows nothing
but the fields that the neutral values are made of, and loses the others.

How: each measurement is a new process that reads one page over and over for half a second; the
candidates take turns, five rounds. Ours goes through the adapter's flow, as in the client.
"""

from __future__ import annotations

from itertools import product

from benchmarks.harness.question import Candidate, Case, Figure, Question

_DECODE = "benchmarks.page.decode"

QUESTION = Question(
    name="page",
    title="What reading a page of transactions costs",
    about=__doc__,
    figures=(
        Figure(key="row_us", title="CPU us/row", digits=2),
        Figure(key="page_ms", title="CPU ms/page", digits=3),
        Figure(key="mib_per_second", title="MiB/s", better="more", digits=0),
    ),
    candidates=(
        Candidate(name="ours", run=f"{_DECODE}:ours", role="ours"),
        Candidate(name="json.loads alone", run=f"{_DECODE}:by_json"),
        Candidate(name="orjson + cattrs", run=f"{_DECODE}:by_cattrs", needs=("orjson",)),
        Candidate(name="msgspec Struct", run=f"{_DECODE}:by_msgspec"),
        Candidate(name="pydantic", run=f"{_DECODE}:by_pydantic", needs=("pydantic",)),
        Candidate(
            name="pydantic, in part", run=f"{_DECODE}:by_pydantic_in_part", needs=("pydantic",)
        ),
    ),
    cases=tuple(
        Case(
            name=f"{title}, {rows:,} rows",
            settings={"vendor": vendor, "rows": rows, "seconds": 0.5},
            quick={"seconds": 0.1},
        )
        for (vendor, title), rows in product(
            (("loyaltylion", "LoyaltyLion"), ("joy", "Joy")), (10, 100, 1000)
        )
    ),
    base="pydantic",
)
