"""The loyalty scheme of a corner shop: a small whole adapter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs

from loyalty_sdk import (
    ConfigurationError,
    Credential,
    Customer,
    Flow,
    Identity,
    MalformedResponseError,
    Order,
    Page,
    PointsAdjustment,
    Problem,
    Provider,
    Refusal,
    Request,
    Response,
    Safety,
    Setting,
    Transaction,
    TransactionKind,
    ValidationError,
    expand,
    get,
    wire,
)

__all__ = ["CornerShop"]

_KINDS = {"given": TransactionKind.ADJUSTED, "order": TransactionKind.EARNED}


@attrs.frozen
class _Row:
    id: int
    points: int
    balance: int
    at: wire.Aware
    kind: str | None = None
    why: str | None = None
    order: str | None = None


@attrs.frozen
class _Rows:
    rows: list[dict[str, Any]]
    more: str | None = None


@attrs.frozen
class _Me:
    shop: str


@attrs.frozen
class _Words:
    problem: str


class CornerShop(Provider):
    """A shop that keeps points, and orders under their ids.

    Args:
        key: Its key, or a callable that gives it.
        base_url: Where it is.
    """

    name: ClassVar[str] = "cornershop"
    title: ClassVar[str] = "Corner Shop"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("key", "CORNERSHOP_KEY", secret=True, help="key"),
        Setting("base_url", "CORNERSHOP_BASE_URL", help="origin"),
    )
    limitations: ClassVar[Mapping[str, str]] = {
        "track_activity": "only orders and adjustments move points here"
    }

    def __init__(self, *, key: Any = None, base_url: str = "https://corner.example.com") -> None:
        if key is None:
            raise ConfigurationError("key is missing", hint="Give it or set CORNERSHOP_KEY")
        self.base_url = base_url
        self.credentials = {"X-Corner-Key": Credential(key)}

    def create_order(self, order: Order, /) -> Flow[None]:
        """Put an order under its id; putting it again changes nothing."""
        template = "/corner/orders/{id}"
        body = {"customer": order.customer.id, "total": order.total}
        yield Request(
            method="PUT",
            template=template,
            path=expand(template, id=order.id),
            body=wire.encode(body),
            safety=Safety.IDEMPOTENT,
            reference=order.id,
        )

    def adjust_points(self, adjustment: PointsAdjustment, /) -> Flow[Transaction | None]:
        """Give or take points."""
        template = "/corner/customers/{id}/points"
        response = yield Request(
            method="POST",
            template=template,
            path=expand(template, id=adjustment.customer_id),
            body=wire.encode({"points": adjustment.points, "why": adjustment.reason}),
            safety=Safety.ONCE,
            reference=adjustment.reference,
        )
        return _transaction(adjustment.customer_id, response.json())

    def list_transactions(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[Transaction]]:
        """A customer's points, newest first; ``customer_id`` is required."""
        customer_id, size = _checked(filters)
        query = {"after": cursor, "limit": size}
        page = yield get("/corner/customers/{id}/points", query, id=customer_id)
        read = wire.decode(page.body, _Rows)
        rows = tuple(_transaction(customer_id, row) for row in read.rows)
        return Page(rows, read.more or None)

    def whoami(self) -> Flow[Identity]:
        """The shop."""
        response = yield get("/corner/me")
        return Identity(program=wire.decode(response.body, _Me).shop)

    def refusal(self, response: Response, /) -> Refusal:
        """``{"problem": "..."}``."""
        try:
            return Refusal(message=wire.decode(response.body, _Words).problem)
        except MalformedResponseError:
            return Refusal()


def _checked(filters: Mapping[str, Any]) -> tuple[str, int]:
    problems = [
        Problem(name, "is no filter here") for name in filters.keys() - {"customer_id", "page_size"}
    ]
    customer_id, size = filters.get("customer_id"), filters.get("page_size", 50)
    try:
        expand("/{customer_id}", customer_id=customer_id)  # type: ignore[arg-type]
    except ValidationError as exc:
        problems += exc.problems
    if type(size) is not int or not 1 <= size <= 100:
        problems.append(Problem("page_size", "wanted an int from 1 to 100"))
    if problems:
        raise ValidationError.of("the filter", problems)
    return str(customer_id), size


def _transaction(customer_id: str, raw: dict[str, Any]) -> Transaction:
    row = wire.convert(raw, _Row)
    at: datetime = row.at
    return Transaction(
        id=str(row.id),
        customer=Customer(id=customer_id),
        points=row.points,
        pending=0,
        balance=row.balance,
        kind=_KINDS.get(row.kind or "", TransactionKind.OTHER),
        created_at=at,
        reason=row.why,
        order_id=row.order,
        raw=raw,
    )
