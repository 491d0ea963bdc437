"""Points by HTTP, with FastAPI: ``uvicorn fastapi_app:app --timeout-graceful-shutdown 30``."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import loyalty_sdk
from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from loyalty_sdk import LoyaltyClient, LoyaltyError, PointsAdjustment
from pydantic import BaseModel

log = logging.getLogger("uvicorn.error.shop")
STATUS = {"unknown": 202, "not_sent": 503, "absent": 503}  # anything else was refused: 422


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with loyalty_sdk.connect("loyaltylion", reference_in_reason=True) as app.state.client:
        yield  # one client per process; it closes when the last request has been answered


app = FastAPI(lifespan=lifespan)
Deadline = Annotated[float, Header(alias="X-Deadline", gt=0)]


class Gift(BaseModel):
    points: int
    reference: str


@app.post("/customers/{customer}/points")
async def give(customer: str, gift: Gift, request: Request, deadline: Deadline = 10) -> Response:
    client = request.app.state.client.with_options(deadline=deadline)
    async with asyncio.TaskGroup() as group:
        call = group.create_task(adjust(client, customer, gift))
        watch = group.create_task(cancel_when_gone(request, call))
        call.add_done_callback(lambda _: watch.cancel())
    return Response(status_code=499) if call.cancelled() else call.result()


async def adjust(client: LoyaltyClient, customer: str, gift: Gift) -> Response:
    try:
        receipt = await client.adjust_points(PointsAdjustment(customer_id=customer, **dict(gift)))
    except LoyaltyError as error:
        log.warning("%s: %s, %s", gift.reference, error.outcome, error)
        return JSONResponse({"outcome": error.outcome}, STATUS.get(error.outcome or "", 422))
    except asyncio.CancelledError as error:
        log.warning("%s: visitor gone, %s", gift.reference, getattr(error, "receipt", None))
        raise
    return JSONResponse({"outcome": receipt.outcome})


async def cancel_when_gone(request: Request, call: asyncio.Task[Response]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    call.cancel()
