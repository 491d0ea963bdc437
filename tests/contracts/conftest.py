"""A proxy between SDK and sandbox that remembers, and the vendors' contracts that judge."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

import aiohttp
import attrs
import pytest
from aiohttp import web
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict
from yarl import URL

HERE = Path(__file__).parent


@attrs.define
class Exchange:
    """A request and its answer, as they went over the wire.

    It is a request and a response in the eyes of openapi-core.
    """

    method: str
    raw_path: str
    headers: Headers
    body: bytes | None
    status_code: int
    answer_headers: Headers
    data: bytes
    deliberately_wrong: bool
    host_url: str = ""
    parameters: RequestParameters = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.method = self.method.lower()
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(self.query), header=self.headers
        )

    @property
    def path(self) -> str:
        """Still encoded: a slash inside an id is no separator."""
        return self.raw_path.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        """Decoded."""
        return parse_qsl(self.raw_path.partition("?")[2], keep_blank_values=True)

    @property
    def content_type(self) -> str:
        """Of the request."""
        return self.headers.get("Content-Type", "").lower()

    @property
    def answer(self) -> Answer:
        """The other half."""
        return Answer(self.status_code, self.answer_headers, self.data)

    def but(self, **changes: Any) -> Exchange:
        """A copy with ``changes``."""
        if "headers" in changes:
            changes["headers"] = Headers(changes["headers"])
        return attrs.evolve(self, **changes)

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.raw_path} -> {self.status_code}"


@attrs.frozen
class Answer:
    """A response in the eyes of openapi-core."""

    status_code: int
    headers: Headers
    data: bytes

    @property
    def content_type(self) -> str:
        """Lower case, as the validator wants it."""
        return self.headers.get("Content-Type", "").lower()


class Contract:
    """One vendor's OpenAPI document; slow to build, so it is built once."""

    def __init__(self, name: str) -> None:
        self._openapi = OpenAPI.from_file_path(str(HERE / f"{name}.openapi.yaml"))
        self._document: dict[str, Any] = self._openapi.spec.read_value()
        self.server: str = self._document["servers"][0]["url"]
        self._paths = {tuple(template.split("/")): template for template in self._document["paths"]}

    @property
    def operations(self) -> set[str]:
        """Every operationId."""
        return {operation["operationId"] for _, _, operation in self._operations()}

    def operation(self, exchange: Exchange) -> dict[str, Any] | None:
        """What the contract says of the endpoint; a fixed path goes before one with names."""
        segments = exchange.path.split("/")
        fitting = [
            template
            for parts, template in self._paths.items()
            if len(parts) == len(segments)
            and all(a == b or a[:1] == "{" for a, b in zip(parts, segments, strict=True))
        ]
        best = min(fitting, key=lambda template: template.count("{"), default=None)
        found: dict[str, Any] | None = best and self._document["paths"][best].get(exchange.method)
        return found

    def violations(self, exchange: Exchange) -> Iterator[str]:
        """All that is against the contract."""
        exchange.host_url = self.server
        operation = self.operation(exchange)
        if operation is None:
            yield f"{exchange}: no such operation"
            return
        if not exchange.deliberately_wrong:
            for error in self._openapi.iter_request_errors(exchange):
                yield f"{exchange}: request: {_reason(error)}"
            yield from (f"{exchange}: {extra}" for extra in self._undeclared(operation, exchange))
        for error in self._openapi.iter_response_errors(exchange, exchange.answer):
            yield f"{exchange}: answer: {_reason(error)}"
        if str(exchange.status_code) not in operation["responses"]:
            yield f"{exchange}: the status is not declared"

    def _undeclared(self, operation: Mapping[str, Any], exchange: Exchange) -> Iterator[str]:
        """What vendors ignore in silence, and what OpenAPI cannot say."""
        declared = {each["name"] for each in map(self._resolved, operation.get("parameters", ()))}
        given = dict(exchange.query)
        for name in given.keys() - declared:
            yield f"the parameter {name} is not declared"
        if len(given) != len(exchange.query):
            yield "a parameter is there twice"
        needed = operation.get("x-required-any-of")
        if needed and not given.keys() & set(needed):
            yield f"none of {needed} is there"
        if exchange.body:
            known = self._body_schema(operation).get("properties", {})
            for name in json.loads(exchange.body).keys() - known.keys():
                yield f"the field {name} is not declared"

    def _body_schema(self, operation: Mapping[str, Any]) -> Mapping[str, Any]:
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        return self._resolved(body.get("schema", {}))

    def _resolved(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in value:
            return value
        found: Any = self._document
        for key in value["$ref"].removeprefix("#/").split("/"):
            found = found[unquote(key)]
        return self._resolved(found)

    def _operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for template, item in self._document["paths"].items():
            for method, operation in item.items():
                if method != "parameters":
                    yield template, method, operation


def _reason(error: BaseException) -> str:
    """The error with everything below it."""
    causes = [str(error)]
    details = getattr(error.__cause__, "schema_errors", None)
    causes += [
        f"{'.'.join(map(str, each.absolute_path))}: {each.message}" for each in details or ()
    ]
    if error.__cause__ is not None and not details:
        causes.append(_reason(error.__cause__))
    return " | ".join(causes)


@attrs.define
class Proxy:
    """Hands every request on to ``upstream``, unchanged, and remembers both directions."""

    upstream: str
    url: str = ""
    seen: list[Exchange] = attrs.field(factory=list[Exchange])
    deliberately_wrong: bool = False
    _session: Any = None
    _server: Any = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        self._server = web.ServerRunner(web.Server(self._handle))
        await self._server.setup()
        site = web.TCPSite(self._server, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._server.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.cleanup()
        await self._session.close()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        async with self._session.request(
            request.method,
            URL(self.upstream + request.raw_path, encoded=True),
            headers=request.headers,
            data=body or None,
            allow_redirects=False,
        ) as answer:
            data = await answer.read()
        self.seen.append(
            Exchange(
                method=request.method,
                raw_path=request.raw_path,
                headers=Headers(list(request.headers.items())),
                body=body or None,
                status_code=answer.status,
                answer_headers=Headers(list(answer.headers.items())),
                data=data,
                deliberately_wrong=self.deliberately_wrong,
            )
        )
        kept = {k: v for k, v in answer.headers.items() if k in {"Content-Type", "Link", "Date"}}
        return web.Response(status=answer.status, headers=kept, body=data)


@cache
def contract_of(name: str) -> Contract:
    """The contract of a vendor."""
    return Contract(name)


@pytest.fixture(scope="session")
def contract() -> Any:
    """Contracts by provider."""
    return contract_of


@pytest.fixture(scope="session")
def proxy() -> type[Proxy]:
    """The class of the proxy."""
    return Proxy
