"""Activities: what shoppers do that a rule may reward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args
from uuid import uuid4

from loyalty_sdk import _checks, wire
from loyalty_sdk._look import Trace
from loyalty_sdk._provider import Provider
from loyalty_sdk.errors import Problem

from . import _wire
from ._filters import ACTIVITIES, query
from ._requests import page_of, shopper, write
from ._states import ActivityState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loyalty_sdk._flow import Flow
    from loyalty_sdk._models import Activity, Page

    from ._models import ActivityRecord


class ActivityFlows(Provider):
    """The flows of LoyaltyLion's activities."""

    site_id: int | None

    def track_activity(self, activity: Activity, /) -> Flow[None]:
        """Track an activity; it earns points if a rule of that name applies.

        https://developers.loyaltylion.com/api-reference/v2/resources/activities/create-activity

        Raises:
            ValidationError: The customer has no email.
        """
        if activity.customer.email is None:
            problem = Problem("customer.email", "is missing: LoyaltyLion wants one for activities")
            _checks.finish("the activity", [problem])
        merchant_id = activity.id or uuid4().hex
        fields = {
            "name": activity.name,
            "customer_id": activity.customer.id,
            "customer_email": activity.customer.email,
            "merchant_id": merchant_id,
            "properties": activity.properties or None,
            "date": activity.occurred_at,
            **shopper(activity),
        }
        trace = Trace(
            operation="track_activity",
            customer_id=activity.customer.id,
            reference=merchant_id,
            name=activity.name,
            at=activity.occurred_at,
        )
        request = write("/v2/activities", fields, trace, query={"site_id": self.site_id})
        del fields  # a traceback with locals must not show them
        yield request

    def update_activity(self, name: str, merchant_id: str, state: ActivityState) -> Flow[None]:
        """Change the state of an activity that was tracked with an id.

        https://developers.loyaltylion.com/api-reference/v2/resources/activities/update-activity

        Args:
            name: The rule's name, as tracked.
            merchant_id: The activity's id, as tracked.
            state: A pending one can be declined, an approved one voided; ``declined`` does
                either.

        Raises:
            ValidationError: An id cannot be part of a URL, or the state is unknown.
        """
        problems: list[Problem] = []
        _checks.identifier(problems, "name", name)
        _checks.identifier(problems, "merchant_id", merchant_id)
        _checks.one_of(*get_args(ActivityState))(problems, "state", state)
        _checks.finish("the activity's state", problems)
        yield write(
            "/v2/activities/{name}/{merchant_id}",
            {"state": state},
            merchant_id,
            method="PUT",
            name=name,
            merchant_id=merchant_id,
        )

    def list_activities(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[ActivityRecord]]:
        """One page of the program's activities, newest first.

        https://developers.loyaltylion.com/api-reference/v2/resources/activities/list-activities

        Args:
            cursor: The vendor's, from the page before.
            filters: ``created_from``, ``created_until``, ``page_size`` as in
                `list_transactions`.

        Raises:
            ValidationError: A filter is unknown or wrong.
            MalformedResponseError: The page cannot be read.
        """
        asked = query("list_activities", filters, ACTIVITIES, cursor)
        response = yield page_of("/v2/activities", asked)
        with wire.located(cursor):
            return _wire.read_activities(response.body)
