"""What an adapter inherits."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

import pytest

from loyalty_sdk import (
    Activity,
    ConfigurationError,
    Credential,
    Flow,
    Order,
    Provider,
    Refusal,
    Response,
    Setting,
    Transaction,
    UnsupportedOperationError,
    get,
)
from loyalty_sdk._provider import (
    OPERATIONS,
    check_key,
    check_printable,
    from_environment,
    read_key,
)


class Nothing(Provider):
    """A provider that overrides nothing."""

    title = "Nothing"


class OrdersOnly(Provider):
    """A provider with one operation and one of its own."""

    name = "orders_only"
    limitations: ClassVar[Mapping[str, str]] = {"track_activity": "Send orders instead"}

    def create_order(self, order: Order, /) -> Flow[Transaction | None]:
        """One operation."""
        yield get("/orders")
        return None

    def recount(self) -> Flow[None]:
        """A flow that only this vendor has."""
        yield get("/recount")


OPERATION_CALLS: dict[str, Callable[[Provider], object]] = {
    "track_activity": lambda provider: provider.track_activity(None),  # type: ignore[arg-type]
    "create_order": lambda provider: provider.create_order(None),  # type: ignore[arg-type]
    "adjust_points": lambda provider: provider.adjust_points(None),  # type: ignore[arg-type]
    "list_transactions": lambda provider: provider.list_transactions(None, {}),
    "list_histories": lambda provider: provider.list_histories(None, {}),
    "whoami": lambda provider: provider.whoami(),
    "look": lambda provider: provider.look(None, None),  # type: ignore[arg-type]
}


def test_the_operations_are_four() -> None:
    """The neutral operations are these, and the calls below try them all."""
    assert ("track_activity", "create_order", "list_transactions", "adjust_points") == OPERATIONS
    assert {*OPERATIONS, "list_histories", "whoami", "look"} == set(OPERATION_CALLS)


@pytest.mark.parametrize("operation", OPERATION_CALLS)
def test_nothing_works_until_it_is_overridden(operation: str) -> None:
    """Each operation is refused by name at the call, before anything could be sent."""
    provider = Nothing()

    assert not provider.supports(operation)
    with pytest.raises(UnsupportedOperationError) as caught:
        OPERATION_CALLS[operation](provider)
    assert f"Nothing has no {operation}. It has none of the neutral operations" == str(caught.value)


def test_refusing_says_what_works_instead() -> None:
    """Without a remark of the adapter the hint lists what the provider can do."""
    with pytest.raises(UnsupportedOperationError) as caught:
        OrdersOnly().whoami()

    assert "orders_only has no whoami. It has create_order" == str(caught.value)


def test_refusing_gives_the_adapters_remark() -> None:
    """What the adapter says of an operation is the hint."""
    with pytest.raises(UnsupportedOperationError) as caught:
        OrdersOnly().track_activity(Activity)  # type: ignore[arg-type]

    assert "Send orders instead" == caught.value.hint


@pytest.mark.parametrize(
    ("operation", "supported"),
    [
        ("create_order", True),
        ("recount", True),
        ("track_activity", False),
        ("no_such_thing", False),
        ("limitations", False),
        ("supports", False),
        ("", False),
    ],
)
def test_supports_what_is_overridden(operation: str, supported: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """An operation is supported once the adapter has a method for it, its own flows included."""
    assert supported is OrdersOnly().supports(operation)


def test_a_provider_without_words_reads_none() -> None:
    """The base reads no refusal, and takes every 2xx for success."""
    provider, answer = Nothing(), Response(status=500, body=b"\xff")

    assert Refusal() == provider.refusal(answer)
    assert provider.acknowledges(answer)


async def later(key: Any) -> Any:
    """A key that has to be waited for."""
    return key


@pytest.mark.parametrize(
    "key", ["pat_1", lambda: "pat_1", lambda: later("pat_1")], ids=["text", "callable", "async"]
)
async def test_a_credential_takes_text_or_what_hands_it_out(
    key: str | Callable[[], str | Awaitable[str]],
) -> None:
    """A key is text, or a callable that gives it, at once or later."""
    assert "Bearer pat_1" == await Credential(key, "Bearer ").header()


async def test_a_credential_is_asked_before_every_try() -> None:
    """A callable is called each time, so that keys can be rotated."""
    keys = iter(["first", "second"])
    credential = Credential(lambda: next(keys))

    assert ["first", "second"] == [await credential.header(), await credential.header()]


@pytest.mark.parametrize("key", ["", "a\nb", "a\r\nX-Other: 1", "é", "\x7f", 5, None, b"pat_1"])
@pytest.mark.parametrize("asked", [False, True])
async def test_a_credential_refuses_what_no_header_can_carry(
    key: Any,
    asked: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A key that is empty, no ASCII text or would break the header is refused unseen."""
    with pytest.raises(ConfigurationError, match="printable ASCII text and not empty"):
        await Credential((lambda: key) if asked else key).header()


