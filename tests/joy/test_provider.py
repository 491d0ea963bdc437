from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import loyalty_sdk_joy
from loyalty_sdk import (
    Acknowledgement,
    Activity,
    APIError,
    Customer,
    Identity,
    MalformedResponseError,
    Order,
    Page,
    PointsAdjustment,
    Request,
    Response,
    Safety,
    Transaction,
    UnsupportedOperationError,
    ValidationError,
    _marker,
)
from loyalty_sdk._look import Trace
from loyalty_sdk._provider import OPERATIONS
from loyalty_sdk_joy import (
    AwardPoints,
    CountedPage,
    Joy,
    JoyCalculator,
    PointsCalculation,
    PointsPerUnit,
    Product,
    SocialInteraction,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from loyalty_sdk import Flow

T = TypeVar("T")

ANN = Customer(id="7800000000001", email="ann@example.com")
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DONE = {"success": True, "data": {}}
ROW = {
    "id": "act_1",
    "shopifyCustomerId": "7800000000001",
    "type": "earn_point",
    "oldPoint": 0,
    "newPoint": 50,
    "createdAt": "2026-05-01T12:00:00.000Z",
}
AWARD = "/rest_api/v2/transactions/points/award"
# The tokens of activity:signup:s-1 and of order:A-1.
SIGNUP = "~X5TDW7CD6DKH24ZJHZSXDNQZGJ"
ORDER = "~WUM6M4PRSX3PYCEFGDWKZX2NZO"
JS_INTEGER = 2**53 - 1


def joy(**settings: Any) -> Joy:
    """A provider with keys."""
    return Joy(app_key="app-1", secret_key="sec-1", **settings)


def order(**changes: Any) -> Order:
    """A paid order."""
    given: dict[str, Any] = {"id": "A-1", "customer": ANN, "total": Decimal("99.99")}
    return Order(**given | {"payment_status": "paid"} | changes)


def answer(content: object, status: int = 200) -> Response:
    """``content`` as it comes over the wire."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Response(status=status, body=body)


def body(request: Request) -> dict[str, Any]:
    """The body, with its numbers as they were written."""
    assert request.body is not None
    found: dict[str, Any] = json.loads(request.body, parse_float=Decimal)
    return found


def result(flow: Generator[Request, Response, T], *answers: object) -> T:
    """What ``flow`` makes of ``answers``."""
    next(flow)
    for content in answers[:-1]:
        flow.send(answer(content))
    with pytest.raises(StopIteration) as end:
        flow.send(answer(answers[-1]))
    returned: T = end.value.value
    return returned


def problems(flow: Flow[Any]) -> dict[str, str]:
    """What ``flow`` refuses before it sends anything, by path."""
    with pytest.raises(ValidationError) as caught:
        next(flow)
    return {problem.path: problem.message for problem in caught.value.problems}


def page(*ids: str, **pagination: object) -> dict[str, Any]:
    """An answer with rows of these ids."""
    rows = [ROW | {"id": name} for name in ids]
    return {"success": True, "data": rows, "meta": {"pagination": pagination}}


# ------------------------------------------------------------ track_activity


def test_an_activity_may_award_points() -> None:
    """A configured activity awards its points, with its name, id and time beside them."""
    provider = joy(activities={"signup": AwardPoints(50)})
    activity = Activity(name="signup", customer=ANN, id="s-1", occurred_at=NOON)
    request = next(provider.track_activity(activity))

    assert ("POST", AWARD, AWARD) == (request.method, request.path, request.template)
    assert (Safety.ONCE, Acknowledgement.BODY) == (request.safety, request.acknowledged_by)
    assert "s-1" == request.reference
    assert {
        "shopifyCustomerId": "7800000000001",
        "point": 50,
        "reason": "signup",
        "adminNote": f"[ref:{SIGNUP}] activity signup s-1, 2026-05-01T12:00:00Z",
    } == body(request)
    assert request.trace is not None
    assert ("award", "s-1", SIGNUP, 50, True) == (
        request.trace.operation,
        request.trace.reference,
        request.trace.marker,
        request.trace.points,
        request.trace.adjusts,
    )


def test_a_colon_in_a_name_or_an_id_makes_no_two_alike() -> None:
    """The marker of one activity is never that of another, whose name is longer."""
    provider = joy(activities={"a": AwardPoints(5), "a:b": AwardPoints(5)})
    pairs = (("a", "b:c"), ("a:b", "c"))
    sent = [
        next(provider.track_activity(Activity(name=name, customer=ANN, id=key)))
        for name, key in pairs
    ]
    assert 2 == len({request.trace.marker for request in sent if request.trace})


def test_the_shopper_reads_the_configured_reason() -> None:
    """A reason that the merchant configured is the one that the shopper sees."""
    provider = joy(activities={"signup": AwardPoints(50, "Welcome!")})
    activity = Activity(name="signup", customer=ANN, id="s-1")

    assert {
        "shopifyCustomerId": "7800000000001",
        "point": 50,
        "reason": "Welcome!",
        "userNote": "Welcome!",
        "adminNote": f"[ref:{SIGNUP}] activity signup s-1",
    } == body(next(provider.track_activity(activity)))


def test_an_activity_without_an_id_is_given_a_reference() -> None:
    """Each time another one, so that its row can be found."""
    provider = joy(activities={"signup": AwardPoints(50)})
    activity = Activity(name="signup", customer=ANN)
    first, second = (next(provider.track_activity(activity)) for _ in range(2))

    assert first.reference != second.reference
    assert first.reference is not None
    assert (
        _marker.mark(f"activity:signup:{first.reference}", "activity signup")
        == (body(first)["adminNote"])
    )


@pytest.mark.parametrize(
    ("meaning", "members"),
    [
        (SocialInteraction("follow_instagram"), {"event": "follow_instagram"}),
        (SocialInteraction(earning_id="prog_1"), {"earningId": "prog_1"}),
        (SocialInteraction("share", "prog_1"), {"event": "share", "earningId": "prog_1"}),
    ],
)
def test_an_activity_may_be_a_social_interaction(
    meaning: SocialInteraction, members: dict[str, str]
) -> None:
    """A configured activity reports what a social earning program rewards."""
    provider = joy(activities={"follow": meaning})
    request = next(provider.track_activity(Activity(name="follow", customer=ANN, id="f-1")))

    assert "/rest_api/v2/programs/earning/social/interactions" == request.path
    assert (Safety.ONCE, Acknowledgement.BODY) == (request.safety, request.acknowledged_by)
    assert "f-1" == request.reference
    assert request.trace is None
    assert {"shopifyCustomerId": "7800000000001", **members} == body(request)


def test_activities_need_the_setting() -> None:
    """Without configured activities, the error says which setting turns them on, and how."""
    with pytest.raises(UnsupportedOperationError) as caught:
        next(joy().track_activity(Activity(name="signup", customer=ANN)))

    assert "activities={'signup': AwardPoints(50)}" in str(caught.value)


def test_an_activity_without_meaning() -> None:
    """A name that is not configured is refused with the setting that would do, and the known."""
    provider = joy(activities={"signup": AwardPoints(50), "follow": SocialInteraction("f")})
    with pytest.raises(UnsupportedOperationError) as caught:
        next(provider.track_activity(Activity(name="review", customer=ANN)))

    assert "activities={'review': AwardPoints(50)}" in str(caught.value)
    assert "configured are 'signup', 'follow'" in str(caught.value)


@pytest.mark.parametrize("meaning", [AwardPoints(50), SocialInteraction("f")])
def test_activities_of_guests(meaning: AwardPoints | SocialInteraction) -> None:
    """Guests earn nothing, so a guest's activity is refused."""
    provider = joy(activities={"signup": meaning})
    activity = Activity(name="signup", customer=ANN, guest=True)

    assert ["guest"] == list(problems(provider.track_activity(activity)))


# ------------------------------------------------------------ create_order


def test_an_order_awards_points_per_unit() -> None:
    """A paid order earns its points, under its id."""
    provider = joy(orders=PointsPerUnit(Decimal(1)))
    request = next(provider.create_order(order(placed_at=NOON)))

    assert AWARD == request.path
    assert (Safety.ONCE, Acknowledgement.BODY) == (request.safety, request.acknowledged_by)
    assert "A-1" == request.reference
    assert {
        "shopifyCustomerId": "7800000000001",
        "point": 99,
        "reason": "order A-1",
        "adminNote": f"[ref:{ORDER}] order A-1, 2026-05-01T12:00:00Z",
    } == body(request)
    assert request.trace is not None
    assert ("A-1", ORDER, 99) == (
        request.trace.reference,
        request.trace.marker,
        request.trace.points,
    )


def test_the_shopper_reads_the_orders_configured_reason() -> None:
    """A reason that the merchant configured is the one that the shopper sees."""
    provider = joy(orders=PointsPerUnit(Decimal("0.5"), "Thank you"))

    assert {
        "shopifyCustomerId": "7800000000001",
        "point": 49,
        "reason": "Thank you",
        "userNote": "Thank you",
        "adminNote": f"[ref:{ORDER}] order A-1",
    } == body(next(provider.create_order(order())))


def test_joy_may_calculate_the_points() -> None:
    """Joy is asked for the points first, which changes nothing, and then they are awarded."""
    provider = joy(orders=JoyCalculator())
    flow = provider.create_order(order(total=Decimal("12345678901234567890.10")))
    asks = next(flow)
    awards = flow.send(answer({"success": True, "data": {"pointsEarn": 39, "products": []}}))

    assert "/rest_api/v2/programs/earning/points/calculate" == asks.path
    assert Safety.SAFE is asks.safety
    line = {"id": "A-1", "quantity": 1, "price": Decimal("12345678901234567890.10")}
    assert {"products": [line], "shopifyCustomerId": "7800000000001"} == body(asks)
    assert b'"price":12345678901234567890.10}' in (asks.body or b"")
    assert (AWARD, Safety.ONCE, "A-1") == (awards.path, awards.safety, awards.reference)
    assert 39 == body(awards)["point"]
    with pytest.raises(StopIteration) as end:
        flow.send(answer({"success": True, "data": ROW}))
    assert "act_1" == end.value.value.id


def test_the_calculators_settings() -> None:
    """Source and reason of the calculator go where they belong."""
    provider = joy(orders=JoyCalculator(source_name="pos", reason="Till"))
    flow = provider.create_order(order())

    assert "pos" == body(next(flow))["sourceName"]
    awards = flow.send(answer({"success": True, "data": {"pointsEarn": 39}}))
    assert ("Till", "Till") == (body(awards)["reason"], body(awards)["userNote"])


@pytest.mark.parametrize("points", [0, -5])
def test_joy_may_calculate_nothing(points: int) -> None:
    """An order for which Joy gives no points awards none, and says so."""
    flow = joy(orders=JoyCalculator()).create_order(order())
    next(flow)
    with pytest.raises(ValidationError) as caught:
        flow.send(answer({"success": True, "data": {"pointsEarn": points}}))

    assert ["total"] == [problem.path for problem in caught.value.problems]


def test_orders_need_the_setting() -> None:
    """Without configured orders, the error says which setting turns them on."""
    with pytest.raises(UnsupportedOperationError, match=r"orders=PointsPerUnit\(Decimal\('1'\)\)"):
        next(joy().create_order(order()))


@pytest.mark.parametrize("status", ["not_paid", "partially_paid"])
@pytest.mark.parametrize("orders", [PointsPerUnit(Decimal(1)), JoyCalculator()])
def test_orders_that_are_not_paid(status: str | None, orders: PointsPerUnit) -> None:
    """Points are awarded at once, so an unpaid order is refused, and a guest's too."""
    flow = joy(orders=orders).create_order(order(payment_status=status, guest=True))

    assert ["guest", "payment_status"] == list(problems(flow))


def test_an_order_that_says_nothing_of_payment_counts_as_paid() -> None:
    """payment_status is optional, and an order without one is awarded like a paid one."""
    said, unsaid = (
        next(joy(orders=PointsPerUnit(Decimal(1))).create_order(order(payment_status=status)))
        for status in ("paid", None)
    )

    assert said == unsaid


@pytest.mark.parametrize(
    ("total", "message"),
    [
        ("0.99", "earns no points as configured, so there is nothing to send"),
        ("0", "earns no points as configured, so there is nothing to send"),
        ("9007199254740992", "earns more points than a JSON number carries (2**53 - 1)"),
    ],
)
def test_orders_whose_points_cannot_be_sent(total: str, message: str) -> None:
    """No points is nothing to send, and more than JSON carries can't be sent."""
    flow = joy(orders=PointsPerUnit(Decimal(1))).create_order(order(total=Decimal(total)))

    assert {"total": message} == problems(flow)


# ------------------------------------------------------------ list_transactions


def listed(
    cursor: str | None, filters: dict[str, Any], content: object
) -> tuple[str, Page[Transaction]]:
    """The target that was asked for, and the page that ``content`` makes."""
    flow = joy().list_transactions(cursor, filters)
    target = next(flow).target
    with pytest.raises(StopIteration) as end:
        flow.send(answer(content))
    return target, end.value.value


def test_a_page_leads_to_the_next() -> None:
    """While Joy says that more follows, the last row's id leads there, with all filters again."""
    filters = {"customer_id": "7800 1", "source": "rest_api", "page_size": 2}
    target, found = listed(None, filters, page("act_3", "act_2", hasNext=True))

    assert "/rest_api/v2/transactions?limit=2&shopifyCustomerId=7800%201&source=rest_api" == target
    assert ["act_3", "act_2"] == [row.id for row in found.items]
    assert "act_2" == found.cursor
    target, found = listed(found.cursor, filters, page("act_1", hasNext=False))
    assert target.endswith("?limit=2&shopifyCustomerId=7800%201&source=rest_api&after=act_2")
    assert found.cursor is None


def test_reading_is_safe() -> None:
    """A list may be asked for again."""
    request = next(joy().list_transactions(None, {"customer_id": "1"}))

    assert ("GET", Safety.SAFE, None) == (request.method, request.safety, request.body)


def test_a_page_before_a_row_leads_back() -> None:
    """With ``before``, the first row's id leads on, while Joy says that there is more before."""
    filters = {"customer_id": "1", "before": "act_9"}
    told = page("act_11", "act_10", hasNext=True, hasPre=True)
    target, found = listed(None, filters, told)

    assert target.endswith("&before=act_9")
    assert "act_11" == found.cursor
    target, found = listed(found.cursor, filters, page("act_12", hasNext=True, hasPre=False))
    assert target.endswith("&before=act_11")
    assert found.cursor is None


def test_the_cursor_goes_before_after() -> None:
    """``after`` says where the first page starts; from then on the cursor does."""
    target, _ = listed("act_5", {"customer_id": "1", "after": "act_9"}, page())

    assert target.endswith("&after=act_5")


def test_without_a_word_only_an_empty_page_is_the_last() -> None:
    """If Joy does not say whether more follows, no row is lost for it."""
    assert "act_1" == listed(None, {"customer_id": "1"}, page("act_1"))[1].cursor
    assert Page(()) == listed("act_1", {"customer_id": "1"}, page())[1]


@pytest.mark.parametrize(("filters", "flag"), [({}, "hasNext"), ({"before": "act_9"}, "hasPre")])
def test_more_rows_without_a_row_to_go_on_from(filters: dict[str, Any], flag: str) -> None:
    """More rows after a page without any can't be reached, and that is said."""
    flow = joy().list_transactions(None, {"customer_id": "1", **filters})
    next(flow)
    with pytest.raises(MalformedResponseError, match="none to go on from") as caught:
        flow.send(answer(page(hasNext=True, hasPre=True)))

    assert f"$.meta.pagination.{flag}" == caught.value.path


@pytest.mark.parametrize(
    ("cursor", "hint"),
    [(None, "It is on the first page"), ("act_9", "It is on the page at cursor 'act_9'")],
)
def test_an_unreadable_row_is_found_again(cursor: str | None, hint: str) -> None:
    """A row that can't be read is named by its path and by the cursor of its page."""
    flow = joy().list_transactions(cursor, {"customer_id": "1"})
    next(flow)
    with pytest.raises(MalformedResponseError) as caught:
        flow.send(answer({"success": True, "data": [ROW, {"id": "act_0"}]}))

    assert "$.data[1].createdAt" == caught.value.path
    assert str(caught.value).endswith(hint)


def test_a_page_without_success() -> None:
    """A 200 without success is the error that it is."""
    flow = joy().list_transactions(None, {"customer_id": "1"})
    next(flow)
    with pytest.raises(APIError, match="Customer not found"):
        flow.send(answer({"success": False, "error": "Customer not found", "data": None}))


def test_rows_outside_of_the_filters_are_left_to_the_client() -> None:
    """It leaves out what Joy brings in excess, and sees that there is more on every page."""
    filters = {"customer_id": "1", "created_from": NOON, "kinds": ["earned", "expired"]}
    content = page("act_3", hasNext=True)
    content["data"] += [
        ROW | {"id": "act_2", "type": "redeem_point"},
        ROW | {"id": "act_1", "createdAt": "2026-05-01T11:59:59.999Z"},
    ]
    target, found = listed(None, filters, content)

    assert "type=" not in target
    assert ["act_3", "act_2", "act_1"] == [row.id for row in found.items]
    assert "act_1" == found.cursor


def test_counted_pages() -> None:
    """A page that was asked to count says how many rows and pages there are."""
    filters = {"customer_id": "1", "has_count": True}
    target, found = listed(None, filters, page("act_1", hasNext=False, total=45, totalPage=5))

    assert target.endswith("&hasCount=true")
    assert isinstance(found, CountedPage)
    assert (45, 5) == (found.total, found.total_pages)
    target, found = listed(None, filters | {"has_count": False}, page("act_1", hasNext=False))
    assert target.endswith("&hasCount=false")
    assert Page is type(found)


def test_filters_are_checked_first() -> None:
    """A customer is required, and nothing unknown is sent."""
    found = problems(joy().list_transactions(None, {"customer": "1"}))

    assert ["customer", "customer_id"] == list(found)


# ------------------------------------------------------------ adjust_points, whoami


@pytest.mark.parametrize("points", [-20, 7, JS_INTEGER, -JS_INTEGER])
def test_adjustments(points: int) -> None:
    """Points go signed; the reason is for the shopper, the note for staff."""
    adjustment = PointsAdjustment(
        customer_id="1001", points=points, reason="Returned", note="Ticket 8812", reference="t-1"
    )
    request = next(joy().adjust_points(adjustment))

    assert ("POST", "/rest_api/v2/transactions/points/adjust") == (request.method, request.path)
    assert (Safety.ONCE, Acknowledgement.BODY) == (request.safety, request.acknowledged_by)
    assert "t-1" == request.reference
    assert {
        "shopifyCustomerId": "1001",
        "point": points,
        "reason": "Returned",
        "userNote": "Returned",
        "adminNote": "[ref:t-1] Ticket 8812",
    } == body(request)
    assert (
        Trace(
            operation="adjust",
            customer_id="1001",
            reference="t-1",
            marker="t-1",
            points=points,
            adjusts=True,
        )
        == request.trace
    )


def test_what_an_adjustment_leaves_out() -> None:
    """Joy's fields are text or missing, never null; without a reference one is made up."""
    adjustment = PointsAdjustment(customer_id="1001", points=5)
    first, second = (next(joy().adjust_points(adjustment)) for _ in range(2))

    assert {
        "shopifyCustomerId": "1001",
        "point": 5,
        "adminNote": f"[ref:{first.reference}]",
    } == body(first)
    assert first.reference != second.reference


@pytest.mark.parametrize("length", [247, 248])
def test_a_staff_note_has_room_for_its_marker(length: int) -> None:
    """At most 255 characters with it; nothing is cut in silence."""
    adjustment = PointsAdjustment(customer_id="1001", points=5, note="x" * length, reference="a")
    flow = joy().adjust_points(adjustment)
    if length == 247:
        assert 255 == len(body(next(flow))["adminNote"])
    else:
        assert ["note"] == list(problems(flow))


@pytest.mark.parametrize("points", [2**53, -(2**53)])
def test_points_beyond_json(points: int) -> None:
    """Points that a JSON number can't carry unharmed are refused."""
    flow = joy().adjust_points(PointsAdjustment(customer_id="1001", points=points))

    assert {"points": "does not fit into a JSON number (2**53 - 1)"} == problems(flow)


@pytest.mark.parametrize("content", [DONE, {"success": True, "data": "?"}, b"", b"<html>"])
def test_an_acknowledged_write_may_bring_nothing(content: object) -> None:
    """What stands beside the acknowledgement is not documented: no row is no error."""
    flow = joy().adjust_points(PointsAdjustment(customer_id="1001", points=5))

    assert result(flow, content) is None


def test_an_acknowledged_write_may_bring_its_row() -> None:
    """A row that comes back is handed on."""
    flow = joy().adjust_points(PointsAdjustment(customer_id="1001", points=5))
    row = result(flow, {"success": True, "data": ROW})

    assert row is not None
    assert ("act_1", 50, 50) == (row.id, row.points, row.balance)


def test_whoami() -> None:
    """The keys belong to a shop."""
    flow = joy().whoami()

    assert Identity(program="shop_1", name="Demo store") == result(
        flow, {"success": True, "data": {"id": "shop_1", "name": "Demo store"}}
    )
    assert "/rest_api/v2/whoami" == next(joy().whoami()).path


# ------------------------------------------------------------ Joy's own flows


@pytest.mark.parametrize(
    ("verb", "make"),
    [("award", Joy.award_points), ("deduct", Joy.deduct_points), ("reset", Joy.reset_points)],
)
def test_point_calls(verb: str, make: Callable[..., Flow[Transaction | None]]) -> None:
    """Award, deduct and reset share a body, are sent once, and hand on the row.

    A reset cannot be found again, so it carries no marker.
    """
    flow = make(joy(), "1001", 50, reason="Move", note="from v1", reference="m-1")
    request = next(flow)

    assert f"/rest_api/v2/transactions/points/{verb}" == request.path == request.template
    assert (Safety.ONCE, Acknowledgement.BODY) == (request.safety, request.acknowledged_by)
    assert "m-1" == request.reference
    assert {
        "shopifyCustomerId": "1001",
        "point": 50,
        "reason": "Move",
        "userNote": "Move",
        "adminNote": "from v1" if verb == "reset" else "[ref:m-1] from v1",
    } == body(request)
    changes = {"award": 50, "deduct": -50}
    assert changes.get(verb) == (request.trace and request.trace.points)
    row = result(make(joy(), "1001", 50), {"success": True, "data": ROW})
    assert row is not None
    assert "act_1" == row.id


@pytest.mark.parametrize("balance", [0, -5, JS_INTEGER])
def test_a_balance_may_be_reset_to_anything(balance: int) -> None:
    """Bounds of the balance are the vendor's."""
    assert balance == body(next(joy().reset_points("1001", balance)))["point"]


@pytest.mark.parametrize("make", [Joy.award_points, Joy.deduct_points])
@pytest.mark.parametrize("points", [0, -5])
def test_amounts_are_positive(make: Callable[..., Flow[Transaction | None]], points: int) -> None:
    """What a negative award is, Joy does not say: it is refused."""
    assert {"points": "must be at least 1"} == problems(make(joy(), "1001", points))


def test_every_problem_of_a_point_call() -> None:
    """All problems of a call come at once."""
    flow = joy().reset_points("", 1.5, reason=1, note=b"x", reference="")  # type: ignore[arg-type]

    assert ["customer_id", "balance", "reason", "note", "reference"] == list(problems(flow))


def test_every_problem_of_an_interaction() -> None:
    """All problems of an interaction come at once."""
    flow = joy().social_interaction("", event="", reference="a\nb")

    assert ["customer_id", "event", "reference"] == list(problems(flow))


def test_an_interaction_hands_on_its_row() -> None:
    """What an interaction brings back is not documented: a row is handed on, nothing is not."""
    flow = joy().social_interaction("1001", event="follow_instagram")

    assert result(flow, DONE) is None


@pytest.mark.parametrize(
    ("template", "make"),
    [
        ("/rest_api/v2/transactions/{transaction_id}", Joy.get_transaction),
        ("/rest_api/v2/customers/{joy_customer_id}", Joy.get_customer),
        ("/rest_api/v2/customers/external/{customer_id}", Joy.get_customer_by_shopify_id),
    ],
)
@given(token=st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1))
def test_ids_arrive_as_themselves(
    template: str, make: Callable[[Joy, str], Flow[Any]], token: str
) -> None:
    """An id in a path is one segment, whatever it holds; what URLs swallow is refused."""
    flow = make(joy(), token)
    if token in {".", ".."}:
        assert problems(flow)
        return
    request = next(flow)
    prefix = template.partition("{")[0]

    assert (template, "GET", Safety.SAFE) == (request.template, request.method, request.safety)
    assert request.path.startswith(prefix)
    assert token == unquote(request.path.removeprefix(prefix))
    assert "/" not in request.path.removeprefix(prefix)


