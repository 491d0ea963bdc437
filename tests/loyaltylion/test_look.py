"""How writes are found again: what each record of LoyaltyLion proves and denies, without I/O."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import attrs
import pytest

from loyalty_sdk._flow import Request, Response
from loyalty_sdk._look import MOST_PAGES, Finding, Sight, Trace, Window
from loyalty_sdk.errors import ConflictError, LoyaltyError, MalformedResponseError
from loyalty_sdk_loyaltylion import LoyaltyLion

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
WINDOW = Window(sent_at=100.0)
ORDER = Trace(operation="create_order", customer_id="1001", reference="A-1", total=Decimal("9.99"))
ACTIVITY = Trace(operation="track_activity", customer_id="1001", reference="act-1", name="review")
POINTS = Trace(
    operation="adjust_points", customer_id="10/01", reference="t-1", points=5, adjusts=True
)
MARKED = POINTS._replace(marker="t-1")
GONE = {"error": {"message": "Not found"}}


def answer(content: object, status: int = 200, **headers: str) -> Response:
    """An answer 30 seconds after the write was sent, at noon by the vendor's clock."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    date = {"Date": format_datetime(NOON, usegmt=True)}
    return Response(status=status, headers=date | headers, body=body, received_at=130.0)


def look(
    trace: Trace, *answers: Response, window: Window = WINDOW, **settings: Any
) -> tuple[Sight, list[Request]]:
    """What a look at ``answers`` says, and what it asked for."""
    flow = LoyaltyLion(api_key="k", **settings).look(trace, window)
    asked = [next(flow), *map(flow.send, answers[:-1])]
    with pytest.raises(StopIteration) as end:
        flow.send(answers[-1])
    sight: Sight = end.value.value
    assert all(request.fresh for request in asked)
    return sight, asked


def no_look(trace: Trace, *answers: Response, **settings: Any) -> LoyaltyError:
    """Why a look at ``answers`` is none."""
    flow = LoyaltyLion(api_key="k", **settings).look(trace, WINDOW)
    next(flow)
    for each in answers[:-1]:
        flow.send(each)
    with pytest.raises(LoyaltyError) as caught:
        flow.send(answers[-1])
    return caught.value


def when(seconds_ago: float = 0.0) -> str:
    """A time as the vendor prints it."""
    return (NOON - timedelta(seconds=seconds_ago)).isoformat().replace("+00:00", "Z")


# ------------------------------------------------------------ orders


def detail(**changes: Any) -> dict[str, Any]:
    """What reading one order answers."""
    return {"merchant_id": "A-1", "total": "9.99"} | changes


def listed(*merchant_ids: str, cursor: str | None = None) -> dict[str, Any]:
    """A page of the orders' list."""
    rows = [
        {"id": number, "merchant_id": merchant_id, "total": "9.99", "created_at": when()}
        for number, merchant_id in enumerate(merchant_ids, 70)
    ]
    return {"orders": rows, "cursor": {"next": cursor}}


@pytest.mark.parametrize("total", ["9.99", "9.990"])
def test_an_order_is_proven_by_its_id_and_total(total: str) -> None:
    """One read, past every cache; a 404 is an answer to it."""
    sight, [asked] = look(ORDER, answer(detail(total=total)))

    assert Finding.PROVEN is sight.finding
    assert "/v2/orders/A-1" == asked.target
    assert {404} == asked.answers


@pytest.mark.parametrize("changes", [{"total": "9.98"}, {"merchant_id": "A-2"}])
def test_another_order_under_the_id_is_a_conflict(changes: dict[str, str]) -> None:
    """The shop or another site of the program may own it."""
    assert isinstance(no_look(ORDER, answer(detail(**changes))), ConflictError)


def test_an_order_without_a_total_decides_nothing() -> None:
    """It is there, but whose it is cannot be seen."""
    sight, _ = look(ORDER, answer({"merchant_id": "A-1"}))

    assert (Finding.UNDECIDED, "total") == (sight.finding, sight.note[-12:-7])


