"""The vendors' pages as pydantic models: every documented field, and no neutral mapping."""
# ruff: noqa: N815 - these are Joy's names

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, BaseModel

Id = int | str


class Customer(BaseModel):
    """Whom a row is about."""

    id: int
    merchant_id: Id | None = None
    email: str | None = None
    points_pending: int = 0
    points_approved: int = 0
    points_spent: int = 0


class Rule(BaseModel):
    """What earned the points."""

    id: int | None = None
    name: str | None = None
    title: str | None = None


class Order(BaseModel):
    """The order behind a row."""

    id: int
    merchant_id: Id | None = None


class Activity(BaseModel):
    """What the shopper did."""

    id: int
    created_at: AwareDatetime
    customer: Customer
    merchant_id: Id | None = None
    value: str | None = None
    state: str | None = None
    rule: Rule | None = None
    resource: str | None = None
    order: Order | None = None


class Note(BaseModel):
    """What is said of a row that nobody earned."""

    note: str | None = None


class Transaction(BaseModel):
    """A row of LoyaltyLion's."""

    id: int
    customer: Customer
    created_at: AwareDatetime
    points_approved: int = 0
    points_pending: int = 0
    resource: str | None = None
    activity: Activity | None = None
    adjustment: Note | None = None
    claimed_reward: Note | None = None
    expiry: Note | None = None


class Cursor(BaseModel):
    """Where the pages beside this one begin."""

    prev: str | None = None
    next: str | None = None


class LoyaltyLionPage(BaseModel):
    """A page of LoyaltyLion's."""

    transactions: list[Transaction]
    cursor: Cursor | None = None


class JoyRow(BaseModel):
    """A row of Joy's."""

    id: Id
    createdAt: AwareDatetime
    updatedAt: AwareDatetime | None = None
    shopId: str | None = None
    customerId: str | None = None
    shopifyCustomerId: Id | None = None
    email: str | None = None
    content: str | None = None
    type: str | None = None
    source: str | None = None
    event: str | None = None
    oldPoint: int | None = None
    newPoint: int | None = None
    programId: str | None = None
    programTitle: str | None = None
    priceRuleId: str | None = None
    discountId: str | None = None
    couponCode: str | None = None
    orderId: Id | None = None
    orderName: str | None = None
    orderNumber: int | None = None
    orderCurrency: str | None = None
    earnBy: str | None = None
    rateMoney: float | None = None
    earnPoint: int | None = None
    spendPoint: int | None = None
    referralCustomerEmail: str | None = None
    referredCustomerEmail: str | None = None
    milestoneOrder: int | None = None
    isPendingPointPlaceOrder: bool | None = None
    refundPendingPoint: int | None = None
    pendingPointUntil: AwareDatetime | None = None
    adminNote: str | None = None
    userNote: str | None = None
    reason: str | None = None


class Pagination(BaseModel):
    """What is known of the pages beside this one."""

    hasNext: bool | None = None
    hasPre: bool | None = None
    total: int | None = None
    totalPage: int | None = None


class Meta(BaseModel):
    """What stands beside the rows."""

    pagination: Pagination | None = None


class JoyPage(BaseModel):
    """A page of Joy's."""

    data: list[JoyRow]
    success: bool | None = None
    meta: Meta | None = None


PAGES: dict[str, Any] = {"loyaltylion": LoyaltyLionPage, "joy": JoyPage}
