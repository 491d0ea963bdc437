"""asyncio, imported when something of it is first used.

A client is made long before its first call, often where no event loop runs, and asyncio takes
as long to import as all that making one needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import lazily

if TYPE_CHECKING:
    from asyncio import (
        AbstractEventLoop,
        CancelledError,
        Future,
        TimerHandle,
        current_task,
        get_running_loop,
        timeout,
    )
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "asyncio": "AbstractEventLoop CancelledError Future TimerHandle current_task"
            " get_running_loop timeout"
        },
    )

__all__ = [
    "AbstractEventLoop",
    "CancelledError",
    "Future",
    "TimerHandle",
    "current_task",
    "get_running_loop",
    "timeout",
]
