"""The seam: requests, responses, paths."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_sdk import (
    Acknowledgement,
    MalformedResponseError,
    Request,
    Response,
    Safety,
    ValidationError,
    expand,
    get,
    wire,
)

RULE = settings(deadline=None)
IDS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1).filter(
    lambda text: text not in {".", ".."}
)


@pytest.mark.parametrize(
    ("segment", "path"),
    [
        ("A-1", "/v2/orders/A-1/refunds"),
        ("../orders", "/v2/orders/..%2Forders/refunds"),
        ("a/b", "/v2/orders/a%2Fb/refunds"),
        ("é", "/v2/orders/%C3%A9/refunds"),
        ("%2F", "/v2/orders/%252F/refunds"),
        ("$signup", "/v2/orders/%24signup/refunds"),
        ("a?b#c", "/v2/orders/a%3Fb%23c/refunds"),
        ("{id}", "/v2/orders/%7Bid%7D/refunds"),
    ],
)
def test_expand_keeps_a_segment_one_segment(segment: str, path: str) -> None:
    """Whatever an id holds, it arrives as one path segment."""
    assert path == expand("/v2/orders/{id}/refunds", id=segment)


@RULE
@given(IDS, IDS)
def test_expand_loses_nothing(first: str, second: str) -> None:
    """Decoding the segments of an expanded path gives the ids back."""
    path = expand("/{first}/{second}", first=first, second=second)

    assert path.isascii()
    assert ["", first, second] == [unquote(part) for part in path.split("/")]


def test_expand_lists_every_bad_segment() -> None:
    """Ids that a URL would swallow are refused together, each by its name."""
    with pytest.raises(ValidationError) as caught:
        expand("/{a}/{b}/{c}/{d}", a=".", b="..", c="", d="fine")

    assert ["a", "b", "c"] == [problem.path for problem in caught.value.problems]


def test_get_is_a_read() -> None:
    """A GET is safe to repeat, keeps its template, and has no body."""
    request = get("/v2/orders/{id}", {"site_id": 5}, id="a/b")

    assert Safety.SAFE is request.safety
    assert "/v2/orders/{id}" == request.template
    assert "/v2/orders/a%2Fb?site_id=5" == request.target
    assert request.body is None


def test_get_without_placeholders_keeps_the_template() -> None:
    """A path without placeholders is its own template."""
    assert "/v2/orders" == get("/v2/orders").path == get("/v2/orders").target


def test_get_writes_query_values_as_text() -> None:
    """Bools are lower case, as JSON has them; None is left out; zero stays."""
    query = {"a": True, "b": False, "c": None, "d": 0, "e": "x"}

    assert (("a", "true"), ("b", "false"), ("d", "0"), ("e", "x")) == get("/", query).query


@RULE
@given(st.lists(st.tuples(IDS, IDS)))
def test_target_encodes_the_query(pairs: list[tuple[str, str]]) -> None:
    """What stands in the query comes out of the request line as it was."""
    request = get("/list")._replace(query=tuple(pairs))

    assert request.target.isascii()
    assert " " not in request.target
    assert "+" not in request.target
    assert pairs == parse_qsl(urlsplit(request.target).query, strict_parsing=bool(pairs))


def write(**changes: Any) -> Request:
    """A write."""
    settings: dict[str, Any] = {
        "method": "POST",
        "template": "/points",
        "path": "/points",
        "body": wire.encode({"secret": "of the shopper"}),
        "safety": Safety.ONCE,
        "reference": "A-1",
    }
    return Request(**settings | changes)


def test_a_request_shows_what_holds_no_ids() -> None:
    """The repr of a request has its template, and neither path nor query nor body."""
    request = write(path="/points/1001", query=(("email", "ada@example.com"),))

    assert "<Request POST /points once>" == repr(request)


def test_a_request_is_a_frozen_value() -> None:
    """Requests compare, hash and pickle, and cannot be changed."""
    request = write()

    assert {request} == {write()}
    assert request != write(safety=Safety.IDEMPOTENT)
    assert request == pickle.loads(pickle.dumps(request))  # noqa: S301 - made on this line
    with pytest.raises(AttributeError):
        request.method = "GET"  # type: ignore[misc]


def test_a_response_is_keyword_only() -> None:
    """Adding a field never shifts another."""
    assert all(field.kw_only for field in attrs.fields(Response))


def test_writes_are_acknowledged_by_status_unless_said() -> None:
    """The status is what acknowledges a write; an adapter says where the body does."""
    assert Acknowledgement.STATUS is write().acknowledged_by


@pytest.mark.parametrize(
    ("status", "ok"),
    [(200, True), (204, True), (299, True), (199, False), (300, False), (404, False)],
)
def test_only_2xx_is_ok(status: int, ok: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A response is ok from 200 to 299."""
    assert ok is Response(status=status).ok


def test_a_response_shows_no_body() -> None:
    """The repr of a response has the length of its body and nothing of its content."""
    assert "shopper" not in repr(Response(status=200, body=b'{"of":"the shopper"}'))


def test_a_response_reads_its_body_as_json() -> None:
    """`Response.json` gives plain types, or says that the body is no JSON."""
    assert {"a": [1]} == Response(status=200, body=b'{"a":[1]}').json()

    with pytest.raises(MalformedResponseError, match="it is empty"):
        Response(status=200).json()


def test_a_response_knows_the_vendors_clock() -> None:
    """`Date` as an aware time, None where there is none or it cannot be read."""
    dates = ["Fri, 01 May 2026 12:00:00 GMT", "Fri, 01 May 2026 12:00:00 -0000", "", "today"]
    found = [Response(status=200, headers={"Date": date}).date for date in dates]

    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert [noon, noon, None, None] == found
    assert Response(status=200).date is None


def test_a_request_asks_nobody_but_the_vendor_only_if_told() -> None:
    """Reads may come from a cache, and a 404 is a failure, unless the request says else."""
    assert (False, frozenset()) == (get("/").fresh, get("/").answers)