def test_one_transaction() -> None:
    """A transaction can be fetched by its id."""
    assert "act_1" == result(joy().get_transaction("act_1"), {"success": True, "data": ROW}).id


@pytest.mark.parametrize("make", [Joy.get_customer, Joy.get_customer_by_shopify_id])
def test_one_customer(make: Callable[[Joy, str], Flow[loyalty_sdk_joy.CustomerRecord]]) -> None:
    """A customer can be fetched by either id."""
    content = {"success": True, "data": {"id": "cust_1", "shopifyCustomerId": 1001, "point": 7}}
    found = result(make(joy(), "1001"), content)

    assert ("cust_1", "1001", 7) == (found.id, found.customer_id, found.points)


def test_customers_come_in_pages() -> None:
    """Customers are listed like transactions, and no filter is required."""
    flow = joy().list_customers("cust_9", {"type": "member", "page_size": 2})
    request = next(flow)
    content = {
        "success": True,
        "data": [{"id": "cust_8"}, {"id": "cust_7"}],
        "meta": {"pagination": {"hasNext": True, "hasPre": True}},
    }
    with pytest.raises(StopIteration) as end:
        flow.send(answer(content))

    assert "/rest_api/v2/customers?limit=2&type=member&after=cust_9" == request.target
    assert ["cust_8", "cust_7"] == [row.id for row in end.value.value.items]
    assert "cust_7" == end.value.value.cursor


