"""How writes are found again: what Joy's list of transactions proves and denies, without I/O."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import attrs
import pytest

from loyalty_sdk._flow import Request, Response
from loyalty_sdk._look import MOST_PAGES, Finding, Sight, Trace, Window
from loyalty_sdk.errors import APIError, LoyaltyError, MalformedResponseError
from loyalty_sdk_joy import Joy

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
WINDOW = Window(sent_at=100.0)
AWARD = Trace(
    operation="award", customer_id="78", reference="t-1", marker="t-1", points=5, adjusts=True
)


def answer(content: object, status: int = 200, **headers: str) -> Response:
    """An answer 30 seconds after the write was sent, at noon by the vendor's clock."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    date = {"Date": format_datetime(NOON, usegmt=True)}
    return Response(status=status, headers=date | headers, body=body, received_at=130.0)


def page(
    *notes: str | None, ago: float = 0.0, balance: int = 100, more: bool = False, **changes: Any
) -> Response:
    """Rows of 5 points with these staff notes, newest first, and without a gap unless changed."""
    created = (NOON - timedelta(seconds=ago)).isoformat().replace("+00:00", "Z")
    rows = [
        {
            "id": f"act_{balance - 5 * index}",
            "shopifyCustomerId": "78",
            "type": "adjust_point",
            "oldPoint": balance - 5 * index - 5,
            "newPoint": balance - 5 * index,
            "earnPoint": 5,
            "adminNote": note,
            "createdAt": created,
        }
        | changes
        for index, note in enumerate(notes)
    ]
    return answer({"success": True, "data": rows, "meta": {"pagination": {"hasNext": more}}})


def look(trace: Trace, *answers: Response, window: Window = WINDOW) -> tuple[Sight, list[Request]]:
    """What a look at ``answers`` says, and what it asked for."""
    flow = Joy(app_key="app", secret_key="sec").look(trace, window)
    asked = [next(flow), *map(flow.send, answers[:-1])]
    with pytest.raises(StopIteration) as end:
        flow.send(answers[-1])
    sight: Sight = end.value.value
    assert all(request.fresh for request in asked)
    return sight, asked


def no_look(*answers: Response) -> LoyaltyError:
    """Why a look at ``answers`` is none."""
    flow = Joy(app_key="app", secret_key="sec").look(AWARD, WINDOW)
    next(flow)
    for each in answers[:-1]:
        flow.send(each)
    with pytest.raises(LoyaltyError) as caught:
        flow.send(answers[-1])
    return caught.value


@pytest.mark.parametrize("operation", ["award", "deduct", "adjust"])
def test_a_change_of_points_is_proven_by_its_marker(operation: str) -> None:
    """In the staff note of one of the customer's rows, whatever its points are."""
    trace = AWARD._replace(operation=operation, points=7)
    sight, [asked] = look(trace, page("[ref:t-10] x", "[ref:t-1] note", None))

    assert (Finding.PROVEN, [5]) == (sight.finding, [row.points for row in sight.rows])
    assert ["act_95"] == [row.id for row in sight.rows]
    assert "/rest_api/v2/transactions" == asked.path
    assert {("shopifyCustomerId", "78"), ("limit", "1000")} <= {*asked.query}
    assert 4 == sight.longest_marker


@pytest.mark.parametrize("note", [None, "t-1", "[ref:t-10]", "x [ref:t-1]", "[ref:t-1", 7, {}])
def test_it_is_absent_without_its_marker(note: Any) -> None:
    """Even beside rows of its size; what is no text has none."""
    sight, _ = look(AWARD, page(note))

    assert Finding.ABSENT is sight.finding


def test_a_marker_in_what_the_shopper_reads_is_none() -> None:
    """Only the staff note is ours."""
    sight, _ = look(AWARD, page(None, userNote="[ref:t-1] x", reason="[ref:t-1] x"))

    assert Finding.ABSENT is sight.finding


def test_an_escaped_marker_is_a_marker() -> None:
    """Software in between may escape HTML and collapse blanks."""
    sight, _ = look(AWARD, page("&#91;ref:t-1&#93;&nbsp; a&amp;b"))

    assert Finding.PROVEN is sight.finding


def test_nothing_at_all_is_absent() -> None:
    """A customer without rows is an answer."""
    sight, _ = look(AWARD, page())

    assert Finding.ABSENT is sight.finding


def test_the_window_is_ten_minutes_wider_than_the_time_since_the_send() -> None:
    """By the vendor's clock."""
    inside, _ = look(AWARD, page("[ref:t-1] x", ago=630))
    outside, _ = look(AWARD, page("[ref:t-1] x", ago=630.001))

    assert Finding.PROVEN is inside.finding
    assert Finding.ABSENT is outside.finding


