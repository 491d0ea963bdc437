"""What an adapter says about its vendor's webhooks."""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from base64 import b64encode
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._events import Event

E = TypeVar("E", bound="Event")


@attrs.frozen(kw_only=True)
class Delivery:
    """A body whose signature was right, on its way to an event.

    Attributes:
        provider: Registered name of the provider.
        payload: The decoded body, an object.
        topic: The topic that the receiver knows the address is subscribed to, if any.
    """

    provider: str
    payload: Mapping[str, Any] = attrs.field(repr=False)
    topic: str | None = None

    def event(self, kind: Callable[..., E], /, *, topic: str, **facts: Any) -> E:
        """An event of that ``kind``; ``facts`` are the rest of its attributes."""
        return kind(provider=self.provider, topic=topic, raw=self.payload, **facts)


class WebhookFormat(ABC):
    """How one vendor signs and words its webhooks; `Provider.webhook_format` gives one.

    Attributes:
        signature_header: The header with the signature; compared without regard to case.
    """

    signature_header: ClassVar[str]

    def sign(self, body: bytes, secret: str) -> str:
        """The signature of ``body``: base64 of its HMAC-SHA256 unless overridden."""
        return b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()

    @abstractmethod
    def read(self, delivery: Delivery, /) -> Event:
        """The event in a verified body; `UnknownEvent` for a topic that is not known.

        Believes nothing but the body and what the receiver says: no other header is signed.

        Raises:
            MalformedResponseError: A part that the event needs is of another type than the
                vendor documents; ``path`` names it.
        """
