"""What all of Joy's answers have in common: an envelope, and words where they are refusals."""
# ruff: noqa: N815 - these are Joy's names, and the decoder matches them to the JSON

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from loyalty_sdk import _checks
from loyalty_sdk._provider import Refusal
from loyalty_sdk.errors import APIError, MalformedResponseError, error_for_status
from loyalty_sdk.wire import Shape, convert, decode, salvage

if TYPE_CHECKING:
    from loyalty_sdk._flow import Response

T = TypeVar("T")

_ERRORS = range(400, 600)


class Pagination(Shape):
    """``hasNext`` and ``hasPre`` are documented as required; None is not False, it is silence."""

    hasNext: bool | None = None
    hasPre: bool | None = None
    total: int | None = None
    totalPage: int | None = None


class Meta(Shape):
    """What stands beside the rows of a list."""

    pagination: Pagination | None = None


def rows_of(response: Response) -> tuple[list[Any], Pagination]:
    """The rows of any list as plain JSON types.

    Raises:
        APIError: ``success`` is not true.
        MalformedResponseError: It is no list.
    """
    answer = _envelope(response)
    rows: list[Any] = convert(answer.get("data"), list[Any], "$.data")
    meta = answer.get("meta")
    found = salvage(meta, Meta, "$.meta") if _checks.is_mapping(meta) else Meta()
    return rows, found.pagination or Pagination()


def object_of(response: Response, kind: type[T]) -> tuple[T, Mapping[str, Any]]:
    """The one object of an answer, read as ``kind`` and as plain JSON types.

    Raises:
        APIError: ``success`` is not true.
        MalformedResponseError: There is no such object, or it lacks what it must have.
    """
    raw: dict[str, Any] = convert(_envelope(response).get("data"), dict[str, Any], "$.data")
    return salvage(raw, kind, "$.data"), raw


def _envelope(response: Response) -> dict[str, Any]:
    answer: dict[str, Any] = decode(response.body, dict[str, Any])
    # Absent and null are the same to Joy; anything else than true is no success.
    success = answer.get("success")
    if success is not None and success is not True:
        raise refused(response)
    return answer


class Success(Shape):
    """The one member that says whether a write was applied."""

    success: bool


def acknowledges(response: Response) -> bool:
    """Whether the body says ``success: true``, and nothing but that. Never raises."""
    try:
        found: Success = decode(response.body, Success)
    except MalformedResponseError:
        return False
    return found.success


def read_refusal(response: Response) -> Refusal:
    """Joy's words in an answer that is no success. Never raises.

    ``error`` is an object, or plain text, or missing; ``message`` stands in for it then.
    """
    try:
        answer: dict[str, Any] = decode(response.body, dict[str, Any])
    except MalformedResponseError:
        return Refusal()
    error = answer.get("error")
    said: Mapping[str, Any] = error if _checks.is_mapping(error) else {"message": error}
    status, details = said.get("statusCode"), said.get("details")
    return Refusal(
        message=_text(said.get("message")) or _text(answer.get("message")),
        code=_text(said.get("code")),
        details=details if _checks.is_mapping(details) else {},
        status=status if isinstance(status, int) and status in _ERRORS else None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def refused(response: Response) -> APIError:
    """The error for a 2xx whose body says that it is none; Joy's status picks the class."""
    said = read_refusal(response)
    words = f"HTTP {response.status}, but no success: {said.message or 'no reason given'}"
    error = error_for_status(said.status or response.status)(
        words, hint="Joy's body decides, not its status; reading again is safe"
    )
    error.status = response.status
    error.code = said.code
    error.vendor_message = said.message
    error.details = said.details
    return error
