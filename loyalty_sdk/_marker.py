"""The marker by which a write is found again: ``[ref:TOKEN] text`` in a vendor's free text."""

from __future__ import annotations

import html
import re
from base64 import b32encode
from hashlib import sha256

from .errors import Problem

LONGEST = 255
"""Most characters of a marked field, marker and text together."""

_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MARKER = re.compile(r"\[ref:(~?[A-Za-z0-9._-]+)\](?: |$)")


def token(reference: str) -> str:
    """``reference`` itself where it is plain, else ``~`` and 26 characters of its hash."""
    if _PLAIN.fullmatch(reference):
        return reference
    return "~" + b32encode(sha256(reference.encode()).digest()).decode()[:26]


def mark(reference: str, text: str | None) -> str:
    """``text`` behind the marker of ``reference``."""
    marker = f"[ref:{token(reference)}]"
    return f"{marker} {text}" if text else marker


def read(field: str | None) -> str | None:
    """The token ``field`` begins with, None without a whole one.

    HTML is unescaped and blanks are collapsed first: some software in between does the
    opposite.
    """
    if field is None:
        return None
    found = _MARKER.match(" ".join(html.unescape(field).split()))
    return found[1] if found else None


def check(problems: list[Problem], path: str, field: str) -> None:
    """A marked field that is too long is an error and never cut."""
    if len(field) > LONGEST:
        over = f"is {len(field)} characters long with its marker; at most {LONGEST} are kept"
        problems.append(Problem(path, over))
