"""A question that costs nothing to ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import attrs
import pytest

from benchmarks.harness.answers import ORDER
from benchmarks.harness.question import Candidate, Case, Figure, Question
from benchmarks.harness.results import Answer, Results, Row, Table
from benchmarks.harness.rounds import MeasurementError

FIGURES = (
    Figure(key="cpu_us", title="CPU us"),
    Figure(key="per_second", title="calls/s", better="more", digits=0),
    Figure(key="idle", title="idle %", better=None, digits=0),
)


@pytest.fixture
def question() -> Question:
    """Ours and two others, in two cases of which one is for quick runs."""
    return Question(
        name="sum",
        title="What a sum costs",
        about="How long adding takes.",
        figures=FIGURES,
        candidates=(
            Candidate(name="ours", run="sums:ours", role="ours"),
            Candidate(name="theirs", run="sums:theirs"),
            Candidate(name="floor", run="sums:floor", role="floor"),
        ),
        cases=(
            Case(name="small", settings={"size": 10}, quick={"size": 1}),
            Case(name="large", settings={"size": 1000}, quick=None),
        ),
        base="theirs",
        repetitions=3,
    )


@attrs.define
class Clockwork:
    """Measures nothing: each candidate has its cost, and its n-th turn is n per cent dearer."""

    costs: dict[str, float] = attrs.field(
        factory=lambda: {"ours": 50.0, "theirs": 100.0, "floor": 10.0}
    )
    turns: list[tuple[str, dict[str, Any]]] = attrs.field(factory=list[tuple[str, dict[str, Any]]])

    def __call__(self, candidate: Candidate, settings: Mapping[str, Any]) -> Mapping[str, float]:
        """Take a measurement."""
        if candidate.name not in self.costs:
            raise MeasurementError("failed: it is broken")
        self.turns.append((candidate.name, dict(settings)))
        earlier = [name for name, _ in self.turns].count(candidate.name) - 1
        cost = self.costs[candidate.name] * (1 + earlier / 100)
        return {"cpu_us": cost, "per_second": 1e6 / cost, "idle": 90.0}

    @property
    def order(self) -> list[str]:
        """Who was measured, in turn."""
        return [name for name, _ in self.turns]


@pytest.fixture
def clockwork() -> Clockwork:
    """What takes the measurements."""
    return Clockwork()


@pytest.fixture
def made() -> Callable[..., Results]:
    """Makes results of one table, with the repetitions of ours and theirs."""

    def make(ours: list[float], theirs: list[float], **changed: Any) -> Results:
        table = Table(case="small", server="nginx", left_out={"httpx": "not installed: httpx"})
        for name, role, values in (("ours", "ours", ours), ("theirs", "peer", theirs)):
            table.rows.append(Row(candidate=name, role=role, figures={"cpu_us": values}))
        figures = [attrs.asdict(figure) for figure in FIGURES]
        answer = Answer(
            name="sum", title="What a sum costs", base="theirs", figures=figures, tables=[table]
        )
        machine = {
            "processor": "abacus",
            "cores": 2,
            "memory_gib": 1,
            "system": "wood",
            "python": "CPython 3.11.0",
            "versions": {"aiohttp": "3.14.5"},
        }
        results = Results(
            command="python -m benchmarks run", started="2026-05-01T10:00:00+00:00", machine=machine
        )
        results = attrs.evolve(results, **changed)
        results.add(answer)
        return results

    return make


class Vendor(BaseHTTPRequestHandler):
    """Answers every order with one status, and keeps how long each was."""

    protocol_version = "HTTP/1.1"
    status = 201
    lengths: ClassVar[list[int]]

    def do_POST(self) -> None:
        """Take an order."""
        self.lengths.append(len(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(ORDER)))
        self.end_headers()
        self.wfile.write(ORDER.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _listening(status: int) -> Iterator[tuple[str, list[int]]]:
    """Where one listens, and the lengths of the orders that came."""
    lengths: list[int] = []
    answering = type("Answering", (Vendor,), {"status": status, "lengths": lengths})
    with ThreadingHTTPServer(("127.0.0.1", 0), answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", lengths
        server.shutdown()
        thread.join()


@pytest.fixture
def vendor() -> Callable[[int], AbstractContextManager[tuple[str, list[int]]]]:
    """Starts a vendor that answers with a status; its address, and the lengths of its orders."""
    return _listening
