"""The sandbox as users see it."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Self, Unpack

from loyalty_sdk.errors import ConfigurationError

from ._clock import Clock
from ._exchange import Exchange
from ._inspector import PREFIX, Inspector
from ._limits import limits_of
from ._server import Listener, Reply
from ._shapes import whole_milliseconds
from ._switches import Switches, SwitchOptions
from ._webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from types import TracebackType

    from aiohttp import web

    from ._arrivals import Arrival
    from ._faults import Faults
    from ._rows import Account, Entry
    from .vendor import VendorSandbox

GROUP = "loyalty_sdk.sandboxes"


class Sandbox:
    """Every installed vendor on one port of 127.0.0.1, with a ledger that can be asked.

    It behaves as the vendors document. Where they document nothing, a switch decides, and
    faults come on request. It has no dedup that a vendor does not document: a request that
    arrives twice is applied twice.

    Args:
        port: Where to listen; 0 for a free port.
        limits: False for no rate limits, True for those that vendors document, or requests a
            second by provider.
        scopes: What the default credentials may do, by provider; all unless given.
        vendors: The vendors to serve; all that are registered in the entry-point group
            ``loyalty_sdk.sandboxes`` unless given.
        arrivals_kept: About how many arrivals to keep, at least; None for all of them. A load
            test that sends millions wants a number.
        **switches: See `Switches`.

    Raises:
        ConfigurationError: A switch, provider or scope is unknown, or a value is none of its
            positions.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        limits: bool | Mapping[str, int] = False,
        scopes: Mapping[str, Collection[str]] | None = None,
        vendors: Iterable[type[VendorSandbox]] | None = None,
        arrivals_kept: int | None = None,
        **switches: Unpack[SwitchOptions],
    ) -> None:
        self.clock = Clock()
        self.switches = Switches.of(switches)
        self._port = port
        self._vendors = {
            vendor.name: vendor(self.clock, self.switches)
            for vendor in (registered() if vendors is None else vendors)
        }
        for name, granted in (scopes or {}).items():
            self._restrict(name, granted)
        documented = {name: vendor.documented_limit for name, vendor in self._vendors.items()}
        self._exchange = Exchange(
            self.clock,
            self.switches,
            list(self._vendors.values()),
            limits_of(self.clock, documented, given=limits),
            arrivals_kept=arrivals_kept,
        )
        self._webhooks = Webhooks(self._vendors)
        self._inspector = Inspector(self)
        self._listener: Listener | None = None

    def __repr__(self) -> str:
        """Where it listens."""
        return f"<Sandbox {self.url if self._listener else 'not started'}>"

    async def start(self) -> Self:
        """Listen. ``async with`` does it too.

        Raises:
            ConfigurationError: The port is taken, or the sandbox runs already.
        """
        if self._listener is not None:
            raise ConfigurationError(f"the sandbox runs already, at {self.url}")
        listener = Listener(self._serve)
        try:
            await listener.open(self._port)
        except OSError as exc:
            raise ConfigurationError(f"cannot listen on port {self._port}: {exc.strerror}") from exc
        # Started again, it is found where it was.
        self._listener, self._port = listener, listener.port
        self._webhooks.open()
        return self

    async def aclose(self) -> None:
        """Drop every connection and stop; what was recorded can still be read."""
        listener, self._listener = self._listener, None
        if listener is not None:
            await self._webhooks.close()
            await listener.close()

    async def __aenter__(self) -> Self:
        """See `start`."""
        return await self.start()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """See `aclose`."""
        await self.aclose()

    @property
    def url(self) -> str:
        """Origin of every vendor: ``http://127.0.0.1:PORT``."""
        if self._listener is None:
            raise ConfigurationError(
                "the sandbox is not running", hint="Use `async with Sandbox()`"
            )
        return f"http://127.0.0.1:{self._listener.port}"

    @property
    def providers(self) -> tuple[str, ...]:
        """The registered names of the vendors it serves, sorted."""
        return tuple(sorted(self._vendors))

    def settings(self, provider: str) -> dict[str, Any]:
        """Keyword arguments for `loyalty_sdk.connect`: credentials and ``base_url``."""
        return self.vendor(provider).settings() | {"base_url": self.url}

    def vendor(self, provider: str) -> VendorSandbox:
        """The vendor's half, for what only it has.

        Raises:
            ConfigurationError: The sandbox serves no such provider.
        """
        if provider not in self._vendors:
            known = ", ".join(self.providers)
            raise ConfigurationError(
                f"the sandbox has no provider {provider!r}", hint=f"It has: {known}"
            )
        vendor = self._vendors[provider]
        vendor.ledger.settle()
        return vendor

    # What happened.

    @property
    def arrivals(self) -> list[Arrival]:
        """Every request that arrived, oldest first; clear it as you like."""
        return self._exchange.arrivals

    def balance(self, provider: str, customer_id: str) -> int:
        """Points the customer can spend; 0 for one nobody knows."""
        account = self.vendor(provider).ledger.account(customer_id)
        return account.balance if account else 0

    def ledger(self, provider: str, customer_id: str) -> list[Entry]:
        """Every change of the customer's points, oldest first; lists may show fewer."""
        ledger = self.vendor(provider).ledger
        with ledger.lock:
            account = ledger.account(customer_id)
            return list(account.entries.rows) if account else []

    def outstanding(self, provider: str) -> int:
        """How many acknowledged writes have yet to take effect; see `Switches.effect_delay`."""
        return self.vendor(provider).ledger.outstanding

    # What is to happen.

    @property
    def faults(self) -> Faults:
        """The faults in force; see `Faults.add`."""
        return self._exchange.faults

    @property
    def webhooks(self) -> Webhooks:
        """What it sends by itself, once told where to; see `Webhooks.send_to`."""
        return self._webhooks

    def reset(self, provider: str | None = None) -> None:
        """Lose every customer, row, order and activity, as a vendor's test shop may.

        Args:
            provider: Whose; everybody's unless given.
        """
        for name in self.providers if provider is None else (provider,):
            self.vendor(name).ledger.reset()

    def add_key(self, provider: str, key: str, *, scopes: Collection[str] | None = None) -> None:
        """Accept one more credential, with ``scopes`` or, unless given, all of them.

        Args:
            provider: Registered name.
            key: The key that comes with requests; of a pair the secret one, and for Basic
                credentials ``token:secret``.
            scopes: The vendor's own names.
        """
        vendor = self.vendor(provider)
        vendor.keys[key] = None if scopes is None else _known_scopes(vendor, scopes)

    def add_customer(
        self, provider: str, customer_id: str, *, email: str | None = None, points: int = 0
    ) -> Account:
        """Make a customer, with one row of ``points`` unless that is 0."""
        vendor = self.vendor(provider)
        with vendor.ledger.lock:
            account = vendor.ledger.open_account(customer_id, email=email)
            if points:
                vendor.seed(account, points)
            return account

    def add_transactions(  # noqa: PLR0913 - every one has its use
        self,
        provider: str,
        customer_id: str,
        count: int,
        *,
        points: int = 1,
        until: datetime | None = None,
        every: float = 1.0,
    ) -> None:
        """Give a customer ``count`` rows of ``points`` each; 200,000 take about a second.

        Args:
            provider: Registered name.
            customer_id: The merchant's id; made when nobody knows it.
            count: How many.
            points: Of each row.
            until: Aware; time of the newest row, now unless given.
            every: Seconds between rows.

        Raises:
            ConfigurationError: ``until`` has no time zone, or the provider is unknown.
        """
        vendor = self.vendor(provider)
        if until is not None and until.utcoffset() is None:
            raise ConfigurationError("until is an aware datetime, this one has no time zone")
        newest = whole_milliseconds(until or self.clock.now())
        step = timedelta(milliseconds=round(every * 1000))
        with vendor.ledger.lock:
            account = vendor.ledger.open_account(customer_id)
            for back in range(count - 1, -1, -1):
                vendor.seed(account, points, time=newest - back * step)

    async def _serve(self, listener: Listener, request: web.BaseRequest) -> Reply:
        if request.raw_path.startswith(PREFIX):
            return await self._inspector.serve(request)
        return await self._exchange.serve(listener, request)

    def _restrict(self, provider: str, granted: Collection[str]) -> None:
        vendor = self.vendor(provider)
        scopes = _known_scopes(vendor, granted)
        vendor.keys.update(dict.fromkeys(vendor.default_keys, scopes))


def registered() -> list[type[VendorSandbox]]:
    """The vendor halves of all installed adapters, by name.

    Raises:
        ConfigurationError: One of them cannot be imported.
    """
    return [_loaded(entry) for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name)]


def _loaded(entry: EntryPoint) -> type[VendorSandbox]:
    try:
        half: type[VendorSandbox] = entry.load()
    except Exception as exc:
        raise ConfigurationError(f"{entry.value}, sandbox of {entry.name}, is broken") from exc
    return half


def _known_scopes(vendor: VendorSandbox, scopes: Collection[str]) -> frozenset[str]:
    unknown = sorted(set(scopes) - set(vendor.scopes))
    if unknown:
        raise ConfigurationError(
            f"{vendor.name} has no scope {', '.join(unknown)}",
            hint=f"It has: {', '.join(vendor.scopes) or 'none'}",
        )
    return frozenset(scopes)
