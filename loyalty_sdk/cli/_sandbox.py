"""``loyalty sandbox``: the vendors' stand-in, until interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from shlex import quote
from typing import TYPE_CHECKING

import click

from loyalty_sdk._registry import load
from loyalty_sdk.sandbox import Sandbox

from ._failures import DONE

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = 8311
"""Where the sandbox listens unless told otherwise; what `loyalty demo` ends with relies on it."""


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="On 127.0.0.1; 0 takes a free one.",
)
@click.option("--limits", is_flag=True, help="Enforce the rate limits the vendors document.")
def sandbox(port: int, *, limits: bool) -> int:
    """Serve every vendor's sandbox on this machine until interrupted.

    Prints the base URL of each vendor and the lines that point the environment at it. What
    it knows is lost when it ends.
    """
    asyncio.run(_serve(Sandbox(port, limits=limits)))
    return DONE


async def _serve(stand_in: Sandbox) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # A shell's background job ignores the interrupt unless it is asked for like this. Another
    # thread's loop, and Windows, have no such handlers.
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    async with stand_in:
        click.echo("\n".join(_greeting(stand_in)))
        await stop.wait()


def _greeting(stand_in: Sandbox) -> Iterator[str]:
    """Lines for a shell: what is no assignment is a comment, so all of it can be pasted."""
    for name in stand_in.providers:
        kind, given = load(name), stand_in.settings(name)
        yield f"# {kind.title}: {given['base_url']}"
        for setting in kind.settings:
            if setting.env and setting.name in given:
                yield f"export {setting.env}={quote(given[setting.name])}"
    yield "# Paste the lines above into another terminal; Ctrl-C ends the sandbox."
