"""The vendors' rows as pydantic models, with the fields that ours reads only."""
# ruff: noqa: N815 - these are Joy's names

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, BaseModel

Id = int | str


class Customer(BaseModel):
    """Whom a row is about."""

    merchant_id: Id | None = None
    email: str | None = None


class Rule(BaseModel):
    """What earned the points."""

    name: str | None = None
    title: str | None = None


class Order(BaseModel):
    """The order behind a row."""

    merchant_id: Id | None = None


class Activity(BaseModel):
    """What the shopper did."""

    rule: Rule | None = None
    order: Order | None = None


class Adjustment(BaseModel):
    """What is said of an adjustment."""

    note: str | None = None


class Transaction(BaseModel):
    """A row of LoyaltyLion's."""

    id: Id
    created_at: AwareDatetime
    points_approved: int = 0
    points_pending: int = 0
    resource: str | None = None
    customer: Customer | None = None
    activity: Activity | None = None
    adjustment: Adjustment | None = None


class Cursor(BaseModel):
    """Where the pages beside this one begin."""

    next: str | None = None


class LoyaltyLionPage(BaseModel):
    """A page of LoyaltyLion's."""

    transactions: list[Transaction]
    cursor: Cursor | None = None


class JoyRow(BaseModel):
    """A row of Joy's."""

    id: Id
    createdAt: AwareDatetime
    shopifyCustomerId: Id | None = None
    email: str | None = None
    type: str | None = None
    oldPoint: int | str | None = None
    newPoint: int | str | None = None
    earnPoint: int | str | None = None
    spendPoint: int | str | None = None
    isPendingPointPlaceOrder: bool | None = None
    orderId: Id | None = None
    reason: str | None = None
    userNote: str | None = None
    content: str | None = None


class Pagination(BaseModel):
    """What is known of the pages beside this one."""

    hasNext: bool | None = None


class Meta(BaseModel):
    """What stands beside the rows."""

    pagination: Pagination | None = None


class JoyPage(BaseModel):
    """A page of Joy's."""

    data: list[JoyRow]
    success: bool | None = None
    meta: Meta | None = None


PAGES: dict[str, Any] = {"loyaltylion": LoyaltyLionPage, "joy": JoyPage}
