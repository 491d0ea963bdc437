"""Points by HTTP, with Django: ``uvicorn django_app:app --timeout-graceful-shutdown 30``."""

import asyncio
import json
import logging
import os
from typing import Any

import loyalty_sdk
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from loyalty_sdk import LoyaltyClient, LoyaltyError, PointsAdjustment, wire

log = logging.getLogger("uvicorn.error.shop")
STATUS = {"unknown": 202, "not_sent": 503, "absent": 503}  # anything else was refused: 422

if not settings.configured:  # in a project of your own: settings.py
    hosts = ["localhost", "127.0.0.1", "testserver"]
    secret = os.environ.get("DJANGO_SECRET_KEY", "only for trying it out")
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=hosts, SECRET_KEY=secret)


class Shop:
    client: LoyaltyClient


async def give(request: HttpRequest, customer: str) -> JsonResponse:
    client = Shop.client.with_options(deadline=float(request.headers.get("X-Deadline", 10)))
    said = {"customer_id": customer, **json.loads(request.body)}
    try:
        receipt = await client.adjust_points(wire.structure(said, PointsAdjustment))
    except LoyaltyError as error:
        log.warning("%s: %s, %s", said.get("reference"), error.outcome, error)
        return JsonResponse({"outcome": error.outcome}, status=STATUS.get(error.outcome or "", 422))
    except asyncio.CancelledError as error:
        log.warning("%s: visitor gone, %s", said.get("reference"), getattr(error, "receipt", None))
        raise
    return JsonResponse({"outcome": receipt.outcome})


urlpatterns = [path("customers/<customer>/points", give)]
django = get_asgi_application()


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Django has no lifespan of its own: this one makes the client and closes it."""
    if scope["type"] == "lifespan":
        await receive()
        # One client per process. It closes when the last request has been answered.
        async with loyalty_sdk.connect("loyaltylion", reference_in_reason=True) as Shop.client:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await django(scope, receive, send)
