"""Points by HTTP, with aiohttp.web: ``python aiohttp_app.py``."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator

import loyalty_sdk
from aiohttp import web
from loyalty_sdk import LoyaltyClient, LoyaltyError, PointsAdjustment, wire

log = logging.getLogger("shop")
CLIENT = web.AppKey("client", LoyaltyClient)
STATUS = {"unknown": 202, "not_sent": 503, "absent": 503}  # anything else was refused: 422


async def loyalty(app: web.Application) -> AsyncIterator[None]:
    # One client per process. It closes when the last request has been answered.
    async with loyalty_sdk.connect("loyaltylion", reference_in_reason=True) as app[CLIENT]:
        yield


async def give(request: web.Request) -> web.Response:
    deadline = float(request.headers.get("X-Deadline", 10))
    client = request.app[CLIENT].with_options(deadline=deadline)
    said = {"customer_id": request.match_info["customer"], **await request.json()}
    try:
        receipt = await client.adjust_points(wire.structure(said, PointsAdjustment))
    except LoyaltyError as error:
        log.warning("%s: %s, %s", said.get("reference"), error.outcome, error)
        answer, status = {"outcome": error.outcome}, STATUS.get(error.outcome or "", 422)
        return web.json_response(answer, status=status)
    except asyncio.CancelledError as error:
        log.warning("%s: visitor gone, %s", said.get("reference"), getattr(error, "receipt", None))
        raise
    return web.json_response({"outcome": receipt.outcome})


def make_app() -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(loyalty)
    app.router.add_post("/customers/{customer}/points", give)
    return app


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    port = int(os.environ.get("PORT", "8080"))
    # Without handler_cancellation nobody tells `give` that its visitor has gone.
    web.run_app(make_app(), port=port, handler_cancellation=True, shutdown_timeout=30)
