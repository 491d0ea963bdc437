"""What it costs to import a client and to make one.

Asked: processor time, wall time and memory of a new interpreter that imports, makes a client and
ends, beyond those of an interpreter that does nothing.

Against: `import aiohttp` alone (the base: 1.00), aiohttp with a session, httpx, and the official
SDKs of stripe and openai. Ours once only imported, once with a client of each vendor, and once
with the session that the first call makes.

How: interpreters are started in turns with bare ones, whose median is taken off; five rounds.
Byte code is compiled already.
"""

from __future__ import annotations

from typing import Literal

from benchmarks.harness.question import Candidate, Case, Figure, Question

_LION = 'loyalty_sdk.connect("loyaltylion", api_key="pat_sandbox")'
_JOY = 'loyalty_sdk.connect("joy", app_key="sandbox", secret_key="sandbox")'
_SESSION = """
import asyncio, aiohttp
async def main():
    async with aiohttp.ClientSession():
        pass
asyncio.run(main())
"""
_HTTPX = """
import asyncio, httpx
async def main():
    async with httpx.AsyncClient():
        pass
asyncio.run(main())
"""


def _candidate(name: str, code: str, needs: tuple[str, ...] = ()) -> Candidate:
    run = "benchmarks.import_.startup:measure"
    role: Literal["ours", "peer"] = "ours" if name.startswith("ours") else "peer"
    return Candidate(name=name, run=run, needs=needs, role=role, settings={"code": code})


QUESTION = Question(
    name="import",
    title="What importing and making a client costs",
    about=__doc__,
    figures=(
        Figure(key="cpu_ms", title="CPU ms"),
        Figure(key="wall_ms", title="wall ms"),
        Figure(key="mib", title="MiB"),
    ),
    candidates=(
        _candidate("ours, import alone", "import loyalty_sdk"),
        _candidate("ours, a LoyaltyLion client", f"import loyalty_sdk; {_LION}"),
        _candidate("ours, a Joy client", f"import loyalty_sdk; {_JOY}"),
        _candidate("aiohttp, import alone", "import aiohttp"),
        _candidate("aiohttp, with a session", _SESSION),
        _candidate("httpx, with a client", _HTTPX, ("httpx",)),
        _candidate(
            "stripe, with a client", 'import stripe; stripe.StripeClient("sk_1")', ("stripe",)
        ),
        _candidate(
            "openai, with a client", 'import openai; openai.AsyncOpenAI(api_key="k")', ("openai",)
        ),
    ),
    cases=(Case(name="beyond a bare interpreter", settings={"turns": 3}, quick={"turns": 1}),),
    base="aiohttp, import alone",
)
