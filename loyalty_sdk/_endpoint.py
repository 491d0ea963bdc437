"""Any endpoint that nobody wrapped, as a flow."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from . import _checks
from ._flow import Acknowledgement, Flow, Request, Response, Safety, expand, pairs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .errors import Problem

_METHOD = re.compile("[A-Z]{1,16}")
# What may stand in a path, and the braces of a template.
_PATH = re.compile(r"(/[A-Za-z0-9\-._~!$&'()*+,;=:@%{}]*)+")


def call(  # noqa: PLR0913 - a request has that many parts
    method: str,
    path: str,
    *,
    segments: Mapping[str, str] | None,
    query: Mapping[str, Any] | None,
    json: Any,
    safety: Safety | None,
) -> Flow[Response]:
    """One request, as `LoyaltyClient.request` describes it.

    Raises:
        ValidationError: Lists every problem by path.
    """
    from .wire import encode  # noqa: PLC0415 - msgspec is imported when first needed

    _check(method, path, query, json)
    request = Request(
        method=method.upper(),
        template=path,
        path=expand(path, **(segments or {})),
        query=pairs(query or {}),
        body=None if json is None else encode(json),
        safety=safety or (Safety.SAFE if method.upper() == "GET" else Safety.ONCE),
        acknowledged_by=Acknowledgement.BODY,
    )
    # A traceback with locals must not show what is sent.
    del segments, query, json
    return (yield request)


def _check(method: object, path: object, query: object, json: object) -> None:
    problems: list[Problem] = []
    if not isinstance(method, str) or not _METHOD.fullmatch(method.upper()):
        _checks.complain(problems, "method", "a name like GET", method)
    if not isinstance(path, str) or not _is_path(path):
        _checks.complain(problems, "path", "an encoded path that starts with one /", path)
    if _checks.is_mapping(query):
        for name, value in query.items():
            _check_parameter(problems, name, value)
    elif query is not None:
        _checks.complain(problems, "query", "a mapping", query)
    _checks.json_value(problems, "json", json)
    _checks.finish("the request", problems)


def _is_path(path: str) -> bool:
    dots = {".", ".."} & set(path.split("/"))
    return not dots and not path.startswith("//") and _PATH.fullmatch(path) is not None


def _check_parameter(problems: list[Problem], name: object, value: object) -> None:
    if not _checks.text(problems, "query", name):
        return
    if isinstance(value, str):
        _checks.text(problems, f"query.{name}", value)
    elif value is not None and not isinstance(value, bool | int | Decimal):
        _checks.complain(problems, f"query.{name}", "text, a number, a bool or None", value)
