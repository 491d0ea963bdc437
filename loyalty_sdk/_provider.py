"""What an adapter is: settings, credentials, and flows."""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import attrs

from . import _checks
from ._secrets import SecretStr, masked
from .errors import ConfigurationError, UnsupportedOperationError

if TYPE_CHECKING:
    from ._flow import Flow, Response
    from ._look import Sight, Trace, Window
    from ._models import Activity, Identity, Order, Page, PointsAdjustment, Transaction
    from .webhooks import WebhookFormat

OPERATIONS = ("track_activity", "create_order", "list_transactions", "adjust_points")
"""The neutral operations, in the order every table shows them."""

Key = str | Callable[[], str | Awaitable[str]]
"""A credential, or what hands one out; a callable may be async and is asked before every try."""


@attrs.frozen
class Setting:
    """One setting of a provider, as `connect` and the command line know it.

    Attributes:
        name: Keyword argument of the provider's class.
        env: Environment variable read when the setting is not given.
        secret: Whether its value must never be shown.
        help: What it is, in a few words.
        parse: Makes the value of a text, for the command line; raises ValueError with what
            it wanted.
        keyed: Whether the setting is a mapping: the command line takes ``name.key=text``
            and parses each text.
    """

    name: str
    env: str | None = None
    secret: bool = False
    help: str = ""
    parse: Callable[[str], Any] = str
    keyed: bool = False


@attrs.frozen
class Credential:
    """A header's value, made of a key when it is needed.

    Attributes:
        key: What stands in the header, or hands it out.
        prefix: What stands before it.
        parts: The secrets that ``key`` was made of, where it does not show them as they are.
    """

    key: Key = attrs.field(repr=False, converter=masked)
    prefix: str = ""
    parts: tuple[str, ...] = attrs.field(default=(), repr=False)

    @property
    def fixed(self) -> SecretStr | None:
        """The value, if it is the same for every try."""
        if callable(self.key):
            return None
        check_printable("a key", self.key)
        return SecretStr(self.prefix + self.key)

    async def header(self) -> SecretStr:
        """The value for one try."""
        key: Any = self.key
        if callable(key):
            key = key()
            key = masked(await key if inspect.isawaitable(key) else key)
        check_printable("a key", key)
        return SecretStr(self.prefix + key)


@attrs.frozen(kw_only=True)
class Refusal:
    """What a vendor says about a request it did not fulfil.

    Attributes:
        message: The vendor's words, if any.
        code: The vendor's machine-readable code, if any.
        details: The vendor's details by field.
        status: A status inside the body that differs from HTTP's, if any.
    """

    message: str | None = None
    code: str | None = None
    details: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    status: int | None = None


