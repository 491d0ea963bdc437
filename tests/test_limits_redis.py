"""A rate shared through Redis: a real server, started here on a free port and stopped by its id."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from loyalty_sdk import RateLimit, RateWaitTimeoutError, RedisBudget
from loyalty_sdk._shared import LeasedPace, SharedLimiter

EVER = float("inf")
ROOT = Path(__file__).parent.parent


class Server:
    """A Redis that can be ended and started again."""

    def __init__(self, binary: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "save": "",
            "dir": folder,
            "requirepass": "pa55word",
        }
        self._command = [binary, *(str(x) for name, v in options.items() for x in (f"--{name}", v))]
        self.url = f"redis://:pa55word@127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        """Serve."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("redis-server did not start")

    def stop(self) -> None:
        """End at once."""
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of this module."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    server = Server(binary, tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The server, which is started again where a test stopped it."""
    yield running
    if running.process.poll() is not None:
        running.start()


def shared(server: Server, name: str, rate: int = 500, **options: Any) -> SharedLimiter:
    """One process's part of a rate."""
    budget = RedisBudget(server.url, **{"timeout": 10.0, **options})
    limiter = RateLimit.fixed(rate, shared=budget).limiter([name])
    assert isinstance(limiter, SharedLimiter)
    return limiter


async def saturate(limiter: SharedLimiter, seconds: float, least: int = 0) -> list[float]:
    """When grants came to 50 callers that take all they can; ``least``, however long it takes."""
    times: list[float] = []

    async def call() -> None:
        while True:
            await limiter.grant("bulk", EVER)
            times.append(time.monotonic())

    tasks = [asyncio.create_task(call()) for _ in range(50)]
    await asyncio.sleep(seconds)
    async with asyncio.timeout(20):
        while len(times) < least:
            await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return times


def overfull(times: list[float], rate: int) -> bool:
    """Whether any second holds clearly more than ``rate``: times are noted late here and there."""
    times = sorted(times)
    return any(after - before <= 0.9 for before, after in zip(times, times[rate:], strict=False))


async def seen(so: Callable[[], Awaitable[bool]]) -> bool:
    """Whether it is so in one round of five: a busy machine lets moments pass unused."""
    for _ in range(5):
        if await so():
            return True
    return False


# ------------------------------------------------------------ one rate for all


async def test_two_limiters_share_one_rate(server: Server, request: pytest.FixtureRequest) -> None:
    """As two processes would: together no more than the rate, and little less; both get a share."""
    both = [shared(server, request.node.name) for _ in range(2)]
    for each in both:
        await each.grant("bulk", EVER)

    async def little_less() -> bool:
        first, second = await asyncio.gather(*(saturate(each, 1.4) for each in both))
        assert not overfull(first + second, 500)
        return len(first + second) >= 350 and min(len(first), len(second)) > 100

    assert await seen(little_less)


async def test_round_trips_are_few(server: Server, request: pytest.FixtureRequest) -> None:
    """At 500 a second a lease holds a dozen of slots."""
    limiter = shared(server, request.node.name)

    async def few() -> bool:
        before = limiter.leases
        times = await saturate(limiter, 0.6, least=1)
        return (limiter.leases - before) / len(times) < 0.1

    assert await seen(few)


async def test_at_a_low_rate_nothing_is_hoarded(
    server: Server, request: pytest.FixtureRequest
) -> None:
    """A lease is one slot, so that another process gets every second one."""
    both = [shared(server, request.node.name, rate=20) for _ in range(2)]
    for each in both:
        await each.grant("bulk", EVER)

    async def shares() -> bool:
        first, second = await asyncio.gather(*(saturate(each, 1.0) for each in both))
        return min(len(first), len(second)) >= 5

    assert await seen(shares)
    assert 1 == both[0]._most


async def test_idling_saves_nothing_up(server: Server, request: pytest.FixtureRequest) -> None:
    """What nobody asked for is gone: the next calls come evenly again."""
    limiter = shared(server, request.node.name, rate=20)
    await limiter.grant("interactive", EVER)
    await asyncio.sleep(0.3)
    began = time.monotonic()
    for _ in range(4):
        await limiter.grant("interactive", EVER)
    assert time.monotonic() - began > 3 * 0.05 - 0.01


