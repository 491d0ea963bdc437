"""What arrived at the sandbox, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import attrs
from multidict import CIMultiDict

from loyalty_sdk._secrets import SecretStr

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@attrs.define(eq=False, kw_only=True)
class Arrival:
    """One request, recorded before anything was done with it.

    Attributes:
        time: By the sandbox's clock.
        method: Upper case.
        path: As it stood in the request line, without the query.
        query: The same of the query, without the question mark.
        body: What was read of it.
        provider: Whose path it is, None when nobody's.
        template: ``/v2/orders/{merchant_id}``, None when the path is unknown.
        status: What was answered, None while or when nothing was.
        applied: Whether it changed, or will change, what the vendor knows.
        fault: The kind of the fault it met, None when it met none.
    """

    time: datetime
    method: str
    path: str
    query: str = ""
    body: bytes = attrs.field(default=b"", repr=False)
    provider: str | None = None
    template: str | None = None
    status: int | None = None
    applied: bool = False
    fault: str | None = None
    _headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False, alias="headers")
    _secret: frozenset[str] = attrs.field(default=frozenset(), repr=False, alias="secret")

    @property
    def params(self) -> dict[str, str]:
        """The query, decoded; of a repeated name the last value."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def headers(self) -> CIMultiDict[str]:
        """Case-insensitive; credentials are there, but their `repr` shows nothing."""
        return CIMultiDict(
            (name, SecretStr(value) if self.hides(name) else value)
            for name, value in self._headers.items()
        )

    def hides(self, header: str) -> bool:
        """Whether ``header`` carries credentials."""
        return header.lower() in self._secret

    def json(self) -> Any:
        """The body as plain JSON types, None when it is empty."""
        from loyalty_sdk.wire import decode_json  # noqa: PLC0415 - tests that never look need none

        return decode_json(self.body) if self.body else None