@pytest.mark.parametrize("said", [GONE, {"error": "Order not found"}])
def test_an_order_is_absent_after_the_vendors_404(said: object) -> None:
    """With LoyaltyLion's JSON in it."""
    sight, asked = look(ORDER, answer(said, 404))

    assert (Finding.ABSENT, 1) == (sight.finding, len(asked))


@pytest.mark.parametrize("body", [b"", b"<html>404</html>", b"[]", b"null", b"{}"])
def test_somebody_elses_404_is_no_look(body: bytes) -> None:
    """A proxy's page says nothing of the vendor's records."""
    assert isinstance(no_look(ORDER, answer(body, 404)), MalformedResponseError)


@pytest.mark.parametrize(
    "read",
    [
        answer(GONE, 404, Age="0"),
        answer(detail(), Age="3"),
        answer(detail(), 203),
        answer(b"<html>"),
        answer([detail()]),
    ],
    ids=["cached 404", "cached", "203", "html", "list"],
)
def test_an_answer_that_is_not_as_documented_is_no_look(read: Response) -> None:
    """From a cache, with another status, or in another shape."""
    assert isinstance(no_look(ORDER, read), MalformedResponseError)


@pytest.mark.parametrize("reference", ["A/1", "A 1", "Å-1", "A%2F1", "a+b"])
def test_an_odd_id_is_confirmed_by_the_list(reference: str) -> None:
    """What a URL must encode may be looked up wrongly: the list has to agree."""
    trace = ORDER._replace(reference=reference)
    absent, asked = look(trace, answer(GONE, 404), answer(listed("A", "1")))
    there, _ = look(trace, answer(GONE, 404), answer(listed("A", reference)))

    assert (Finding.ABSENT, "/v2/orders?limit=500") == (absent.finding, asked[1].target)
    assert Finding.UNDECIDED is there.finding
    assert "not found by its id" in there.note


@pytest.mark.parametrize("reference", ["A-1", "a.b_c", "007"])
def test_a_plain_id_needs_no_list(reference: str) -> None:
    """Only letters, digits, dot, underscore and hyphen."""
    sight, asked = look(ORDER._replace(reference=reference), answer(GONE, 404))

    assert (Finding.ABSENT, 1) == (sight.finding, len(asked))


def test_an_order_that_was_sent_twice_is_counted() -> None:
    """The list shows whether it is there twice."""
    window = Window(sent_at=100.0, resent=True)
    sight, _ = look(ORDER, answer(detail()), answer(listed("A-1", "A-2", "A-1")), window=window)

    assert (Finding.PROVEN, ("70", "72")) == (sight.finding, sight.ids)


# ------------------------------------------------------------ activities


def activities(*rows: dict[str, Any], cursor: str | None = None) -> Response:
    """A page of the activities' list; rows are ours unless they say otherwise."""
    mine = {"merchant_id": "act-1", "created_at": when(), "rule": {"name": "review"}}
    found = [{"id": number} | mine | row for number, row in enumerate(rows, 80)]
    return answer({"activities": found, "cursor": {"next": cursor}})


@pytest.mark.parametrize("rule", [{"name": "review"}, {"name": None}, None])
def test_an_activity_is_proven_by_its_id(rule: object) -> None:
    """Of its name, where the list says one."""
    sight, [asked] = look(ACTIVITY, activities({"merchant_id": "x"}, {"rule": rule}))

    assert (Finding.PROVEN, ("81",)) == (sight.finding, sight.ids)
    assert "/v2/activities?limit=500" == asked.target


@pytest.mark.parametrize(
    "row", [{"merchant_id": "act-10"}, {"rule": {"name": "signup"}}, {"merchant_id": None}]
)
def test_an_activity_is_never_absent(row: dict[str, Any]) -> None:
    """One that no rule matched, or a limit capped, leaves no row."""
    for page in (activities(), activities(row)):
        sight, _ = look(ACTIVITY, page)
        assert Finding.UNDECIDED is sight.finding
        assert "not recorded" in sight.note


