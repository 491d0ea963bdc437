"""What the sandbox sends by itself, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import attrs
import pytest
from aiohttp import web

from loyalty_sdk import ConfigurationError
from loyalty_sdk.sandbox import Entry, Sandbox
from loyalty_sdk.testing._thread import served
from loyalty_sdk.webhooks import Delivery, Event, UnknownEvent, WebhookFormat


class AcmeWebhooks(WebhookFormat):
    """Signed by the usual rule."""

    signature_header: ClassVar[str] = "X-Acme-Signature"

    def read(self, delivery: Delivery, /) -> Event:
        """Nobody reads them here."""
        return delivery.event(UnknownEvent, topic="")


@pytest.fixture
def telling(acme: Any) -> Any:
    """The small vendor, which tells of points."""

    def news(_: Any, entry: Entry) -> list[tuple[str, dict[str, Any]]]:
        return [("points", {"points": entry.points}), ("any", {})]

    def envelope(_: Any, topic: str, content: dict[str, Any]) -> dict[str, Any]:
        return {"topic": topic, **content}

    members = {"webhook_format": AcmeWebhooks(), "news": news, "envelope": envelope}
    return type("Telling", (acme,), members)


@attrs.define
class Receiver:
    """A web server that answers with the next of its statuses, and with 200 at their end."""

    url: str = ""
    statuses: list[int] = attrs.field(factory=list[int])
    got: list[tuple[str, bytes, str]] = attrs.field(factory=list[tuple[str, bytes, str]])

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Write down what came."""
        signature = request.headers["X-Acme-Signature"]
        self.got.append((request.path, await request.read(), signature))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A running `Receiver`."""
    made = Receiver()
    server = web.Server(made.handle)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def test_changes_of_points_are_told(telling: Any, give: Any, receiver: Receiver) -> None:
    """Whoever asked is told of every row, signed, with what the vendor makes of it."""
    async with Sandbox(vendors=[telling]) as sandbox:
        sandbox.webhooks.send_to(f"{receiver.url}/{{topic}}", "acme", secret="s3cret")
        await give(sandbox, 5)
        await sandbox.webhooks.delivered()

    sign = AcmeWebhooks().sign
    points, anything = b'{"topic":"points","points":5}', b'{"topic":"any"}'
    assert [
        ("/any", anything, sign(anything, "s3cret")),
        ("/points", points, sign(points, "s3cret")),
    ] == sorted(receiver.got)
    assert [("points", [200], True), ("any", [200], True)] == [
        (sent.topic, sent.statuses, sent.taken) for sent in sandbox.webhooks.sent
    ]


async def test_only_the_topics_that_were_asked_for(
    telling: Any, give: Any, receiver: Receiver
) -> None:
    """An address may be for some topics; rows that a test makes are told too."""
    async with Sandbox(vendors=[telling]) as sandbox:
        sandbox.webhooks.send_to(receiver.url, "acme", topics=["points"])
        sandbox.add_customer("acme", "1", points=7)
        await sandbox.webhooks.delivered()
        sandbox.webhooks.clear()
        await give(sandbox, 5)
        await sandbox.webhooks.delivered()

    assert [b'{"topic":"points","points":7}'] == [body for _, body, _ in receiver.got]
    assert [] == sandbox.webhooks.sent


async def test_what_is_not_taken_is_sent_again(telling: Any, receiver: Receiver) -> None:
    """Anything but 2xx is tried again with the same bytes, and given up in the end."""
    receiver.statuses = [503, 302, 200, 500, 500]
    async with Sandbox(vendors=[telling]) as sandbox:
        sandbox.webhooks.send_to(receiver.url, "acme", attempts=3, wait=0.001)
        sandbox.webhooks.send("acme", "one", {})
        await sandbox.webhooks.delivered()
        sandbox.webhooks.clear()
        sandbox.webhooks.send_to(receiver.url, "acme", attempts=2, wait=0.001)
        sandbox.webhooks.send("acme", "two", {})
        await sandbox.webhooks.delivered()

    (sent,) = sandbox.webhooks.sent
    assert ([500, 500], False) == (sent.statuses, sent.taken)
    assert [b'{"topic":"one"}'] * 3 + [b'{"topic":"two"}'] * 2 == [
        body for _, body, _ in receiver.got
    ]


async def test_nobody_there_is_no_status(telling: Any) -> None:
    """A receiver that cannot be reached is tried again like any other."""
    async with Sandbox(vendors=[telling]) as sandbox:
        sandbox.webhooks.send_to("http://127.0.0.1:9", "acme", attempts=2, wait=0.001)
        sandbox.webhooks.send("acme", "one", {})
        await sandbox.webhooks.delivered()

    (sent,) = sandbox.webhooks.sent
    assert ([None, None], False) == (sent.statuses, sent.taken)


async def test_each_may_come_more_than_once(telling: Any, receiver: Receiver) -> None:
    """Vendors promise at least once; the copies are the same bytes."""
    async with Sandbox(vendors=[telling]) as sandbox:
        sandbox.webhooks.send_to(receiver.url, "acme", copies=3)
        sandbox.webhooks.send("acme", "one", {})
        await sandbox.webhooks.delivered()

    assert 3 == len(receiver.got)
    assert 1 == len(set(receiver.got))


async def test_closing_gives_up(telling: Any) -> None:
    """What is on its way when the sandbox stops is dropped, and nothing is left running."""
    sandbox = Sandbox(vendors=[telling])
    async with sandbox:
        sandbox.webhooks.send_to("http://127.0.0.1:9", "acme", wait=60)
        sandbox.webhooks.send("acme", "one", {})
        while not sandbox.webhooks.sent[0].statuses:
            await asyncio.sleep(0.001)
        sandbox.webhooks.send("acme", "two", {})
        assert 2 == sandbox.webhooks.outstanding
        with pytest.raises(TimeoutError):
            await sandbox.webhooks.delivered(0.01)
    await asyncio.sleep(0)
    assert 0 == sandbox.webhooks.outstanding
    assert 1 == len(asyncio.all_tasks())


async def test_one_that_comes_too_late_is_not_sent(telling: Any) -> None:
    """A row written while the sandbox closes, or before it runs, is told to nobody."""
    sandbox = Sandbox(vendors=[telling])
    sandbox.webhooks.send_to("http://127.0.0.1:9", "acme")
    sandbox.add_customer("acme", "1", points=1)
    with pytest.raises(ConfigurationError, match="not running"):
        sandbox.webhooks.send("acme", "one", {})
    async with sandbox:
        sandbox.webhooks.send("acme", "one", {})
        # It closes before its loop comes to the one above.
        await sandbox.webhooks.close()
    await asyncio.sleep(0)
    assert 0 == sandbox.webhooks.outstanding
    assert [[]] == [sent.statuses for sent in sandbox.webhooks.sent]


def test_vendors_without_webhooks_are_refused(acme: Any, telling: Any) -> None:
    """Who sends none cannot be asked to; neither can one that is not served."""
    with pytest.raises(ConfigurationError, match="It sends those of: nobody"):
        Sandbox(vendors=[acme]).webhooks.send_to("http://x", "acme")
    with pytest.raises(ConfigurationError, match="It sends those of: acme"):
        Sandbox(vendors=[telling]).webhooks.send_to("http://x", "other")


async def test_a_row_tells_only_its_own_vendors_subscribers(
    telling: Any, receiver: Receiver
) -> None:
    """Two vendors in one sandbox have subscribers of their own."""
    other = type("Other", (telling,), {"name": "other", "prefix": "/other/"})
    async with Sandbox(vendors=[telling, other]) as sandbox:
        sandbox.webhooks.send_to(f"{receiver.url}/acme", "acme", topics=["any"])
        sandbox.webhooks.send_to(f"{receiver.url}/other", "other", topics=["any"])
        sandbox.add_customer("other", "1", points=1)
        await sandbox.webhooks.delivered()

    assert ["/other"] == [path for path, _, _ in receiver.got]


async def test_a_vendor_says_what_it_tells(acme: Any, receiver: Receiver) -> None:
    """Unless its half says otherwise, no row is told, and a content is the whole body."""
    silent = type("Silent", (acme,), {"webhook_format": AcmeWebhooks()})
    async with Sandbox(vendors=[silent]) as sandbox:
        sandbox.webhooks.send_to(receiver.url, "acme")
        sandbox.add_customer("acme", "1", points=1)
        sandbox.webhooks.send("acme", "one", {"a": 1})
        await sandbox.webhooks.delivered()

    assert [b'{"a":1}'] == [body for _, body, _ in receiver.got]


async def test_secrets_do_not_show(telling: Any) -> None:
    """Neither the sandbox nor what it sent shows what it signs with."""
    async with Sandbox(vendors=[telling]) as sandbox:
        sandbox.webhooks.send_to("http://127.0.0.1:9", "acme", secret="s3cret", attempts=1)
        sandbox.webhooks.send("acme", "one", {})
        shown = f"{sandbox.webhooks._subscriptions} {sandbox.webhooks.sent}"

    assert "s3cret" not in shown


async def test_from_another_thread(telling: Any, receiver: Receiver) -> None:
    """The pytest fixture's sandbox runs in a thread; it is told and asked from outside."""
    with served(Sandbox(vendors=[telling])) as sandbox:
        sandbox.webhooks.send_to(receiver.url, "acme", topics=["points"])
        sandbox.add_customer("acme", "1", points=1)
        await sandbox.webhooks.delivered()

    assert [b'{"topic":"points","points":1}'] == [body for _, body, _ in receiver.got]


async def test_from_another_process(telling: Any, ask: Any, receiver: Receiver) -> None:
    """Under ``/_sandbox/`` other programs subscribe, send and look."""
    async with Sandbox(vendors=[telling]) as sandbox:
        wanted = {"url": receiver.url, "provider": "acme"}
        assert {} == (await ask(sandbox, "POST", "/_sandbox/webhooks", wanted)).json
        one = {"provider": "acme", "topic": "one", "content": {"a": 1}}
        assert {} == (await ask(sandbox, "POST", "/_sandbox/webhook", one)).json
        await sandbox.webhooks.delivered()
        (sent,) = (await ask(sandbox, "GET", "/_sandbox/webhooks")).json["webhooks"]
        await ask(sandbox, "DELETE", "/_sandbox/webhooks")
        assert [] == (await ask(sandbox, "GET", "/_sandbox/webhooks")).json["webhooks"]

    assert {
        "url": receiver.url, "provider": "acme", "topic": "one", "statuses": [200],
        "body": '{"topic":"one","a":1}',
    } == sent  # fmt: skip
