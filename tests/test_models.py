"""The neutral values."""

from __future__ import annotations

import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_sdk import (
    Activity,
    Customer,
    DiscountCode,
    Identity,
    MalformedResponseError,
    Order,
    Outcome,
    Page,
    PointsAdjustment,
    Receipt,
    Transaction,
    TransactionKind,
    ValidationError,
)
from loyalty_sdk._models import RawPage, Value

RULE = settings(deadline=None)
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
TEXT = st.text(max_size=20)
PRINTABLE = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
IDS = st.text(PRINTABLE, min_size=1, max_size=20).filter(lambda text: text not in {".", ".."})
MONEY = st.decimals(min_value=0, max_value=Decimal("1E+20"), allow_nan=False, places=4)
# Not in the first and last day of time, which other offsets push over the edge.
OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
EDGES = (datetime(2, 1, 1), datetime(9998, 1, 1))  # noqa: DTZ001 - hypothesis wants them naive
# Old pickle protocols drop the fold.
TIMES = st.datetimes(*EDGES, timezones=OFFSETS).map(lambda moment: moment.replace(fold=0))
INTEGERS = st.integers(-(2**63) + 1, 2**63 - 1)
PROPERTIES = st.dictionaries(
    TEXT,
    st.recursive(st.none() | st.booleans() | INTEGERS | TEXT, st.lists, max_leaves=4),
    max_size=3,
)
CUSTOMERS = st.builds(Customer, id=IDS, email=st.none() | IDS)
SHOPPER: dict[str, st.SearchStrategy[Any]] = {
    "guest": st.booleans(),
    **dict.fromkeys(("ip_address", "user_agent", "referral_id", "tracking_id"), st.none() | TEXT),
}
ACTIVITIES = st.builds(
    Activity,
    name=IDS,
    customer=CUSTOMERS,
    id=st.none() | IDS,
    occurred_at=st.none() | TIMES,
    properties=PROPERTIES,
    **SHOPPER,
)
ORDERS = st.builds(
    Order,
    id=IDS,
    customer=CUSTOMERS,
    total=MONEY,
    total_shipping=st.none() | MONEY,
    total_paid=st.none() | MONEY,
    payment_status=st.sampled_from([None, "not_paid", "partially_paid", "paid"]),
    number=st.none() | TEXT,
    merchant_number=st.none() | TEXT,
    discount_codes=st.lists(st.builds(DiscountCode, code=IDS, amount=MONEY), max_size=2),
    claimed_reward_ids=st.lists(INTEGERS, max_size=2),
    placed_at=st.none() | TIMES,
    **SHOPPER,
)
ADJUSTMENTS = st.builds(
    PointsAdjustment,
    customer_id=IDS,
    points=INTEGERS.filter(bool),
    reason=st.none() | TEXT,
    note=st.none() | TEXT,
    reference=st.none() | IDS,
)
TRANSACTIONS = st.builds(
    Transaction,
    id=IDS,
    customer=st.none() | CUSTOMERS,
    points=INTEGERS,
    pending=INTEGERS,
    balance=st.none() | INTEGERS,
    kind=st.sampled_from(TransactionKind),
    created_at=TIMES,
    reason=st.none() | TEXT,
    order_id=st.none() | IDS,
    raw=PROPERTIES,
)
RECEIPTS = st.builds(
    Receipt,
    operation=IDS,
    provider=IDS,
    reference=st.none() | IDS,
    outcome=st.sampled_from(Outcome),
    attempts=st.integers(0, 9),
    transaction=st.none() | TRANSACTIONS,
)
VALUES = CUSTOMERS | ACTIVITIES | ORDERS | ADJUSTMENTS | TRANSACTIONS | RECEIPTS

CUSTOMER = Customer(id="1001")


def order(**changes: Any) -> Order:
    """A valid order but for ``changes``."""
    fields: dict[str, Any] = {"id": "A-1", "customer": CUSTOMER, "total": Decimal(1)}
    return Order(**fields | changes)


def activity(**changes: Any) -> Activity:
    """A valid activity but for ``changes``."""
    fields: dict[str, Any] = {"name": "review", "customer": CUSTOMER}
    return Activity(**fields | changes)


def adjustment(**changes: Any) -> PointsAdjustment:
    """A valid adjustment but for ``changes``."""
    fields: dict[str, Any] = {"customer_id": "1001", "points": 5}
    return PointsAdjustment(**fields | changes)


def transaction(**changes: Any) -> Transaction:
    """A row of some history."""
    fields: dict[str, Any] = {
        "id": "7",
        "customer": CUSTOMER,
        "points": 5,
        "pending": 0,
        "balance": 5,
        "kind": TransactionKind.ADJUSTED,
        "created_at": datetime(2026, 5, 1, tzinfo=UTC),
    }
    return Transaction(**fields | changes)


