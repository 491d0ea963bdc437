"""What staff give and take."""

from __future__ import annotations

import attrs

from loyalty_sdk import _checks
from loyalty_sdk._secrets import shown_text
from loyalty_sdk.errors import Problem

from ._value import Value


@attrs.frozen(kw_only=True)
class PointsAdjustment(Value):
    """Points given or taken by hand.

    Args:
        customer_id: The merchant's own customer id.
        points: Not 0; negative takes points away. Vendors have bounds of their own.
        reason: May be shown to the shopper.
        note: For staff only; a vendor without such a field refuses it.
        reference: The caller's own key for this adjustment; where the vendor's rows carry it,
            the adjustment is found again by it. It does not keep a second call from being sent.

    Raises:
        ValidationError: Lists every problem by path.
    """

    customer_id: str
    points: int
    reason: str | None = attrs.field(default=None, repr=shown_text)
    note: str | None = attrs.field(default=None, repr=shown_text)
    reference: str | None = None

    def __attrs_post_init__(self) -> None:
        problems: list[Problem] = []
        _checks.identifier(problems, "customer_id", self.customer_id)
        if _checks.integer(problems, "points", self.points) and not self.points:
            problems.append(Problem("points", "must not be 0"))
        for name in ("reason", "note"):
            if getattr(self, name) is not None:
                _checks.text(problems, name, getattr(self, name))
        if self.reference is not None:
            _checks.identifier(problems, "reference", self.reference)
        _checks.finish("the adjustment", problems)
