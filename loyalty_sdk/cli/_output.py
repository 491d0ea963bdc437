"""What reaches the terminal: printable text, and no traceback when nobody reads it."""

from __future__ import annotations

import contextlib
import errno
import os
import sys

import click


def printable(text: str) -> str:
    """``text`` without control characters, which could move a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def one_line(text: str) -> str:
    """``text`` as one printable line."""
    return printable(" ".join(text.split()))


def complain(message: str, code: int) -> int:
    """Print ``message`` as one line to stderr and return ``code``."""
    with contextlib.suppress(OSError):
        click.echo(f"loyalty: {one_line(message)}", err=True)
    return code


def give_up_output(exc: OSError) -> str | None:
    """Send what is still buffered nowhere; why, or None if nobody reads any more.

    Without this Python would try again when it exits, and print a traceback.
    """
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:  # noqa: PTH123 - os.devnull is a name
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return None if exc.errno == errno.EPIPE else f"cannot write the output: {exc.strerror}"
