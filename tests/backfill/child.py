"""The process that is killed: ``python -m tests.backfill.child FACTS`` runs one backfill."""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from loyalty_sdk import JournalError, connect
from loyalty_sdk.backfill import Backfill, State

REFUSED = 3
"""Exit status when the journal was refused."""


def settings(provider: str, url: str) -> dict[str, Any]:
    """For `connect`; both vendors keep the reference of what they are sent."""
    if provider == "loyaltylion":
        return {"api_key": "pat_sandbox", "base_url": url, "reference_in_reason": True}
    from loyalty_sdk_joy import PointsPerUnit

    orders = PointsPerUnit(Decimal(1))
    return {"app_key": "sandbox", "secret_key": "sandbox", "base_url": url, "orders": orders}


async def main(facts: dict[str, Any]) -> int:
    """Run it, and print what became of the rows."""
    given = settings(facts["provider"], facts["url"])
    async with connect(
        facts["provider"], settle=facts["settle"], rate_limit=False, **given
    ) as client:
        backfill = Backfill(
            client,
            Path(facts["rows"]),
            journal=facts["journal"],
            operation=facts["operation"],
            state_directory=facts["state"],
            deadline=facts["deadline"],
            concurrency=facts.get("concurrency", 64),
        )
        try:
            summary = await backfill.run()
        except JournalError as error:
            print(error)
            return REFUSED
    counts = {state.name: summary.counts[state] for state in State}
    print(json.dumps({"counts": counts, "reason": summary.reason, "doubled": summary.doubled}))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(json.loads(sys.argv[1]))))