SENDER = """
import asyncio, sys, time
shift, url = float(sys.argv[1]), sys.argv[2]
monotonic, wall = time.monotonic, time.time
time.monotonic, time.time = (lambda: monotonic() + 100 * shift), (lambda: wall() + shift)
from loyalty_sdk import RateLimit, RedisBudget
limiter = RateLimit.fixed(200, shared=RedisBudget(url, timeout=10.0)).limiter([sys.argv[3]])
async def call():
    while True:
        await limiter.grant("bulk", float("inf"))
        print(monotonic(), flush=True)
async def main():
    await asyncio.gather(*(call() for _ in range(20)))
asyncio.run(main())
"""


@pytest.fixture
def sender(
    server: Server, request: pytest.FixtureRequest
) -> Iterator[Callable[[float], subprocess.Popen[str]]]:
    """Starts processes whose clocks are off, which say when they were granted something."""
    started: list[subprocess.Popen[str]] = []
    environ = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    environ["PYTHONPATH"] = str(ROOT)

    def start(shift: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SENDER, str(shift), server.url, request.node.name]
        started.append(subprocess.Popen(command, env=environ, text=True, stdout=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()


def test_clocks_that_differ_and_a_kill_do_no_harm(
    sender: Callable[[float], subprocess.Popen[str]],
) -> None:
    """Two processes whose clocks are 3 s apart keep one rate; one is killed, the other goes on."""
    ahead, killed = sender(3.0), sender(0.0)
    assert killed.stdout is not None
    assert ahead.stdout is not None
    others = [float(ahead.stdout.readline())]
    theirs = [float(killed.stdout.readline()) for _ in range(60)]
    killed.kill()
    killed_at = time.monotonic()
    theirs += [float(line) for line in killed.communicate()[0].splitlines(keepends=True)[:-1]]

    # What it had leased is lost, for a moment; then all is the other's.
    def is_faster() -> bool:
        return others[-70] > killed_at and others[-1] - others[-70] < 69 / (0.7 * 200)

    while len(others) < 70 or not is_faster():
        others.append(float(ahead.stdout.readline()))
        assert others[-1] < killed_at + 20
    assert min(at for at in others if at > killed_at) - killed_at < 5
    assert not overfull(theirs + others, 200)


async def test_a_slot_that_was_not_used_is_used_by_the_next(
    server: Server, request: pytest.FixtureRequest
) -> None:
    """The caller it was leased for was cancelled; another one comes within its moment."""
    limiter = shared(server, request.node.name, rate=20)
    await limiter.grant("interactive", EVER)

    async def passed_on() -> bool:
        first = asyncio.create_task(limiter.grant("interactive", EVER))
        while not limiter._pace.slots and not first.done():
            await asyncio.sleep(0.001)
        if first.done():
            return False
        slot, leases = limiter._pace.slots[0], limiter.leases
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await limiter.grant("interactive", EVER)
        within_its_moment = time.monotonic() <= slot + limiter._pace._lateness
        assert not within_its_moment or leases == limiter.leases
        return within_its_moment

    assert await seen(passed_on)


async def test_a_retry_after_pauses_the_other_processes_too(
    server: Server, request: pytest.FixtureRequest
) -> None:
    """The vendor meant the credential, whoever asked."""
    one, other = shared(server, request.node.name), shared(server, request.node.name)
    await one.grant("interactive", EVER)
    began = time.monotonic()
    one.throttled(began, 0.4)
    one.throttled(began, 0.4)
    while one.leases < 2:
        await asyncio.sleep(0.001)
    await other.grant("interactive", EVER)
    assert 0.35 < time.monotonic() - began < 2
    await one.grant("interactive", EVER)
    assert 0.39 < time.monotonic() - began
    assert 1 < one.throttles


async def test_a_pause_is_known_to_be_too_long(
    server: Server, request: pytest.FixtureRequest
) -> None:
    """Before Redis is asked for anything."""
    limiter = shared(server, request.node.name)
    limiter.throttled(time.monotonic(), 30)
    with pytest.raises(RateWaitTimeoutError, match="would come after"):
        await limiter.grant("interactive", time.monotonic() + 5)


async def test_a_429_slows_the_share_of_the_process_that_got_it(
    server: Server, request: pytest.FixtureRequest
) -> None:
    """Its leases are spaced wider, so that the vendor hears less."""
    limiter = shared(server, request.node.name)
    limiter.throttled(time.monotonic())
    limiter.answered(time.monotonic())
    assert pytest.approx(475, abs=1) == limiter.rate


def test_loops_have_connections_of_their_own(
    server: Server, request: pytest.FixtureRequest
) -> None:
    """Two runs one after the other, and two threads at once, share one limiter."""
    limiter = shared(server, request.node.name)
    first = asyncio.run(saturate(limiter, 0.2, least=21))
    results: list[list[float]] = []
    threads = [
        threading.Thread(target=lambda: results.append(asyncio.run(saturate(limiter, 0.4, 21))))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(times) > 20 for times in [first, *results])
    assert not overfull([*first, *results[0], *results[1]], 500)
    assert 2 >= len(limiter._links)


async def test_a_loop_that_ends_while_it_asks_lets_another_one_ask(
    server: Server, request: pytest.FixtureRequest
) -> None:
    """Redis keeps it waiting, its loop is shut down, and somebody else needs a slot."""
    limiter = shared(server, request.node.name)
    await limiter.grant("interactive", EVER)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        waits = threading.Event()

        async def ends() -> None:
            task = asyncio.create_task(limiter.grant("interactive", EVER))
            while not waits.is_set():
                await asyncio.sleep(0.01)
            assert limiter._asking is not None
            del task

        thread = threading.Thread(target=lambda: asyncio.run(ends()))
        thread.start()
        while limiter._asking is None:
            await asyncio.sleep(0.001)
        waiting = asyncio.create_task(limiter.grant("interactive", EVER))
        await asyncio.sleep(0)
        waits.set()
        await asyncio.to_thread(thread.join)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert await waiting < 8  # it has not waited until Redis was given up
    assert not limiter.lost


class Stuck:
    """A client that never answers, and is closed with its loop."""

    def __init__(self, *, swallows: bool) -> None:
        self.swallows = swallows
        self.closed = False

    def register_script(self, _: str) -> Callable[..., Any]:
        """What runs the script, or would."""
        return self._run

    async def _run(self, keys: list[str], args: tuple[float, ...]) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as exc:
            if not self.swallows:
                raise
            # redis-py does so while it connects.
            raise ConnectionError("the connection broke") from exc

    async def aclose(self) -> None:
        """Closed."""
        self.closed = True


@pytest.mark.parametrize("swallows", [False, True])
async def test_who_ends_while_it_asks_is_no_loss_of_redis(
    *, swallows: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the client makes of being cancelled: another loop asks, and nobody is refused."""
    clients: list[Stuck] = []

    def make() -> Stuck:
        clients.append(Stuck(swallows=swallows))
        return clients[-1]

    limiter = RateLimit.fixed(500, shared=RedisBudget(make, timeout=50)).limiter(["stuck"])
    assert isinstance(limiter, SharedLimiter)
    waits = threading.Event()

    async def ends() -> None:
        task = asyncio.create_task(limiter.grant("interactive", EVER))
        while not waits.is_set():
            await asyncio.sleep(0.001)
        assert 1 == len(clients)
        del task

    thread = threading.Thread(target=lambda: asyncio.run(ends()))
    thread.start()
    while not clients:
        await asyncio.sleep(0.001)
    waiting = asyncio.create_task(limiter.grant("interactive", EVER))
    await asyncio.sleep(0)
    waits.set()
    await asyncio.to_thread(thread.join)
    while len(clients) < 2:
        await asyncio.sleep(0.001)
    assert not waiting.done()
    assert clients[0].closed
    assert not limiter.lost
    assert [] == caplog.records
    waiting.cancel()
    asking = limiter._asking
    assert asking is not None
    asking.cancel()
    await asyncio.gather(waiting, asking, return_exceptions=True)
    assert asking.cancelled()


def test_nobody_asks_where_no_loop_runs(server: Server, request: pytest.FixtureRequest) -> None:
    """A pause that is told of outside of any loop is passed on with the next lease."""
    limiter = shared(server, request.node.name)
    limiter.throttled(time.monotonic(), 0.1)
    assert limiter._asking is None
    assert asyncio.run(limiter.grant("interactive", EVER)) > 0.05


async def test_a_client_of_ones_own_may_be_made(
    server: Server, request: pytest.FixtureRequest
) -> None:
    """For sentinels, clusters and certificates: a callable, asked once per loop."""
    from redis.asyncio import Redis

    made: list[Any] = []

    def make() -> Any:
        made.append(Redis.from_url(server.url))
        return made[-1]

    limiter = RateLimit.fixed(500, shared=RedisBudget(make, timeout=10)).limiter(
        [request.node.name]
    )
    for _ in range(20):
        await limiter.grant("interactive", EVER)
    assert 1 == len(made)


# ------------------------------------------------------------ without Redis


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is looked for ten times a second."""
    monkeypatch.setattr("loyalty_sdk._shared._AGAIN", 0.1)


async def until(condition: Callable[[], bool], limiter: SharedLimiter) -> None:
    """Go on calling until ``condition`` holds; refusals are none."""
    for _ in range(300):
        try:
            await limiter.grant("interactive", time.monotonic() + 1)
        except RateWaitTimeoutError:
            await asyncio.sleep(0.02)
        if condition():
            return
    raise AssertionError("it never came true")


async def test_without_redis_calls_are_refused_until_it_is_back(
    server: Server,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    soon: None,
) -> None:
    """At once, with a hint, logged once; nothing shows the password; and it ends by itself."""
    limiter = shared(server, request.node.name)
    with caplog.at_level(logging.INFO, "loyalty_sdk"):
        await limiter.grant("interactive", EVER)
        server.stop()
        calls = (limiter.grant("bulk", time.monotonic() + 5, number) for number in range(30))
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert {"the rate shared through Redis cannot be reached"} == {
            each.message for each in errors if isinstance(each, RateWaitTimeoutError)
        }
        assert limiter.lost
        began = time.monotonic()
        with pytest.raises(RateWaitTimeoutError, match="fallback") as caught:
            await limiter.grant("interactive", began + 5)
        assert time.monotonic() - began < 3
        assert not caught.value.bytes_left
        await asyncio.sleep(0.15)
        with pytest.raises(RateWaitTimeoutError):
            await limiter.grant("interactive", time.monotonic() + 5)
        server.start()
        await until(lambda: not limiter.lost, limiter)
    assert [
        "the rate shared through Redis is lost (ConnectionError): nothing is sent",
        "the rate shared through Redis is back",
    ] == [record.getMessage() for record in caplog.records]


async def test_without_redis_a_share_of_the_rate_may_go_on(
    server: Server,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    soon: None,
) -> None:
    """A quarter in each of four processes is as much as before, in all; then Redis takes over."""
    limiter = shared(server, request.node.name, fallback=0.25)
    with caplog.at_level(logging.INFO, "loyalty_sdk"):
        await limiter.grant("interactive", EVER)
        server.stop()
        times = await saturate(limiter, 0.8, least=21)
        assert len(times) < 125 * (times[-1] - times[0]) + 15
        assert 125 == limiter.rate
        server.start()
        await until(lambda: not limiter._pace.falling_back, limiter)
    assert 500 == limiter.rate
    assert [
        "the rate shared through Redis is lost (ConnectionError): going on with 25% of it",
        "the rate shared through Redis is back",
    ] == [record.getMessage() for record in caplog.records]


async def test_a_redis_that_hangs_is_lost_as_well(
    server: Server, request: pytest.FixtureRequest
) -> None:
    """It has ``timeout`` seconds for an answer."""
    limiter = shared(server, request.node.name)
    await limiter.grant("interactive", EVER)
    limiter._budget = attrs.evolve(limiter._budget, timeout=0.2)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(RateWaitTimeoutError, match="cannot be reached"):
            await limiter.grant("interactive", began + 5)
        assert 0.15 < time.monotonic() - began < 2
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


# ------------------------------------------------------------ leased slots, without a server


def test_a_leased_slot_is_used_in_its_moment_or_not_at_all() -> None:
    """A hundredth of a second late will do; later the vendor hears from other processes."""
    pace = LeasedPace(500, 0.03, None)
    pace.slots.extend([10.0, 10.1])
    assert 10.0 == pace.due(9.0)
    assert 10.0 == pace.due(10.009)
    assert 10.1 == pace.due(10.02)
    assert EVER == pace.due(10.2)


def test_a_lease_does_not_mind_what_is_held_up() -> None:
    """It was made with everybody, who know nothing else."""
    pace = LeasedPace(500, 0.03, None)
    pace.slots.extend([10.0, 10.1])
    pace.take(10.0, waited=False)
    pace.held_up(15.0, 10.0)
    assert [10.1] == list(pace.slots)


def test_a_leased_slot_can_be_given_back() -> None:
    """To the next caller of this process; one of the fallback cannot."""
    pace = LeasedPace(500, 0.03, 0.5)
    pace.slots.append(10.0)
    slot = pace.take(10.0, waited=True)
    assert not pace.slots
    pace.give_back(slot)
    assert [10.0] == list(pace.slots)
    pace.slots.clear()
    pace.falling_back = True
    pace.give_back(pace.take(11.0, waited=True))
    assert not pace.slots
    assert 250 == pace.rate
