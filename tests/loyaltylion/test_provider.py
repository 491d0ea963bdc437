from __future__ import annotations

import json
import pickle
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk._flow import Acknowledgement, Request, Response, Safety
from loyalty_sdk._look import Trace
from loyalty_sdk._models import (
    Activity,
    Customer,
    DiscountCode,
    Order,
    PointsAdjustment,
    TransactionKind,
)
from loyalty_sdk._provider import OPERATIONS
from loyalty_sdk.errors import MalformedResponseError, ValidationError
from loyalty_sdk_loyaltylion import LoyaltyLion

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from loyalty_sdk._flow import Flow

T = TypeVar("T")

ANN = Customer(id="1001", email="ann@example.com")
NOON = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
LISTS = ["list_transactions", "list_orders", "list_activities", "list_customers"]


@pytest.fixture(scope="module")
def lion() -> LoyaltyLion:
    """An adapter with nothing but a key."""
    return LoyaltyLion(api_key="pat_1")


def first(flow: Flow[Any]) -> Request:
    """The request that ``flow`` begins with."""
    return next(flow)


def body(request: Request) -> dict[str, Any]:
    """What ``request`` carries."""
    assert request.body is not None
    found: dict[str, Any] = json.loads(request.body)
    return found


def result(flow: Flow[T], answer: object, status: int = 200) -> T:
    """What ``flow`` makes of ``answer``, its only one."""
    next(flow)
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    with pytest.raises(StopIteration) as end:
        flow.send(Response(status=status, body=content))
    returned: T = end.value.value
    return returned


def problems(flow: Flow[Any]) -> dict[str, str]:
    """What ``flow`` refuses before it sends anything, by path."""
    with pytest.raises(ValidationError) as caught:
        next(flow)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_supports_everything(lion: LoyaltyLion) -> None:
    """All neutral operations work."""
    assert all(map(lion.supports, (*OPERATIONS, "whoami")))


# ------------------------------------------------------------ track activity


def test_track_activity_in_full(lion: LoyaltyLion) -> None:
    """Every documented field goes out under the vendor's name."""
    activity = Activity(
        name="review",
        customer=ANN,
        id="review-77",
        occurred_at=NOON,
        properties={"url": "https://example.com", "stars": [5, None, 1.5]},
        guest=True,
        ip_address="192.0.2.1",
        user_agent="Mozilla/5.0",
        referral_id="ref",
        tracking_id="track",
    )
    request = first(lion.track_activity(activity))

    assert ("POST", "/v2/activities") == (request.method, request.target)
    assert {
        "name": "review",
        "customer_id": "1001",
        "customer_email": "ann@example.com",
        "merchant_id": "review-77",
        "properties": {"url": "https://example.com", "stars": [5, None, 1.5]},
        "ip_address": "192.0.2.1",
        "user_agent": "Mozilla/5.0",
        "date": "2026-05-01T10:00:00Z",
        "referral_id": "ref",
        "tracking_id": "track",
        "guest": True,
    } == body(request)


def test_track_activity_at_least(lion: LoyaltyLion) -> None:
    """What is not given is left out, but `guest` is always said, and an id is made up.

    By it the activity is found again; each has another one.
    """
    activity = Activity(name="$signup", customer=ANN)
    request, again = (first(lion.track_activity(activity)) for _ in range(2))

    assert {
        "name": "$signup",
        "customer_id": "1001",
        "customer_email": "ann@example.com",
        "merchant_id": request.reference,
        "guest": False,
    } == body(request)
    assert request.reference
    assert request.reference != again.reference


def test_track_activity_without_email(lion: LoyaltyLion) -> None:
    """An activity without the customer's email is refused before it is sent."""
    flow = lion.track_activity(Activity(name="$signup", customer=Customer(id="1")))

    assert ["customer.email"] == list(problems(flow))


# ------------------------------------------------------------ create order


