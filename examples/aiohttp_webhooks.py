"""Webhooks of both vendors, with aiohttp.web: ``python aiohttp_webhooks.py``."""

import logging
import os

from aiohttp import web
from loyalty_sdk import WebhookError, webhooks

log = logging.getLogger("shop")
STORE = web.AppKey("store", webhooks.MemoryStore)
SECRETS = {
    # Several, separated by commas, while a new one replaces an old one.
    "loyaltylion": os.environ["LOYALTYLION_WEBHOOK_SECRET"].split(","),
    "joy": os.environ["JOY_SECRET_KEY"].split(","),
}


async def receive(request: web.Request) -> web.Response:
    provider, topic = request.match_info["provider"], request.match_info.get("topic")
    body, secrets = await request.read(), SECRETS[provider]
    try:
        event = webhooks.verify(provider, body, request.headers, secrets, topic=topic)
        async with webhooks.once(event, request.app[STORE]) as first:
            if first:
                await handle(event)
    except WebhookError as error:
        log.warning("%s", error)
        return web.Response(status=error.status)
    return web.Response(status=204)


async def handle(event: webhooks.Event) -> None:
    """Both vendors wait 5 seconds: what takes longer belongs into a queue."""
    match event:
        case webhooks.PointsEarned(customer=customer, points=points) if customer:
            log.info("%s earned %s points", customer.id, points)
        case webhooks.TierChanged(customer=customer, new=tier) if customer and tier:
            log.info("%s is now in %s", customer.id, tier.name)
        case _:
            log.info("%s: %s", event.provider, event.topic)


def make_app() -> web.Application:
    app = web.Application()
    app[STORE] = webhooks.MemoryStore()  # several processes share one in Redis: docs/webhooks.md
    app.router.add_post("/webhooks/{provider:loyaltylion|joy}", receive)
    # Joy's bodies do not say their topic: the address does.
    app.router.add_post("/webhooks/{provider:loyaltylion|joy}/{topic:.+}", receive)
    return app


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    web.run_app(make_app(), port=int(os.environ.get("PORT", "8080")))
