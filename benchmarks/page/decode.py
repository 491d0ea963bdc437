"""From the bytes of a page to something with attributes, over and over."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from benchmarks.harness import rows
from benchmarks.harness.usage import settle_garbage

Decode = Callable[[bytes], object]


def ours(settings: Mapping[str, Any]) -> dict[str, float]:
    """To neutral values, through the flow that the client drives."""
    return _measure(_ours(settings["vendor"]), settings)


def _ours(vendor: str) -> Decode:
    from loyalty_sdk import Response  # noqa: PLC0415 - only what is measured is imported

    listing, filters = _listing(vendor)

    def decode(body: bytes) -> object:
        flow = listing(None, filters)
        next(flow)
        try:
            flow.send(Response(status=200, body=body))
        except StopIteration as end:
            page: object = end.value
            return page
        raise AssertionError("a page takes one request")

    return decode


def _listing(vendor: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    from loyalty_sdk_joy import Joy  # noqa: PLC0415 - as above
    from loyalty_sdk_loyaltylion import LoyaltyLion  # noqa: PLC0415 - as above

    if vendor == "joy":
        joy = Joy(app_key="sandbox", secret_key="sandbox")  # noqa: S106 - of no account
        return joy.list_transactions, {"customer_id": "7012345678"}
    return LoyaltyLion(api_key="pat_sandbox").list_transactions, {}


def by_json(settings: Mapping[str, Any]) -> dict[str, float]:
    """To dicts, by the standard library."""
    return _measure(json.loads, settings)


def by_cattrs(settings: Mapping[str, Any]) -> dict[str, float]:
    """To attrs classes, by cattrs from what orjson read."""
    import orjson  # noqa: PLC0415 - as above
    from cattrs.preconf.orjson import make_converter  # noqa: PLC0415 - as above

    from ._attrs import PAGES  # noqa: PLC0415 - as above

    converter = make_converter()
    converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    kind: Any = PAGES[settings["vendor"]]
    # cattrs has no rule for "a number or text": as it came, then.
    for alternatives in (int | str, int | str | None):
        converter.register_structure_hook(alternatives, lambda value, _: value)
    return _measure(lambda body: converter.structure(orjson.loads(body), kind), settings)


def by_msgspec(settings: Mapping[str, Any]) -> dict[str, float]:
    """To Structs, by msgspec."""
    import msgspec  # noqa: PLC0415 - as above

    from ._structs import PAGES  # noqa: PLC0415 - as above

    decoder: Any = msgspec.json.Decoder(PAGES[settings["vendor"]])
    return _measure(decoder.decode, settings)


def by_pydantic(settings: Mapping[str, Any]) -> dict[str, float]:
    """To models, by pydantic's own reader of JSON."""
    from ._models import PAGES  # noqa: PLC0415 - as above

    return _measure(PAGES[settings["vendor"]].model_validate_json, settings)


def by_pydantic_in_part(settings: Mapping[str, Any]) -> dict[str, float]:
    """The same, of the fields alone that ours reads."""
    from ._few import PAGES  # noqa: PLC0415 - as above

    return _measure(PAGES[settings["vendor"]].model_validate_json, settings)


def _measure(decode: Decode, settings: Mapping[str, Any]) -> dict[str, float]:
    body, count = rows.page(settings["vendor"], settings["rows"]), settings["rows"]
    if "calls" in settings:
        settle_garbage()
        for _ in range(settings["calls"]):
            decode(body)
        return {}
    until = time.perf_counter() + settings["seconds"] / 10
    while time.perf_counter() < until:
        decode(body)
    pages = 0
    until, cpu = time.perf_counter() + settings["seconds"], time.process_time()
    while not pages or time.perf_counter() < until:
        decode(body)
        pages += 1
    used = time.process_time() - cpu
    return {
        "row_us": used / pages / count * 1e6,
        "page_ms": used / pages * 1e3,
        "mib_per_second": len(body) * pages / used / 2**20,
    }
