"""Retries: what one try proves, when it is repeated, and how long is waited."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk import (
    Acknowledgement,
    APIError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectError,
    LoyaltyClient,
    LoyaltyError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PlanError,
    Provider,
    RateLimitedError,
    Refusal,
    Request,
    Response,
    RetryPolicy,
    Safety,
    ServerError,
    TransportError,
)
from loyalty_sdk._look import Trace
from loyalty_sdk._retry import Verdict, exchange, patience, refused, retry_after, verdict

TRACE = Trace(operation="adjust_points", customer_id="1", points=5, adjusts=True)
OTHER_2XX = st.integers(200, 299).filter(lambda status: status != 202)


def request(safety: Safety = Safety.ONCE, by: Acknowledgement = Acknowledgement.STATUS) -> Request:
    """A write of that safety."""
    return Request(
        method="POST", template="/x", path="/x", safety=safety, acknowledged_by=by, reference="r"
    )


class Says(Provider):
    """A provider whose body acknowledgement is the word yes."""

    def acknowledges(self, response: Response, /) -> bool:
        """Yes is success."""
        return response.body == b"yes"


@given(st.integers(400, 499))
def test_every_4xx_but_408_is_a_refusal(status: int) -> None:
    """Refused: 429 and any other 4xx but 408; that one is open, like all that is odd."""
    wanted = Verdict.OPEN if status == 408 else Verdict.REFUSED
    for safety in Safety:
        assert wanted is verdict(Says(), request(safety), Response(status=status))


@given(st.integers(100, 199) | st.integers(300, 399) | st.integers(500, 999))
def test_what_is_neither_2xx_nor_4xx_is_open(status: int) -> None:
    """5xx, 3xx and anything odd may have been applied."""
    for safety in Safety:
        assert Verdict.OPEN is verdict(Says(), request(safety), Response(status=status))


@given(OTHER_2XX)
def test_a_2xx_head_acknowledges_a_write_known_by_its_status(status: int) -> None:
    """With STATUS the body is ignored, even a cut one."""
    cut = Response(status=status, failure=TransportError("cut"))
    assert Verdict.ACCEPTED is verdict(Says(), request(), cut)


@pytest.mark.parametrize(
    "response",
    [
        Response(status=202),
        Response(status=200, headers={"Content-Type": "text/html; charset=utf-8"}),
        Response(status=200, headers={"Content-Type": "Text/HTML"}),
    ],
    ids=["202", "html", "HTML"],
)
@pytest.mark.parametrize("by", Acknowledgement)
def test_a_2xx_that_is_no_acknowledgement_is_open(response: Response, by: Acknowledgement) -> None:
    """202 promises nothing yet, and HTML comes from somebody in between."""
    assert Verdict.OPEN is verdict(Says(), request(by=by), response)


@given(OTHER_2XX, st.binary(max_size=5))
def test_a_body_acknowledges_only_by_what_it_says(status: int, body: bytes) -> None:
    """With BODY the provider reads the body, and a cut one says nothing."""
    by = request(by=Acknowledgement.BODY)
    assert Verdict.ACCEPTED is verdict(Says(), by, Response(status=status, body=b"yes"))
    cut = Response(status=status, body=b"yes", failure=TransportError("cut"))
    assert Verdict.OPEN is verdict(Says(), by, cut)
    if body != b"yes":
        assert Verdict.OPEN is verdict(Says(), by, Response(status=status, body=body))


def test_a_status_may_be_an_answer() -> None:
    """Where a 404 answers the question it is accepted, whole; elsewhere it is a refusal."""
    asking = request(Safety.SAFE)._replace(answers=frozenset({404}))
    assert Verdict.ACCEPTED is verdict(Says(), asking, Response(status=404))
    cut = Response(status=404, failure=TransportError("cut"))
    assert Verdict.OPEN is verdict(Says(), asking, cut)
    assert Verdict.REFUSED is verdict(Says(), asking, Response(status=410))
    assert Verdict.REFUSED is verdict(Says(), request(Safety.SAFE), Response(status=404))


def test_a_read_is_accepted_when_it_is_whole() -> None:
    """Reads need no acknowledgement, only all of their body."""
    read = request(Safety.SAFE)
    assert Verdict.ACCEPTED is verdict(Says(), read, Response(status=200))
    cut = Response(status=200, failure=TransportError("cut"))
    assert Verdict.OPEN is verdict(Says(), read, cut)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (402, PlanError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, APIError),
        (422, BadRequestError),
        (429, RateLimitedError),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_each_status_has_its_error(status: int, error: type[APIError]) -> None:
    """The class follows the status, and the error carries it."""
    made = refused(Says(), Response(status=status))
    assert error is type(made)
    assert isinstance(made, APIError)
    assert status == made.status


def test_a_redirect_says_what_to_check() -> None:
    """Redirects are never followed, so the address must be wrong."""
    made = refused(Says(), Response(status=302))
    assert made.hint is not None
    assert "base_url" in made.hint


def test_the_vendors_words_are_kept() -> None:
    """Message, code, details and an inner status come from the adapter."""

    class Wordy(Provider):
        def refusal(self, response: Response, /) -> Refusal:
            return Refusal(message="no such", code="NF", details={"a": "b"}, status=404)

    made = refused(Wordy(), Response(status=200))
    assert isinstance(made, NotFoundError)
    assert (200, "NF", "no such", {"a": "b"}) == (
        made.status,
        made.code,
        made.vendor_message,
        made.details,
    )
    assert "no such" in str(made)


@given(st.integers(0, 86_400))
def test_retry_after_counts_seconds(seconds: int) -> None:
    """Plain digits are seconds."""
    answer = Response(status=429, headers={"Retry-After": str(seconds)})
    assert float(seconds) == retry_after(answer)


@pytest.mark.parametrize("value", ["86401", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_retry_after_is_a_day_at_the_most(value: str) -> None:
    """More would silence the credentials for the rest of the process's life."""
    assert 86_400.0 == retry_after(Response(status=429, headers={"Retry-After": value}))


