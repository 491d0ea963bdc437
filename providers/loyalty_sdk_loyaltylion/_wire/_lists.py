"""What all of LoyaltyLion's lists have in common.

https://developers.loyaltylion.com/api-reference/pagination
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from loyalty_sdk.errors import MalformedResponseError
from loyalty_sdk.wire import Shape, convert, decode

if TYPE_CHECKING:
    from loyalty_sdk._flow import Response


class Cursor(Shape):
    """What leads on from a page."""

    next: str | None = None


class _Leading(Shape):
    """Any page, as far as it leads on."""

    cursor: Cursor | None = None


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


def read_cursor(response: Response) -> str | None:
    """The cursor on any page, and nothing else of it.

    Raises:
        MalformedResponseError: There is no saying.
    """
    body = response.body
    # It stands last, so nobody need look through the rows. What is taken for it would not be
    # JSON to the end of the page, were it a part of something else.
    with suppress(MalformedResponseError):
        return after(decode(b"{" + body[body.rfind(b'"cursor"') :], _Leading).cursor)
    return after(decode(body, _Leading).cursor)