def test_create_order_in_full(lion: LoyaltyLion) -> None:
    """Every documented field goes out under the vendor's name, money as decimal text."""
    order = Order(
        id="A-1",
        customer=ANN,
        total=Decimal("1E+3"),
        total_shipping=Decimal("3.490"),
        total_paid=Decimal(0),
        payment_status="partially_paid",
        number="1045",
        merchant_number="#1045",
        discount_codes=[DiscountCode(code="AB12", amount=Decimal("5.00"))],
        claimed_reward_ids=[7, 8],
        placed_at=NOON,
        guest=True,
        ip_address="192.0.2.1",
        user_agent="Mozilla/5.0",
        referral_id="ref",
        tracking_id="track",
    )
    request = first(lion.create_order(order))

    assert ("POST", "/v2/orders") == (request.method, request.target)
    assert {
        "customer_id": "1001",
        "customer_email": "ann@example.com",
        "merchant_id": "A-1",
        "total": "1000",
        "total_shipping": "3.490",
        "total_paid": "0",
        "payment_status": "partially_paid",
        "merchant_number": "#1045",
        "number": "1045",
        "discount_codes": [{"code": "AB12", "amount": "5.00"}],
        "claimed_reward_ids": [7, 8],
        "date": "2026-05-01T10:00:00Z",
        "ip_address": "192.0.2.1",
        "user_agent": "Mozilla/5.0",
        "referral_id": "ref",
        "tracking_id": "track",
        "guest": True,
    } == body(request)


def test_create_order_at_least(lion: LoyaltyLion) -> None:
    """What is not given is left out, since most fields of an order take no null."""
    order = Order(id="A-1", customer=Customer(id="1"), total=Decimal("9.99"))

    assert {
        "customer_id": "1",
        "merchant_id": "A-1",
        "total": "9.99",
        "guest": False,
    } == body(first(lion.create_order(order)))


@given(digits=st.integers(0, 10**12), exponent=st.integers(-15, 15))
def test_money_is_exact(digits: int, exponent: int) -> None:
    """A total goes out as decimal text without an exponent, and every digit of it."""
    total = Decimal(digits).scaleb(exponent)
    order = Order(id="A-1", customer=ANN, total=total)
    sent = body(first(LoyaltyLion(api_key="k").create_order(order)))["total"]

    assert total == Decimal(sent)
    assert set(sent) <= set("0123456789.")


OFFSETS = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)


@given(
    moment=st.datetimes(
        datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
        datetime(9999, 12, 30),  # noqa: DTZ001 - the same
        timezones=OFFSETS,
    )
)
def test_dates_keep_their_moment(moment: datetime) -> None:
    """A date goes out as ISO 8601 text with an offset, and is the same moment."""
    order = Order(id="A-1", customer=ANN, total=Decimal(1), placed_at=moment)
    sent = body(first(LoyaltyLion(api_key="k").create_order(order)))["date"]

    assert moment == datetime.fromisoformat(sent)


# ------------------------------------------------------------ the site, references, safety


def test_site(lion: LoyaltyLion) -> None:
    """The site goes along with new activities and orders, and with nothing else."""
    sited = LoyaltyLion(api_key="k", site_id=501)
    order = Order(id="A-1", customer=ANN, total=Decimal(1))
    adjustment = PointsAdjustment(customer_id="1", points=1)

    assert "/v2/orders?site_id=501" == first(sited.create_order(order)).target
    activity = Activity(name="$signup", customer=ANN)
    assert "/v2/activities?site_id=501" == first(sited.track_activity(activity)).target
    assert "/v2/customers/1/points" == first(sited.adjust_points(adjustment)).target
    assert "/v2/transactions" == first(sited.list_transactions(None, {})).target


