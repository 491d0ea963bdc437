"""What is taken for the vendor's, and what is not."""

from __future__ import annotations

import hmac
import pickle
import traceback
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_sdk import (
    ConfigurationError,
    LoyaltyError,
    MalformedWebhookError,
    MissingSignatureError,
    Provider,
    SignatureError,
    UnsupportedOperationError,
    WebhookError,
)
from loyalty_sdk.webhooks import Event, PointsEarned, UnknownEvent, verify

SECRET = "whsec-4711"
BODY = b'{"id": "e-1", "topic": "points", "points": 50, "email": "ada@example.com"}'
HEADER = "X-Tiny-Signature"


def sign(body: bytes, secret: str = SECRET) -> str:
    """By the rule that both vendors document, without the code under test."""
    return b64encode(hmac.new(secret.encode(), body, sha256).digest()).decode()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers that come with ``body``."""
    return {"Content-Type": "application/json", HEADER: sign(body, secret)}


def test_a_signed_body_is_an_event(vendor: Any) -> None:
    """What the vendor signed is read, with the vendor's own body beside it."""
    event = verify(vendor, BODY, signed(BODY), SECRET)

    assert PointsEarned(provider="tiny", topic="points", id="e-1", points=50) == event
    assert "ada@example.com" == event.raw["email"]


def test_the_documented_signature_is_computed(vendor: Any) -> None:
    """The default rule is base64 of the HMAC-SHA256, spelt out here by hand."""
    known = b64encode(
        bytes.fromhex("f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8")
    )

    # The example of https://en.wikipedia.org/wiki/HMAC, key "key".
    body = b"The quick brown fox jumps over the lazy dog"
    assert known.decode() == vendor.webhook_format().sign(body, "key")


@pytest.mark.parametrize(
    "provider", [lambda kind: kind, lambda kind: kind()], ids=["class", "object"]
)
def test_the_provider_is_named_by_class_or_object(vendor: Any, provider: Any) -> None:
    """A provider's class does, and so does a provider."""
    assert "tiny" == verify(provider(vendor), BODY, signed(BODY), SECRET).provider


def test_a_registered_name_is_enough() -> None:
    """The name that `connect` takes is one for `verify` too."""
    body = b'{"topic": "news", "id": "7"}'
    for name, header in (
        ("loyaltylion", "x-loyaltylion-hmac-sha256"),
        ("joy", "X-Joy-Loyalty-Hmac-Sha256"),
    ):
        event = verify(name, body, {header: sign(body)}, SECRET)
        assert isinstance(event, UnknownEvent)
        assert (name, "news") == (event.provider, event.topic)


@settings(deadline=None)
@given(position=st.integers(0, len(BODY) - 1), byte=st.integers(0, 255))
def test_any_changed_byte_is_refused(vendor: Any, position: int, byte: int) -> None:
    """A signature is for these bytes and no others."""
    changed = BODY[:position] + bytes([byte]) + BODY[position + 1 :]
    if changed == BODY:
        assert "tiny" == verify(vendor, changed, signed(BODY), SECRET).provider
    else:
        with pytest.raises(SignatureError):
            verify(vendor, changed, signed(BODY), SECRET)


@settings(deadline=None)
@given(signature=st.text(max_size=60))
def test_any_other_signature_is_refused(vendor: Any, signature: str) -> None:
    """Whatever else stands in the header is no signature, and breaks nothing."""
    with pytest.raises(SignatureError):
        verify(vendor, BODY, {HEADER: signature}, SECRET)


def test_a_body_that_was_written_again_is_refused(vendor: Any) -> None:
    """The same JSON in other bytes is not what was signed."""
    with pytest.raises(SignatureError, match="as they arrived"):
        verify(vendor, BODY.replace(b": ", b":"), signed(BODY), SECRET)


@pytest.mark.parametrize("name", [HEADER, HEADER.lower(), HEADER.upper()])
@pytest.mark.parametrize("as_asgi", [False, True])
def test_header_names_have_no_case(vendor: Any, name: str, as_asgi: bool) -> None:  # noqa: FBT001 - a parameter
    """Proxies and frameworks write names as they like; ASGI has pairs of bytes."""
    headers: Any = {"Host": "shop.example.com", name: sign(BODY)}
    if as_asgi:
        headers = [(key.encode(), value.encode()) for key, value in headers.items()]

    assert "e-1" == verify(vendor, BODY, headers, SECRET).id


@pytest.mark.parametrize("headers", [{}, {"X-Other": "1"}, [], {HEADER: "a", HEADER.lower(): "b"}])
def test_a_missing_signature_is_told_apart(vendor: Any, headers: Mapping[str, str]) -> None:
    """No header, or two of which nobody knows the right one, is not a wrong signature."""
    with pytest.raises(MissingSignatureError, match=HEADER) as caught:
        verify(vendor, BODY, headers, SECRET)

    assert 401 == caught.value.status


def test_several_secrets_are_accepted_while_one_replaces_another(vendor: Any) -> None:
    """During a rotation both secrets sign; afterwards the old one does not."""
    old, new = "old-secret", SECRET
    for secret in (old, new):
        assert "e-1" == verify(vendor, BODY, signed(BODY, secret), [new, old]).id
    with pytest.raises(SignatureError):
        verify(vendor, BODY, signed(BODY, old), [new])


