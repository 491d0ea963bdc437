"""Points by HTTP, with Starlette: ``uvicorn starlette_app:app --timeout-graceful-shutdown 30``."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import loyalty_sdk
from loyalty_sdk import LoyaltyClient, LoyaltyError, PointsAdjustment, wire
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

log = logging.getLogger("uvicorn.error.shop")
STATUS = {"unknown": 202, "not_sent": 503, "absent": 503}  # anything else was refused: 422


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[dict[str, object]]:
    # One client per process. It closes when the last request has been answered.
    async with loyalty_sdk.connect("loyaltylion", reference_in_reason=True) as client:
        yield {"client": client}


async def give(request: Request) -> Response:
    deadline = float(request.headers.get("X-Deadline", 10))
    client = request.state.client.with_options(deadline=deadline)
    said = {"customer_id": request.path_params["customer"], **await request.json()}
    async with asyncio.TaskGroup() as group:
        call = group.create_task(adjust(client, said))
        watch = group.create_task(cancel_when_gone(request, call))
        call.add_done_callback(lambda _: watch.cancel())
    return Response(status_code=499) if call.cancelled() else call.result()


async def adjust(client: LoyaltyClient, said: dict[str, Any]) -> Response:
    try:
        receipt = await client.adjust_points(wire.structure(said, PointsAdjustment))
    except LoyaltyError as error:
        log.warning("%s: %s, %s", said.get("reference"), error.outcome, error)
        return JSONResponse({"outcome": error.outcome}, STATUS.get(error.outcome or "", 422))
    except asyncio.CancelledError as error:
        log.warning("%s: visitor gone, %s", said.get("reference"), getattr(error, "receipt", None))
        raise
    return JSONResponse({"outcome": receipt.outcome})


async def cancel_when_gone(request: Request, call: asyncio.Task[Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    call.cancel()


routes = [Route("/customers/{customer}/points", give, methods=["POST"])]
app = Starlette(routes=routes, lifespan=lifespan)