def test_writes_are_sent_once(lion: LoyaltyLion) -> None:
    """Writes may apply twice, their status acknowledges them, and they know their reference."""
    activity = Activity(name="review", customer=ANN, id="review-77")
    adjustment = PointsAdjustment(customer_id="1", points=1, reference="ticket-1")
    writes: dict[str, Flow[Any]] = {
        "review-77": lion.track_activity(activity),
        "A-1": lion.create_order(Order(id="A-1", customer=ANN, total=Decimal(1))),
        "ticket-1": lion.adjust_points(adjustment),
        "review-78": lion.update_activity("review", "review-78", "void"),
    }
    for reference, flow in writes.items():
        request = first(flow)
        assert Safety.ONCE is request.safety
        assert Acknowledgement.STATUS is request.acknowledged_by
        assert reference == request.reference


def test_writes_say_what_they_leave(lion: LoyaltyLion) -> None:
    """What can be found again of an activity, an order and points; an update leaves nothing."""
    activity = Activity(name="review", customer=ANN, id="review-77", occurred_at=NOON)
    order = Order(id="A-1", customer=ANN, total=Decimal("9.99"), placed_at=NOON)
    points = PointsAdjustment(customer_id="1001", points=-5, reference="ticket-1")

    tracked = first(lion.track_activity(activity)).trace
    wanted = Trace(
        operation="track_activity",
        customer_id="1001",
        reference="review-77",
        name="review",
        at=NOON,
    )
    assert wanted == tracked
    ordered = first(lion.create_order(order)).trace
    wanted = Trace(
        operation="create_order",
        customer_id="1001",
        reference="A-1",
        total=Decimal("9.99"),
        at=NOON,
    )
    assert wanted == ordered
    wanted = Trace(
        operation="adjust_points",
        customer_id="1001",
        reference="ticket-1",
        points=-5,
        adjusts=True,
    )
    assert wanted == first(lion.adjust_points(points)).trace
    assert first(lion.update_activity("review", "review-78", "void")).trace is None


@pytest.mark.parametrize("answer", [b"", b'""', b"<html>", b'{"odd": 1}'])
def test_writes_ignore_the_body(lion: LoyaltyLion, answer: bytes) -> None:
    """A write returns no row, whatever the vendor's answer looks like."""
    activity = Activity(name="$signup", customer=ANN)
    adjustment = PointsAdjustment(customer_id="1", points=-1)
    order = Order(id="A-1", customer=ANN, total=Decimal(1))

    assert result(lion.track_activity(activity), answer, 201) is None
    assert result(lion.create_order(order), answer, 201) is None
    assert result(lion.adjust_points(adjustment), answer, 204) is None


# ------------------------------------------------------------ points


def test_points_up_and_down(lion: LoyaltyLion) -> None:
    """Positive points are added and negative ones removed, each by its own call."""
    up = first(lion.adjust_points(PointsAdjustment(customer_id="1", points=5, reason="Sorry")))
    down = first(lion.adjust_points(PointsAdjustment(customer_id="1", points=-20)))

    assert ("POST", "/v2/customers/1/points") == (up.method, up.target)
    assert {"points": 5, "reason": "Sorry"} == body(up)
    assert ("POST", "/v2/customers/1/remove_points") == (down.method, down.target)
    assert {"points": 20} == body(down)


def test_points_bounds(lion: LoyaltyLion) -> None:
    """At most a million points are added at once; the vendor bounds removals itself."""

    def adjust(points: int) -> Flow[None]:
        return lion.adjust_points(PointsAdjustment(customer_id="1", points=points))

    assert {"points": 1_000_000} == body(first(adjust(1_000_000)))
    assert {"points": 1_000_001} == body(first(adjust(-1_000_001)))
    assert {"points": "must be at most 1,000,000 to add"} == problems(adjust(1_000_001))


@pytest.fixture(scope="module")
def marking() -> LoyaltyLion:
    """An adapter whose reasons begin with a reference."""
    return LoyaltyLion(api_key="pat_1", reference_in_reason=True)


