"""The settings that are no text, as the command line spells them."""

from __future__ import annotations

import re
from decimal import Decimal

from ._settings import AwardPoints, JoyCalculator, PointsPerUnit, SocialInteraction

_POINTS = re.compile("[0-9]{1,18}")
_RATE = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")


def parse_activity(text: str) -> AwardPoints | SocialInteraction:
    """``50``, ``event:follow_instagram`` or ``program:ID``.

    Raises:
        ValueError: It is none of them.
    """
    if _POINTS.fullmatch(text):
        return AwardPoints(int(text))
    kind, _, name = text.partition(":")
    if kind == "event" and name:
        return SocialInteraction(event=name)
    if kind == "program" and name:
        return SocialInteraction(earning_id=name)
    raise ValueError("wanted points such as 50, or event:NAME, or program:ID")


def parse_orders(text: str) -> PointsPerUnit | JoyCalculator:
    """``1.5`` points for each unit of money, or ``calculator``.

    Raises:
        ValueError: It is neither.
    """
    if text == "calculator":
        return JoyCalculator()
    if _RATE.fullmatch(text):
        return PointsPerUnit(Decimal(text))
    raise ValueError("wanted points for each unit of money, such as 1.5, or calculator")
