"""A client, a vendor that behaves in one way, and a network between them that fails."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
from decimal import Decimal
from operator import attrgetter
from random import Random
from types import TracebackType
from typing import Any, Self

import attrs

from loyalty_sdk import LoyaltyClient, Order, SessionPool, connect
from loyalty_sdk._look import Trace, could_be
from loyalty_sdk.sandbox import Sandbox
from loyalty_sdk.sandbox.vendor import Entry, Rule
from loyalty_sdk_joy import AwardPoints, Joy, PointsPerUnit
from loyalty_sdk_loyaltylion import LoyaltyLion

from . import faults
from .deeds import ACTIVITIES, OPERATIONS, Deed, key_of
from .proxy import Exchange, Fault, Proxy

SETTLE = 60.0
FLAVOURS = ("loyaltylion", "with marker", "sole writer", "joy")
CUSTOMERS = tuple("1" * times + tail for times in (1, 2, 3) for tail in ("", "0", "2", "27"))

_RULES = {"visit": None, "capped": Rule(7, limit=1)}


@attrs.frozen(kw_only=True)
class World:
    """How a vendor, the network and the caller behave in one run.

    Attributes:
        flavour: Whose adapter, and how it is set up.
        look: What looks meet, None for nothing; and which share of them.
        connecting: What becomes of attempts to connect: ``fine``, ``refused``, ``dns``, ``reset``.
        deadline: Of each call, in seconds.
        settle: What the caller says of the vendor.
        late: Seconds after which what was held back arrives.
        reset: Whether the vendor forgets everything in the middle of the run.
        forgetful: What becomes of texts from the middle of the run on.
        switches: The sandbox's.
        calls: How many.
        faulty: Share of them whose first send meets a fault.
        twice: The same of a second send.
        names: The faults.
        limited: Whether the client keeps the vendor's rate limit; see `faults.WITHIN_LIMITS`.
        operations: What is done.
        customers: Whose points are moved.
    """

    seed: int = 0
    flavour: str = "with marker"
    look: tuple[str, float] | None = None
    connecting: str = "fine"
    deadline: float = 900.0
    settle: float = SETTLE
    late: faults.Late = faults.Late(0.0, 15.0)
    reset: bool = False
    forgetful: str | None = None
    switches: dict[str, Any] = attrs.field(factory=dict[str, Any])
    calls: int = 64
    faulty: float = 0.8
    twice: float = 0.3
    names: tuple[str, ...] = faults.NAMES
    limited: bool = False
    operations: tuple[str, ...] = OPERATIONS
    customers: tuple[str, ...] = CUSTOMERS

    @property
    def provider(self) -> str:
        """The adapter's registered name."""
        return "joy" if self.flavour == "joy" else "loyaltylion"

    @property
    def marked(self) -> bool:
        """Whether the vendor's rows say whose they are."""
        return self.flavour in {"with marker", "joy"}

    def adapter(self, url: str) -> LoyaltyLion | Joy:
        """The adapter for a vendor at ``url``."""
        if self.flavour == "joy":
            return Joy(
                base_url=url,
                app_key="sandbox",
                secret_key="sandbox",
                activities={name: AwardPoints(10) for name in ACTIVITIES},
                orders=PointsPerUnit(Decimal(1)),
            )
        return LoyaltyLion(
            base_url=url,
            api_key="pat_sandbox",
            reference_in_reason=self.flavour == "with marker",
            sole_writer=self.flavour == "sole writer",
        )


