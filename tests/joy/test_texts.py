"""Settings as the command line spells them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from loyalty_sdk_joy import AwardPoints, Joy, JoyCalculator, PointsPerUnit, SocialInteraction

PARSE = {setting.name: setting.parse for setting in Joy.settings}


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("50", AwardPoints(50)),
        ("event:follow_instagram", SocialInteraction("follow_instagram")),
        ("program:a:b", SocialInteraction(earning_id="a:b")),
    ],
)
def test_an_activity_is_points_an_event_or_a_program(text: str, meaning: object) -> None:
    """Each of the meanings an activity can have can be said as text."""
    assert meaning == PARSE["activities"](text)


@pytest.mark.parametrize("text", ["", "-5", "1.5", "event:", "program:", "follow", "٣", "1_0"])
def test_another_text_is_no_activity(text: str) -> None:
    """Nothing is guessed; the message shows the forms."""
    with pytest.raises(ValueError, match="wanted points such as 50, or event:NAME, or program:ID"):
        PARSE["activities"](text)


def test_an_order_is_a_rate_or_the_calculator() -> None:
    """Both meanings an order can have can be said as text, the rate without loss."""
    assert PointsPerUnit(Decimal("0.1")) == PARSE["orders"]("0.1")
    assert JoyCalculator() == PARSE["orders"]("calculator")


@pytest.mark.parametrize("text", ["", "-1", "1e3", "NaN", "Calculator", "1,5"])
def test_another_text_is_no_order_setting(text: str) -> None:
    """What `Decimal` would take, or guess, is refused when it is not plain digits."""
    with pytest.raises(ValueError, match="wanted points for each unit of money"):
        PARSE["orders"](text)


def test_only_activities_take_keys() -> None:
    """The command line takes ``activities.NAME=...`` and every other setting without a key."""
    assert ["activities"] == [setting.name for setting in Joy.settings if setting.keyed]
