"""What the logger ``loyalty_sdk`` says of calls, at level DEBUG; silent unless it is set up.

Each event of `loyalty_sdk.hooks` is one record. Its attributes stand in the record as
``loyalty_call``, ``loyalty_operation``, ``loyalty_status`` and so on, for whoever writes
structured logs; of a request or an answer also ``loyalty_headers``, ``loyalty_query`` and
``loyalty_body``. Of these only what `show` names is shown: ids, addresses and keys are not.
"""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import attrs

from ._secrets import SecretStr, without_addresses, without_keys
from .errors import LoyaltyError
from .hooks import CallEnded, Event, Retrying, TryEnded, TryStarted, Waited

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ._flow import Request, Response

__all__ = ["show"]

log = logging.getLogger("loyalty_sdk")
log.addHandler(logging.NullHandler())

MASK = "***"
_MOST_FIELDS = 50
_LONGEST = 200
_LARGEST_BODY = 64 * 2**10

_headers = {"age", "cache-control", "content-length", "content-type", "date", "retry-after"}
_query = {"limit"}
_body = {"points", "success"}


def show(
    *, headers: Iterable[str] = (), query: Iterable[str] = (), body: Iterable[str] = ()
) -> None:
    """Let more be shown, in the whole process; e-mail addresses and keys never are.

    Args:
        headers: Names, in whatever case. At first shown are Age, Cache-Control,
            Content-Length, Content-Type, Date and Retry-After.
        query: Names of parameters; at first ``limit``. Of others the name alone is shown.
        body: Names of fields of JSON bodies, at any depth; at first ``points`` and
            ``success``. Others are left out.
    """
    _headers.update(name.lower() for name in headers)
    _query.update(query)
    _body.update(body)


def write(event: Event, seen: Mapping[str, Any]) -> None:
    """One record for ``event``, with what may be ``seen`` of its request or answer."""
    fields = attrs.asdict(event, recurse=False, filter=lambda field, _: field.name != "headers")
    named = {"event": type(event).__name__, **fields, **seen}
    extra = {f"loyalty_{name}": value for name, value in named.items()}
    log.debug("%s %s: %s", event.provider, event.operation, _words(event), extra=extra)


def _words(event: Event) -> str:
    match event:
        case Waited():
            words = f"waited {event.seconds:.3f} s for {event.reason}"
        case TryStarted():
            words = f"{event.method} {event.template}"
        case TryEnded():
            words = f"{_both(event.status, event.error)} after {event.seconds:.3f} s"
        case Retrying():
            words = f"again in {event.seconds:.3f} s because of {event.reason}"
        case CallEnded():
            said = _both(event.outcome, event.error) or "done"
            words = f"{said} after {event.seconds:.3f} s, tries: {event.tries}"
        case _:
            words = "begins"
    return words


def _both(what: object, error: str | None) -> str:
    return " ".join(str(each) for each in (what, error) if each is not None)


def of_request(request: Request, headers: Mapping[str, str]) -> dict[str, Any]:
    """What may be seen of ``request``."""
    return {
        "headers": _of_headers(headers),
        "query": {
            without_addresses(name): _shown(value) if name in _query else MASK
            for name, value in request.query
        },
        "body": _of_body(request.body),
    }


def of_response(response: Response, keys: Iterable[str] = ()) -> dict[str, Any]:
    """What may be seen of ``response``, which may quote the client's ``keys``."""
    headers = without_keys(response.headers, keys)
    return {"headers": _of_headers(headers), "body": _of_body(response.body, keys)}


def _of_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: _shown(value) if name.lower() in _headers else MASK for name, value in headers.items()
    }


def _of_body(body: bytes | None, keys: Iterable[str] = ()) -> dict[str, list[Any]]:
    from .wire import decode_json  # noqa: PLC0415 - msgspec is imported when first needed

    seen: dict[str, list[Any]] = {}
    if not body or len(body) > _LARGEST_BODY:
        return seen
    try:
        for name, value in islice(_fields(without_keys(decode_json(body), keys)), _MOST_FIELDS):
            seen.setdefault(name, []).append(_shown(value))
    except (LoyaltyError, RecursionError):
        return {}  # what cannot be read is not shown
    return seen


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """The fields that may be shown; not where they are: a name on the way may be an id."""
    if isinstance(value, dict):
        for name, each in cast("dict[str, Any]", value).items():
            if name in _body and not isinstance(each, dict | list):
                yield name, each
            yield from _fields(each)
    elif isinstance(value, list):
        rows = cast("Iterable[Any]", value)
        for each in rows:
            yield from _fields(each)


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return MASK
    return without_addresses(value[: 2 * _LONGEST])[:_LONGEST] if isinstance(value, str) else value
