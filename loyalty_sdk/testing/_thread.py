"""A sandbox in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from loyalty_sdk.sandbox import Sandbox

T = TypeVar("T")


@contextmanager
def served(options: Mapping[str, Any]) -> Iterator[Sandbox]:
    """A running sandbox made with ``options``; leaving stops it and ends the thread."""
    sandbox = Sandbox(**options)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="loyalty-sandbox", daemon=True)
    thread.start()

    def wait_for(coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    try:
        wait_for(sandbox.start())
        yield sandbox
    finally:
        wait_for(sandbox.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