class Stage:
    """Everything that a run of ``world`` needs, while it is entered.

    Attributes:
        world: How everybody behaves.
        draw: Decides what is left to chance.
        deeds: By key; what arrives with the key of one meets its faults.
    """

    client: LoyaltyClient[Any]
    pool: SessionPool

    def __init__(self, world: World) -> None:
        self.world = world
        self.draw = Random(world.seed)
        self.deeds: dict[str, Deed] = {}
        self.sandbox = Sandbox(seed=world.seed, rules=_RULES, **world.switches)
        self._elsewhere: set[str | None] = set()
        self._wiped: set[int] = set()
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> Self:
        enter = self._closing.enter_async_context
        await enter(self.sandbox)
        faults.prepare(self.sandbox)
        for customer_id in self.world.customers[::2]:
            email = f"c{customer_id}@example.com"
            self.sandbox.add_customer(self.world.provider, customer_id, email=email, points=500)
        proxy = await enter(self._proxy())
        self._name_service(proxy.port)
        self.pool = await enter(SessionPool(dns_ttl=0.001))
        self.client = await enter(self._client(f"http://vendor.test:{proxy.port}"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    def _proxy(self) -> Proxy:
        return Proxy(
            int(self.sandbox.url.rpartition(":")[2]),
            self._fault_for,
            self.draw,
            resets=0.2 if self.world.connecting == "reset" else 0.0,
            closes=self.world.connecting != "fine",
        )

    def _client(self, url: str) -> LoyaltyClient[Any]:
        world = self.world
        return connect(
            world.adapter(url),
            pool=self.pool,
            deadline=world.deadline,
            settle=world.settle,
            rate_limit=None if world.limited else False,
            allow_http=True,
        )

    def _fault_for(self, exchange: Exchange) -> Fault:
        """What the request meets: a look its share, a send what its deed says."""
        if exchange.method == "GET":
            look = self.world.look
            if look is None or self.draw.random() >= look[1]:
                return faults.plain
            return faults.look_fault(look[0], exchange.path)
        key = key_of(exchange.body)
        name = "none" if key is None else self.deeds[key].next_fault()
        return faults.fault(name, self.world.late)

    def _name_service(self, port: int) -> None:
        """Let names lead to the proxy, to nobody, or nowhere."""
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            nobody = closed.getsockname()[1]

        async def look_up(*_: Any, **__: Any) -> list[Any]:
            fails = self.draw.random() < 0.3
            if fails and self.world.connecting == "dns":
                raise socket.gaierror(socket.EAI_NONAME, "no such name")
            there = nobody if fails and self.world.connecting == "refused" else port
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", there))]

        asyncio.get_running_loop().getaddrinfo = look_up  # type: ignore[method-assign]

    # ------------------------------------------------------------ what else happens

    def sell_elsewhere(self, deeds: Iterable[Deed]) -> None:
        """Let another site of the program have other orders under the ids of ``deeds``."""
        vendor: Any = self.sandbox.vendor("loyaltylion")
        for deed in deeds:
            if isinstance(deed.value, Order):
                body = {"customer_id": "elsewhere", "total": "1.00"}
                vendor.effects.place(deed.value.id, body, "7", None)
                self._elsewhere.add(deed.key)

    def forget_everything(self) -> None:
        """Let the vendor lose its ledger."""
        self._wiped = {id(arrival) for arrival in self.sandbox.arrivals if arrival.applied}
        self.sandbox.reset()

    def forget_notes(self, how: str) -> None:
        """From now on, let the vendor keep texts in another way."""
        object.__setattr__(self.sandbox.switches, "notes", how)

    # ------------------------------------------------------------ what is true

    def landed(self) -> tuple[Counter[str | None], set[str | None]]:
        """How often each deed was applied, by key; and those that are not to be found again."""
        self.sandbox.outstanding(self.world.provider)
        landed: Counter[str | None] = Counter()
        wiped = set(self._elsewhere)
        for arrival in filter(attrgetter("applied"), self.sandbox.arrivals):
            if id(arrival) in self._wiped:
                wiped.add(key_of(arrival.body))
            else:
                landed[key_of(arrival.body)] += 1
        return landed, wiped

    def alike(self, deed: Deed) -> list[Entry]:
        """Rows that could be taken for the deed's."""
        trace = Trace(operation="", customer_id=deed.customer_id, points=deed.points)
        return [
            row
            for row in self.sandbox.ledger(self.world.provider, deed.customer_id)
            if row.kind == "adjusted" and could_be(trace, row.points)
        ]

    @property
    def in_use(self) -> int:
        """Connections that a request holds."""
        kept: list[Any] = [held.connections for held in self.pool._sessions.values()]
        return sum(len(each._acquired) - sum(map(len, each._idle.values())) for each in kept)