def test_an_activity_of_the_same_id_is_proven_once() -> None:
    """It was never sent twice by us, so two rows are no double."""
    sight, _ = look(ACTIVITY, activities({}, {}))

    assert (Finding.PROVEN, ("80",)) == (sight.finding, sight.ids)


def test_an_activity_outside_the_window_is_another() -> None:
    """An id that was used before proves nothing of this one."""
    sight, _ = look(ACTIVITY, activities({"created_at": when(33)}))

    assert Finding.UNDECIDED is sight.finding


def test_a_backdated_activity_is_looked_for_at_its_own_time() -> None:
    """Whether the vendor keeps the time that was sent, cut to seconds, or its own."""
    sent = NOON - timedelta(days=2) + timedelta(seconds=0.7)
    trace = ACTIVITY._replace(at=sent)
    for created in (when(2 * 86_400), when()):
        newer = activities({"merchant_id": "x", "created_at": when(5)}, cursor="c")
        sight, asked = look(trace, newer, activities({"created_at": created}))
        assert Finding.PROVEN is sight.finding
        assert "/v2/activities?cursor=c&limit=500" == asked[1].target


# ------------------------------------------------------------ points


def transactions(
    *rows: tuple[int, str | None], ago: float = 0.0, cursor: str | None = None, **changes: Any
) -> Response:
    """A page of a customer's transactions: adjustments of these points, with these notes."""
    found = [
        {
            "id": f"{cursor or ''}{number}",
            "resource": "adjustment",
            "points_approved": points,
            "created_at": when(ago),
            "adjustment": {"note": note},
        }
        | changes
        for number, (points, note) in enumerate(rows, 90)
    ]
    return answer({"transactions": found, "cursor": {"next": cursor}})


def test_an_adjustment_is_proven_by_its_marker() -> None:
    """Whatever its points are: a removal may be clamped."""
    sight, [asked] = look(MARKED, transactions((5, "[ref:t-10] x"), (3, "[ref:t-1] Sorry")))

    assert (Finding.PROVEN, ["91"]) == (sight.finding, [row.id for row in sight.rows])
    assert "/v2/customers/10%2F01/transactions?limit=500" == asked.target
    assert 4 == sight.longest_marker


@pytest.mark.parametrize("note", [None, "", "t-1", "[ref:t-10] x", "Sorry [ref:t-1]", "[ref:t-1"])
def test_an_adjustment_is_absent_without_its_marker(note: str | None) -> None:
    """Even beside a row of its size."""
    sight, _ = look(MARKED, transactions((5, note)))

    assert Finding.ABSENT is sight.finding


def test_an_escaped_marker_is_a_marker() -> None:
    """Software in between may escape HTML and collapse blanks."""
    sight, _ = look(MARKED, transactions((5, "&#91;ref:t-1&#93;&nbsp; a&amp;b")))

    assert Finding.PROVEN is sight.finding


def test_only_adjustments_are_ours() -> None:
    """An order's points may be of the same size, with any title."""
    earned = transactions((5, None), resource="activity", activity={"rule": {"name": "x"}})
    for trace in (POINTS, MARKED):
        sight, _ = look(trace, earned)
        assert Finding.ABSENT is sight.finding


@pytest.mark.parametrize(("trace", "margin"), [(POINTS, 2.0), (MARKED, 600.0)])
def test_the_window_of_points(trace: Trace, margin: float) -> None:
    """From the send on the vendor's clock, less 2 seconds, or 10 minutes with a marker."""
    mine = (5, trace.marker and "[ref:t-1] x")
    inside, _ = look(trace, transactions(mine, ago=30 + margin))
    outside, _ = look(trace, transactions(mine, ago=30 + margin + 0.001))

    assert Finding.ABSENT is not inside.finding
    assert Finding.ABSENT is outside.finding


