"""Joy Loyalty for `loyalty_sdk`: the provider, its settings, and what its own flows take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loyalty_sdk._lazy import lazily

if TYPE_CHECKING:
    from ._models import CountedPage, CustomerRecord
    from ._products import PointsCalculation, Product
    from ._provider import PRODUCTION, STAGING, Joy
    from ._settings import AwardPoints, JoyCalculator, PointsPerUnit, SocialInteraction
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "._models": "CountedPage CustomerRecord",
            "._products": "PointsCalculation Product",
            "._provider": "PRODUCTION STAGING Joy",
            "._settings": "AwardPoints JoyCalculator PointsPerUnit SocialInteraction",
        },
    )

__all__ = [
    "PRODUCTION",
    "STAGING",
    "AwardPoints",
    "CountedPage",
    "CustomerRecord",
    "Joy",
    "JoyCalculator",
    "PointsCalculation",
    "PointsPerUnit",
    "Product",
    "SocialInteraction",
]
