"""From a raw path to a handler.

Paths are matched as they arrived: ``%2F`` inside a segment is part of an id, not a slash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from .vendor import Answer, Call, Route, VendorSandbox


class Endpoint(NamedTuple):
    """A route with the handler of the vendor that has it."""

    vendor: VendorSandbox
    route: Route
    handler: Callable[[Call], Answer]
    names: tuple[str, ...]


@attrs.define
class _Node:
    """What may follow some segments of a path."""

    named: dict[str, _Node] = attrs.field(factory=dict[str, "_Node"])
    any: _Node | None = None
    methods: dict[str, Endpoint] = attrs.field(factory=dict[str, Endpoint])


class Router:
    """Every endpoint of every vendor."""

    def __init__(self, vendors: list[VendorSandbox]) -> None:
        self._vendors = vendors
        self._root = _Node()
        for vendor in vendors:
            for route in vendor.routes():
                self._add(vendor, route)

    def _add(self, vendor: VendorSandbox, route: Route) -> None:
        node, names = self._root, list[str]()
        for segment in route.template.split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.named.setdefault(segment, _Node())
        handler = getattr(vendor, route.handler)
        node.methods[route.method] = Endpoint(vendor, route, handler, tuple(names))

    def find(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
        """The endpoint and the path's parameters, decoded once; None for an unknown one."""
        found = _walk(self._root, path.split("/"), 0, ())
        endpoint = found[0].methods.get(method) if found else None
        if found is None or endpoint is None:
            return None
        return endpoint, dict(zip(endpoint.names, map(unquote, found[1]), strict=True))

    def vendor(self, path: str) -> VendorSandbox | None:
        """Whose path it is, by its prefix."""
        for vendor in self._vendors:
            if path.startswith(vendor.prefix):
                return vendor
        return None


def _walk(
    node: _Node, segments: list[str], at: int, values: tuple[str, ...]
) -> tuple[_Node, tuple[str, ...]] | None:
    if at == len(segments):
        return (node, values) if node.methods else None
    segment = segments[at]
    if (child := node.named.get(segment)) and (found := _walk(child, segments, at + 1, values)):
        return found
    if segment and node.any:
        return _walk(node.any, segments, at + 1, (*values, segment))
    return None