@pytest.mark.parametrize("points", [5, -5])
def test_a_reason_may_carry_the_reference(marking: LoyaltyLion, points: int) -> None:
    """The marker comes first; by it the adjustment is found again."""
    adjustment = PointsAdjustment(
        customer_id="1", points=points, reason="Sorry", reference="ticket-1"
    )
    request = first(marking.adjust_points(adjustment))

    assert {"points": 5, "reason": "[ref:ticket-1] Sorry"} == body(request)
    assert request.trace is not None
    assert "ticket-1" == request.trace.marker


def test_a_reference_is_made_up_where_reasons_carry_one(marking: LoyaltyLion) -> None:
    """Each adjustment gets another one, with or without a reason."""
    adjustment = PointsAdjustment(customer_id="1", points=5)
    request, again = (first(marking.adjust_points(adjustment)) for _ in range(2))

    assert {"points": 5, "reason": f"[ref:{request.reference}]"} == body(request)
    assert request.reference != again.reference


@pytest.mark.parametrize("length", [247, 248])
def test_a_reason_has_room_for_its_marker(marking: LoyaltyLion, length: int) -> None:
    """At most 255 characters with it; nothing is cut in silence."""
    adjustment = PointsAdjustment(customer_id="1", points=5, reason="x" * length, reference="a")
    flow = marking.adjust_points(adjustment)
    if length == 247:
        assert 255 == len(body(first(flow))["reason"])
    else:
        assert ["reason"] == list(problems(flow))


def test_a_reason_without_a_marker_is_as_long_as_it_likes(lion: LoyaltyLion) -> None:
    """Its length is the vendor's business."""
    adjustment = PointsAdjustment(customer_id="1", points=5, reason="x" * 300, reference="a")

    assert "x" * 300 == body(first(lion.adjust_points(adjustment)))["reason"]


def test_note_is_refused(lion: LoyaltyLion) -> None:
    """A staff note is refused and never dropped, together with what else is wrong."""
    flow = lion.adjust_points(PointsAdjustment(customer_id="1", points=2_000_000, note=""))

    assert ["points", "note"] == list(problems(flow))


# ------------------------------------------------------------ paths


@pytest.mark.parametrize(
    "odd", ["../orders", "a/b", "é", "%2F", "$signup", "a b?c#d", "日本", "😀"]
)
def test_ids_are_one_segment(lion: LoyaltyLion, odd: str) -> None:
    """An id arrives as itself, whatever is in it, as one segment of the path."""
    adjustment = PointsAdjustment(customer_id=odd, points=1)
    flows: list[tuple[Flow[Any], int]] = [
        (lion.adjust_points(adjustment), 3),
        (lion.list_transactions(None, {"customer_id": odd}), 3),
        (lion.get_order(odd), 3),
        (lion.update_activity(odd, "1", "void"), 3),
        (lion.update_activity("review", odd, "void"), 4),
    ]
    for flow, position in flows:
        request = first(flow)
        segments = request.path.split("/")
        assert request.path.isascii()
        assert odd == unquote(segments[position])
        assert request.template.count("/") == request.path.count("/")


@pytest.mark.parametrize("odd", ["", ".", "..", "a\nb", "\x7f", "\ud800"])
def test_impossible_ids(lion: LoyaltyLion, odd: str) -> None:
    """An id that no URL can carry is refused before anything is sent."""
    assert ["customer_id"] == list(problems(lion.list_transactions(None, {"customer_id": odd})))
    assert ["merchant_id"] == list(problems(lion.get_order(odd)))
    assert ["name", "merchant_id"] == list(problems(lion.update_activity(odd, odd, "void")))


# ------------------------------------------------------------ lists