def test_histories_are_the_customers_by_joys_own_ids() -> None:
    """A guest has no other; each is what narrows the list of transactions to one customer."""
    flow = joy().list_histories("cust_9", {"page_size": 2})
    request = next(flow)
    content = {
        "success": True,
        "data": [{"id": "cust_8", "shopifyCustomerId": "1001"}, {"id": "cust_7"}],
        "meta": {"pagination": {"hasNext": True, "hasPre": True}},
    }
    with pytest.raises(StopIteration) as end:
        flow.send(answer(content))

    assert "/rest_api/v2/customers?limit=2&after=cust_9" == request.target
    wanted = ({"joy_customer_id": "cust_8"}, {"joy_customer_id": "cust_7"})
    assert (wanted, "cust_7") == (end.value.value.items, end.value.value.cursor)


def test_a_customer_that_cannot_be_read_is_found_again() -> None:
    """A customer without id is named by path and cursor."""
    flow = joy().list_customers("cust_9", {})
    next(flow)
    with pytest.raises(MalformedResponseError, match="on the page at cursor 'cust_9'") as caught:
        flow.send(answer({"success": True, "data": [{}]}))

    assert "$.data[0].id" == caught.value.path


def test_calculations() -> None:
    """A cart goes with its prices as numbers, every digit of them."""
    products = [Product(id="44", quantity=2, price=Decimal("19.90"))]
    flow = joy().calculate_points(products, customer_id="1001", source_name="web")
    request = next(flow)

    assert ("POST", Safety.SAFE, None) == (request.method, request.safety, request.reference)
    assert b'{"id":"44","quantity":2,"price":19.90}' in (request.body or b"")
    assert {"products", "shopifyCustomerId", "sourceName"} == set(body(request))
    found = result(joy().calculate_points(products), {"success": True, "data": {"pointsEarn": 39}})
    assert PointsCalculation(points=39) == found