@pytest.mark.parametrize(
    ("points", "rows", "finding"),
    [
        (5, [], Finding.ABSENT),
        (5, [4, 6, -5, 0], Finding.ABSENT),
        (5, [5], Finding.UNDECIDED),
        (5, [5, 5, 1], Finding.UNDECIDED),
        (-5, [5, -6], Finding.ABSENT),
        (-5, [-5], Finding.UNDECIDED),
        (-5, [-3], Finding.UNDECIDED),
        (-5, [0], Finding.UNDECIDED),
    ],
)
def test_without_a_marker_a_row_does_not_say_whose_it_is(
    points: int, rows: list[int], finding: Finding
) -> None:
    """Absent only where no row could be ours, whatever its note; a removal may be clamped."""
    trace = POINTS._replace(points=points)
    sight, _ = look(trace, transactions(*[(each, "[ref:t-1] x") for each in rows]))

    assert finding is sight.finding


@pytest.mark.parametrize(
    ("rows", "others", "finding"),
    [
        ([5], (), Finding.PROVEN),
        ([5, 6], (), Finding.PROVEN),
        ([5, 5], (), Finding.UNDECIDED),
        ([5], (POINTS,), Finding.UNDECIDED),
        ([], (), Finding.ABSENT),
    ],
)
def test_a_sole_writers_row_is_its_own(
    rows: list[int], others: tuple[Trace, ...], finding: Finding
) -> None:
    """Exactly one such row, and no other write of ours that it could be."""
    window = Window(sent_at=100.0, others=others)
    page = transactions(*[(each, None) for each in rows])
    sight, _ = look(POINTS, page, window=window, sole_writer=True)

    assert finding is sight.finding


def test_a_namesakes_marker_proves_nothing() -> None:
    """Two calls with one reference: one row may be either's."""
    window = Window(sent_at=100.0, others=(MARKED,))
    sight, _ = look(MARKED, transactions((5, "[ref:t-1] x")), window=window)

    assert Finding.UNDECIDED is sight.finding


def test_every_page_of_the_window_is_read() -> None:
    """And not one more: a page without a row of the window is the end. Each row counts once."""
    first = transactions((1, None), cursor="b")
    second = transactions((5, None), ago=10, cursor="c")
    last = transactions((5, None), ago=3600, cursor="d")
    sight, asked = look(POINTS, first, second, last)
    twice, _ = look(POINTS, second, second, last)

    assert (Finding.UNDECIDED, 1) == (sight.finding, len(sight.rows))
    assert "/v2/customers/10%2F01/transactions?cursor=c&limit=500" == asked[2].target
    assert 1 == len(twice.rows)


def test_a_list_without_an_end_is_no_look() -> None:
    """After twenty pages nothing is decided."""
    pages = [transactions((1, None), cursor=str(number)) for number in range(MOST_PAGES)]

    assert "20 pages" in no_look(POINTS, *pages).message


@pytest.mark.parametrize(
    "page",
    [
        attrs.evolve(transactions(), headers={}),
        attrs.evolve(transactions(), status=202),
        answer({"transactions": []}, Age="1"),
        answer({"orders": []}),
        answer(b"<html>"),
        transactions((5, None), created_at="yesterday"),
    ],
    ids=["no date", "202", "cached", "another list", "html", "a row without a time"],
)
def test_a_page_that_is_not_as_documented_is_no_look(page: Response) -> None:
    """Whatever page it is."""
    assert isinstance(no_look(POINTS, page), MalformedResponseError)
    assert isinstance(
        no_look(POINTS, transactions((1, None), cursor="b"), page), MalformedResponseError
    )


def test_what_happened_in_another_process_is_looked_for_in_the_whole_history() -> None:
    """Its clock says nothing here."""
    first = transactions((1, None), ago=1e6, cursor="b")
    old = transactions((5, "[ref:t-1] x"), ago=1e8)
    sight, _ = look(MARKED, first, old, window=Window(sent_at=None))

    assert Finding.PROVEN is sight.finding
