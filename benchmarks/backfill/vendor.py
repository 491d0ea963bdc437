"""The sandbox with a limit, in a process of its own, until standard input ends."""

from __future__ import annotations

import asyncio
import json
import sys

from loyalty_sdk.sandbox import Sandbox


async def main(limit: int) -> None:
    """Serve until standard input ends."""
    async with Sandbox(limits={"loyaltylion": limit}) as sandbox:
        sys.stdout.write(json.dumps(sandbox.url) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
