"""Pages: where they begin and how they go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from loyalty_sdk._models import Page, Transaction
from loyalty_sdk.wire import malformed
from loyalty_sdk_joy._models import CountedPage, CustomerRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._answers import Pagination

Row = TypeVar("Row", Transaction, CustomerRecord)


def page(rows: tuple[Row, ...], pagination: Pagination, asked: Mapping[str, Any]) -> Page[Row]:
    """``rows`` as one page of the list that was ``asked``.

    Raises:
        MalformedResponseError: More is to follow, but there is nothing to go on from.
    """
    cursor = _cursor(rows, pagination, backwards="before" in asked)
    if not asked.get("hasCount"):
        return Page(rows, cursor)
    return CountedPage(rows, cursor, total=pagination.total, total_pages=pagination.totalPage)


def _cursor(
    rows: Sequence[Transaction | CustomerRecord], pagination: Pagination, *, backwards: bool
) -> str | None:
    """Where to go on: Joy wants the id of the last row, or of the first when going back.

    Without its flag only a page without rows is the end, so that no row is lost.
    """
    flag = "hasPre" if backwards else "hasNext"
    more: bool | None = getattr(pagination, flag)
    if rows and more is not False:
        return rows[0 if backwards else -1].id
    if more:
        why = "more rows are said to follow, but there is none to go on from"
        raise malformed(f"$.meta.pagination.{flag}", why)
    return None
