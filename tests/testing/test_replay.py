"""`replay`: a flow without I/O."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty_sdk import ConnectError, Flow, LoyaltyError, Response, get, testing
from loyalty_sdk.testing import Replayed, ReplayError, replay

OK = Response(status=200, body=b"[1]")


def doubled(times: int = 2) -> Flow[list[Any]]:
    """A flow of that many requests."""
    answers: list[Any] = []
    for number in range(times):
        response = yield get(f"/{number}")
        answers += [response.json()]
    return answers


def patient() -> Flow[str]:
    """A flow that goes on after a failure."""
    try:
        yield get("/first")
    except LoyaltyError as error:
        second = yield get("/second")
        return f"{type(error).__name__} {second.status}"
    return "no failure"


def test_a_flow_gets_its_answers_in_order() -> None:
    """The result and every request come back, as a pair with names."""
    replayed = replay(doubled(), [OK, Response(status=200, body=b"[2]")])
    result, requests = replayed

    assert isinstance(replayed, Replayed)
    assert [[1], [2]] == result == replayed.result
    assert ["/0", "/1"] == [request.path for request in requests]


def test_a_function_answers_by_the_request() -> None:
    """Instead of a list there may be a function, asked once per request."""
    result, _ = replay(
        doubled(), lambda request: Response(status=200, body=request.path[1:].encode())
    )

    assert [0, 1] == result


@pytest.mark.parametrize("given", ["list", "function"])
def test_an_exception_is_thrown_into_the_flow(given: str) -> None:
    """An exception among the answers arrives at the flow's `yield`."""
    answers: list[Response | Exception] = [ConnectError("no connection"), Response(status=204)]
    given_one_by_one = iter(answers)

    result, requests = replay(
        patient(), answers if given == "list" else lambda _: next(given_one_by_one)
    )

    assert "ConnectError 204" == result
    assert 2 == len(requests)


def test_what_a_flow_raises_comes_out() -> None:
    """A failure that the flow does not handle ends the replay."""
    with pytest.raises(ConnectError, match="no connection"):
        replay(doubled(), [ConnectError("no connection")])


def test_a_flow_that_asks_for_nothing() -> None:
    """A flow may end without a request."""
    assert ([], ()) == replay(doubled(0), [])


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([], "0 answers are not enough: it also asked for GET /0"),
        ([OK], "1 answers are not enough: it also asked for GET /1"),
        ([OK, OK, OK], "1 answers are left over: it only asked for GET /0, GET /1"),
    ],
)
def test_answers_have_to_fit(answers: list[Response], message: str) -> None:
    """Too few answers and too many are errors that name the requests."""
    with pytest.raises(ReplayError) as caught:
        replay(doubled(), answers)

    assert message == str(caught.value)


def test_nothing_was_asked_for() -> None:
    """Answers for a flow that makes no request are left over."""
    with pytest.raises(ReplayError, match="1 answers are left over: it only asked for nothing"):
        replay(doubled(0), [OK])


@pytest.mark.parametrize("flow", [doubled, [get("/")], None])
def test_only_flows_are_replayed(flow: Any) -> None:
    """A method that was not called, or a list of requests, is no flow."""
    with pytest.raises(ReplayError, match="wanted a flow"):
        replay(flow, [OK])


def test_flows_yield_requests() -> None:
    """Something else than a request is refused by its type."""

    def wrong() -> Any:
        yield "/path"

    with pytest.raises(ReplayError, match="a flow yields requests, got str"):
        replay(wrong(), [OK])


def test_a_flow_is_closed() -> None:
    """A flow that the replay leaves early gets to its `finally`."""
    left: list[str] = []

    def careful() -> Flow[None]:
        try:
            yield get("/")
            yield get("/")
        finally:
            left.append("closed")

    with pytest.raises(ReplayError):
        replay(careful(), [OK])
    assert ["closed"] == left


def test_the_package_names_what_it_has() -> None:
    """Each name is there when it is used first, and no other is."""
    assert ["ProviderConformance", "ReplayError", "Replayed", "replay"] == dir(testing)
    assert all(getattr(testing, name).__doc__ for name in testing.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'rewind'"):
        _ = testing.rewind
