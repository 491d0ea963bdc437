"""The seam between an adapter and everything that does I/O.

A provider's operation is a *flow*: a generator that yields a `Request`, is sent the
`Response`, may yield again, and returns the neutral result. It touches no socket and no
loop; a failure is thrown into it at the ``yield``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import attrs

from . import _checks
from ._secrets import MaskedBytes
from .errors import Problem

if TYPE_CHECKING:
    from ._look import Trace
    from .errors import LoyaltyError

T = TypeVar("T")


class Safety(Enum):
    """How safe it is to send a request again."""

    SAFE = "safe"
    """Reading."""
    IDEMPOTENT = "idempotent"
    """The vendor documents that a repeat changes nothing."""
    ONCE = "once"
    """A repeat may apply twice."""


class Acknowledgement(Enum):
    """What proves that a write was applied."""

    STATUS = "status"
    """A complete 2xx head; the body is ignored."""
    BODY = "body"
    """2xx with a body in which `Provider.acknowledges` reads success."""


class Request(NamedTuple):
    """One HTTP request, as an adapter describes it; give its fields by name.

    Attributes:
        method: Upper case.
        template: Path with its placeholders, ``/v2/orders/{merchant_id}``; for names and logs.
        path: The same, filled in and percent-encoded; made with `expand`.
        query: Pairs, already text; encoded by `target`.
        body: JSON bytes, or None.
        safety: Whether it may be repeated.
        acknowledged_by: What proves it was applied; means nothing for reads.
        reference: The key the write is known by.
        trace: What the write leaves in the vendor's records; None where nothing could be
            found again, and then an open try stays open.
        fresh: Whether caches on the way must ask the vendor.
        answers: Statuses beside 2xx that are an answer to the question, not a failure.
        next_cursor: Where the answer is a page: reads of it the cursor of the page after it,
            and nothing else, so that this one is on its way before the rows are decoded. May
            raise `MalformedResponseError`; the flow's own `Page.cursor` decides.
    """

    method: str
    template: str
    path: str
    safety: Safety
    query: tuple[tuple[str, str], ...] = ()
    body: MaskedBytes | None = None
    acknowledged_by: Acknowledgement = Acknowledgement.STATUS
    reference: str | None = None
    trace: Trace | None = None
    fresh: bool = False
    answers: frozenset[int] = frozenset()
    next_cursor: Callable[[Response], str | None] | None = None

    def __repr__(self) -> str:
        # Paths, queries and references hold ids; tracebacks with locals would show them.
        return f"<Request {self.method} {self.template} {self.safety.value}>"

    @property
    def is_looked_for(self) -> bool:
        """Whether it is sent once, and can be found again in the vendor's records."""
        return self.trace is not None and self.safety is Safety.ONCE

    @property
    def target(self) -> str:
        """Path and query as they stand in the request line."""
        if not self.query:
            return self.path
        return f"{self.path}?{urlencode(self.query, quote_via=quote)}"


@attrs.frozen(kw_only=True)
class Response:
    """One HTTP answer.

    Attributes:
        status: HTTP status.
        headers: Case-insensitive.
        body: Decompressed.
        failure: Why the body did not arrive whole; None when it did. A flow only ever sees
            a cut answer where the status alone says enough.
        received_at: `time.monotonic` when it was complete.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: bytes = attrs.field(default=b"", converter=MaskedBytes)
    failure: LoyaltyError | None = None
    received_at: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def date(self) -> datetime | None:
        """The vendor's clock when it answered; None where it does not say."""
        return http_date(self.headers.get("Date", ""))

    def json(self) -> Any:
        """The body as plain JSON types.

        Raises:
            MalformedResponseError: It is not JSON.
        """
        from .wire import decode_json  # noqa: PLC0415 - msgspec is imported when first needed

        return decode_json(self.body)


_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")

Flow = Generator[Request, Response, T]


def http_date(value: str) -> datetime | None:
    """An HTTP date, aware; None where it cannot be read."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - it takes long

    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def expand(template: str, **segments: str) -> str:
    """Fill ``template`` with percent-encoded ``segments``; each stays one path segment.

    Raises:
        ValidationError: A segment is empty, ``.``, ``..``, holds a control character, is
            missing, or stands nowhere in the template.
    """
    if not segments and "{" not in template and "}" not in template:
        return template
    problems: list[Problem] = []
    for name, value in segments.items():
        _checks.identifier(problems, name, value)
    parts = _PLACEHOLDER.split(template)
    wanted = set(parts[1::2])
    problems += [Problem(name, "is missing") for name in sorted(wanted - segments.keys())]
    problems += [Problem(name, "is not in the path") for name in sorted(segments.keys() - wanted)]
    if any("{" in text or "}" in text for text in parts[::2]):
        problems.append(Problem("path", "has a brace that names nothing"))
    _checks.finish("the path", problems)
    parts[1::2] = [quote(segments[name], safe="") for name in parts[1::2]]
    return "".join(parts)


def get(template: str, query: Mapping[str, Any] | None = None, **segments: str) -> Request:
    """A read. ``query`` takes text, numbers and bools; None is left out."""
    return Request(
        method="GET",
        template=template,
        path=expand(template, **segments),
        query=pairs(query or {}),
        safety=Safety.SAFE,
    )


def pairs(query: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """``query`` as text, without what is None; bools in lower case, as JSON has them."""
    return tuple(
        (key, str(value).lower() if isinstance(value, bool) else str(value))
        for key, value in query.items()
        if value is not None
    )
