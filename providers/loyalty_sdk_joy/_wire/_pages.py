"""Pages: where they begin and how they go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from loyalty_sdk._models import Page, Transaction
from loyalty_sdk.wire import Id, Shape, decode, malformed
from loyalty_sdk_joy._models import CountedPage, CustomerRecord

from ._answers import Meta, Pagination

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loyalty_sdk._flow import Response

Row = TypeVar("Row", Transaction, CustomerRecord)


class _Identified(Shape):
    id: Id


class _Leading(Shape):
    """Any page, as far as it leads on."""

    data: list[_Identified]
    success: bool | None = None
    meta: Meta | None = None


def read_last_id(response: Response) -> str | None:
    """The id of the last row on any page that others follow, and nothing else of it.

    Raises:
        MalformedResponseError: There is no saying.
    """
    page: _Leading = decode(response.body, _Leading)
    pagination = (page.meta and page.meta.pagination) or Pagination()
    if pagination.hasNext is False or page.success is False or not page.data:
        return None
    return str(page.data[-1].id)


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
