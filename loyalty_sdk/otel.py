"""Traces and metrics of every call, through OpenTelemetry; needs the extra ``otel``.

Use it as a listener::

    client = loyalty_sdk.connect("loyaltylion", listeners=[OpenTelemetry()])

A listener like any other, see `loyalty_sdk.hooks`: without it nothing of OpenTelemetry is
imported. Names follow its semantic conventions for HTTP clients; what they have no word for is
called ``loyalty.*``. No span, metric or attribute holds an id, a query or an address of a person.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from .hooks import CallEnded, CallStarted, Retrying, TryEnded, TryStarted, Waited

try:
    from opentelemetry import metrics, propagate, trace
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError(
        "loyalty_sdk.otel needs OpenTelemetry: pip install 'async-loyalty-sdk[otel]'", name=exc.name
    ) from exc

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.util.types import AttributeValue

    from .hooks import Event

__all__ = ["OpenTelemetry"]

Attributes = dict[str, "AttributeValue"]

# As the conventions advise for durations of HTTP requests, in seconds; calls may take longer.
_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_LONG_BOUNDARIES = (*_BOUNDARIES, 30, 60, 120, 300)
_METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
_PLACEHOLDER = re.compile(r"\{[^}]*\}")


@attrs.define(eq=False)
class _Open:
    """A call that has begun: its span, and what its tries add to it."""

    span: trace.Span
    context: Context
    attempt: trace.Span = trace.INVALID_SPAN
    sent: Attributes = attrs.field(factory=dict[str, "AttributeValue"])
    waits: dict[str, float] = attrs.Factory(lambda: {"connection": 0.0, "rate": 0.0})


class OpenTelemetry:
    """One span for a call and one for each try below it, and metrics of both.

    One may listen to any number of clients, in any number of threads. A call's span is a child
    of the one that is current where the call is made.

    Args:
        tracer_provider: Makes the spans; the global one unless given.
        meter_provider: Makes the metrics; the global one unless given.
        propagate: Whether the vendor is sent the trace context in headers, as the global
            propagator writes them. Vendors have no use for it, and it tells them of yours.
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        propagate: bool = False,
    ) -> None:
        self._tracer = trace.get_tracer("loyalty_sdk", tracer_provider=tracer_provider)
        meter = metrics.get_meter("loyalty_sdk", meter_provider=meter_provider)
        self._propagate = propagate
        self._open: dict[int, _Open] = {}
        self._requests = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self._active = meter.create_up_down_counter(
            "http.client.active_requests", "{request}", "Number of active HTTP requests."
        )
        self._calls = meter.create_histogram(
            "loyalty.client.call.duration",
            "s",
            "Duration of calls, with all their tries and waits.",
            explicit_bucket_boundaries_advisory=_LONG_BOUNDARIES,
        )
        self._outcomes = meter.create_counter(
            "loyalty.client.outcomes", "{write}", "What is known of each write at its end."
        )
        self._retries = meter.create_counter(
            "loyalty.client.retries", "{request}", "Requests that were sent again."
        )
        self._waits = meter.create_histogram(
            "loyalty.client.wait.duration",
            "s",
            "How long tries waited for their turn.",
            explicit_bucket_boundaries_advisory=_LONG_BOUNDARIES,
        )

    def __call__(self, event: Event) -> None:
        """Account for ``event``."""
        if isinstance(event, CallStarted):
            self._begin(event)
        elif (call := self._open.get(event.call)) is None:
            return
        elif isinstance(event, TryStarted):
            self._depart(event, call)
        elif isinstance(event, TryEnded):
            self._arrive(event, call)
        elif isinstance(event, Waited):
            call.waits[event.reason] += event.seconds
            about = {"loyalty.wait.reason": event.reason, "loyalty.wait.granted": event.granted}
            self._waits.record(event.seconds, {**_name(event), **about}, call.context)
        elif isinstance(event, Retrying):
            self._retries.add(1, {**_name(event), "loyalty.retry.reason": event.reason})
        elif isinstance(event, CallEnded):
            self._end(event, self._open.pop(event.call))

    def _begin(self, event: CallStarted) -> None:
        name = f"{event.provider} {event.operation}"
        span = self._tracer.start_span(name, attributes=_name(event))
        self._open[event.call] = _Open(span, trace.set_span_in_context(span))

    def _depart(self, event: TryStarted, call: _Open) -> None:
        method = event.method if event.method in _METHODS else "_OTHER"
        call.sent = {
            "http.request.method": method,
            "url.template": event.template,
            **_server(event.origin),
            **_name(event),
        }
        more: Attributes = {"loyalty.looks": event.looks}
        more["url.full"] = event.origin + _PLACEHOLDER.sub("REDACTED", event.template)
        if method != event.method:
            more["http.request.method_original"] = event.method
        if event.resends:
            more["http.request.resend_count"] = event.resends
        call.attempt = self._tracer.start_span(
            f"{'HTTP' if method == '_OTHER' else method} {event.template}",
            call.context,
            trace.SpanKind.CLIENT,
            {**call.sent, **more},
        )
        self._active.add(1, call.sent)
        if self._propagate:
            propagate.inject(event.headers, trace.set_span_in_context(call.attempt, call.context))

    def _arrive(self, event: TryEnded, call: _Open) -> None:
        self._active.add(-1, call.sent)
        answered: Attributes = {}
        if event.status is not None:
            answered["http.response.status_code"] = event.status
        refused = str(event.status) if event.status is not None and event.status >= 400 else None
        _finish(call.attempt, answered, event.error or refused)
        context = trace.set_span_in_context(call.attempt, call.context)
        self._requests.record(event.seconds, {**call.sent, **answered}, context)

    def _end(self, event: CallEnded, call: _Open) -> None:
        ended: Attributes = {}
        if event.outcome is not None:
            ended["loyalty.outcome"] = event.outcome.value
            self._outcomes.add(1, {**_name(event), **ended}, call.context)
        about: Attributes = {
            **ended,
            "loyalty.reconciled": event.reconciled,
            "loyalty.tries": event.tries,
            **{f"loyalty.wait.{reason}": seconds for reason, seconds in call.waits.items()},
        }
        _finish(call.span, about, event.error)
        if event.error is not None:
            ended["error.type"] = event.error
        self._calls.record(event.seconds, {**_name(event), **ended}, call.context)


def _finish(span: trace.Span, attributes: Attributes, error: str | None) -> None:
    """End ``span``; with an error, where there was one."""
    if error is not None:
        attributes["error.type"] = error
        span.set_status(trace.StatusCode.ERROR)
    span.set_attributes(attributes)
    span.end()


def _name(event: Event) -> Attributes:
    return {"loyalty.provider": event.provider, "loyalty.operation": event.operation}


@lru_cache(maxsize=64)
def _server(origin: str) -> Attributes:
    url = urlsplit(origin)
    port = url.port or (443 if url.scheme == "https" else 80)
    return {"server.address": url.hostname or "", "server.port": port}