def test_list_transactions_of_a_customer(lion: LoyaltyLion) -> None:
    """A customer's history is under the merchant's own id, with the vendor's parameters."""
    filters = {
        "customer_id": "1001",
        "created_from": NOON,
        "created_until": NOON + timedelta(days=1),
        "kinds": ("earned",),
        "page_size": 500,
    }
    request = first(lion.list_transactions(None, filters))

    assert ("GET", "/v2/customers/1001/transactions") == (request.method, request.path)
    assert Safety.SAFE is request.safety
    assert {
        "created_at_min": "2026-05-01T10:00:00Z",
        "created_at_max": "2026-05-02T10:00:00Z",
        "limit": "500",
    } == dict(request.query)


@pytest.mark.parametrize("own_id", [1001, "1001"])
def test_list_transactions_of_the_program(lion: LoyaltyLion, own_id: int | str) -> None:
    """Without a customer the list is the program's, which LoyaltyLion's own id narrows."""
    assert "/v2/transactions" == first(lion.list_transactions(None, {"kinds": None})).target
    narrowed = first(lion.list_transactions(None, {"loyaltylion_customer_id": own_id}))
    assert "/v2/transactions?customer_id=1001" == narrowed.target


@pytest.mark.parametrize("operation", LISTS)
def test_cursor_goes_alone(lion: LoyaltyLion, operation: str) -> None:
    """With a cursor only the page size goes along: the filters are inside the cursor."""
    listing: Callable[..., Flow[Any]] = getattr(lion, operation)
    filters = {"created_from": NOON, "created_until": NOON}

    request = first(listing("b3/+=", {**filters, "page_size": 7}))
    assert (("cursor", "b3/+="), ("limit", "7")) == request.query
    assert request.target.endswith("?cursor=b3%2F%2B%3D&limit=7")
    assert (("cursor", "c"),) == first(listing("c", filters)).query


def test_cursor_keeps_the_path(lion: LoyaltyLion) -> None:
    """The next page of a customer is under the same path."""
    request = first(lion.list_transactions("c", {"customer_id": "a/b"}))

    assert "/v2/customers/a%2Fb/transactions?cursor=c" == request.target


def test_pages(lion: LoyaltyLion) -> None:
    """A page has its rows and the cursor of the next, which the body names."""
    row = {"id": 1, "created_at": "2026-05-01T10:00:00Z", "resource": "adjustment"}
    answer = {"transactions": [row], "cursor": {"prev": "a", "next": "b"}}
    page = result(lion.list_transactions(None, {}), answer)

    assert "b" == page.cursor
    assert [TransactionKind.ADJUSTED] == [item.kind for item in page.items]


def test_vendor_pages(lion: LoyaltyLion) -> None:
    """Orders, activities and customers come in pages of records."""
    end = {"prev": None, "next": None}
    orders = {"orders": [{"merchant_id": "A-1"}], "cursor": {**end, "next": "o"}}
    activities = {"activities": [{"id": 5}], "cursor": end}
    customers = {"customers": [{"id": 6, "merchant_id": "1001"}], "cursor": end}

    page = result(lion.list_orders(None, {}), orders)
    assert (["A-1"], "o") == ([order.merchant_id for order in page.items], page.cursor)
    assert ["5"] == [row.id for row in result(lion.list_activities(None, {}), activities).items]
    assert ["1001"] == [
        row.merchant_id for row in result(lion.list_customers(None, {}), customers).items
    ]


@pytest.mark.parametrize(("cursor", "told"), [(None, "the first page"), ("abc", "cursor 'abc'")])
@pytest.mark.parametrize("operation", LISTS)
def test_unreadable_page(lion: LoyaltyLion, operation: str, cursor: str | None, told: str) -> None:
    """A page that cannot be read names the path and the cursor it came from."""
    key = operation.removeprefix("list_")
    flow: Generator[Request, Response, Any] = getattr(lion, operation)(cursor, {})
    next(flow)
    with pytest.raises(MalformedResponseError, match=told) as caught:
        flow.send(Response(status=200, body=b'{"%s": [{"id": null}]}' % key.encode()))

    assert caught.value.path is not None
    assert caught.value.path.startswith(f"$.{key}[0].")
    assert caught.value.hint == pickle.loads(pickle.dumps(caught.value)).hint  # noqa: S301 - ours


