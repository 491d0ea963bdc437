"""What all of LoyaltyLion's lists have in common.

https://developers.loyaltylion.com/api-reference/pagination
"""

from __future__ import annotations

from typing import Any

from loyalty_sdk.wire import Shape, convert, decode


class Cursor(Shape):
    """What leads on from a page."""

    next: str | None = None


def rows_of(body: bytes, key: str) -> tuple[list[Any], Cursor | None]:
    """The rows of any list as plain JSON types, and what leads on.

    Raises:
        MalformedResponseError: It is no list.
    """
    answer = decode(body, dict[str, Any])
    # Of the cursor nothing is salvaged: taken for none, it would end the list in silence.
    return (
        convert(answer.get(key), list[Any], f"$.{key}"),
        convert(answer.get("cursor"), Cursor | None, "$.cursor"),
    )


def after(cursor: Cursor | None) -> str | None:
    """What fetches the page after this one; None on the last."""
    return (cursor.next or None) if cursor else None
