"""The web applications open what they need and close it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from typing import Any

import pytest
from aiohttp import web

import loyalty_sdk
from loyalty_sdk import ClientClosedError, LoyaltyClient, PointsAdjustment
from loyalty_sdk.sandbox import Sandbox


@asynccontextmanager
async def asgi(name: str) -> AsyncIterator[None]:
    """An ASGI application between its start and its end, as a server would have it."""
    app = import_module(name).app
    received: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    sent: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "state": {}}, received.get, sent.put))
    await received.put({"type": "lifespan.startup"})
    assert "lifespan.startup.complete" == (await sent.get())["type"]
    yield
    await received.put({"type": "lifespan.shutdown"})
    assert "lifespan.shutdown.complete" == (await sent.get())["type"]
    await task


@asynccontextmanager
async def aiohttp_web(name: str) -> AsyncIterator[None]:
    """The same of an application of aiohttp.web."""
    runner = web.AppRunner(import_module(name).make_app())
    await runner.setup()
    yield
    await runner.cleanup()


Running = Callable[[str], AbstractAsyncContextManager[None]]
APPS: dict[str, Running] = {
    "aiohttp_app": aiohttp_web,
    "django_app": asgi,
    "fastapi_app": asgi,
    "starlette_app": asgi,
}


@pytest.mark.parametrize("name", APPS)
async def test_one_client_is_made_and_closed(
    name: str, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between start and end there is one client; then it is closed, and its connections are."""
    made: list[LoyaltyClient] = []
    connect: Any = loyalty_sdk.connect

    def remember(*args: Any, **settings: Any) -> LoyaltyClient:
        made.append(connect(*args, **settings, **vendor.settings("loyaltylion")))
        return made[-1]

    monkeypatch.setattr(loyalty_sdk, "connect", remember)
    adjustment = PointsAdjustment(customer_id="1", points=5)
    async with APPS[name](name):
        (client,) = made
        assert "applied" == (await client.adjust_points(adjustment)).outcome

    assert [client] == made
    with pytest.raises(ClientClosedError):
        await client.adjust_points(adjustment)