def test_retry_after_may_have_a_fraction() -> None:
    """HTTP knows whole seconds only, but a wait that is asked for is kept."""
    assert 1.5 == retry_after(Response(status=429, headers={"Retry-After": "1.5"}))


@given(st.integers(0, 86_400), st.integers(0, 10**9))
def test_retry_after_counts_from_the_answers_own_date(seconds: int, now: int) -> None:
    """A date is compared with the answer's Date, so that clocks may differ."""
    headers = {
        "Retry-After": formatdate(now + seconds, usegmt=True),
        "Date": formatdate(now, usegmt=True),
    }
    assert float(seconds) == retry_after(Response(status=429, headers=headers))


def test_retry_after_counts_from_this_clock_without_a_date() -> None:
    """Without a Date there is only our own clock, and the past is no wait."""
    future = Response(status=429, headers={"Retry-After": formatdate(time.time() + 60)})
    assert 58 <= (retry_after(future) or 0) <= 61
    past = Response(status=429, headers={"Retry-After": formatdate(time.time() - 60)})
    assert 0.0 == retry_after(past)


@pytest.mark.parametrize(
    "value", ["", "soon", "-1", ".5", "²", "Mon, 99 Foo", f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT"]
)
def test_an_unreadable_retry_after_asks_for_nothing(value: str) -> None:
    """A header that cannot be read is as good as none."""
    assert retry_after(Response(status=429, headers={"Retry-After": value})) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"attempt_timeout": 0.0},
        {"budget": -0.1},
        {"budget": 1.1},
        {"budget": float("nan")},
    ],
)
def test_a_policy_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    """Numbers out of range are named."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        RetryPolicy(**wrong)


async def drop(writer: asyncio.StreamWriter) -> None:
    """Close the connection without an answer."""
    writer.transport.abort()


@pytest.mark.usefixtures("skipping")
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 302])
async def test_reads_are_repeated_after_429_and_open(
    server: Any, client: LoyaltyClient, status: int
) -> None:
    """A read that met trouble is sent again."""
    server.script = [server.http(status), drop, server.http(body=b'{"program": "p"}')]
    assert "p" == (await client.run(client.provider.whoami())).program
    assert 3 == len(server.arrivals)


@pytest.mark.usefixtures("skipping")
async def test_a_read_that_hangs_is_given_up_and_repeated(
    server: Any, client: LoyaltyClient
) -> None:
    """attempt_timeout bounds one try of a read, not the call."""

    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)

    server.script = [hang, server.http(body=b'{"program": "p"}')]
    assert "p" == (await client.run(client.provider.whoami())).program


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 422])
async def test_refusals_are_final(server: Any, client: LoyaltyClient, status: int) -> None:
    """A refusal is not argued with, whatever the safety and whatever Retry-After says."""
    server.script = [server.http(status, Retry_After="0")] * 2
    for flow in (client.provider.whoami(), client.provider.put("r")):
        with pytest.raises(APIError):
            await client.run(flow)
    assert 2 == len(server.arrivals)


@pytest.mark.usefixtures("skipping")
async def test_an_idempotent_write_is_repeated_after_open(
    server: Any, client: LoyaltyClient
) -> None:
    """The vendor documents that a repeat changes nothing."""
    server.script = [drop, server.http(500), server.http(204, b"")]
    assert 204 == await client.run(client.provider.put("r"))
    assert 3 == len(server.arrivals)


@pytest.mark.usefixtures("skipping")
async def test_an_idempotent_write_in_doubt_stays_in_doubt(
    server: Any, client: LoyaltyClient
) -> None:
    """Any open try makes the call UNKNOWN, even when the last answer is a refusal."""
    server.script = [drop, server.http(404)]
    with pytest.raises(OutcomeUnknownError) as caught:
        await client.run(client.provider.put("r"))
    assert isinstance(caught.value.__cause__, NotFoundError)
    assert caught.value.receipt is not None
    assert 2 == caught.value.receipt.attempts


@pytest.mark.usefixtures("skipping")
async def test_tries_end_with_the_policy(server: Any, client: LoyaltyClient) -> None:
    """After the last try its failure is raised."""
    server.script = [server.http(503)] * 9
    with pytest.raises(ServerError):
        await client.run(client.provider.whoami())
    assert 4 == len(server.arrivals)


@pytest.mark.usefixtures("skipping")
async def test_retry_after_is_never_undercut(server: Any, client: LoyaltyClient) -> None:
    """The vendor's wish is a floor under the jittered wait."""
    server.script = [server.http(429, Retry_After="1"), server.http(body=b'{"program": "p"}')]
    began = time.monotonic()
    await client.run(client.provider.whoami())
    assert time.monotonic() - began >= 1.0


