"""200 visitors for a minute at the FastAPI example, while the vendor misbehaves.

Run it with ``make soak``, or with ``python -m tests.examples.soak --help`` in the project's
folder. It ends with 1 when anything was given twice, lost, denied or leaked, if an exception
escaped, or if too little was sent to tell.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from loyalty_sdk.sandbox import Sandbox
from loyalty_sdk.testing._thread import served

from .load import Load, misbehave, settle, visit
from .server import Server, environment, start

_TROUBLE = ("Traceback", "Unclosed", "never retrieved", "was destroyed", "ResourceWarning")
_IDLE = 25.0  # the pool looks every 10 seconds for connections idle for 10 seconds


def main() -> int:
    """Print the table; 1 when anything in it must not be."""
    options = _options()
    with served(Sandbox()) as vendor, tempfile.TemporaryDirectory() as folder:
        here = Path(__file__).parent
        app = start("hasty_app", environment(vendor.url), Path(folder), apps=here)
        try:
            app.wait()
            return asyncio.run(_run(app, vendor, options))
        finally:
            app.process.kill()
            app.process.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--visitors", type=int, default=200, help="at once (200)")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long (60)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults (1)")
    return parser.parse_args()


async def _run(app: Server, vendor: Sandbox, options: argparse.Namespace) -> int:
    before = len(app.files())
    misbehave(vendor, options.seed)
    load = await visit(
        app.url, vendor, visitors=options.visitors, seconds=options.seconds, deadline=3.0
    )
    await settle(load, vendor)
    await asyncio.sleep(_IDLE)
    leaked = app.sockets(vendor.url), len(app.files()) - before
    status = await asyncio.to_thread(app.stop)
    escaped = sum(app.printed.count(word) for word in _TROUBLE)
    print(load.table())
    print(f"{'connections left':24} {leaked[0]:>10}\n{'files left open':24} {leaked[1]:>10}")
    print(f"{'exceptions that escaped':24} {escaped:>10}\n{'exit':24} {status:>10}")
    return int(_is_wrong(load) or any(leaked) or bool(escaped) or status not in {0, -15})


def _is_wrong(load: Load) -> bool:
    odd = set(load.outcomes) - {"applied", "unknown", "left", "not_sent", "absent", "rejected"}
    return bool(load.doubled or load.lost or load.hidden or odd or not load.tells)


if __name__ == "__main__":
    sys.exit(main())
