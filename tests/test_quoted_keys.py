"""A vendor may quote a key in its answer: what is told of that answer has stars in its place."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Awaitable, Generator
from decimal import Decimal
from typing import Any

import pytest

from loyalty_sdk import (
    APIError,
    Customer,
    LoyaltyError,
    MalformedResponseError,
    Order,
    OutcomeUnknownError,
    RetryPolicy,
    connect,
    logs,
)
from loyalty_sdk._credentials import _HANDED
from loyalty_sdk._flow import get
from loyalty_sdk._provider import Credential, Refusal
from loyalty_sdk._secrets import without_keys

KEY, SECRET = "planted-key", "planted-key-secret"
ORDER = Order(id="1", customer=Customer(id="2"), total=Decimal(3), payment_status="paid")


@pytest.fixture
def quoting(tiny: Any) -> Any:
    """A provider of two keys that reads all that an answer says."""

    class Quoting(tiny):  # type: ignore[misc, no-any-unimported]  # a fixture's
        def __init__(self, base_url: str, key: Any = KEY, parts: tuple[str, ...] = ()) -> None:
            super().__init__(base_url, key)
            self.credentials |= {"X-Secret": Credential(SECRET, parts=parts)}

        def refusal(self, response: Any, /) -> Refusal:
            """Whatever there is."""
            said = response.json()
            return Refusal(message=said["error"], code=said["error"], details=said)

        def refuse(self) -> Generator[Any, Any, None]:
            """An error of the flow's own."""
            response = yield get("/a")
            error = MalformedResponseError(response.json()["error"], hint=response.json()["error"])
            error.path = response.json()["error"]
            raise error

    return Quoting


def answer(server: Any, status: int, *words: str) -> None:
    """Let the next answer quote ``words`` wherever it can."""
    text = " and ".join(words)
    said = {"error": f"no {text}!", "rows": [{text: text}], "number": 5}
    server.script.append(server.http(status, json.dumps(said).encode(), X_Echo=text))


def told(error: BaseException) -> str:
    """All that anybody can see of an error."""
    said = [str(error), repr(error), repr(vars(error)), repr(error.__reduce__())]
    return "".join([*said, *traceback.TracebackException.from_exception(error).format(chain=True)])


async def failed(call: Awaitable[Any]) -> LoyaltyError:
    """What ``call`` raises."""
    with pytest.raises(LoyaltyError) as caught:
        await call
    return caught.value


async def test_no_error_quotes_a_key(quoting: Any, server: Any) -> None:
    """Neither one of them, whatever is before it or behind it; all other words stay."""
    answer(server, 400, f"Bearer {KEY}", SECRET)
    async with connect(quoting(server.url)) as client:
        error = await failed(client.create_order(ORDER))

    assert isinstance(error, APIError)
    assert "planted" not in told(error)
    assert "tiny create_order: HTTP 400: no Bearer *** and ***!" == str(error)
    assert "no Bearer *** and ***!" == error.vendor_message == error.code
    assert {"error": "no Bearer *** and ***!", "number": 5} == {
        name: error.details[name] for name in ("error", "number")
    }
    assert [{"Bearer *** and ***": "Bearer *** and ***"}] == error.details["rows"]


async def test_nor_do_the_secrets_that_a_key_was_made_of(quoting: Any, server: Any) -> None:
    """Which the header does not show as they are."""
    answer(server, 403, "their-token", "their-secret")
    async with connect(quoting(server.url, parts=("their-token", "their-secret"))) as client:
        error = await failed(client.create_order(ORDER))
    assert "HTTP 403: no *** and ***!" == error.message


async def test_nor_does_an_error_of_a_flow(quoting: Any, server: Any) -> None:
    """A 2xx may be no success, and an answer may be unreadable."""
    provider = quoting(server.url)
    answer(server, 200, KEY)
    async with connect(provider) as client:
        error = await failed(client.run(provider.refuse()))
    assert ("no ***!", "no ***!", "no ***!") == (error.message, error.hint, vars(error)["path"])


async def test_nor_does_what_led_to_an_error(quoting: Any, server: Any, skipping: Any) -> None:
    """A write in doubt tells of the answer that was no acknowledgement, in every way it can."""
    answer(server, 500, KEY)
    async with connect(quoting(server.url)) as client:
        error = await failed(client.create_order(ORDER))
    assert isinstance(error, OutcomeUnknownError)
    assert "HTTP 500: no ***!" in error.message
    assert "planted" not in told(error) + told(error.__cause__ or KeyError("planted"))


@pytest.mark.parametrize("slow", [False, True])
async def test_a_key_that_is_handed_out_is_not_quoted_either(
    quoting: Any, server: Any, skipping: Any, *, slow: bool
) -> None:
    """Nor is the one of an earlier try, which was replaced meanwhile."""
    keys = iter(f"planted-{number}" for number in range(10))

    async def later() -> str:
        await asyncio.sleep(0)
        return next(keys)

    for _ in range(3):
        answer(server, 503, "planted-0", "planted-1", "planted-2")
    provider = quoting(server.url, later if slow else (lambda: next(keys)))
    async with connect(provider, retry=RetryPolicy(attempts=3)) as client:
        error = await failed(client.run(provider.whoami()))
    assert "HTTP 503: no *** and *** and ***!" == error.message
    assert "planted" not in told(error)


async def test_of_keys_that_are_handed_out_few_are_remembered(quoting: Any, server: Any) -> None:
    """However many there were: the same one once, others as far as they are of late."""
    keys = iter(["same"] * 5 + [f"key-{number}" for number in range(_HANDED)])
    provider = quoting(server.url, lambda: next(keys))
    async with connect(provider) as client:
        line = client._line
        for _ in range(5):
            await client.request("GET", "/a")
        assert {"same", SECRET} == line.credentials.secrets()
        for _ in range(_HANDED):
            await client.request("GET", "/a")
    assert _HANDED + 1 == len(line.credentials.secrets() - {"same"})
    assert "same" not in line.credentials.secrets()


async def test_no_log_quotes_a_key(
    quoting: Any, server: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even in a header or a field that was asked for, nor half of one where it is cut."""
    monkeypatch.setattr(logs, "_headers", {"x-echo"})
    monkeypatch.setattr(logs, "_body", {"error"})
    answer(server, 200, KEY)
    answer(server, 200, "x" * 188, KEY)
    with caplog.at_level(logging.DEBUG, logger="loyalty_sdk"):
        async with connect(quoting(server.url)) as client:
            await client.request("GET", "/a")
            await client.request("GET", "/a")
    one, two = [vars(each) for each in caplog.records if "TryEnded" in vars(each).values()]
    assert ("***", ["no ***!"]) == (one["loyalty_headers"]["X-Echo"], one["loyalty_body"]["error"])
    assert "plan" not in repr(two)


def test_whatever_a_key_is_part_of_is_starred() -> None:
    """The longer key first; what is no text, and what is too short to be a key, stays."""
    assert "a *** b *** abc" == without_keys(
        "a key-2 b key-2-long abc", {"key-2", "key-2-long", "abc"}
    )
    assert {"***": ["***", 5, None, {"a": "b"}]} == without_keys(
        {"key-1": ("key-1", 5, None, {"a": "b"})}, {"key-1"}
    )
    assert "nothing" == without_keys("nothing", ())


def test_what_is_nested_too_deep_is_left_out() -> None:
    """A vendor's details are no reason to lose the error that they belong to."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert {} == without_keys({"details": deep}, {"key-1"})
