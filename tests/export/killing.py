"""Exports in processes of their own, which are killed again and again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

from loyalty_sdk.sandbox import Sandbox

from .ledgers import pages_asked

# Imports once and forks for every export: a kill costs no start of an interpreter.
_FORKER = """
import asyncio, json, os, sys, traceback
from datetime import datetime
import loyalty_sdk
from loyalty_sdk.export import Export
from loyalty_sdk.wire import encode

async def export(settings, out, until, options):
    async with loyalty_sdk.connect("loyaltylion", rate_limit=False, **settings) as client:
        until = datetime.fromisoformat(until)
        await Export(client, out, created_until=until, **options).run()

def child(line):
    try:
        asyncio.run(export(*json.loads(line)))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

for line in sys.stdin:
    pid = os.fork()
    if not pid:
        child(line)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


class Exporter:
    """Exports of one sandbox that all end at one moment.

    Args:
        sandbox: Whose rows.
        until: The moment.
        **options: Of `Export`.
    """

    def __init__(self, sandbox: Sandbox, until: str, **options: Any) -> None:
        self._sandbox = sandbox
        self._arguments = (sandbox.settings("loyaltylion"), until, options)
        self._forker: Process | None = None

    async def __aenter__(self) -> Self:
        self._forker = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _FORKER, stdin=PIPE, stdout=PIPE, env=os.environ
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._forker is not None
        assert self._forker.stdin is not None
        self._forker.stdin.close()
        await self._forker.wait()

    async def _heard(self) -> int:
        assert self._forker is not None
        assert self._forker.stdout is not None
        return int(await self._forker.stdout.readline())

    async def _start(self, out: Path) -> int:
        """The id of a process that has begun an export."""
        assert self._forker is not None
        assert self._forker.stdin is not None
        settings, until, options = self._arguments
        self._forker.stdin.write(json.dumps([settings, str(out), until, options]).encode() + b"\n")
        return await self._heard()

    async def finish(self, out: Path) -> None:
        """Let an export come to its end."""
        await self._start(out)
        assert 0 == await self._heard()

    async def kill(self, out: Path, requests: int, pause: float) -> bool:
        """Kill an export after so many requests for pages and a pause; False if it had ended."""
        self._sandbox.arrivals.clear()
        number = await self._start(out)
        ended = asyncio.ensure_future(self._heard())
        while not ended.done() and pages_asked(self._sandbox) < requests:
            await asyncio.sleep(0.001)
        await asyncio.sleep(pause)
        if not ended.done():
            os.kill(number, signal.SIGKILL)
        status = await ended
        assert status in {0, signal.SIGKILL}
        return status == signal.SIGKILL


async def survive(exporter: Exporter, out: Path, *, kills: int, step: int, seed: int) -> int:
    """An export that is killed ``kills`` times and then comes to its end; how often it was.

    Args:
        exporter: Starts it.
        out: Its file.
        kills: How often, unless it ends before.
        step: How many pages it may ask for each time, at most.
        seed: Of the moments.
    """
    draw = Random(seed)  # noqa: S311 - repeatable on purpose
    for number in range(kills):
        if not await exporter.kill(out, draw.randint(1, step), draw.random() * 0.01):
            return number
    await exporter.finish(out)
    return kills
