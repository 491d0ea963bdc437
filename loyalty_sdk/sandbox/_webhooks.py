"""Webhooks that the sandbox sends: signed by the vendor's rule, again until they are taken."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs

from loyalty_sdk._flow import Request, Safety
from loyalty_sdk._pool import SessionPool
from loyalty_sdk._secrets import MaskedBytes, SecretStr, masked
from loyalty_sdk.errors import ConfigurationError, LoyaltyError
from loyalty_sdk.wire import encode

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ._rows import Entry
    from .vendor import VendorSandbox

_PATIENCE = 5.0  # seconds for an answer, as both vendors document
_POLL = 0.005


@attrs.define(eq=False, kw_only=True)
class Sent:
    """One webhook to one address.

    Attributes:
        url: Where to.
        provider: Whose it is.
        topic: The vendor's name for what happened.
        body: The very bytes.
        signature: What they were signed with.
        statuses: What was answered, try by try; None where no answer came.
    """

    url: str
    provider: str
    topic: str
    body: bytes = attrs.field(repr=False)
    signature: str = attrs.field(repr=False)
    statuses: list[int | None] = attrs.field(factory=list[int | None])

    @property
    def taken(self) -> bool:
        """Whether the receiver answered 2xx."""
        last = self.statuses[-1] if self.statuses else None
        return last is not None and 200 <= last < 300


@attrs.frozen(eq=False, kw_only=True)
class _Subscription:
    url: str
    provider: str
    secret: SecretStr = attrs.field(repr=False)
    topics: frozenset[str] | None
    copies: int
    attempts: int
    wait: float


class Webhooks:
    """What the sandbox tells of by itself.

    Example::

        sandbox.webhooks.send_to(f"{app}/webhooks/acme", "acme")
        await client.adjust_points(...)
        await sandbox.webhooks.delivered()
        assert sandbox.webhooks.sent[0].taken

    Attributes:
        sent: Everything, in the order in which it happened.
    """

    _pool: SessionPool

    def __init__(self, vendors: Mapping[str, VendorSandbox]) -> None:
        self.sent: list[Sent] = []
        self._vendors = vendors
        self._subscriptions: list[_Subscription] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: set[Sent] = set()

    def send_to(  # noqa: PLR0913 - every one has its use
        self,
        url: str,
        provider: str,
        *,
        secret: str | None = None,
        topics: Collection[str] | None = None,
        copies: int = 1,
        attempts: int = 5,
        wait: float = 0.1,
    ) -> None:
        """Tell ``url`` of every change of points from now on, and of what `send` is given.

        Args:
            url: Where to; ``{topic}`` in it stands for the topic.
            provider: Whose events.
            secret: What to sign with; ``sandbox`` unless given.
            topics: The vendor's names of those wanted; all unless given.
            copies: How often to deliver each: vendors promise at least once.
            attempts: How often to try where the answer is not 2xx, or none comes in 5 seconds.
            wait: Seconds before the second try; twice as long before each further one.

        Raises:
            ConfigurationError: The sandbox serves no such provider, or it has no webhooks.
        """
        vendor = self._vendor(provider)
        self._subscriptions.append(
            _Subscription(
                url=url,
                provider=provider,
                secret=masked(vendor.webhook_secret if secret is None else secret),
                topics=None if topics is None else frozenset(topics),
                copies=copies,
                attempts=attempts,
                wait=wait,
            )
        )
        vendor.ledger.told = partial(self._tell, vendor)

    def send(self, provider: str, topic: str, content: dict[str, Any]) -> None:
        """Tell of anything else that vendors tell of.

        Args:
            provider: Whose event.
            topic: The vendor's name for it.
            content: What is particular to the topic; the vendor's envelope is put around it.

        Raises:
            ConfigurationError: As `send_to`, or the sandbox does not run.
        """
        vendor = self._vendor(provider)
        if self._loop is None:
            raise ConfigurationError("the sandbox is not running")
        self._publish(vendor, topic, content)

    def clear(self) -> None:
        """Tell nobody any more, and forget what was sent."""
        self._subscriptions.clear()
        self.sent.clear()
        for vendor in self._vendors.values():
            vendor.ledger.told = None

    @property
    def outstanding(self) -> int:
        """How many are on their way, or will be tried again."""
        return len(self._pending)

    async def delivered(self, timeout: float = 10.0) -> None:
        """Wait until nothing is outstanding, from any event loop.

        Raises:
            TimeoutError: After ``timeout`` seconds.
        """
        async with asyncio.timeout(timeout):
            while self._pending:  # noqa: ASYNC110 - the other end is in a loop of its own
                await asyncio.sleep(_POLL)

    # What the sandbox does.

    def open(self) -> None:
        """Send from the running event loop on."""
        self._loop, self._pool = asyncio.get_running_loop(), SessionPool()

    async def close(self) -> None:
        """Give up what is on its way."""
        self._loop = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._pool.aclose()

    def _vendor(self, provider: str) -> VendorSandbox:
        vendor = self._vendors.get(provider)
        if vendor is None or vendor.webhook_format is None:
            able = [name for name, one in sorted(self._vendors.items()) if one.webhook_format]
            raise ConfigurationError(
                f"the sandbox sends no webhooks of {provider!r}",
                hint=f"It sends those of: {', '.join(able) or 'nobody'}",
            )
        return vendor

    def _tell(self, vendor: VendorSandbox, entry: Entry) -> None:
        if self._loop is not None:
            for topic, content in vendor.news(entry):
                self._publish(vendor, topic, content)

    def _publish(self, vendor: VendorSandbox, topic: str, content: dict[str, Any]) -> None:
        body = encode(vendor.envelope(topic, content))
        for subscription in self._subscriptions:
            wanted = subscription.topics is None or topic in subscription.topics
            if wanted and subscription.provider == vendor.name:
                self._queue(subscription, vendor, topic, body)

    def _queue(
        self, subscription: _Subscription, vendor: VendorSandbox, topic: str, body: MaskedBytes
    ) -> None:
        form = vendor.webhook_format
        assert form is not None  # noqa: S101 - for the type checker: nobody subscribes without
        assert self._loop is not None  # noqa: S101 - as above: whoever calls has looked
        for _ in range(subscription.copies):
            sent = Sent(
                url=subscription.url.replace("{topic}", topic),
                provider=vendor.name,
                topic=topic,
                body=body,
                signature=form.sign(body, subscription.secret),
            )
            self.sent.append(sent)
            self._pending.add(sent)
            # Whoever writes a row may be in another thread than the sandbox's loop.
            self._loop.call_soon_threadsafe(
                self._start, subscription, sent, {form.signature_header: sent.signature}
            )

    def _start(self, subscription: _Subscription, sent: Sent, headers: dict[str, str]) -> None:
        if self._loop is None:
            self._pending.discard(sent)
            return
        task = self._loop.create_task(self._deliver(subscription, sent, headers))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._pending.discard(sent))

    async def _deliver(
        self, subscription: _Subscription, sent: Sent, headers: dict[str, str]
    ) -> None:
        for number in range(subscription.attempts):
            if number:
                await asyncio.sleep(subscription.wait * 2 ** (number - 1))
            sent.statuses.append(await self._post(sent, headers))
            if sent.taken:
                return

    async def _post(self, sent: Sent, headers: dict[str, str]) -> int | None:
        url = urlsplit(sent.url)
        origin = f"{url.scheme}://{url.netloc}"
        request = Request(
            method="POST",
            template="/",
            path=sent.url.removeprefix(origin) or "/",
            body=MaskedBytes(sent.body),
            safety=Safety.ONCE,
        )
        try:
            return (await self._pool.send(origin, request, headers, _PATIENCE)).status
        except LoyaltyError:
            return None
