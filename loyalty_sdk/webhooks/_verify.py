"""From the bytes that arrived to an event that the vendor did send."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from loyalty_sdk import _checks
from loyalty_sdk._registry import load
from loyalty_sdk._secrets import MaskedBytes, masked
from loyalty_sdk.errors import (
    ConfigurationError,
    MalformedResponseError,
    MalformedWebhookError,
    MissingSignatureError,
    SignatureError,
    UnsupportedOperationError,
    WebhookError,
)

from ._format import Delivery, WebhookFormat

if TYPE_CHECKING:
    from loyalty_sdk._provider import Provider

    from ._events import Event

W = TypeVar("W", bound=WebhookError)

Headers = Mapping[str, str] | Iterable[tuple[bytes, bytes]]
"""As web frameworks have them, or as ASGI hands them over."""


def verify(
    provider: str | Provider | type[Provider],
    body: bytes,
    headers: Headers,
    secret: str | Sequence[str],
    *,
    topic: str | None = None,
) -> Event:
    """The event in a webhook, once its signature has proved that the vendor sent it.

    The signature is compared in constant time, before anything of the body is read. Nothing
    but the signed body and ``topic`` is believed.

    Args:
        provider: A registered name, a `Provider` or its class.
        body: The bytes that arrived, not decoded and not written again.
        headers: All of them; names are compared without regard to case.
        secret: What the vendor signs with; several while one takes another's place.
        topic: What this address was subscribed to, for vendors whose bodies don't say.

    Raises:
        SignatureError: It is not the vendor's; `MissingSignatureError` if it is not there.
        MalformedWebhookError: It is the vendor's, and cannot be read.
        ConfigurationError: There is no secret, an empty one, no such provider, or the body
            is no bytes.
        UnsupportedOperationError: The provider has no webhooks.
    """
    # Nothing that a traceback with locals shows may hold the secret or a shopper's address.
    secret = secrets = _masked(secret)
    given, raw, body = _checks.kind(body), _masked_body(body), b""
    if raw is None:
        raise _no_bytes(given)
    kind = load(provider) if isinstance(provider, str) else provider
    form = _format_of(kind)
    _check(form, kind.name, raw, _signature_in(headers, form.signature_header), secrets)
    found = _read(form, kind.name, raw, topic)
    if isinstance(found, MalformedWebhookError):
        raise found
    return found


def _check(
    form: WebhookFormat, provider: str, body: bytes, given: str | None, secrets: Sequence[str]
) -> None:
    _check_secrets(secrets)
    if given is None:
        raise _about(
            provider,
            MissingSignatureError(
                f"there is no header {form.signature_header}, or more than one",
                hint="Somebody else called, or a proxy in front drops it",
            ),
        )
    # Every secret is tried, whichever matches: how long it takes tells nothing.
    expected = [form.sign(body, secret).encode() for secret in secrets]
    matches = [hmac.compare_digest(one, given.encode(errors="replace")) for one in expected]
    if not any(matches):
        raise _about(
            provider,
            SignatureError(
                "the signature does not match",
                hint="Give the bytes as they arrived, and the secret this webhook is signed with",
            ),
        )


def _read(
    form: WebhookFormat, provider: str, body: bytes, topic: str | None
) -> Event | MalformedWebhookError:
    """The event, or why there is none; raised by the caller, whose locals give nothing away."""
    # msgspec is imported when first needed.
    from loyalty_sdk.wire import decode_json, kind_of  # noqa: PLC0415

    try:
        payload: Any = decode_json(body)
    except MalformedResponseError:
        return _malformed(provider, f"the body is not JSON: {kind_of(body)}")
    if not _checks.is_mapping(payload):
        return _malformed(provider, f"the body is no object but a {_checks.kind(payload)}")
    try:
        return form.read(Delivery(provider=provider, payload=payload, topic=topic))
    except MalformedResponseError as error:
        reason = error.message.partition(": ")[2]
        return _malformed(provider, f"unexpected body at {error.path}: {reason}", error.path)


def _malformed(provider: str, message: str, path: str | None = None) -> MalformedWebhookError:
    error = MalformedWebhookError(message, hint="The signature is right: the vendor sent this")
    error.path = path
    return _about(provider, error)


def _about(provider: str, error: W) -> W:
    error.provider, error.operation = provider, "webhook"
    return error


def _format_of(provider: Provider | type[Provider]) -> WebhookFormat:
    form = provider.webhook_format()
    if form is None:
        raise UnsupportedOperationError(f"{provider.title or provider.name} has no webhooks")
    return form


def _masked(secret: Any) -> Any:
    """The secrets, one or several; whatever is none of them as it is, for `_check_secrets`."""
    return tuple(map(_one_masked, secret)) if _checks.is_list(secret) else (_one_masked(secret),)


def _one_masked(secret: Any) -> Any:
    return MaskedBytes(secret) if isinstance(secret, bytes) else masked(secret)


def _check_secrets(secrets: Sequence[object]) -> None:
    """An empty secret would let anybody sign."""
    if not secrets or not all(one and _checks.text([], "", one) for one in secrets):
        raise ConfigurationError(
            "a webhook's secret is text that is not empty, or a list of such",
            hint="Is its environment variable set?",
        )


def _masked_body(body: Any) -> MaskedBytes | None:
    return MaskedBytes(body) if isinstance(body, bytes | bytearray) else None


def _no_bytes(kind: str) -> ConfigurationError:
    return ConfigurationError(
        f"a webhook's body is the bytes that arrived, got {kind}",
        hint="What was decoded cannot be verified any more",
    )


def _signature_in(headers: Any, wanted: str) -> str | None:
    """The signature; None where there is none, or several and nobody knows which counts."""
    pairs: Any = headers.items() if _checks.is_mapping(headers) else headers
    found = [_text(value) for name, value in pairs if _text(name).lower() == wanted.lower()]
    return found[0] if len(found) == 1 else None


def _text(part: str | bytes) -> str:
    return part.decode("latin-1") if isinstance(part, bytes) else part
