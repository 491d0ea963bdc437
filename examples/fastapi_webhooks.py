"""Webhooks of both vendors, with FastAPI: ``uvicorn fastapi_webhooks:app``."""

import logging
import os
from typing import Literal

from fastapi import FastAPI, Request, Response
from loyalty_sdk import WebhookError, webhooks

log = logging.getLogger("uvicorn.error.shop")
store = webhooks.MemoryStore()  # several processes share one in Redis: docs/webhooks.md
SECRETS = {
    # Several, separated by commas, while a new one replaces an old one.
    "loyaltylion": os.environ["LOYALTYLION_WEBHOOK_SECRET"].split(","),
    "joy": os.environ["JOY_SECRET_KEY"].split(","),
}
app = FastAPI()


@app.post("/webhooks/{provider}")
@app.post("/webhooks/{provider}/{topic:path}")  # Joy's bodies do not say their topic
async def receive(
    provider: Literal["loyaltylion", "joy"], request: Request, topic: str | None = None
) -> Response:
    body, secrets = await request.body(), SECRETS[provider]
    try:
        event = webhooks.verify(provider, body, request.headers, secrets, topic=topic)
        async with webhooks.once(event, store) as first:
            if first:
                await handle(event)
    except WebhookError as error:
        log.warning("%s", error)
        return Response(status_code=error.status)
    return Response(status_code=204)


async def handle(event: webhooks.Event) -> None:
    """Both vendors wait 5 seconds: what takes longer belongs into a queue."""
    match event:
        case webhooks.PointsEarned(customer=customer, points=points) if customer:
            log.info("%s earned %s points", customer.id, points)
        case webhooks.TierChanged(customer=customer, new=tier) if customer and tier:
            log.info("%s is now in %s", customer.id, tier.name)
        case _:
            log.info("%s: %s", event.provider, event.topic)