def test_every_secret_is_compared(vendor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it takes does not tell which secret matched: all are compared, in constant time."""
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    verify(vendor, BODY, signed(BODY), [SECRET, "two", "three"])

    assert [sign(BODY, each).encode() for each in (SECRET, "two", "three")] == compared


@pytest.mark.parametrize("secret", ["", [], [SECRET, ""], None, b"bytes", [None], "\udc80"])
def test_no_secret_is_no_protection(vendor: Any, secret: Any) -> None:
    """An empty secret would let anybody sign; the environment variable may not be set."""
    with pytest.raises(ConfigurationError, match="secret") as caught:
        verify(vendor, BODY, signed(BODY), secret)

    assert "bytes" not in repr(caught.value)


@pytest.mark.parametrize("body", [BODY.decode(), {"id": "e-1"}, None])
def test_a_decoded_body_is_refused(vendor: Any, body: Any) -> None:
    """What is no bytes was decoded, and its signature is lost."""
    with pytest.raises(ConfigurationError, match="bytes that arrived"):
        verify(vendor, body, signed(BODY), SECRET)


def test_a_bytearray_is_bytes(vendor: Any) -> None:
    """Servers that collect a body in a bytearray need no copy of it."""
    body: Any = bytearray(BODY)

    assert "e-1" == verify(vendor, body, signed(BODY), SECRET).id


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"[1]", b"null", b'"text"', b"\xff"])
def test_what_is_signed_and_no_object_is_malformed(vendor: Any, body: bytes) -> None:
    """The signature is right, so it is the vendor's; but nothing can be read."""
    with pytest.raises(MalformedWebhookError, match="the body is") as caught:
        verify(vendor, body, signed(body), SECRET)

    assert 400 == caught.value.status


def test_a_malformed_part_is_named(vendor: Any) -> None:
    """The path says what the vendor sent other than documented; its value is not quoted."""
    body = b'{"topic": "points", "points": "fifty"}'
    with pytest.raises(MalformedWebhookError, match=r"\$\.points") as caught:
        verify(vendor, body, signed(body), SECRET)

    assert "$.points" == caught.value.path
    assert "fifty" not in str(caught.value)
    assert ("tiny", "webhook") == (caught.value.provider, caught.value.operation)


def test_the_signature_comes_first(vendor: Any) -> None:
    """Nothing of a body is read before its signature has proved whose it is."""
    with pytest.raises(SignatureError):
        verify(vendor, b"<html>", signed(BODY), SECRET)


def test_a_topic_is_told_where_the_body_does_not(vendor: Any) -> None:
    """The receiver knows what its address was subscribed to; the signed body knows better."""
    silent, loud = b'{"points": 5}', b'{"topic": "news"}'

    assert "" == verify(vendor, silent, signed(silent), SECRET).topic
    assert "points" == verify(vendor, silent, signed(silent), SECRET, topic="points").topic
    assert "news" == verify(vendor, loud, signed(loud), SECRET, topic="points").topic


def test_a_provider_without_webhooks_says_so() -> None:
    """A vendor that sends none is named."""

    class Silent(Provider):
        name = "silent"
        title = "Silent"

    with pytest.raises(UnsupportedOperationError, match="Silent has no webhooks"):
        verify(Silent, BODY, signed(BODY), SECRET)


def test_an_unknown_provider_is_named() -> None:
    """A misspelt name is an error that lists the right ones."""
    with pytest.raises(ConfigurationError, match="loyaltylion"):
        verify("loyaltylionn", BODY, signed(BODY), SECRET)


def shown(error: BaseException) -> str:
    """All that a log which prints the locals of every frame would have."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    # The frames of the test hold everything in the open.
    for frame in told.stack:
        if frame.filename == __file__ and frame.locals is not None:
            frame.locals.clear()
    return "".join(told.format()) + repr(error) + str(error)


@pytest.mark.parametrize("wrong", ["signature", "missing", "json", "points", "secret", "decoded"])
def test_no_secret_and_no_address_shows(vendor: Any, wrong: str) -> None:
    """Neither the error nor the locals of its frames hold the secret or what was sent."""
    body: Any = {"json": BODY[:-1], "points": BODY.replace(b"50", b'"x"')}.get(wrong, BODY)
    headers = {"missing": {}, "signature": {HEADER: "x"}}.get(wrong, signed(body))
    body = body.decode() if wrong == "decoded" else body
    secret: Any = [SECRET, b"whsec-4711"] if wrong == "secret" else [SECRET, "whsec-4711-old"]
    with pytest.raises(LoyaltyError) as caught:
        verify(vendor, body, headers, secret)

    assert None is caught.value.__cause__
    assert None is caught.value.__context__
    assert "whsec" not in shown(caught.value)
    assert "ada@" not in shown(caught.value)


def test_what_would_show_is_seen() -> None:
    """The search finds a secret that does stand in the locals of a frame."""
    code = compile("def f(secret):\n    raise ValueError\n", "elsewhere.py", "exec")
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - a frame of another file
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - nothing to match
        names["f"]("whsec-4711")

    assert "whsec" in shown(caught.value)


@pytest.mark.parametrize(
    ("kind", "status"),
    [(WebhookError, 400), (SignatureError, 401), (MalformedWebhookError, 400)],
)
def test_errors_say_what_to_answer(kind: type[WebhookError], status: int) -> None:
    """One handler answers for all of them: it needs nothing but ``error.status``."""
    assert status == kind().status
    assert status == pickle.loads(pickle.dumps(kind("x"))).status  # noqa: S301 - made here


def test_events_are_values() -> None:
    """An event compares without ``raw``, hashes, pickles, and keeps addresses out of its repr."""
    event = PointsEarned(
        provider="tiny", topic="points", points=5, email="ada@example.com", raw={"a": [1]}
    )
    again: Event = pickle.loads(pickle.dumps(event))  # noqa: S301 - made one line above

    assert (event, hash(event), {"a": [1]}) == (again, hash(again), again.raw)
    assert PointsEarned(provider="tiny", topic="points", points=5, email="ada@example.com") == event
    assert "ada@" not in repr(event)
    assert 5 == event.to_dict()["points"]
    assert "raw" not in event.to_dict()
