"""The vendor's part, in a process of its own: pages that were made beforehand, until input ends.

The rows are the sandbox's, but each is turned into JSON once, before the first request. Windows
that are read side by side ask in step: a server that made eight pages one after the other while
the clients wait would be what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from urllib.parse import parse_qs

from benchmarks.harness.answers import WHOAMI, Answering, answer
from loyalty_sdk import wire
from loyalty_sdk.sandbox import Sandbox

_START = datetime(2024, 1, 1, tzinfo=UTC)
_CUSTOMERS = 1000


class History:
    """All rows, oldest first, and any page of them; a cursor is the stretch that is left."""

    def __init__(self, times: list[datetime], rows: list[bytes]) -> None:
        self._times = times
        self._rows = rows

    def __call__(self, line: bytes) -> bytes:
        """The answer to the request that begins with ``line``."""
        path, _, query = line.split(b" ")[1].decode().partition("?")
        if path.endswith("/whoami"):
            date = format_datetime(datetime.now(UTC), usegmt=True)  # an export asks for the time
            return answer(WHOAMI.encode(), f"200 OK\r\nDate: {date}".encode())
        asked = {name: values[-1] for name, values in parse_qs(query).items()}
        return answer(self._page(int(asked["limit"]), *self._stretch(asked)))

    def _stretch(self, asked: dict[str, str]) -> tuple[int, int]:
        if "cursor" in asked:
            low, _, high = asked["cursor"].partition("-")
            return int(low), int(high)
        since, until = asked.get("created_at_min"), asked.get("created_at_max")
        return (
            0 if since is None else bisect_left(self._times, datetime.fromisoformat(since)),
            len(self._times)
            if until is None
            else bisect_left(self._times, datetime.fromisoformat(until)),
        )

    def _page(self, limit: int, low: int, high: int) -> bytes:
        rest = max(low, high - limit)
        rows = b",".join(reversed(self._rows[rest:high]))
        following = b'"%d-%d"' % (low, rest) if rest > low else b"null"
        return b'{"transactions":[%b],"cursor":{"next":%b}}' % (rows, following)


async def history(rows: int) -> History:
    """Rows of a shop that grows: the second year has about five times the rows of the first."""
    async with Sandbox() as sandbox:
        vendor = sandbox.vendor("loyaltylion")
        draw = Random(1)  # noqa: S311 - repeatable on purpose
        with vendor.ledger.lock:
            accounts = [
                vendor.ledger.open_account(str(number), email=f"{number}@example.com")
                for number in range(_CUSTOMERS)
            ]
            for number in range(rows):
                days = 730 * (((number + 1) / rows) ** 0.4)
                vendor.seed(draw.choice(accounts), 5, time=_START + timedelta(days=days))
            entries = vendor.ledger.entries.rows
            made = vendor.rows.transaction  # type: ignore[attr-defined]  # this vendor's own
            return History(
                [entry.time for entry in entries], [wire.encode(made(entry)) for entry in entries]
            )


async def main(rows: int, latency: float) -> None:
    """Serve until standard input ends."""
    answers = await history(rows)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answering(answers, latency), "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        print(json.dumps({"api_key": "pat_bench", "base_url": url}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