@pytest.mark.usefixtures("skipping")
async def test_a_retry_after_beyond_the_deadline_raises_at_once(
    server: Any, client: LoyaltyClient
) -> None:
    """There is no point in waiting for a moment that cannot come; the error says so."""
    server.script = [server.http(429, Retry_After="3600")]
    began = time.monotonic()
    with pytest.raises(RateLimitedError, match="3600 s, which is beyond the deadline"):
        await client.run(client.provider.whoami())
    assert time.monotonic() - began < 0.5


@pytest.mark.usefixtures("skipping")
async def test_no_wait_reaches_beyond_the_deadline(tiny: Any) -> None:
    """A call that cannot connect ends before its deadline, not after it."""
    from loyalty_sdk import connect

    began = time.monotonic()
    async with connect(tiny("http://127.0.0.1:1"), deadline=0.2) as client:
        with pytest.raises(ConnectError):
            await client.run(client.provider.whoami())
    assert time.monotonic() - began < 0.25


# ------------------------------------------------------------ patience


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize(
    ("left", "seconds"),
    [(30.0, 24.0), (10.0, 8.0), (5.0, 4.0), (4.0, 3.0), (2.5, 1.5), (2.0, 1.0), (1.0, 0.5), (0, 0)],
)
def test_a_write_waits_for_its_answer_until_the_deadline_minus_a_reserve(
    left: float, seconds: float
) -> None:
    """The answer is the best evidence; a fifth, and at least a second, is left for looking.

    Of less than two seconds half.
    """
    looked_for = request()._replace(trace=TRACE)
    waits = patience(looked_for, RetryPolicy(), time.monotonic() + left)
    assert seconds == pytest.approx(waits, abs=0.01)


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize(
    ("left", "settle", "seconds"),
    [(30.0, 5.0, 24.0), (6.0, 1.5, 3.5), (6.0, 1.9, 3.1), (6.0, 2.1, 4.8), (30.0, 60.0, 24.0)],
)
def test_more_is_left_where_that_lets_settle_pass(
    left: float, settle: float, seconds: float
) -> None:
    """Then a lost write can be shown absent and sent again; never more than half."""
    looked_for = request()._replace(trace=TRACE)
    waits = patience(looked_for, RetryPolicy(), time.monotonic() + left, settle)
    assert seconds == pytest.approx(waits, abs=0.01)


@pytest.mark.usefixtures("still")
def test_a_write_that_cannot_be_looked_for_waits_until_the_deadline() -> None:
    """There is nothing to keep time for."""
    assert 30 == pytest.approx(patience(request(), RetryPolicy(), time.monotonic() + 30), abs=0.01)


def test_a_write_without_a_deadline_waits_for_ever() -> None:
    """That is what None asks for."""
    for write in (request(), request()._replace(trace=TRACE)):
        assert float("inf") == patience(write, RetryPolicy(), float("inf"))


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("safety", [Safety.SAFE, Safety.IDEMPOTENT])
def test_what_may_be_repeated_waits_for_one_try_only(safety: Safety) -> None:
    """attempt_timeout, or what is left of the deadline."""
    policy, now = RetryPolicy(attempt_timeout=8.0), time.monotonic()
    assert 8.0 == patience(request(safety), policy, now + 30)
    assert 3.0 == pytest.approx(patience(request(safety), policy, now + 3), abs=0.01)


