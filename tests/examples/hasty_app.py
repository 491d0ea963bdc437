"""The FastAPI example for a vendor that settles within half a second, and has no rate limit.

So a write whose answer was lost is also sent again while a visitor waits, which is where a
double could come from; and more than a few a second are sent.
"""

from __future__ import annotations

from functools import partial

import fastapi_app

import loyalty_sdk

vars(loyalty_sdk)["connect"] = partial(loyalty_sdk.connect, settle=0.5, rate_limit=False)
app = fastapi_app.app
