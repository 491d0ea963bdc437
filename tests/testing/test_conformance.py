"""Each rule of the suite fails for an adapter that breaks it."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import settings

from loyalty_sdk import (
    Credential,
    Identity,
    LoyaltyError,
    Order,
    Page,
    PointsAdjustment,
    Provider,
    Refusal,
    Request,
    Response,
    Safety,
    Setting,
    TransportError,
    get,
    wire,
)
from loyalty_sdk._provider import OPERATIONS
from loyalty_sdk.testing import ProviderConformance
from loyalty_sdk.testing._recording import Sent
from loyalty_sdk.testing._requests import malformed
from loyalty_sdk.webhooks import Delivery, Event, PointsEarned, WebhookFormat

EXAMPLE = Path(__file__).parent.parent / "example_adapter"
Break = Callable[[Any], dict[str, Any]]
BROKEN: dict[str, list[Break]] = {}


def breaks(rule: str) -> Callable[[Break], Break]:
    """Mark a function that takes the sound class and gives the members which break ``rule``."""

    def mark(broken: Break) -> Break:
        BROKEN.setdefault(rule, []).append(broken)
        return broken

    return mark


def changing(method: str, /, **changes: Any) -> Break:
    """Members in which the requests of ``method`` have ``changes``; callables get the request."""

    def members(sound: Any) -> dict[str, Any]:
        def flow(self: Any, *arguments: Any) -> Any:
            steps = getattr(sound, method)(self, *arguments)
            request = next(steps)
            new = {k: v(request) if callable(v) else v for k, v in changes.items()}
            try:
                steps.send((yield request._replace(**new)))
            except StopIteration as end:
                return end.value

        return {method: flow}

    return members


# ---------------------------------------------------------------- what it says of itself


for members in (
    {"name": "another"},
    {"title": ""},
    {"settings": (Setting("key", secret=True),)},
    {"settings": ("key", "base_url")},
    {"base_url": property(lambda _: "corner.example.com", lambda *_: None)},
    {"credentials": property(lambda _: {}, lambda *_: None)},
    {"credentials": property(lambda _: {"X-Key": "text"}, lambda *_: None)},
):
    breaks("test_provider_describes_itself")(lambda _, members=members: members)  # type: ignore[misc]


@breaks("test_unsupported_operations_say_so")
def _no_hint(_: Any) -> dict[str, Any]:
    return {"limitations": {"track_activity": ""}}


@breaks("test_unsupported_operations_say_so")
def _says_it_can(_: Any) -> dict[str, Any]:
    return {"supports": lambda _, operation: operation != "create_order"}


@breaks("test_unsupported_operations_say_so")
def _sends_all_the_same(sound: Any) -> dict[str, Any]:
    def track_activity(self: Any, activity: Any) -> Any:
        yield get("/corner/me")

    def supports(self: Any, operation: str) -> bool:
        return operation != "track_activity"

    return {"track_activity": track_activity, "supports": supports}


@breaks("test_unsupported_operations_say_so")
def _does_nothing_at_all(sound: Any) -> dict[str, Any]:
    def track_activity(self: Any, activity: Any) -> Any:
        yield from ()

    def supports(self: Any, operation: str) -> bool:
        return operation != "track_activity"

    return {"track_activity": track_activity, "supports": supports}


# ---------------------------------------------------------------- what it sends


for changed in (
    changing("whoami", method="get"),
    changing("whoami", path="/corner/m e"),
    changing("whoami", path="/corner//me"),
    changing("whoami", path="/corner/me/"),
    changing("whoami", template="/corner/{shop}/me"),
    changing("whoami", query=(("a", "b"),), path="/corner/me%3f"),
    changing("adjust_points", body=b"points"),
    changing("adjust_points", body=b"[1]"),
):
    breaks("test_requests_are_well_formed")(changed)


@breaks("test_requests_are_well_formed")
def _arrives_as_another(sound: Any) -> dict[str, Any]:
    class Sly(Request):
        """A request whose target is not what it shows."""

        seen = 0

        @property
        def target(self) -> str:
            """Another one each time."""
            Sly.seen += 1
            return f"/corner/me?{Sly.seen}"

    def whoami(self: Any) -> Any:
        yield Sly(method="GET", template="/corner/me", path="/corner/me", safety=Safety.SAFE)

    return {"whoami": whoami}


def _lower(request: Request) -> str:
    return request.path.lower().replace("%2f", "/")


breaks("test_ids_arrive_as_themselves")(changing("adjust_points", path=_lower))
breaks("test_ids_arrive_as_themselves")(
    changing("create_order", body=lambda request: request.body.replace(b"/", b"-"))
)


@breaks("test_bad_ids_are_refused")
def _takes_any_id(_: Any) -> dict[str, Any]:
    def list_transactions(self: Any, cursor: Any, filters: Any) -> Any:
        query = {"customer": filters["customer_id"]}
        yield get("/corner/rows", query)
        return Page(())

    return {"list_transactions": list_transactions}


breaks("test_safety_is_set")(changing("adjust_points", safety=Safety.SAFE))
breaks("test_safety_is_set")(changing("list_transactions", safety=Safety.ONCE))
breaks("test_safety_is_set")(changing("whoami", safety=Safety.IDEMPOTENT, method="POST"))
breaks("test_writes_carry_their_reference")(changing("adjust_points", reference=None))
breaks("test_writes_carry_their_reference")(changing("create_order", reference="always the same"))


def _twice(sound: Any) -> dict[str, Any]:
    def adjust_points(self: Any, adjustment: PointsAdjustment) -> Any:
        yield from sound.adjust_points(self, adjustment)
        return (yield from sound.adjust_points(self, adjustment))

    return {"adjust_points": adjust_points}


for rule in ("test_safety_is_set", "test_each_write_reaches_the_ledger_once"):
    breaks(rule)(_twice)


def _total(write: Callable[[Order], Any]) -> Break:
    def members(sound: Any) -> dict[str, Any]:
        def create_order(self: Any, order: Order) -> Any:
            for request in sound.create_order(self, order):
                body = {"customer": order.customer.id, "total": write(order)}
                yield request._replace(body=wire.encode(body))

        return {"create_order": create_order}

    return members


breaks("test_money_keeps_every_digit")(_total(lambda order: float(order.total)))
breaks("test_money_keeps_every_digit")(_total(lambda order: f"{order.total:E}"))
breaks("test_money_keeps_every_digit")(_total(lambda order: str(float(order.total_shipping or 0))))


@breaks("test_wrong_filters_are_refused")
def _ignores_what_it_does_not_know(sound: Any) -> dict[str, Any]:
    def list_transactions(self: Any, cursor: Any, filters: Any) -> Any:
        known = {"customer_id": filters.get("customer_id", "1")}
        return (yield from sound.list_transactions(self, cursor, known))

    return {"list_transactions": list_transactions}


@breaks("test_flows_do_no_io")
def _opens_a_socket(sound: Any) -> dict[str, Any]:
    def whoami(self: Any) -> Any:
        socket.socket().close()
        return (yield from sound.whoami(self))

    return {"whoami": whoami}


# ---------------------------------------------------------------- keys


@breaks("test_credentials_show_nowhere")
def _shows_its_key(_: Any) -> dict[str, Any]:
    def __init__(self: Any, *, key: str, base_url: str) -> None:  # noqa: N807 - a member
        self.base_url, self.key = base_url, key
        self.credentials = {"X-Corner-Key": Credential(key)}

    return {"__init__": __init__}


@breaks("test_credentials_show_nowhere")
def _sends_its_key_in_the_query(sound: Any) -> dict[str, Any]:
    def whoami(self: Any) -> Any:
        yield get("/corner/me", {"key": str.__str__(self.credentials["X-Corner-Key"].key)})

    return {"whoami": whoami}


@breaks("test_credentials_show_nowhere")
def _calls_nothing_a_secret(sound: Any) -> dict[str, Any]:
    return {"settings": (Setting("key"), Setting("base_url"))}


# ---------------------------------------------------------------- answers


def _refusing(read: Callable[[Response], Any]) -> Break:
    return lambda _: {"refusal": lambda _, response: read(response)}


for reading in (
    lambda response: Refusal(message=str(response.json())),
    lambda _: None,
    lambda _: Refusal(message=b"bytes"),  # type: ignore[arg-type]
    lambda _: Refusal(code=5),  # type: ignore[arg-type]
    lambda _: Refusal(details=["total"]),  # type: ignore[arg-type]
    lambda _: Refusal(status="404"),  # type: ignore[arg-type]
    lambda _: Refusal(details={"cannot be pickled": lambda: None}),
):
    breaks("test_refusal_reads_any_answer")(_refusing(reading))


@breaks("test_acknowledges_reads_any_answer")
def _believes_only_json(_: Any) -> dict[str, Any]:
    return {"acknowledges": lambda _, response: response.json() is not None}


@breaks("test_acknowledges_reads_any_answer")
def _says_neither_yes_nor_no(_: Any) -> dict[str, Any]:
    return {"acknowledges": lambda _, response: response.body}


@breaks("test_answers_raise_nothing_but_loyalty_errors")
def _trusts_the_vendor(_: Any) -> dict[str, Any]:
    def whoami(self: Any) -> Any:
        response = yield get("/corner/me")
        answer = response.json()
        return Identity(program=answer["shop"] if isinstance(answer, dict) else "1")

    return {"whoami": whoami}


def _rows_with(**changes: Any) -> Break:
    def members(sound: Any) -> dict[str, Any]:
        def list_transactions(self: Any, cursor: Any, filters: Any) -> Any:
            page = yield from sound.list_transactions(self, cursor, filters)
            rows = [
                attrs.evolve(row, **{k: v(row) for k, v in changes.items()}) for row in page.items
            ]
            return Page(tuple(rows), page.cursor)

        return {"list_transactions": list_transactions}

    return members


for changed in (
    _rows_with(id=lambda row: int(row.id)),
    _rows_with(id=lambda _: ""),
    _rows_with(customer=lambda row: row.customer.id),
    _rows_with(points=lambda row: float(row.points)),
    _rows_with(balance=lambda row: str(row.balance)),
    _rows_with(kind=lambda row: str(row.kind)),
    _rows_with(created_at=lambda row: row.created_at.replace(tzinfo=None)),
    _rows_with(reason=lambda _: 5),
    _rows_with(order_id=lambda _: 5),
    _rows_with(raw=lambda _: ["row"]),
):
    breaks("test_answers_raise_nothing_but_loyalty_errors")(changed)


@breaks("test_failures_pass_through_flows")
def _swallows_failures(sound: Any) -> dict[str, Any]:
    def create_order(self: Any, order: Order) -> Any:
        try:
            yield from sound.create_order(self, order)
        except LoyaltyError:
            return None

    return {"create_order": create_order}


# ---------------------------------------------------------------- the whole way


breaks("test_rate_limited_writes_are_repeated")(_twice)


@breaks("test_open_writes_land_once")
def _takes_silence_for_success(sound: Any) -> dict[str, Any]:
    def adjust_points(self: Any, adjustment: PointsAdjustment) -> Any:
        try:
            return (yield from sound.adjust_points(self, adjustment))
        except TransportError:
            return None

    return {"adjust_points": adjust_points}


@breaks("test_open_writes_land_once")
def _tries_again(sound: Any) -> dict[str, Any]:
    def adjust_points(self: Any, adjustment: PointsAdjustment) -> Any:
        (request,) = list(sound.adjust_points(self, adjustment))[:1]
        try:
            yield request
        except LoyaltyError:
            yield request

    return {"adjust_points": adjust_points}


breaks("test_open_writes_land_once")(changing("adjust_points", safety=Safety.IDEMPOTENT))


def _unsigned(sound: Any) -> dict[str, Any]:
    def adjust_points(self: Any, adjustment: PointsAdjustment) -> Any:
        return sound.adjust_points(self, attrs.evolve(adjustment, points=abs(adjustment.points)))

    return {"adjust_points": adjust_points}


breaks("test_adjustments_add_up")(_unsigned)


@breaks("test_pages_are_the_ledger")
@breaks("test_a_cursor_goes_on_elsewhere")
def _ends_after_one_page(sound: Any) -> dict[str, Any]:
    def list_transactions(self: Any, cursor: Any, filters: Any) -> Any:
        page = yield from sound.list_transactions(self, cursor, filters)
        return Page(page.items)

    return {"list_transactions": list_transactions}


breaks("test_circles_end")(_ends_after_one_page)
breaks("test_pages_are_the_ledger")(_rows_with(points=lambda row: -row.points))
breaks("test_pages_are_the_ledger")(_rows_with(balance=lambda row: row.balance + 1))
breaks("test_pages_are_the_ledger")(_rows_with(id=lambda row: f"row {row.id}"))


breaks("test_everybodys_rows_can_be_read")(lambda _: {"lists_program": True})
breaks("test_everybodys_rows_can_be_read")(lambda _: {"largest_page": 101})


for read in (lambda _: "another", lambda _: None):
    breaks("test_the_next_cursor_can_be_read_alone")(
        changing("list_transactions", next_cursor=lambda _, read=read: read)
    )


def _fails_to_read(_: Response) -> str:
    raise KeyError


for read in (lambda _: "another", _fails_to_read):
    breaks("test_the_next_cursor_is_right_or_none")(
        changing("list_transactions", next_cursor=lambda _, read=read: read)
    )


@breaks("test_everybodys_rows_can_be_read")
def _forgets_a_customer(_: Any) -> dict[str, Any]:
    def list_histories(self: Any, cursor: Any, filters: Any) -> Any:
        yield get("/corner/me")
        return Page(({"customer_id": "plain0id"},), None)

    return {"list_histories": list_histories}


@breaks("test_refusals_have_their_type_and_the_vendors_words")
def _has_no_words(_: Any) -> dict[str, Any]:
    return {"refusal": Provider.refusal}


breaks("test_reads_are_repeated")(changing("list_transactions", safety=Safety.ONCE))


@breaks("test_whoami_names_the_program")
def _has_a_number_for_a_program(_: Any) -> dict[str, Any]:
    def whoami(self: Any) -> Any:
        yield get("/corner/me")
        return Identity(program=1)  # type: ignore[arg-type]

    return {"whoami": whoami}


class Careless(WebhookFormat):
    """It takes for granted what a body holds."""

    signature_header: ClassVar[str] = "X-Corner-Signature"

    def read(self, delivery: Delivery, /) -> Event:
        """Raises KeyError."""
        return delivery.event(PointsEarned, topic="points", points=delivery.payload["points"])


@breaks("test_webhooks_are_events_or_malformed")
@breaks("test_the_sandbox_sends_the_webhooks_that_are_read")
def _reads_webhooks_without_care(_: Any) -> dict[str, Any]:
    return {"webhook_format": classmethod(lambda _: Careless())}


# ---------------------------------------------------------------- the test


EXEMPT = f"""
import sys
sys.path.insert(0, {str(EXAMPLE)!r})
from loyalty_sdk import Identity, get
from loyalty_sdk.testing import ProviderConformance
from loyalty_sdk.testing._recording import Sent
from loyalty_sdk.testing._requests import malformed
from loyalty_sdk_cornershop import CornerShop
from loyalty_sdk_cornershop._sandbox import CornerShopSandbox