# ------------------------------------------------------------ the chain of balances


def gap(*balances: tuple[int | None, int | None], ago: float = 0.0) -> Response:
    """Rows with these balances before and after."""
    created = (NOON - timedelta(seconds=ago)).isoformat().replace("+00:00", "Z")
    rows = [
        {"id": f"act_{index}", "oldPoint": old, "newPoint": new, "createdAt": created}
        for index, (old, new) in enumerate(balances)
    ]
    return answer({"success": True, "data": rows, "meta": {"pagination": {"hasNext": False}}})


@pytest.mark.parametrize(
    ("balances", "finding"),
    [
        ([(10, 15), (5, 10), (0, 5)], Finding.ABSENT),
        ([(15, 20), (5, 10)], Finding.UNDECIDED),
        ([(10, 15), (5, 10), (-5, 0)], Finding.UNDECIDED),
        ([(10, 15), (None, None), (0, 5)], Finding.ABSENT),
        ([(10, 5), (0, 10)], Finding.ABSENT),
    ],
    ids=["whole", "gap", "gap below", "unknown balances", "down and up"],
)
def test_a_gap_in_the_balances_means_that_the_list_lags(
    balances: list[tuple[int | None, int | None]], finding: Finding
) -> None:
    """A row is missing that may be ours: that is not absence."""
    sight, _ = look(AWARD, gap(*balances))

    assert finding is sight.finding
    assert (finding is Finding.UNDECIDED) is ("not listed yet" in sight.note)


def test_a_gap_before_the_window_is_no_matter() -> None:
    """What is missing there is older than the write."""
    sight, _ = look(AWARD, gap((15, 20), (5, 10), ago=700))

    assert Finding.ABSENT is sight.finding


def test_a_gap_hides_no_proof() -> None:
    """The marker is there: that others are missing changes nothing."""
    sight, _ = look(AWARD, page("[ref:t-1] x", "y", oldPoint=0, newPoint=1000))

    assert Finding.PROVEN is sight.finding


# ------------------------------------------------------------ others, pages


def test_a_namesakes_marker_proves_nothing() -> None:
    """Two calls with one reference: one row may be either's, two are both."""
    window = Window(sent_at=100.0, others=(AWARD,))
    one, _ = look(AWARD, page("[ref:t-1] x"), window=window)
    two, _ = look(AWARD, page("[ref:t-1] x", "[ref:t-1] x"), window=window)

    assert (Finding.UNDECIDED, Finding.PROVEN) == (one.finding, two.finding)


def test_every_page_of_the_window_is_read() -> None:
    """And not one more: a page without a row of the window is the end."""
    first = page("a", balance=100, more=True)
    second = page("[ref:t-1] x", balance=95, ago=20, more=True)
    last = page("[ref:t-1] x", balance=90, ago=3600, more=True)
    sight, asked = look(AWARD, first, second, last)

    assert (Finding.PROVEN, ["act_95"]) == (sight.finding, [row.id for row in sight.rows])
    assert [None, "act_100", "act_95"] == [dict(each.query).get("after") for each in asked]


def test_what_happened_in_another_process_is_looked_for_in_the_whole_history() -> None:
    """Its clock says nothing here."""
    first = page("a", balance=100, ago=1e6, more=True)
    old = page("[ref:t-1] x", balance=95, ago=1e8)
    sight, _ = look(AWARD, first, old, window=Window(sent_at=None))

    assert Finding.PROVEN is sight.finding


def test_a_list_without_an_end_is_no_look() -> None:
    """After twenty pages nothing is decided."""
    pages = [page("a", balance=1000 - 5 * number, more=True) for number in range(MOST_PAGES)]

    assert "20 pages" in no_look(*pages).message


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (attrs.evolve(page(), headers={}), MalformedResponseError),
        (attrs.evolve(page(), status=202), MalformedResponseError),
        (attrs.evolve(page("a"), headers={"Age": "0"}), MalformedResponseError),
        (answer(b"<html>"), MalformedResponseError),
        (answer({"success": True}), MalformedResponseError),
        (answer({"success": False, "data": []}), APIError),
        (page("a", createdAt="yesterday"), MalformedResponseError),
    ],
    ids=["no date", "202", "cached", "html", "no rows", "success: false", "a row without a time"],
)
def test_a_page_that_is_not_as_documented_is_no_look(
    read: Response, error: type[LoyaltyError]
) -> None:
    """Whatever page it is."""
    assert isinstance(no_look(read), error)
    assert isinstance(no_look(page("a", more=True), read), error)
