"""Listing: filters, pages, JSON Lines and the table."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

WHEN = datetime(2026, 5, 1, 8, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, acme: Any, server: Any) -> None:
    """Commands talk to the scripted server."""
    monkeypatch.setenv("LOYALTY_PROVIDER", "acme")
    monkeypatch.setenv("ACME_BASE_URL", server.url)


def page(server: Any, *rows: dict[str, Any], cursor: str | None = None) -> bytes:
    """An answer with ``rows``."""
    body: bytes = server.http(body=json.dumps({"rows": rows, "cursor": cursor}).encode())
    return body


FIRST = {"id": "2", "points": -5, "balance": 5, "reason": "re\x1b[2Jturned [bold]", "customer": "1"}
SECOND = {"id": "1", "points": 0, "pending": 10, "order_id": "A-1"}


async def test_every_filter_can_be_said(loyalty: Any, acme: Any) -> None:
    """The options become the filters, with times in UTC."""
    ended = await loyalty(
        "transactions", "--customer=0012", "--from=2026-05-01T10:30:00+02:00",
        "--until=2026-05-01T08:30:00Z", "--kind=earned", "--kind=adjusted", "--page-size=7",
    )  # fmt: skip
    assert (0, "") == (ended.code, ended.err)
    [(cursor, filters)] = acme.seen
    assert (None, "0012", WHEN, WHEN, 7) == (
        cursor,
        filters["customer_id"],
        filters["created_from"],
        filters["created_until"],
        filters["page_size"],
    )
    assert {"earned", "adjusted"} == set(filters["kinds"])


async def test_no_filter_is_made_up(loyalty: Any, acme: Any) -> None:
    """Without options nothing narrows the list."""
    assert 0 == (await loyalty("transactions")).code
    assert [(None, {})] == acme.seen


async def test_json_is_one_object_a_line_over_all_pages(loyalty: Any, server: Any) -> None:
    """Rows come out in order, each as the neutral value's JSON."""
    server.script += [page(server, FIRST, cursor="c1"), page(server, SECOND)]
    ended = await loyalty("transactions", "--json")
    assert (0, "") == (ended.code, ended.err)
    assert ["2", "1"] == [row["id"] for row in ended.lines]
    wanted = {
        "id": "1",
        "customer": None,
        "points": 0,
        "pending": 10,
        "balance": None,
        "kind": "earned",
        "created_at": "2026-05-01T08:30:00Z",
        "reason": None,
        "order_id": "A-1",
    }
    assert wanted == ended.lines[1]


async def test_a_table_has_one_heading_and_shows_all_pages(loyalty: Any, server: Any) -> None:
    """People see a table as wide as the terminal; nothing in it can move their cursor."""
    server.script += [page(server, FIRST, cursor="c1"), page(server, SECOND), page(server)]
    ended = await loyalty("transactions")
    heading, first, second = ended.out.splitlines()
    assert "When (UTC) Kind Points Pending Balance Customer About" == " ".join(heading.split())
    assert "2026-05-01 08:30:00 earned        -5       0       5 1" in first
    assert first.rstrip().endswith(" re\ufffd[2Jturned…")
    assert ["0", "+10", "-", "-", "order", "A-1"] == second.split()[3:]
    assert 80 >= max(map(len, ended.out.splitlines()))


async def test_one_customers_table_needs_no_customer(loyalty: Any, server: Any) -> None:
    """With --customer the column is left out; a page without rows adds no line."""
    server.script += [page(server, FIRST, cursor="c1"), page(server, cursor="c2"), page(server)]
    ended = await loyalty("transactions", "--customer=1")
    heading, row = ended.out.splitlines()
    assert "Customer" not in heading
    assert "2026-05-01 08:30:00 earned        -5       0       5 re\ufffd[2Jturned [bold]" == row


async def test_an_empty_list_is_an_empty_table(loyalty: Any) -> None:
    """No rows are no failure: the headings say what there would be."""
    ended = await loyalty("transactions", "--customer=1")
    assert (0, ["When (UTC)          Kind      Points Pending Balance About"]) == (
        ended.code,
        [line.rstrip() for line in ended.out.splitlines()],
    )


async def test_a_run_can_stop_and_go_on(loyalty: Any, server: Any, acme: Any) -> None:
    """--pages stops early and prints the cursor with which another run goes on."""
    server.script += [page(server, FIRST, cursor="c1"), page(server, SECOND)]
    ended = await loyalty("transactions", "--customer=1", "--pages=1", "--json")
    assert (0, ["2"]) == (ended.code, [row["id"] for row in ended.lines])
    cursor = ended.err.removeprefix("More with --cursor ").strip()
    again = await loyalty("transactions", "--cursor", cursor, "--pages=1", "--json")
    assert (0, "", ["1"]) == (again.code, again.err, [row["id"] for row in again.lines])
    assert ("c1", {"customer_id": "1"}) == acme.seen[-1]


async def test_no_page_is_asked_for_that_is_not_shown(loyalty: Any, server: Any) -> None:
    """--pages sends as many requests, and not one for what would come next."""
    server.script += [page(server, {**SECOND, "id": str(n)}, cursor=f"c{n}") for n in range(3)]
    ended = await loyalty("transactions", "--pages=2", "--json")
    assert (0, ["0", "1"]) == (ended.code, [row["id"] for row in ended.lines])
    assert 2 == len(server.arrivals)


async def test_rows_printed_before_a_failure_stay(loyalty: Any, server: Any) -> None:
    """A page that cannot be read ends the run with 1, after the rows that could."""
    server.script += [page(server, FIRST, cursor="c1"), server.http(404, b"gone")]
    ended = await loyalty("transactions", "--json")
    assert (1, ["2"]) == (ended.code, [row["id"] for row in ended.lines])
    assert "acme list_transactions: HTTP 404: gone" in ended.err
    assert 1 == ended.err.count("\n")