def test_every_problem_of_a_calculation() -> None:
    """All problems of a cart come at once."""
    products: Any = [Product(id="", quantity=0, price=Decimal(-1)), "44"]
    flow = joy().calculate_points(products, customer_id="", source_name=5)  # type: ignore[arg-type]

    assert [
        "products[0].id",
        "products[0].quantity",
        "products[0].price",
        "products[1]",
        "customer_id",
        "source_name",
    ] == list(problems(flow))


@pytest.mark.parametrize("products", [[], (), {}, "44", None])
def test_a_cart_is_not_empty(products: Any) -> None:
    """A calculation needs a product."""
    assert ["products"] == list(problems(joy().calculate_points(products)))


# ------------------------------------------------------------ what answers mean, and the rest


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({}, {"track_activity", "create_order"}),
        ({"activities": {}}, {"track_activity", "create_order"}),
        ({"activities": {"signup": AwardPoints(5)}}, {"create_order"}),
        ({"orders": JoyCalculator()}, {"track_activity"}),
    ],
)
def test_support_depends_on_the_configuration(settings: dict[str, Any], missing: set[str]) -> None:
    """Activities and orders are supported as far as they are configured."""
    provider = joy(**settings)

    assert set(OPERATIONS) - missing == set(filter(provider.supports, OPERATIONS))
    assert provider.supports("reset_points")
    assert not provider.supports("settings")


def test_acknowledgements_and_refusals() -> None:
    """The provider reads both from the body."""
    refused = answer({"success": False, "error": {"message": "No", "code": "X"}}, 400)

    assert joy().acknowledges(answer(DONE))
    assert not joy().acknowledges(refused)
    assert ("No", "X") == (joy().refusal(refused).message, joy().refusal(refused).code)


def test_bodies_do_not_show() -> None:
    """A request's repr shows nothing of its body."""
    adjustment = PointsAdjustment(customer_id="1001", points=5, note="private")

    assert "private" not in repr(next(joy().adjust_points(adjustment)))


def test_public_names() -> None:
    """What the package exports is sorted and there."""
    exported = loyalty_sdk_joy.__all__

    assert sorted(exported, key=lambda name: (not name.isupper(), name)) == list(exported)
    assert all(hasattr(loyalty_sdk_joy, name) for name in exported)
