"""What a backfill leaves on disk: enough to go on, and no key."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import AuthenticationError, Customer, Order, connect
from loyalty_sdk.backfill import Backfill, write_report

ADDRESS = "planted.person@example.com"
ROWS = [
    Order(
        id=f"o-{number}",
        customer=Customer(id="1", email=ADDRESS),
        total=Decimal(5),
        payment_status="paid",
    )
    for number in range(8)
]


def _backfill(client: Any, folder: Path, deadline: float = 1.0) -> Backfill:
    return Backfill(
        client,
        ROWS,
        journal=folder / "journal",
        operation="create_order",
        state_directory=folder / "state",
        deadline=deadline,
    )


def _written(folder: Path) -> dict[Path, bytes]:
    return {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()}


async def test_no_file_holds_a_key_and_no_report_an_address(shop: Any, tmp_path: Path) -> None:
    """However calls fail: the journal, the dead letters, the witness and the report."""
    shop.sandbox.faults.add("drop", match="POST", share=0.5, seed=3)
    shop.sandbox.faults.add("error", match="POST", status=422, share=0.3, seed=4)
    await _backfill(shop.client, tmp_path).run()
    write_report(tmp_path / "journal", tmp_path / "report.html")

    written = _written(tmp_path)
    assert {"journal", "report.html"} <= {each.name for each in written}
    assert not any(b"pat_sandbox" in held for held in written.values())
    assert ADDRESS.encode() not in written[tmp_path / "report.html"]


async def test_a_refused_key_is_in_no_error(shop: Any, tmp_path: Path) -> None:
    """Which the journal would keep and the command line print."""
    settings = shop.sandbox.settings("loyaltylion") | {"api_key": "planted-key"}
    async with connect("loyaltylion", **settings) as client:
        with pytest.raises(AuthenticationError) as caught:
            await _backfill(client, tmp_path, deadline=10.0).run()
    assert "planted" not in f"{caught.value!r} {caught.value}"


@pytest.mark.parametrize("kind", ["api_key", "token and secret"])
@pytest.mark.filterwarnings("ignore:LoyaltyLion ends token:DeprecationWarning")
async def test_nobody_reads_a_key_that_the_vendor_quotes(
    shop: Any, tmp_path: Path, kind: str
) -> None:
    """Not in the journal, its dead letters and its report, nor in what a run tells."""
    settings, quoted = shop.sandbox.settings("loyaltylion"), "pat_sandbox"
    if kind != "api_key":
        quoted = "sandbox"
        settings = {"base_url": settings["base_url"], "token": quoted, "secret": quoted}
    body = f'{{"error": {{"message": "no {quoted}", "code": "{quoted}"}}}}'
    shop.sandbox.faults.add("error", status=422, match="POST", body=body)
    async with connect("loyaltylion", **settings) as client:
        events = [repr(each) async for each in _backfill(client, tmp_path).events()]
    write_report(tmp_path / "journal", tmp_path / "report.html")

    assert quoted not in "".join(events)
    written = _written(tmp_path)
    assert b"***" in written[tmp_path / "journal.rejected.jsonl"]
    assert not any(quoted.encode() in held for held in written.values())
