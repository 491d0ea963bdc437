"""The options every operation shares, and the client they make."""

from __future__ import annotations

import asyncio
import functools
import warnings
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs
import click

import loyalty_sdk
from loyalty_sdk._registry import load
from loyalty_sdk._settings import DEADLINE, RATE_LIMIT

from ._failures import DONE
from ._output import complain
from ._values import pair, rate, unique

if TYPE_CHECKING:
    from loyalty_sdk import LoyaltyClient, RateLimit
    from loyalty_sdk._provider import Provider, Setting

T = TypeVar("T")
Command = Callable[..., Any]


@attrs.frozen(kw_only=True)
class Connection:
    """Whom to talk to and how, as the command line says.

    Attributes:
        provider: Registered name.
        settings: ``--set`` as typed, names and texts; they may be secret.
        deadline: Seconds one call may take.
        rate: Its limit, False for none; None leaves it to the environment and the vendor.
        allow_http: Whether plain http may go to other machines.
        as_json: Whether results are printed as JSON.
    """

    provider: str
    settings: tuple[tuple[str, str], ...] = attrs.field(repr=False)
    deadline: float
    rate: RateLimit | Literal[False] | None
    allow_http: bool
    as_json: bool

    def client(self, **more: Any) -> LoyaltyClient:
        """A client as the options and the environment say; a warning becomes a line.

        Args:
            **more: Further arguments of `connect`.
        """
        kind = load(self.provider)
        settings = parse_settings(self.provider, kind, self.settings)
        with warnings.catch_warnings(record=True) as issued:
            warnings.simplefilter("always")
            client = loyalty_sdk.connect(
                self.provider,
                deadline=self.deadline,
                rate_limit=self.rate,
                allow_http=self.allow_http,
                **more,
                **settings,
            )
        for warning in issued:
            complain(f"warning: {warning.message}", DONE)
        return client

    def run(self, call: Callable[[LoyaltyClient], Awaitable[T]]) -> T:
        """Make a client, await ``call`` with it and close it."""
        client = self.client()

        async def session() -> T:
            async with client:
                return await call(client)

        return asyncio.run(session())


settings_option = click.option(
    "--set",
    "settings",
    type=pair,
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the vendor; prefer the environment for keys, others can see these.",
)
rate_option = click.option(
    "--rate",
    type=rate,
    metavar="NUMBER",
    help=f"Requests a second, or off, or adaptive; {RATE_LIMIT.env} or the vendor's unless given.",
)
allow_http_option = click.option(
    "--allow-http", is_flag=True, help="Allow plain http to other machines."
)

common = (
    settings_option,
    click.option(
        "--deadline",
        type=click.FloatRange(min=0, min_open=True, max=86_400),
        envvar=DEADLINE.env,
        show_envvar=True,
        default=DEADLINE.default,
        show_default=True,
        metavar="SECONDS",
        help="How long one call may take, with all its tries.",
    ),
    rate_option,
    allow_http_option,
)
"""Options of every command that connects."""

provider_option = click.option(
    "--provider",
    envvar="LOYALTY_PROVIDER",
    show_envvar=True,
    required=True,
    metavar="NAME",
    help="The vendor; `loyalty providers` lists them.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")


def connected(command: Command) -> Command:
    """Add the options of a `Connection` and hand it to ``command`` as its first argument."""

    def with_connection(**values: Any) -> Any:
        own = {field.name: values.pop(field.name) for field in attrs.fields(Connection)}
        return command(Connection(**own), **values)

    functools.update_wrapper(with_connection, command)
    return add_options(provider_option, *common, json_option)(with_connection)


def add_options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Decorate with several options; help shows them in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def parse_settings(
    name: str, kind: type[Provider], pairs: tuple[tuple[str, str], ...]
) -> dict[str, Any]:
    """What ``--set`` says, as the provider's class takes it.

    Raises:
        click.UsageError: A name is unknown or given twice, or a text cannot be parsed.
    """
    known = {setting.name: setting for setting in kind.settings}
    found: dict[str, Any] = {}
    for path, text in unique(pairs, "--set").items():
        key = path.partition(".")[0]
        if key not in known:
            # Not quoted: it may be a key, given without the setting's name.
            raise click.UsageError(f"--set: {name} has no such setting; it has {', '.join(known)}")
        _put(found, known[key], path, text)
    return found


def _put(found: dict[str, Any], setting: Setting, path: str, text: str) -> None:
    name, _, key = path.partition(".")
    if bool(key) is not setting.keyed:
        wanted = f"{name}.KEY=VALUE" if setting.keyed else f"{name}=VALUE"
        raise click.UsageError(f"--set {name}: wanted {wanted}")
    try:
        value = setting.parse(text)
    except ValueError as exc:
        raise click.UsageError(f"--set {path}: {exc}") from None
    if setting.keyed:
        found.setdefault(name, {})[key] = value
    else:
        found[name] = value