def refused(make: Any, **changes: Any) -> dict[str, str]:
    """What is wrong with the value, by path."""
    with pytest.raises(ValidationError) as caught:
        make(**changes)
    return {problem.path: problem.message for problem in caught.value.problems}


@RULE
@given(VALUES, st.sampled_from(PROTOCOLS))
def test_values_pickle_copy_and_hash(value: Value, protocol: int) -> None:
    """Every value reaches another process as an equal one, by each pickle protocol."""
    arrived = pickle.loads(pickle.dumps(value, protocol))  # noqa: S301 - made on this line

    assert value == arrived
    assert hash(value) == hash(arrived)
    assert value == copy.copy(value) == copy.deepcopy(value)
    assert repr(value) == repr(arrived)


@RULE
@given(VALUES)
def test_values_are_frozen(value: Any) -> None:
    """No attribute of a value can be set or removed."""
    for field in attrs.fields(type(value)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, field.name, None)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            delattr(value, field.name)


@RULE
@given(VALUES)
def test_to_json_is_to_dict_as_text(value: Value) -> None:
    """`to_dict` holds JSON types only, and `to_json` is the same as text."""
    assert value.to_dict() == json.loads(value.to_json())


@RULE
@given(ORDERS, ORDERS)
def test_values_compare_by_their_fields(first: Order, second: Order) -> None:
    """Two values are equal if, and only if, all their fields are."""
    same = attrs.asdict(first, recurse=False) == attrs.asdict(second, recurse=False)

    assert same is (first == second)
    assert first == attrs.evolve(first)


@pytest.mark.parametrize("kind", Value.__subclasses__())
def test_values_are_keyword_only(kind: Any) -> None:
    """A value is made by keywords, so that adding a field never shifts another."""
    assert all(field.kw_only for field in attrs.fields(kind))


@pytest.mark.parametrize(
    ("money", "text"),
    [
        ("1E+2", "100"),
        ("99.90", "99.90"),
        ("0.10", "0.10"),
        ("1E-7", "0.0000001"),
        ("0", "0"),
        ("-0.00", "0.00"),
        ("123456789012345678901234567.89", "123456789012345678901234567.89"),
    ],
)
def test_money_is_written_out(money: str, text: str) -> None:
    """Money is text without an exponent, with every digit; a negative zero is a zero."""
    assert text == order(total=Decimal(money)).to_dict()["total"]


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 5, 1, 10, tzinfo=UTC), "2026-05-01T10:00:00Z"),
        (
            datetime(2026, 5, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))),
            "2026-04-30T23:30:00Z",
        ),
        (datetime(2026, 5, 1, 10, 0, 0, 1500, UTC), "2026-05-01T10:00:00.001500Z"),
    ],
)
def test_times_are_written_in_utc(moment: datetime, text: str) -> None:
    """A time is ISO 8601 in UTC, with a fraction where it has one."""
    assert text == order(placed_at=moment).to_dict()["placed_at"]


def test_to_dict_goes_all_the_way_down() -> None:
    """Values inside values, enums and sequences come out as plain JSON types."""
    receipt = Receipt(
        operation="create_order",
        provider="acme",
        reference=None,
        outcome=Outcome.APPLIED,
        attempts=1,
        transaction=transaction(raw={"id": 7}),
    )

    assert {
        "operation": "create_order",
        "provider": "acme",
        "reference": None,
        "outcome": "applied",
        "attempts": 1,
        "transaction": {
            "id": "7",
            "customer": {"id": "1001", "email": None},
            "points": 5,
            "pending": 0,
            "balance": 5,
            "kind": "adjusted",
            "created_at": "2026-05-01T00:00:00Z",
            "reason": None,
            "order_id": None,
        },
        "reconciled": False,
        "resolve_after": None,
    } == receipt.to_dict()
    assert str is type(receipt.to_dict()["outcome"])
    assert [{"code": "TEN", "amount": "10"}] == order(
        discount_codes=[DiscountCode(code="TEN", amount=Decimal(10))]
    ).to_dict()["discount_codes"]


def doubtful(**changes: Any) -> Receipt:
    """A receipt of a write that may have been applied."""
    given: dict[str, Any] = {
        "operation": "adjust_points",
        "provider": "acme",
        "reference": "r-1",
        "outcome": Outcome.UNKNOWN,
        "attempts": 2,
        "resolve_after": datetime(2026, 5, 1, tzinfo=UTC),
    }
    return Receipt(**given | changes)


