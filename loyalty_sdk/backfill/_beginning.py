"""Opens a journal without holding up the event loop, and lets go of it if nobody wants it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from ._journal import Journal
from ._opening import open_journal

if TYPE_CHECKING:
    from pathlib import Path

    from ._identity import Belonging


async def begin(
    path: Path, belonging: Belonging, *, adopt: bool, mends: bool, directory: Path | None
) -> Journal:
    """The journal at ``path``; see `open_journal`.

    Raises:
        JournalError: It is not for this run.
    """
    make = partial(open_journal, path, belonging, adopt=adopt, mends=mends, directory=directory)
    opening = asyncio.ensure_future(asyncio.to_thread(make))
    try:
        return Journal(await asyncio.shield(opening))
    except asyncio.CancelledError:
        # Its thread goes on, and would leave the journal locked as long as the process lives.
        await asyncio.wait({opening})
        if opening.exception() is None:
            opening.result().close(whole=True)
        raise
