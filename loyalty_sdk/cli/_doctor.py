"""``loyalty doctor``: what is wrong with settings and credentials, and how to mend it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from loyalty_sdk._registry import installed, load
from loyalty_sdk._settings import DEADLINE, GENERAL, RATE_LIMIT
from loyalty_sdk.errors import (
    AuthenticationError,
    ConfigurationError,
    LoyaltyError,
    MalformedResponseError,
    NotFoundError,
    PermissionDeniedError,
    PlanError,
    TransportError,
    UnsupportedOperationError,
)

from ._connection import Connection, add_options, common
from ._failures import DONE, FAILED
from ._output import complain, one_line

if TYPE_CHECKING:
    from loyalty_sdk import Identity, LoyaltyClient
    from loyalty_sdk._provider import Provider, Setting
    from loyalty_sdk._settings import General

_INDENT = "  "
_OPTIONS = {DEADLINE: "deadline", RATE_LIMIT: "rate"}
_COMMAND_LINE = click.core.ParameterSource.COMMANDLINE


@click.command()
@click.argument("provider", required=False, envvar="LOYALTY_PROVIDER")
@add_options(*common)
def doctor(provider: str | None, settings: tuple[tuple[str, str], ...], **options: Any) -> int:
    """Check settings and credentials; say what is wrong and how to mend it.

    Without PROVIDER (or LOYALTY_PROVIDER) every installed vendor is looked at, and those
    that have no credentials at all are passed over.
    """
    if provider is None and settings:
        raise click.UsageError("--set needs PROVIDER")
    _say_general()
    names = list(installed()) if provider is None else [provider]
    kinds = {name: load(name) if provider else _importable(name) for name in names}
    found = [
        kind is not None
        and _examine(kind, Connection(provider=name, settings=settings, as_json=False, **options))
        for name, kind in kinds.items()
        if provider or kind is None or _is_meant(name, kind)
    ]
    if not found:
        return complain("no vendor is set up", FAILED)
    return DONE if all(found) else FAILED


def _say_general() -> None:
    """What holds for every vendor, and why; never a secret."""
    click.echo("every vendor")
    for setting in GENERAL:
        click.echo(f"{_INDENT}{setting.name:<15} {_general(setting)}")


def _general(setting: General) -> str:
    context = click.get_current_context()
    option = _OPTIONS.get(setting, "")
    if context.get_parameter_source(option) is _COMMAND_LINE:
        return f"{_shown(context.params[option])} given by --{option}"
    try:
        value = setting.value()
    except ConfigurationError as exc:
        return _wrong(exc)
    if setting.is_set:
        return f"{'***' if setting.secret else value} from {setting.env}"
    return f"{'not set' if value is None else f'{value:g} by default'} ({setting.env})"


def _shown(given: Any) -> str:
    """A number of seconds, or a limit, as it was typed."""
    if given is False:
        return "off"
    number = given if isinstance(given, float) else getattr(given, "rate", None)
    return "adaptive" if number is None else f"{number:g}"


def _importable(name: str) -> type[Provider] | None:
    """The provider, or None after saying why it is none: it must not hide the others."""
    try:
        return load(name)
    except ConfigurationError as exc:
        click.echo(f"{name}\n{_INDENT}{_wrong(exc)}")
        return None


def _is_meant(name: str, kind: type[Provider]) -> bool:
    """Whether anybody set the vendor up, or it needs no credentials; says so if not."""
    secrets = [setting for setting in kind.settings if setting.secret]
    if not secrets or any(map(_is_set, secrets)):
        return True
    names = ", ".join(setting.env or setting.name for setting in secrets)
    click.echo(f"{name}: not set up; it reads {names}")
    return False


def _is_set(setting: Setting) -> bool:
    return bool(setting.env and os.environ.get(setting.env))


def _examine(kind: type[Provider], connection: Connection) -> bool:
    """Print what is known of one vendor, and whether all of it is right."""
    click.echo(f"{connection.provider} ({kind.title})")
    for setting in kind.settings:
        click.echo(_INDENT + _state(setting, dict(connection.settings)))
    try:
        identity = connection.run(_whoami)
        verdict = _welcome(identity)
    except UnsupportedOperationError:
        verdict = "the settings are complete; the vendor has no way to test credentials"
    except LoyaltyError as exc:
        click.echo(_INDENT + _wrong(exc))
        click.echo(_INDENT + one_line(f"mend: {_remedy(exc, kind)}"))
        return False
    else:
        lacking = _lacking(kind, identity)
        for operation, scopes in lacking.items():
            click.echo(_INDENT + click.style(f"wrong: {operation} lacks {scopes}", fg="red"))
        if lacking:
            click.echo(_INDENT + "mend: give the key these scopes; without the reading ones a")
            click.echo(_INDENT + "write that got no answer cannot be found again")
            return False
    click.echo(_INDENT + click.style(one_line(f"ok: {verdict}"), fg="green"))
    return True


def _lacking(kind: type[Provider], identity: Identity) -> dict[str, str]:
    """Operations that the key's scopes do not reach, and what they lack."""
    held = identity.scopes
    if held is None:
        return {}
    lacking = {
        operation: [scope for scope in needed if scope not in held]
        for operation, needed in kind.scopes.items()
    }
    return {operation: " and ".join(scopes) for operation, scopes in lacking.items() if scopes}


def _wrong(error: LoyaltyError) -> str:
    return click.style(one_line(f"wrong: {error.message}"), fg="red")


def _remedy(error: LoyaltyError, kind: type[Provider]) -> str:
    """What to do about ``error``, in terms of settings."""
    names = {setting.name: setting.env or setting.name for setting in kind.settings}
    secrets = [names[setting.name] for setting in kind.settings if setting.secret]
    origin = names.get("base_url", "base_url")
    if isinstance(error, AuthenticationError):
        return f"put a working key into {' or '.join(secrets)}"
    if isinstance(error, PermissionDeniedError | PlanError):
        return "give the key the missing scope, or see whether the shop's plan includes the API"
    if isinstance(error, TransportError | MalformedResponseError | NotFoundError):
        return f"see whether {origin} is the vendor's address and can be reached from here"
    return error.hint or "see what the vendor says about it"


def _state(setting: Setting, given: dict[str, str]) -> str:
    """``api_key   from ACME_API_KEY``; never the value."""
    paths = {path.partition(".")[0] for path in given}
    if setting.name in paths:
        state = "given by --set"
    elif _is_set(setting):
        state = f"from {setting.env}"
    else:
        state = f"not set ({setting.env})" if setting.env else "not set"
    return f"{setting.name:<12} {state}"


async def _whoami(client: LoyaltyClient) -> Identity:
    found: Identity = await client.run(client.provider.whoami())
    return found


def _welcome(identity: Identity) -> str:
    name = f" ({identity.name})" if identity.name else ""
    scopes = "" if identity.scopes is None else f"; scopes {', '.join(identity.scopes) or 'none'}"
    return f"the credentials belong to program {identity.program}{name}{scopes}"