def test_what_a_receipt_keeps_for_resolve_is_nobody_elses_business() -> None:
    """Trace and clock are outside equality, repr and `to_dict`; a pickle takes them along."""
    receipt = doubtful(trace=("trace", 1), sent=("process", 2.0))

    assert doubtful() == receipt
    assert hash(doubtful()) == hash(receipt)
    assert "trace" not in repr(receipt)
    assert doubtful().to_dict() == receipt.to_dict()
    assert "2026-05-01T00:00:00Z" == receipt.to_dict()["resolve_after"]
    copy = pickle.loads(pickle.dumps(receipt))  # noqa: S301 - made on this line
    assert (receipt, ("trace", 1), ("process", 2.0)) == (copy, copy.trace, copy.sent)


def test_a_receipt_remembers_nothing_unless_told() -> None:
    """One that was restored from its JSON cannot be looked for."""
    assert (None, None) == (doubtful().trace, doubtful().sent)


def test_an_order_lists_everything_wrong_with_it() -> None:
    """One error names every problem of the order and of all it holds, each by its path."""
    assert {
        "id": "must not be empty",
        "customer.id": "must not be '.' or '..': URLs swallow them",
        "customer.email": "contains a control character",
        "total": "wanted a Decimal, got float",
        "total_shipping": "must be finite",
        "total_paid": "must not be negative",
        "payment_status": "wanted one of not_paid, partially_paid, paid, got str",
        "number": "wanted a str, got int",
        "merchant_number": "contains a lone surrogate, which UTF-8 cannot carry",
        "placed_at": "wanted an aware datetime, got one without a time zone",
        "guest": "wanted a bool, got int",
        "ip_address": "wanted a str, got bytes",
        "user_agent": "wanted a str, got int",
        "referral_id": "wanted a str, got float",
        "tracking_id": "wanted a str, got list",
        "discount_codes[0].code": "must not be empty",
        "discount_codes[0].amount": "wanted a Decimal, got float",
        "discount_codes[1]": "wanted a DiscountCode, got str",
        "claimed_reward_ids[0]": "wanted an int, got bool",
        "claimed_reward_ids[2]": "wanted an int, got str",
    } == refused(
        order,
        id="",
        customer=Customer(id="..", email="a@b\r\n"),
        total=9.99,
        total_shipping=Decimal("NaN"),
        total_paid=Decimal(-1),
        payment_status="unpaid",
        number=5,
        merchant_number="\ud800",
        placed_at=datetime(2026, 5, 1),  # noqa: DTZ001 - naive on purpose
        guest=1,
        ip_address=b"1",
        user_agent=1,
        referral_id=0.5,
        tracking_id=[],
        discount_codes=[DiscountCode(code="", amount=1.5), "TEN"],  # type: ignore[arg-type]
        claimed_reward_ids=(True, 2, "3"),
    )


def test_an_activity_lists_everything_wrong_with_it() -> None:
    """One error names every problem of the activity and of all it holds."""
    assert {
        "name": "must not be empty",
        "customer": "wanted a Customer, got str",
        "id": "contains a control character",
        "occurred_at": "wanted an aware datetime, got str",
        "properties.url[1]": "must be finite",
        "properties key": "wanted a str, got int",
        "guest": "wanted a bool, got nothing",
        "user_agent": "wanted a str, got int",
    } == refused(
        activity,
        name="",
        customer="1001",
        id="a\tb",
        occurred_at="now",
        properties={"url": ["x", float("nan")], 5: 1},
        guest=None,
        user_agent=5,
    )


def test_an_adjustment_lists_everything_wrong_with_it() -> None:
    """One error names every problem of the adjustment."""
    assert {
        "customer_id": "wanted a str, got int",
        "points": "must not be 0",
        "reason": "wanted a str, got int",
        "note": "wanted a str, got bytes",
        "reference": "must not be empty",
    } == refused(adjustment, customer_id=1001, points=0, reason=1, note=b"", reference="")


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (True, "wanted an int, got bool"),
        (1.0, "wanted an int, got float"),
        (Decimal(1), "wanted an int, got Decimal"),
        ("1", "wanted an int, got str"),
        (2**63, "does not fit into 64 bits"),
    ],
)
def test_points_are_whole_numbers(points: object, message: str) -> None:
    """Points are an int: no bool, no float, no text, nothing that JSON readers would round."""
    assert {"points": message} == refused(adjustment, points=points)


@pytest.mark.parametrize("status", [[], {}, 1, True, "PAID", b"paid", Decimal("sNaN")])
def test_a_payment_status_is_one_of_three(status: object) -> None:
    """Anything but the three words is refused, whatever class it is of."""
    assert ["payment_status"] == list(refused(order, payment_status=status))


@pytest.mark.parametrize("name", ["discount_codes", "claimed_reward_ids"])
@pytest.mark.parametrize("value", ["TEN", None, {}, set(), iter(())])
def test_sequences_are_lists_or_tuples(name: str, value: object) -> None:
    """Text is no sequence of codes, and what can be read once only is none either."""
    ((path, message),) = refused(order, **{name: value}).items()

    assert name == path
    assert message.startswith("wanted a list or tuple, got ")


