"""Neutral cursors: the vendor's own cursor, tied to the list it belongs to."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping  # noqa: TC003 - attrs resolves it
from datetime import datetime
from typing import Any

import attrs

from ._models import timestamp
from .errors import CursorError, MalformedResponseError

_VERSION = 1
# Not a filter: how many rows come at once may change from page to page.
PAGE_SIZE = "page_size"


@attrs.frozen(kw_only=True)
class Listing:
    """Which list a cursor belongs to. Never holds a key.

    Attributes:
        provider: Registered name.
        origin: Scheme, host and port.
        name: Name of the list operation.
        filters: What the list was narrowed to, without unset ones.
    """

    provider: str
    origin: str
    name: str
    filters: Mapping[str, Any]


def encode(listing: Listing, cursor: str) -> str:
    """``cursor`` as text that carries ``listing`` along."""
    from . import wire  # noqa: PLC0415 - msgspec is imported when first needed

    filters = {key: _store(value) for key, value in listing.filters.items()}
    fields = [_VERSION, listing.provider, listing.origin, listing.name, filters, cursor]
    return base64.urlsafe_b64encode(wire.encode(fields)).decode().rstrip("=")


def decode(text: str) -> tuple[Listing, str]:
    """The list and the vendor's cursor behind ``text``.

    Raises:
        CursorError: It is damaged, or was made by something else.
    """
    from . import wire  # noqa: PLC0415 - msgspec is imported when first needed

    try:
        body = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, provider, origin, name, filters, cursor = wire.decode_json(body)
        restored = {str(key): _restore(value) for key, value in filters.items()}
        known = version == _VERSION and isinstance(cursor, str)
    except (ValueError, TypeError, AttributeError, binascii.Error, MalformedResponseError) as exc:
        raise CursorError("the cursor is damaged", hint="Start again without one") from exc
    if not known:
        raise CursorError("the cursor was made by another version", hint="Start again without one")
    listing = Listing(provider=provider, origin=origin, name=name, filters=restored)
    return listing, cursor


def resume(text: str, listing: Listing) -> tuple[Listing, str]:
    """Go on from ``text`` in ``listing``, taking over the filters that it leaves out.

    Raises:
        CursorError: The cursor is damaged or belongs to another list.
    """
    held, cursor = decode(text)
    for what in ("provider", "origin", "name"):
        if getattr(held, what) != getattr(listing, what):
            raise CursorError(
                f"the cursor belongs to {what} {getattr(held, what)}, not {getattr(listing, what)}"
            )
    changed = sorted(
        key
        for key, value in listing.filters.items()
        if key != PAGE_SIZE and held.filters.get(key) != value
    )
    if changed:
        names = ", ".join(changed)
        raise CursorError(
            f"the cursor was made with other filters: {names} differ",
            hint="Leave the filters out, or start again without a cursor",
        )
    return attrs.evolve(listing, filters={**held.filters, **listing.filters}), cursor


def _store(value: Any) -> Any:
    return {"time": timestamp(value)} if isinstance(value, datetime) else value


def _restore(value: Any) -> Any:
    match value:
        case {"time": str(moment)}:
            return datetime.fromisoformat(moment)
        case [*items]:
            return tuple(items)
        case _:
            return value
