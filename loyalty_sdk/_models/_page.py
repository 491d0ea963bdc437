"""A part of a list."""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs

T = TypeVar("T")


@attrs.frozen
class Page(Generic[T]):
    """One page of a list.

    Attributes:
        items: Newest first; may be empty although more pages follow.
        cursor: Fetches the page after this one; None on the last.
    """

    items: tuple[T, ...]
    cursor: str | None = None