def test_properties_are_a_mapping() -> None:
    """Pairs in a list are no properties."""
    assert {"properties": "wanted a Mapping, got list"} == refused(activity, properties=[("a", 1)])


def test_a_problem_never_quotes_the_value() -> None:
    """What was refused may be secret: only its type is named."""
    with pytest.raises(ValidationError) as caught:
        order(id="secret\n", total="secret", payment_status="secret")

    assert 3 == len(caught.value.problems)
    assert "secret" not in str(caught.value)


def test_later_changes_do_not_reach_a_value() -> None:
    """What a caller does to a list or dict after the check changes nothing that is sent."""
    codes, rewards = [DiscountCode(code="TEN", amount=Decimal(10))], [1]
    properties: dict[str, Any] = {"tags": ["a"]}
    made = order(discount_codes=codes, claimed_reward_ids=rewards)
    done = activity(properties=properties)
    codes.clear()
    rewards.append(2)
    properties["tags"].append(float("nan"))

    assert 1 == len(made.discount_codes)
    assert (1,) == made.claimed_reward_ids
    assert {"tags": ["a"]} == done.properties


def test_equal_activities_have_equal_hashes() -> None:
    """Properties count in comparison, and stay out of the hash since a dict has none."""
    assert hash(activity(properties={"a": 1})) == hash(activity(properties={"a": 1}))
    assert activity(properties={"a": 1}) != activity(properties={"a": 2})


def test_raw_is_outside_equality_and_repr() -> None:
    """Two rows that mean the same are equal, whatever else the vendor wrote into them."""
    assert transaction(raw={"a": 1}) == transaction(raw={"a": 2})
    assert hash(transaction(raw={"a": 1})) == hash(transaction(raw={"a": 2}))
    assert "raw" not in repr(transaction(raw={"a": 1}))
    assert Identity(program="1", raw={"a": 1}) == Identity(program="1", raw={})
    assert "raw" not in repr(Identity(program="1", raw={"a": 1}))


def test_raw_is_decoded_when_it_is_read() -> None:
    """Rows of one page share its bytes, which are decoded once, for the first reader."""
    page = RawPage(b'{"rows":[{"id":1},{"id":2,"new":true}]}', "rows")
    first, second = transaction(raw=(page, 0)), transaction(raw=(page, 1))

    assert {"id": 1} == first.raw
    assert {"id": 2, "new": True} == second.raw
    assert first.raw is first.raw


def test_raw_of_a_broken_page_says_so_each_time() -> None:
    """A page that cannot be decoded fails for each reader alike."""
    row = transaction(raw=(RawPage(b"{", "rows"), 0))

    for _ in range(2):
        with pytest.raises(MalformedResponseError):
            _ = row.raw


def test_raw_is_read_by_threads_at_once() -> None:
    """Two threads that read rows of one page at once both get their row."""
    count = 50
    body = json.dumps({"a": {"rows": [{"id": index} for index in range(count)]}}).encode()
    with ThreadPoolExecutor(16) as threads:
        for _ in range(20):
            page = RawPage(body, "a", "rows")
            assert [{"id": index} for index in range(count)] == list(
                threads.map(page.row, range(count))
            )


def test_a_pickled_row_leaves_its_page_behind() -> None:
    """A row takes its own vendor fields along, and not those of its page."""
    page = RawPage(b'{"rows":[{"id":1},{"id":"of somebody else"}]}', "rows")
    pickled = pickle.dumps(transaction(raw=(page, 0)))

    assert b"somebody else" not in pickled
    assert {"id": 1} == pickle.loads(pickled).raw  # noqa: S301 - made two lines above


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_pages_and_identities_pickle(protocol: int) -> None:
    """A page with its cursor and an identity go to another process whole."""
    both = (
        Page((transaction(),), "next"),
        Identity(program="22", name="Shop", scopes=("read",), raw={"id": 22}),
    )

    arrived = pickle.loads(pickle.dumps(both, protocol))  # noqa: S301 - made on this line

    assert both == arrived
    assert both[1].raw == arrived[1].raw
    assert hash(both) == hash(arrived)


def test_kinds_and_outcomes_are_their_text() -> None:
    """Enums compare and print as the text that is stored."""
    assert "earned" == str(TransactionKind.EARNED)
    assert {"earned": 1} == {TransactionKind.EARNED: 1}
    wanted = ["applied", "rejected", "not_sent", "absent", "unknown"]
    assert wanted == [each.value for each in Outcome]


def test_an_outcome_tells_whether_sending_again_doubles_nothing() -> None:
    """What may have been applied may not be sent again."""
    assert {"rejected", "not_sent", "absent"} == {each for each in Outcome if each.not_applied}
