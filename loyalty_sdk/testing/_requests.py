"""Requests taken apart, for the rules about them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from loyalty_sdk import _checks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from loyalty_sdk._flow import Request

    from ._recording import Sent

_METHODS = {"DELETE", "GET", "PATCH", "POST", "PUT"}
_PATH = re.compile(r"(/([A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-F]{2})+)+")
_FRACTION = re.compile(r"-?[0-9]+([.][0-9]+([eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)")
_MARKER = re.compile(r"\[ref:[^\]]*\] ?")


class _Fraction(str):
    """A number as it stood in the JSON."""

    __slots__ = ()


def malformed(sent: Sent) -> Iterator[str]:
    """What is wrong with a request, as HTTP sees it."""
    request = sent.request
    if request.method not in _METHODS:
        yield f"the method is {request.method!r}"
    if not _PATH.fullmatch(request.path):
        yield f"the path {request.path!r} is not encoded"
    if not _fits(request.template, request.path):
        yield f"the path {request.path!r} is none of {request.template!r}"
    if request.target != sent.target:
        yield f"{request.target!r} arrives as {sent.target!r}"
    if request.body is not None and not _is_json(request.body):
        yield "the body is no JSON object"


def _fits(template: str, path: str) -> bool:
    parts = re.split(r"\{\w+\}", template)
    return re.fullmatch("[^/]+".join(map(re.escape, parts)), path) is not None


def _is_json(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def content(request: Request) -> Any:
    """All that a request says, decoded: segments, query, body.

    Markers are left out: the reference in them may be hashed, and rules of their own check it.
    """
    segments = [unquote(segment) for segment in request.path.split("/")]
    text = None if request.body is None else _MARKER.sub("", request.body.decode())
    body = None if text is None else json.loads(text, parse_float=_Fraction)
    return [request.method, segments, [list(pair) for pair in request.query], body]


def replaced(value: Any, old: str, new: str) -> Any:
    """``value`` with ``new`` for each ``old`` in its texts."""
    if isinstance(value, str):
        return value.replace(old, new)
    if _checks.is_list(value):
        return [replaced(item, old, new) for item in value]
    if _checks.is_mapping(value):
        return {key: replaced(item, old, new) for key, item in value.items()}
    return value


def badly_written_numbers(request: Request, amounts: Collection[str]) -> Iterator[str]:
    """Fractions in the body, numbers or text, that are none of ``amounts``."""
    for leaf in _leaves(content(request)[-1]):
        if isinstance(leaf, str) and _FRACTION.fullmatch(leaf) and leaf not in amounts:
            yield leaf


def _leaves(value: Any) -> Iterator[Any]:
    if _checks.is_mapping(value):
        value = list(value.values())
    if _checks.is_list(value):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
