"""A small vendor that signs webhooks."""

from __future__ import annotations

from typing import ClassVar

import pytest

from loyalty_sdk import Provider, wire
from loyalty_sdk.webhooks import Delivery, Event, PointsEarned, UnknownEvent, WebhookFormat


class TinyWebhooks(WebhookFormat):
    """One topic, of points."""

    signature_header: ClassVar[str] = "X-Tiny-Signature"

    def read(self, delivery: Delivery, /) -> Event:
        """``{"id": ..., "points": ...}``."""
        payload = delivery.payload
        topic = payload.get("topic") or delivery.topic or ""
        if topic != "points":
            return delivery.event(UnknownEvent, topic=topic, id=payload.get("id"))
        points = wire.convert(payload.get("points"), int, "$.points")
        return delivery.event(PointsEarned, topic=topic, id=payload.get("id"), points=points)


class TinyProvider(Provider):
    """A provider of which only its webhooks matter."""

    name = "tiny"
    title = "Tiny"

    @classmethod
    def webhook_format(cls) -> WebhookFormat:
        """See `Provider`."""
        return TinyWebhooks()


@pytest.fixture(scope="session")
def vendor() -> type[TinyProvider]:
    """The class of the small provider."""
    return TinyProvider
