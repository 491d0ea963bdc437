"""The examples, all running, and the sandbox that they call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loyalty_sdk.sandbox import Sandbox
from loyalty_sdk.testing._thread import served

from .server import Server, environment, start

NAMES = (
    "aiohttp_app",
    "django_app",
    "fastapi_app",
    "starlette_app",
    "aiohttp_webhooks",
    "fastapi_webhooks",
)


@pytest.fixture(scope="session")
def vendor() -> Iterator[Sandbox]:
    """The sandbox that all examples call."""
    with served(Sandbox()) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _untouched(vendor: Sandbox) -> Iterator[None]:
    """A test finds the sandbox as if it were new."""
    yield
    vendor.faults.clear()
    vendor.webhooks.clear()
    vendor.arrivals.clear()
    vendor.reset()


@pytest.fixture(scope="session")
def servers(
    vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Server]]:
    """All of them by name; they start side by side."""
    folder, environ = tmp_path_factory.mktemp("servers"), environment(vendor.url)
    running = {name: start(name, environ, folder) for name in NAMES}
    try:
        for server in running.values():
            server.wait()
        yield running
    finally:
        for server in running.values():
            server.process.kill()
            server.process.wait()
