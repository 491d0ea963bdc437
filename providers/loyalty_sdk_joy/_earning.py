"""Activities and orders, as far as the merchant says what they earn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn
from uuid import uuid4

from loyalty_sdk.errors import UnsupportedOperationError

from ._awards import activity_award, check_earned, check_guest, check_order, order_award
from ._points import PointFlows
from ._products import Product
from ._programs import ProgramFlows
from ._settings import AwardPoints, PointsPerUnit

if TYPE_CHECKING:
    from loyalty_sdk._flow import Flow
    from loyalty_sdk._models import Activity, Order, Transaction

    from ._settings import JoyCalculator, Orders, SocialInteraction


class EarningFlows(PointFlows, ProgramFlows):
    """The neutral operations that Joy has no calls for."""

    _activities: dict[str, AwardPoints | SocialInteraction]
    _orders: Orders | None

    def track_activity(self, activity: Activity, /) -> Flow[Transaction | None]:
        """What ``activities`` says: an award of points, or a social interaction.

        Raises:
            UnsupportedOperationError: ``activities`` does not name it.
            ValidationError: The activity is a guest's.
        """
        meaning = self._activities.get(activity.name)
        if meaning is None:
            self._unsupported_activity(activity.name)
        check_guest("the activity", activity)
        if isinstance(meaning, AwardPoints):
            body = activity_award(activity, meaning)
            reference = activity.id or uuid4().hex
            # Else the end of one name might be taken for the beginning of another's id.
            colons = f":{len(activity.name)}:" if ":" in activity.name else ""
            key = f"activity:{colons}{activity.name}:{reference}"
            return (yield from self._change_points("award", body, reference, key))
        return (
            yield from self.social_interaction(
                activity.customer.id,
                event=meaning.event,
                earning_id=meaning.earning_id,
                reference=activity.id,
            )
        )

    def create_order(self, order: Order, /) -> Flow[Transaction | None]:
        """Award what ``orders`` says the order's ``total`` earns.

        `JoyCalculator` asks Joy for the points first; that request changes nothing.

        Raises:
            UnsupportedOperationError: ``orders`` is not configured.
            ValidationError: It is a guest's, not paid, or earns no points; nothing was
                awarded.
        """
        meaning = self._orders
        if meaning is None:
            self._unsupported("create_order")
        check_order(order)
        if isinstance(meaning, PointsPerUnit):
            points = meaning.points(order.total)
        else:
            points = yield from self._calculated(order, meaning)
        check_earned(points)
        body = order_award(order, points, meaning.reason)
        return (yield from self._change_points("award", body, order.id, f"order:{order.id}"))

    def supports(self, operation: str) -> bool:
        """Whether ``operation`` works, as configured."""
        configured = {
            "track_activity": bool(self._activities),
            "create_order": self._orders is not None,
        }
        return configured.get(operation, True) and super().supports(operation)

    def _calculated(self, order: Order, meaning: JoyCalculator) -> Flow[int]:
        calculation = yield from self.calculate_points(
            [Product(id=order.id, quantity=1, price=order.total)],
            customer_id=order.customer.id,
            source_name=meaning.source_name,
        )
        return calculation.points

    def _unsupported_activity(self, name: str) -> NoReturn:
        if not self._activities:
            self._unsupported("track_activity")
        raise UnsupportedOperationError(
            f"Joy has no meaning configured for the activity {name!r}",
            hint=f"Add it: activities={{{name!r}: AwardPoints(50)}} or SocialInteraction(...);"
            f" configured are {', '.join(map(repr, self._activities))}",
        )
