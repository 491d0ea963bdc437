"""Spans and metrics, as OpenTelemetry's own exporters see them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import aiohttp
import attrs
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from loyalty_sdk import (
    Customer,
    LoyaltyClient,
    LoyaltyError,
    Order,
    OutcomeUnknownError,
    RateLimit,
    SessionPool,
    connect,
)
from loyalty_sdk.hooks import CallStarted, Event, TryEnded
from loyalty_sdk.otel import OpenTelemetry

ORDER = Order(id="A-1", customer=Customer(id="c-1", email="ada@example.com"), total=Decimal(5))


@attrs.frozen
class Recorder:
    """What was exported."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader
    tracers: TracerProvider
    meters: MeterProvider

    def listener(self, **options: Any) -> OpenTelemetry:
        """Exports here."""
        return OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters, **options)

    def spans(self, kind: trace.SpanKind) -> list[ReadableSpan]:
        """The spans of a kind, in the order in which they ended."""
        return [span for span in self.exporter.get_finished_spans() if span.kind is kind]

    @property
    def calls(self) -> list[ReadableSpan]:
        """Spans of calls."""
        return self.spans(trace.SpanKind.INTERNAL)

    @property
    def tries(self) -> list[ReadableSpan]:
        """Spans of tries."""
        return self.spans(trace.SpanKind.CLIENT)

    def points(self, name: str) -> list[Any]:
        """What a metric holds."""
        data: Any = self.reader.get_metrics_data()
        found = [
            metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        return [point for metric in found for point in metric.data.data_points]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Exporters in memory."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider([reader])
    yield Recorder(exporter, reader, tracers, meters)
    tracers.shutdown()
    meters.shutdown()


@pytest.fixture
def traced(client: LoyaltyClient, recorder: Recorder) -> LoyaltyClient:
    """A client of the small provider whose calls are exported."""
    return client.with_options(listeners=[recorder.listener()])


async def drop(writer: asyncio.StreamWriter) -> None:
    """Close the connection without an answer."""
    writer.transport.abort()


async def test_a_call_is_a_span_with_its_tries_below_it(
    traced: LoyaltyClient, recorder: Recorder, server: Any
) -> None:
    """Both are named without ids, and say what the conventions and we call for."""
    await traced.create_order(ORDER)

    [call], [attempt] = recorder.calls, recorder.tries
    assert ("tiny create_order", "POST /things/{id}") == (call.name, attempt.name)
    assert attempt.parent == call.context
    assert {
        "loyalty.provider": "tiny",
        "loyalty.operation": "create_order",
        "loyalty.outcome": "applied",
        "loyalty.reconciled": False,
        "loyalty.tries": 1,
        "loyalty.wait.connection": 0.0,
        "loyalty.wait.rate": 0.0,
    } == call.attributes
    assert {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "url.template": "/things/{id}",
        "url.full": f"{server.url}/things/REDACTED",
        "server.address": "127.0.0.1",
        "server.port": int(server.url.rpartition(":")[2]),
        "loyalty.provider": "tiny",
        "loyalty.operation": "create_order",
        "loyalty.looks": False,
    } == attempt.attributes
    assert trace.StatusCode.UNSET is call.status.status_code is attempt.status.status_code


async def test_a_call_s_span_belongs_to_the_current_one(
    traced: LoyaltyClient, recorder: Recorder
) -> None:
    """A visitor's request and what it asks of the vendor are one trace."""
    tracer = recorder.tracers.get_tracer("app")
    with tracer.start_as_current_span("GET /", kind=trace.SpanKind.SERVER) as visitor:
        await asyncio.gather(*(traced.create_order(ORDER) for _ in range(2)))

    assert 2 == len(recorder.calls)
    assert all(call.parent == visitor.get_span_context() for call in recorder.calls)
    spans = {call.context.span_id for call in recorder.calls if call.context}
    assert spans == {each.parent.span_id for each in recorder.tries if each.parent}


@pytest.mark.usefixtures("skipping")
async def test_a_repeat_says_which_it_is_and_why(
    traced: LoyaltyClient, recorder: Recorder, server: Any
) -> None:
    """Failed tries are errors by their status or exception; the call that succeeds is none."""
    server.script = [server.http(503), drop]
    await traced.request("GET", "/customers/{id}", segments={"id": "1001"})

    seen = [dict(span.attributes or {}) for span in recorder.tries]
    assert [None, 1, 2] == [each.get("http.request.resend_count") for each in seen]
    assert ["503", "TransportError", None] == [each.get("error.type") for each in seen]
    assert [503, None, 200] == [each.get("http.response.status_code") for each in seen]
    codes = [span.status.status_code.name for span in (*recorder.tries, *recorder.calls)]
    assert ["ERROR", "ERROR", "UNSET", "UNSET"] == codes
    reasons = {
        point.attributes["loyalty.retry.reason"]: point.value
        for point in recorder.points("loyalty.client.retries")
    }
    assert {"503": 1, "TransportError": 1} == reasons


async def test_a_call_that_fails_is_an_error(
    traced: LoyaltyClient, recorder: Recorder, server: Any
) -> None:
    """Its span and its metrics say which, and what is known of the write."""
    server.script = [drop]
    with pytest.raises(OutcomeUnknownError):
        await traced.create_order(ORDER)

    [call] = recorder.calls
    assert call.attributes is not None
    assert ("OutcomeUnknownError", "unknown") == (
        call.attributes["error.type"],
        call.attributes["loyalty.outcome"],
    )
    [outcome] = recorder.points("loyalty.client.outcomes")
    assert ("unknown", 1) == (outcome.attributes["loyalty.outcome"], outcome.value)
    [duration] = recorder.points("loyalty.client.call.duration")
    assert "OutcomeUnknownError" == duration.attributes["error.type"]


async def test_tries_are_measured_and_none_stays_active(
    traced: LoyaltyClient, recorder: Recorder, server: Any
) -> None:
    """Each has a duration with its status; those under way are counted up and down."""
    active: list[int] = []

    async def count(writer: asyncio.StreamWriter) -> None:
        active.extend(point.value for point in recorder.points("http.client.active_requests"))
        writer.write(server.http())

    server.script = [count]
    await traced.create_order(ORDER)

    [duration] = recorder.points("http.client.request.duration")
    assert (1, 200) == (duration.count, duration.attributes["http.response.status_code"])
    assert (0.005, 10) == (duration.explicit_bounds[0], duration.explicit_bounds[-1])
    assert [1] == active
    assert [0] == [point.value for point in recorder.points("http.client.active_requests")]


@pytest.mark.usefixtures("skipping")
async def test_waits_are_measured(tiny: Any, server: Any, recorder: Recorder) -> None:
    """For a connection and for the rate, on the call's span and as metrics."""

    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        writer.write(server.http())

    server.script = [slow]
    ten = RateLimit.fixed(10, margin=0.001)
    async with (
        SessionPool(connections=1) as pool,
        connect(
            tiny(server.url, "otel"), pool=pool, rate_limit=ten, listeners=[recorder.listener()]
        ) as client,
    ):
        await asyncio.gather(*(client.request("GET", "/a") for _ in range(2)))

    attributes: Any = recorder.calls[-1].attributes
    assert 0 < attributes["loyalty.wait.rate"] < 1
    assert 0 < attributes["loyalty.wait.connection"] < 1
    reasons = {
        point.attributes["loyalty.wait.reason"]
        for point in recorder.points("loyalty.client.wait.duration")
    }
    assert {"connection", "rate"} == reasons


async def test_nothing_is_propagated_unless_asked(
    traced: LoyaltyClient, recorder: Recorder, server: Any
) -> None:
    """The vendor learns nothing of our traces; where asked, it gets the try's own context."""
    await traced.create_order(ORDER)
    await traced.with_options(listeners=[recorder.listener(propagate=True)]).create_order(ORDER)

    silent, told = server.arrivals
    assert "traceparent" not in silent.headers
    context = recorder.tries[1].context
    assert context is not None
    expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-"
    assert told.headers["traceparent"].startswith(expected)


async def test_aiohttp_s_instrumentation_has_nothing_to_double(
    traced: LoyaltyClient, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It adds itself to each `ClientSession` that is made; a call makes none."""
    made: list[object] = []
    init = aiohttp.ClientSession.__init__

    def instrumented(self: Any, *args: Any, **options: Any) -> None:
        made.append(self)
        init(self, *args, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", instrumented)
    await traced.create_order(ORDER)
    assert ([], 1) == (made, len(recorder.tries))

    async with aiohttp.ClientSession():
        assert 1 == len(made)


async def test_a_method_that_nobody_knows_makes_no_name(
    traced: LoyaltyClient, recorder: Recorder
) -> None:
    """Names stay few, whatever a caller asks for; the method itself stands beside."""
    await traced.request("PURGE", "/customers/1001")

    [attempt] = recorder.tries
    assert attempt.attributes is not None
    assert "HTTP /customers/{}" == attempt.name
    assert ("_OTHER", "PURGE") == (
        attempt.attributes["http.request.method"],
        attempt.attributes["http.request.method_original"],
    )


@pytest.mark.parametrize(
    ("origin", "port"), [("https://api.example.com", 443), ("http://localhost", 80)]
)
async def test_the_port_is_the_scheme_s_unless_given(
    tiny: Any, recorder: Recorder, origin: str, port: int
) -> None:
    """A server is an address and a port, also where the URL has none."""

    class Mute(SessionPool):
        async def send(self, *_: Any) -> Any:
            raise LoyaltyError("never sent")

    async with (
        Mute() as pool,
        connect(tiny(origin), pool=pool, listeners=[recorder.listener()]) as client,
    ):
        with pytest.raises(LoyaltyError, match="never sent"):
            await client.request("GET", "/a")

    [attempt] = recorder.tries
    assert attempt.attributes is not None
    assert port == attempt.attributes["server.port"]
    assert "LoyaltyError" == attempt.attributes["error.type"]


def test_an_event_that_nobody_knows_is_left_alone(recorder: Recorder) -> None:
    """Listeners may be older than the events they hear."""
    listener, of = recorder.listener(), {"call": 7, "provider": "tiny", "operation": "x"}
    listener(CallStarted(**of))  # type: ignore[arg-type]
    listener(Event(**of))  # type: ignore[arg-type]

    assert [7] == list(listener._open)


def test_a_call_that_began_unheard_is_left_alone(recorder: Recorder) -> None:
    """An end without a beginning is no span."""
    recorder.listener()(
        TryEnded(
            call=0, provider="tiny", operation="x", status=200, error=None, seconds=1, looks=False
        )
    )

    assert () == recorder.exporter.get_finished_spans()


async def test_ended_calls_are_forgotten(client: LoyaltyClient, recorder: Recorder) -> None:
    """However a call ends, nothing of it is kept."""
    listener = recorder.listener()
    await client.with_options(listeners=[listener]).create_order(ORDER)

    assert {} == listener._open


def python(code: str) -> subprocess.CompletedProcess[str]:
    """What ``code`` does in an interpreter of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_calls_without_it_import_nothing_of_it() -> None:
    """Whoever has no use for traces does not pay for their import."""
    code = "import loyalty_sdk, sys; loyalty_sdk.connect; print('opentelemetry' in sys.modules)"

    assert "False\n" == python(code).stdout


def test_its_absence_says_which_extra_is_missing() -> None:
    """An installation without the extra says how to get it."""
    code = "import sys; sys.modules['opentelemetry'] = None; import loyalty_sdk.otel"

    assert "pip install 'async-loyalty-sdk[otel]'" in python(code).stderr
