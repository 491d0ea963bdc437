"""The sandbox with a limit, in a process of its own, until standard input ends."""

from __future__ import annotations

import asyncio
import gc
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
    # It keeps every order and every arrival. To go through all of them takes as long as a margin
    # is wide, and what waits meanwhile arrives at once: that would be taken for ours.
    gc.disable()
    asyncio.run(main(int(sys.argv[1])))