# ------------------------------------------------------------ tries and their budget


class Scripted:
    """Tries that are answered with ``failures``, one after the other, and then 200."""

    deadline = float("inf")

    def __init__(self, failures: list[int], tried: int, repeats: int) -> None:
        self.tried = tried
        self.repeats = repeats
        self.verdicts: list[Verdict] = []
        self._failures = failures

    async def send(self) -> Response:
        """The next answer."""
        return Response(status=self._failures.pop(0) if self._failures else 200)

    def note(self, verdict: Verdict) -> None:
        """Remember what it was told."""
        self.verdicts.append(verdict)

    def may_repeat(self) -> bool:
        """Whether there was one left."""
        self.repeats -= 1
        return self.repeats >= 0

    def retrying(self, wait: float, failure: LoyaltyError) -> None:
        """Nobody listens."""


async def tries_of(
    failures: list[int], *, tried: int = 0, repeats: int = 99, safety: Safety = Safety.SAFE
) -> tuple[list[Verdict], Response | APIError, int]:
    """The verdicts of an exchange that is answered with ``failures`` and then 200."""
    tries = Scripted(failures, tried, repeats)
    try:
        result: Response | APIError = await exchange(
            Says(), request(safety), RetryPolicy(attempts=4), tries
        )
    except APIError as error:
        result = error
    return tries.verdicts, result, repeats - tries.repeats


@pytest.mark.usefixtures("skipping")
@pytest.mark.parametrize(("tried", "sent"), [(0, 4), (1, 3), (3, 1), (4, 1), (9, 1)])
async def test_earlier_tries_count(tried: int, sent: int) -> None:
    """A write that was shown absent goes on counting where it was; one more is always made."""
    verdicts, result, _ = await tries_of([503] * 9, tried=tried)
    assert [Verdict.OPEN] * sent == verdicts
    assert isinstance(result, ServerError)


@pytest.mark.usefixtures("skipping")
async def test_every_repeat_takes_one_out_of_the_budget() -> None:
    """A first try takes none."""
    assert 0 == (await tries_of([]))[2]
    assert 2 == (await tries_of([503, 429]))[2]
    assert 3 == (await tries_of([503] * 9))[2]


@pytest.mark.usefixtures("skipping")
@pytest.mark.parametrize("safety", [Safety.SAFE, Safety.IDEMPOTENT, Safety.ONCE])
async def test_without_a_budget_the_failure_is_raised_at_once(safety: Safety) -> None:
    """And says so."""
    began = time.monotonic()
    verdicts, result, _ = await tries_of([429] * 9, repeats=0, safety=safety)
    assert [Verdict.REFUSED] == verdicts
    assert isinstance(result, RateLimitedError)
    assert "retry budget" in (result.hint or "")
    assert began == time.monotonic()


async def test_what_is_not_repeated_takes_nothing() -> None:
    """A refusal, and what would come too late, leave the budget alone."""
    assert 0 == (await tries_of([400]))[2]
    assert 0 == (await tries_of([503] * 9, tried=3))[2]


@pytest.mark.usefixtures("skipping")
async def test_a_storm_of_repeats_is_stopped(server: Any, client: LoyaltyClient) -> None:
    """A hundred calls that all fail are repeated about 40 times and not 300; the hint says why."""

    class Down(list[Any]):
        def pop(self, _: Any = 0) -> Any:
            return server.http(503)

    server.script = Down([0])
    failures = await asyncio.gather(
        *(client.run(client.provider.whoami()) for _ in range(100)), return_exceptions=True
    )
    assert 100 == sum(isinstance(each, ServerError) for each in failures)
    assert 120 <= len(server.arrivals) <= 180
    assert any("retry budget" in str(each) for each in failures)


@pytest.mark.usefixtures("skipping")
async def test_the_budget_can_be_turned_off(server: Any, client: LoyaltyClient) -> None:
    """Then every call is repeated as its policy says."""

    class Down(list[Any]):
        def pop(self, _: Any = 0) -> Any:
            return server.http(503)

    server.script = Down([0])
    heedless = client.with_options(retry=RetryPolicy(attempts=3, budget=None))
    await asyncio.gather(
        *(heedless.run(client.provider.whoami()) for _ in range(60)), return_exceptions=True
    )
    assert 180 == len(server.arrivals)
