"""What handlers take and return: calls, answers, routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from loyalty_sdk.errors import LoyaltyError
from loyalty_sdk.wire import decode_json, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._arrivals import Arrival


H = TypeVar("H", bound=Callable[..., "Answer"])


@attrs.frozen
class Answer:
    """What goes back: a status, a body, and headers beyond type, length and date."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json; charset=utf-8"

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def plus(self, *headers: tuple[str, str]) -> Answer:
        """The same with more headers."""
        return attrs.evolve(self, headers=self.headers + headers)


def json_answer(status: int, value: Any, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """``value`` as JSON."""
    return Answer(status, encode(value), headers)


@attrs.frozen
class Access:
    """Who calls: the credential, and its scopes (None for all of them)."""

    key: str = attrs.field(repr=False)
    scopes: frozenset[str] | None = None
    scheme: str = ""

    def may(self, scope: str | None) -> bool:
        """Whether the credential has ``scope``."""
        return scope is None or self.scopes is None or scope in self.scopes


@attrs.define(eq=False)
class Call:
    """A request on its way to a handler.

    Attributes:
        arrival: The request as it arrived.
        headers: Case-insensitive.
        path: The path's parameters, percent-decoded once.
        access: Whose credentials it carries.
        query: The query, decoded.
        paging: The kind of a paging fault (``repeat``, ``cycle``, ``endless``, ``empty``) that
            the page is to show, None for a true page.
        stranger: Whether this is somebody else's call, made like the one that arrived.
        origin: The request's own scheme and host, for links.
    """

    arrival: Arrival
    headers: Mapping[str, str]
    path: Mapping[str, str]
    access: Access
    query: dict[str, str]
    origin: str = ""
    paging: str | None = None
    stranger: bool = False

    def json(self) -> Any:
        """The body; None when it is no JSON."""
        try:
            return decode_json(self.arrival.body)
        except LoyaltyError:
            return None


@attrs.frozen
class Route:
    """One endpoint.

    Attributes:
        method: Upper case.
        template: Path with placeholders, one path segment each.
        scope: What the credential needs, None for nothing.
        points: Whether it changes points by hand, so that a stranger can do the same.
        listing: Whether a cache may keep its answers.
        handler: Name of the method.
    """

    method: str
    template: str
    scope: str | None = None
    points: bool = False
    listing: bool = False
    handler: str = ""

    @property
    def writes(self) -> bool:
        """Whether it may change anything."""
        return self.method != "GET"


def route(
    method: str,
    template: str,
    *,
    scope: str | None = None,
    points: bool = False,
    listing: bool = False,
) -> Callable[[H], H]:
    """Mark a method of a `VendorSandbox` as the handler of an endpoint; see `Route`."""

    def mark(handler: H) -> H:
        found = Route(method, template, scope, points, listing, handler.__name__)
        cast("Any", handler).sandbox_route = found
        return handler

    return mark
