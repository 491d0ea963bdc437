"""Activities and orders as awards of points, and which of them can be one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loyalty_sdk import _checks
from loyalty_sdk._models import timestamp
from loyalty_sdk.errors import Problem

from ._settings import MOST_POINTS
from ._wire import point_change

if TYPE_CHECKING:
    from datetime import datetime

    from loyalty_sdk._models import Activity, Order

    from ._settings import AwardPoints


def activity_award(activity: Activity, meaning: AwardPoints) -> dict[str, Any]:
    """The body that awards an activity's points."""
    what = f"activity {activity.name}" + (f" {activity.id}" if activity.id else "")
    return point_change(
        activity.customer.id,
        meaning.points,
        reason=meaning.reason or activity.name,
        user_note=meaning.reason,
        admin_note=_dated(what, activity.occurred_at),
    )


def order_award(order: Order, points: int, reason: str | None) -> dict[str, Any]:
    """The body that awards an order's points under its id."""
    what = f"order {order.id}"
    return point_change(
        order.customer.id,
        points,
        reason=reason or what,
        user_note=reason,
        admin_note=_dated(what, order.placed_at),
    )


def _dated(what: str, moment: datetime | None) -> str:
    # Joy gives every row its own time; ours is kept for staff to read.
    return what if moment is None else f"{what}, {timestamp(moment)}"


def check_guest(subject: str, value: Activity | Order) -> None:
    """Refuse what a guest did: guests earn nothing.

    Raises:
        ValidationError: ``value`` is a guest's.
    """
    _checks.finish(subject, _guest_problems(value))


def check_order(order: Order) -> None:
    """Refuse an order that must not earn points yet, or ever.

    Raises:
        ValidationError: It is a guest's, or said to be unpaid: Joy knows no order whose
            payment it could wait for. One that says nothing of payment counts as paid.
    """
    problems = _guest_problems(order)
    if order.payment_status not in {None, "paid"}:
        why = (
            "wanted 'paid' or nothing: Joy has no order to wait for, its points are awarded at once"
        )
        problems.append(Problem("payment_status", why))
    _checks.finish("the order", problems)


def check_earned(points: int) -> None:
    """Refuse an order whose points can't be sent; none at all can't be acknowledged.

    Raises:
        ValidationError: ``points`` is less than 1 or more than JSON carries.
    """
    problems: list[Problem] = []
    if points < 1:
        why = "earns no points as configured, so there is nothing to send"
        problems.append(Problem("total", why))
    if points > MOST_POINTS:
        why = "earns more points than a JSON number carries (2**53 - 1)"
        problems.append(Problem("total", why))
    _checks.finish("the order", problems)


def _guest_problems(value: Activity | Order) -> list[Problem]:
    return [Problem("guest", "guests have no points at Joy")] if value.guest else []