class Nameless(CornerShop):
    def whoami(self):
        yield get("/corner/me")
        return Identity(program="")

class TestNameless(ProviderConformance):
    name = "cornershop"
    exempt = {{"test_whoami_names_the_program": "it has no name"}}
    provider_class = lambda _: Nameless
    sandbox_class = lambda _: CornerShopSandbox

class TestNamed(TestNameless):
    exempt = {{"test_whoami_names_the_program": "it was wrong once"}}
    provider_class = lambda _: CornerShop
"""
PARAMETERS: dict[str, dict[str, Any]] = {
    "test_circles_end": {"fault": "cycle"},
    "test_open_writes_land_once": {"fault": "drop"},
    "test_refusals_have_their_type_and_the_vendors_words": {"status": 404},
}
CASES = [
    pytest.param(rule, broken, id=f"{rule}-{number}")
    for rule, every in BROKEN.items()
    for number, broken in enumerate(every)
]
RULES = {name for name in dir(ProviderConformance) if name.startswith("test_")}


def run(rule: str, cornershop: Any, **members: Any) -> None:
    """Run one rule against the adapter, in a class with ``members``."""
    subject: Any = type(
        "Subject",
        (ProviderConformance,),
        {
            "name": "cornershop",
            "provider_class": lambda _: cornershop.adapter,
            "sandbox_class": lambda _: cornershop.half,
            **members,
        },
    )()
    given = dict(PARAMETERS.get(rule, {}))
    if rule == "test_flows_do_no_io":
        given["monkeypatch"] = pytest.MonkeyPatch()
    getattr(subject, rule)(**given)


@pytest.fixture
def _thorough() -> Iterator[None]:
    """As many examples as whoever tests an adapter tries: fewer may miss what is broken."""
    chosen = settings.get_current_profile_name()
    settings.load_profile("default")
    yield
    settings.load_profile(chosen)


@pytest.mark.usefixtures("_thorough")
@pytest.mark.parametrize(("rule", "broken"), CASES)
def test_a_broken_adapter_fails(rule: str, broken: Break, cornershop: Any) -> None:
    """A rule fails for an adapter that breaks it; `test_example.py` shows that it can hold."""
    adapter = type("Broken", (cornershop.adapter,), broken(cornershop.adapter))

    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        run(rule, cornershop._replace(adapter=adapter))

    # The rule itself has to be sound.
    assert not isinstance(caught.value, TypeError | NameError), caught.value


@pytest.mark.parametrize("rule", sorted(RULES))
def test_an_adapter_may_be_able_to_do_nothing(rule: str, cornershop: Any) -> None:
    """What a provider refuses is not asked of it."""
    nothing = {name: getattr(Provider, name) for name in (*OPERATIONS, "whoami", "limitations")}
    adapter = type("Mute", (cornershop.adapter,), nothing)

    run(rule, cornershop._replace(adapter=adapter), lists=())


def test_exempt_rules_are_expected_to_fail(tmp_path: Path) -> None:
    """An exempt rule that fails is an xfail with its reason, and one that holds is an error."""
    (tmp_path / "test_exempt.py").write_text(EXEMPT)

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-rx", "-c", "/dev/null", "-k", "whoami", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
    )

    assert re.search(r"= 1 failed, \d+ deselected, 1 xfailed in ", ended.stdout)
    assert "- it has no name" in ended.stdout
    assert "[XPASS(strict)] it was wrong once" in ended.stdout


def test_every_rule_can_fail() -> None:
    """There is a broken adapter for each rule."""
    assert RULES - {"test_exemptions_have_reasons"} == set(BROKEN)


@pytest.mark.parametrize(
    "exempt", [{"test_no_such_rule": "why"}, {"whoami": "why"}, {"test_safety_is_set": " "}]
)
def test_exemptions_need_a_rule_and_a_reason(exempt: dict[str, str], cornershop: Any) -> None:
    """A rule cannot be skipped by a wrong name, or without saying why."""
    with pytest.raises(AssertionError):
        run("test_exemptions_have_reasons", cornershop, exempt=exempt)


def test_a_method_in_lower_case_is_malformed() -> None:
    """HTTP's methods are case-sensitive, and the pool sends them as they are."""
    request = Request(method="get", template="/a", path="/a", safety=Safety.SAFE)
    sent = Sent(request, "/a", b"")
    assert ["the method is 'get'"] == list(malformed(sent))
