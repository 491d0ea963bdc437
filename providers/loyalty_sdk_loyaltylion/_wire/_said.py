"""What LoyaltyLion says of a key, and of a request that it refuses."""

from __future__ import annotations

from typing import Any

from loyalty_sdk._models import Identity
from loyalty_sdk._provider import Refusal
from loyalty_sdk.errors import MalformedResponseError
from loyalty_sdk.wire import Id, Shape, decode, salvage


def read_identity(body: bytes) -> Identity:
    """Program and scopes; kinds of identity other than an API key's are not documented."""
    raw: Any = decode(body, dict[str, Any]).get("identity")
    found = salvage(raw, _Identity, "$.identity")
    return Identity(program=str(found.program_id), scopes=found.scopes, raw=raw)


class _Identity(Shape):
    program_id: Id
    scopes: tuple[str, ...] | None = None


def read_refusal(body: bytes) -> Refusal:
    """The vendor's words: ``error`` is an object with a message, or a text; or there is none.

    Whatever else an answer says is in the details. Never raises.
    """
    said = read_said(body)
    message, code = (
        said.pop(key) if isinstance(said.get(key), str) else None for key in ("message", "code")
    )
    details: dict[str, Any] = said.pop("details") if isinstance(said.get("details"), dict) else {}
    return Refusal(message=message or None, code=code or None, details={**said, **details})


def read_said(body: bytes) -> dict[str, Any]:
    """All that an answer says of its failure; nothing where it is no JSON. Never raises."""
    try:
        answer: dict[str, Any] = decode(body, dict[str, Any])
    except MalformedResponseError:
        return {}
    error = answer.pop("error", None)
    if isinstance(error, dict):
        return answer | error
    if isinstance(error, str):
        return answer | {"message": error}
    return answer if error is None else answer | {"error": error}