class Provider:
    """One vendor's API as flows.

    Every operation is unsupported until a subclass overrides it, so an adapter's file holds
    only what works. Flows do no I/O; the client drives them.

    Attributes:
        name: The registered name.
        title: The vendor's name as people write it.
        settings: What the class's constructor takes.
        limitations: Remarks for the capability matrix, by operation.
        scopes: What credentials need for each operation, looking for a lost write included;
            empty where the vendor has no scopes.
        unmarked_hint: How to make points carry their reference, where that is a setting.
        rate: Requests a second that the vendor documents; None where it documents none, and
            then the client finds out how many it takes.
        lists_program: Whether `list_transactions` without a customer lists everybody's rows,
            between any ``created_from`` and ``created_until``; its rows' ids are then unique
            in the program.
        largest_page: The greatest ``page_size`` of `list_transactions`; None where nobody says.
        sole_writer: Whether the merchant states that nobody else adjusts points, so that a
            row without a reference can be told from a stranger's.
        base_url: Origin of the API, scheme and host and port only.
        credentials: Header names and what goes into them.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    settings: ClassVar[tuple[Setting, ...]] = ()
    limitations: ClassVar[Mapping[str, str]] = {}
    scopes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    unmarked_hint: ClassVar[str | None] = None
    lists_program: ClassVar[bool] = False
    largest_page: ClassVar[int | None] = None

    rate: int | None = None
    sole_writer: bool = False
    base_url: str
    credentials: Mapping[str, Credential]

    def track_activity(self, activity: Activity, /) -> Flow[Transaction | None]:
        """Report that a shopper did something. Returns the row the vendor sent back, if any."""
        self._unsupported("track_activity")

    def create_order(self, order: Order, /) -> Flow[Transaction | None]:
        """Report a purchase. Returns the row the vendor sent back, if any."""
        self._unsupported("create_order")

    def adjust_points(self, adjustment: PointsAdjustment, /) -> Flow[Transaction | None]:
        """Give or take points. Returns the row the vendor sent back, if any."""
        self._unsupported("adjust_points")

    def list_transactions(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[Transaction]]:
        """One page of the points history, newest first.

        Args:
            cursor: The vendor's own cursor from the page before, None for the first page.
            filters: ``customer_id``, ``created_from``, ``created_until``, ``kinds``,
                ``page_size`` and whatever else the vendor documents.

        Raises:
            ValidationError: A filter is unknown or out of range; a vendor that ignores
                unknown parameters would return everything.
        """
        self._unsupported("list_transactions")

    def list_histories(
        self, cursor: str | None, filters: Mapping[str, Any], /
    ) -> Flow[Page[Mapping[str, Any]]]:
        """One page of the customers, each as the filters by which `list_transactions` lists them.

        How an export gets at everybody's rows where ``lists_program`` is False.

        Args:
            cursor: The vendor's own cursor from the page before, None for the first page.
            filters: ``page_size``.
        """
        self._unsupported("list_histories")

    def look(self, trace: Trace, window: Window, /) -> Flow[Sight]:
        """Find out from the vendor's records what became of the write that left ``trace``.

        Only reads. Asked for writes whose `Request.trace` the adapter gave. An answer that
        was cached, or other than documented, must raise: such a look decides nothing.
        """
        self._unsupported("look")

    def whoami(self) -> Flow[Identity]:
        """Whom the credentials belong to."""
        self._unsupported("whoami")

    def supports(self, operation: str) -> bool:
        """Whether ``operation`` works, as configured."""
        mine = getattr(type(self), operation, None)
        return callable(mine) and mine is not getattr(Provider, operation, None)

    def refusal(self, response: Response, /) -> Refusal:
        """Read the vendor's words in an answer that is no success; never raises."""
        return Refusal()

    def acknowledges(self, response: Response, /) -> bool:
        """Whether a 2xx answer to a request acknowledged by its body says success."""
        return True

    @classmethod
    def webhook_format(cls) -> WebhookFormat | None:
        """How the vendor signs and words its webhooks; None where it has none.

        Asked only by who receives some: an adapter imports here what that takes.
        """
        return None

    def _unsupported(self, operation: str) -> NoReturn:
        able = ", ".join(filter(self.supports, OPERATIONS)) or "none of the neutral operations"
        raise UnsupportedOperationError(
            f"{self.title or self.name} has no {operation}",
            hint=self.limitations.get(operation, f"It has {able}"),
        )


def from_environment(value: Any, name: str) -> Any:
    """``value``, or what the environment variable ``name`` holds; None when both are missing."""
    return value if value is not None else os.environ.get(name) or None


def read_key(given: Key | None, variable: str) -> Any:
    """Like `from_environment`, of text that does not show itself."""
    # Tracebacks that print locals must not print keys.
    return masked(from_environment(given, variable))


def check_key(name: str, key: object) -> None:
    """Refuse a key that no header can hold; what a callable hands out is checked then.

    Raises:
        ConfigurationError: Names it.
    """
    if isinstance(key, str):
        check_printable(name, key)
    elif not callable(key):
        raise ConfigurationError(f"{name}: wanted text or a callable, got {_checks.kind(key)}")


def check_printable(name: str, value: object) -> None:
    """Refuse what is no text, and text that no header can hold.

    Raises:
        ConfigurationError: Names it.
    """
    if not (isinstance(value, str) and value and value.isascii() and value.isprintable()):
        raise ConfigurationError(f"{name} must be printable ASCII text and not empty")
