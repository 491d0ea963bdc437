"""What an adapter makes of webhooks, where its vendor sends any."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty_sdk.errors import MalformedWebhookError
from loyalty_sdk.webhooks import Event, PointsChanged, UnknownEvent, WebhookFormat, verify
from loyalty_sdk.wire import encode

from ._mutations import bodies
from ._rules_answers import is_customer
from ._subject import PLAIN_ID, Subject

if TYPE_CHECKING:
    from loyalty_sdk.sandbox.vendor import VendorSandbox

_SECRET = "conformance"  # noqa: S105 - it signs what is made here


class WebhookRules(Subject):
    """Rules about webhooks. The vendor's own are taken from the sandbox and damaged."""

    def test_the_sandbox_sends_the_webhooks_that_are_read(self) -> None:
        """What the sandbox tells of points is signed as the provider reads it, and is known."""
        form = self.provider_class().webhook_format()
        if form is not None:
            half = self._half()
            assert type(form) is type(half.webhook_format)
            told = self._told(half)
            assert told, "no row is told"
            for topic, body in told.items():
                assert not isinstance(self._read(form, topic, body), UnknownEvent)

    def test_webhooks_are_events_or_malformed(self) -> None:
        """Whatever is signed ends in an event of the types it promises, or in one error."""
        form = self.provider_class().webhook_format()
        if form is not None:
            told = self._told(self._half())
            topics = st.sampled_from(["", *told])

            def rule(topic: str, body: bytes) -> None:
                with suppress(MalformedWebhookError):
                    check_event(self._read(form, topic, body))

            patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
            patient(given(topics, bodies(list(told.values())))(rule))()

    def _read(self, form: WebhookFormat, topic: str, body: bytes) -> Event:
        headers = {form.signature_header.swapcase(): form.sign(body, _SECRET)}
        return verify(self.provider_class(), body, headers, _SECRET, topic=topic)

    def _half(self) -> VendorSandbox:
        return self.sandbox().vendor(self.name)

    def _told(self, half: VendorSandbox) -> dict[str, bytes]:
        """The body of each topic that a row of points is told under."""
        account = half.ledger.open_account(PLAIN_ID, email="shopper@example.com")
        news = half.news(half.seed(account, 5))
        return {topic: bytes(encode(half.envelope(topic, content))) for topic, content in news}


def check_event(event: Event) -> None:
    """An event holds the types it promises, never something close, and is a value."""
    assert type(event.topic) is str
    assert isinstance(event.id, str | None)
    assert event.id != ""
    assert event.sent_at is None or event.sent_at.utcoffset() is not None
    assert event.customer is None or is_customer(event.customer)
    assert isinstance(event.raw, Mapping)
    if isinstance(event, PointsChanged):
        for points in (event.points, event.pending, event.balance):
            assert points is None or type(points) is int
    arrived = pickle.loads(pickle.dumps(event))  # noqa: S301 - made on this line
    assert arrived == event
    assert hash(arrived) == hash(event)