# ------------------------------------------------------------ LoyaltyLion's own


def test_whoami(lion: LoyaltyLion) -> None:
    """Whoami says program and scopes."""
    identity = {"kind": "api_key", "program_id": 22, "scopes": ["read_customers"]}
    flow = lion.whoami()
    found = result(flow, {"identity": identity})

    assert "/v2/identity/whoami" == first(lion.whoami()).target
    assert ("22", ("read_customers",)) == (found.program, found.scopes)
    assert identity == found.raw


def test_update_activity(lion: LoyaltyLion) -> None:
    """The state of an activity is put under its name and id."""
    request = first(lion.update_activity("$signup", "review-77", "declined"))

    assert ("PUT", "/v2/activities/%24signup/review-77") == (request.method, request.target)
    assert {"state": "declined"} == body(request)


@pytest.mark.parametrize("state", ["pending", "Approved", None, ["void"]])
def test_update_activity_to_an_unknown_state(lion: LoyaltyLion, state: Any) -> None:
    """Only the documented states are sent, and all problems come together."""
    assert {"name", "state"} == problems(lion.update_activity("", "1", state)).keys()


def test_get_order(lion: LoyaltyLion) -> None:
    """An order is read by the merchant's id, and comes without a wrapper."""
    answer = {"merchant_id": "A-1", "payment_status": "paid", "total": "99.99"}
    order = result(lion.get_order("A-1"), answer)

    assert ("GET", "/v2/orders/A-1") == (
        (request := first(lion.get_order("A-1"))).method,
        request.target,
    )
    assert ("A-1", Decimal("99.99"), answer) == (order.merchant_id, order.total, order.raw)


def test_update_order(lion: LoyaltyLion) -> None:
    """The whole state of an order is put, which may be repeated."""
    flow = lion.update_order(
        "A-1",
        payment_status="paid",
        refund_status="partially_refunded",
        cancellation_status="not_cancelled",
        total_paid=Decimal("99.99"),
        total_refunded=Decimal("20.0"),
    )
    request = first(flow)

    assert ("PUT", "/v2/orders/A-1") == (request.method, request.target)
    assert (Safety.IDEMPOTENT, "A-1") == (request.safety, request.reference)
    assert {
        "payment_status": "paid",
        "refund_status": "partially_refunded",
        "cancellation_status": "not_cancelled",
        "total_paid": "99.99",
        "total_refunded": "20.0",
    } == body(request)


def test_update_order_with_all_wrong(lion: LoyaltyLion) -> None:
    """Every problem of an order's state is listed by its path."""
    nothing: Any = None
    flow = lion.update_order(
        "",
        payment_status=nothing,
        refund_status=nothing,
        cancellation_status=nothing,
        total_paid=nothing,
        total_refunded=Decimal(-1),
    )
    expected = ["payment_status", "refund_status", "cancellation_status", "total_paid"]

    assert ["merchant_id", *expected, "total_refunded"] == list(problems(flow))


def test_list_sites(lion: LoyaltyLion) -> None:
    """All sites come at once."""
    sites = result(lion.list_sites(), {"sites": [{"id": 501, "name": "Demo"}, {"id": 502}]})

    assert "/v2/sites" == first(lion.list_sites()).target
    assert [("501", "Demo"), ("502", None)] == [(site.id, site.name) for site in sites]


def test_refusal(lion: LoyaltyLion) -> None:
    """The adapter reads the vendor's words in an answer that is no success."""
    response = Response(status=400, body=b'{"error": {"message": "No", "details": {"a": "b"}}}')
    refusal = lion.refusal(response)

    assert ("No", {"a": "b"}) == (refusal.message, refusal.details)
