"""A sandbox in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

    from loyalty_sdk.sandbox import Sandbox

T = TypeVar("T")


@contextmanager
def served(sandbox: Sandbox) -> Generator[Sandbox]:
    """``sandbox``, running; leaving stops it and ends the thread."""
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