async def test_a_credential_never_shows_its_key() -> None:
    """Neither repr, nor the header's, nor a traceback with locals gives the key away."""
    secret = "pat_1é"
    credential = Credential(lambda: secret)
    with pytest.raises(ConfigurationError) as caught:
        await credential.header()
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [frame for frame in shown.stack if frame.name == "header"]

    assert frames
    assert all("pat_1" not in str(frame.locals) for frame in frames)
    assert "pat_1" not in str(caught.value)
    assert "pat_1" not in repr([Credential("pat_1"), await Credential("pat_1").header()])


def test_a_setting_is_plain_unless_said() -> None:
    """A setting is shown, is one text, and comes from no variable unless its adapter says so."""
    setting = Setting("site_id")

    assert not setting.secret
    assert not setting.keyed
    assert setting.env is None
    assert "5" == setting.parse("5")


def test_descriptions_are_values() -> None:
    """Settings, refusals and credentials compare and pickle."""
    described = [
        Setting("api_key", env="ACME_API_KEY", secret=True),
        Refusal(message="no", code="E1", details={"a": 1}, status=404),
        Credential("pat_1", "Bearer "),
    ]

    assert described == pickle.loads(pickle.dumps(described))  # noqa: S301 - made on this line


@pytest.mark.parametrize(
    ("value", "environment", "result"),
    [
        ("given", "from the environment", "given"),
        ("", "from the environment", ""),
        (0, "from the environment", 0),
        (None, "from the environment", "from the environment"),
        (None, "", None),
        (None, None, None),
    ],
)
def test_settings_come_from_the_environment_when_they_are_not_given(
    value: object, environment: str | None, result: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is given wins; an empty variable counts as missing."""
    monkeypatch.delenv("ACME_API_KEY", raising=False)
    if environment is not None:
        monkeypatch.setenv("ACME_API_KEY", environment)

    assert result == from_environment(value, "ACME_API_KEY")


def test_a_key_of_the_environment_does_not_show_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key reads like any other setting, but its text is masked; a callable stays itself."""
    monkeypatch.setenv("ACME_API_KEY", "pat_env")
    keys = [read_key(None, "ACME_API_KEY"), read_key("pat_1", "ACME_API_KEY")]
    monkeypatch.delenv("ACME_API_KEY")

    assert ["pat_env", "pat_1"] == keys
    assert "['***', '***']" == repr(keys)
    assert str is read_key(str, "ACME_API_KEY")
    assert read_key(None, "ACME_API_KEY") is None


@pytest.mark.parametrize("key", ["pat_1", " ", lambda: "", later])
def test_a_key_may_be_text_or_a_callable(key: object) -> None:
    """What a header can hold passes, and so does what is asked only later."""
    check_key("api_key", key)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "api_key must be printable ASCII text and not empty"),
        ("pat_1\n", "api_key must be printable ASCII text and not empty"),
        ("pät", "api_key must be printable ASCII text and not empty"),
        (b"pat_1", "api_key: wanted text or a callable, got bytes"),
        (None, "api_key: wanted text or a callable, got nothing"),
    ],
)
def test_a_key_that_cannot_be_one_is_named(key: object, message: str) -> None:
    """A key that no header can hold is refused by its name, and never shown."""
    with pytest.raises(ConfigurationError) as caught:
        check_key("api_key", key)

    assert message == str(caught.value)


@pytest.mark.parametrize("value", [later, 5, None, b"tok"])
def test_printable_is_text_alone(value: object) -> None:
    """What has to be text now may be no callable either."""
    with pytest.raises(ConfigurationError, match="token must be printable ASCII text"):
        check_printable("token", value)
