"""Joy Loyalty for `loyalty_sdk`: the provider, its settings, and what its own flows take."""

from ._models import CountedPage, CustomerRecord, PointsCalculation, Product
from ._provider import PRODUCTION, STAGING, Joy
from ._settings import AwardPoints, JoyCalculator, PointsPerUnit, SocialInteraction

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
