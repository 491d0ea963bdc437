"""LoyaltyLion's settings: what is given or stands in the environment, checked."""

from __future__ import annotations

import inspect
import re
import warnings
from base64 import b64encode
from typing import Any

from loyalty_sdk import _checks
from loyalty_sdk._provider import Credential, check_key, check_printable, read_key
from loyalty_sdk.errors import ConfigurationError


def read_site(given: object) -> int | None:
    """The site's id, as a number or as text.

    Raises:
        ConfigurationError: It is neither.
    """
    if given is None:
        return None
    if isinstance(given, int | str) and re.fullmatch("[1-9][0-9]{0,17}", str(given)):
        return int(given)
    raise ConfigurationError("site_id (LOYALTYLION_SITE_ID) must be a whole number from 1 on")


def credential(api_key: Any, token: Any, secret: Any) -> Credential:
    """What the header is made of: a key, or a token and a secret, as `LoyaltyLion` takes them.

    Raises:
        ConfigurationError: None is there, both kinds are, or one that no header can hold.
    """
    if token is not None or secret is not None:
        if api_key is not None:
            raise ConfigurationError("api_key excludes token and secret: give one kind")
        return _basic(token, secret)
    key = read_key(api_key, "LOYALTYLION_API_KEY")
    if key is None:
        raise ConfigurationError(
            "api_key is missing",
            hint="Give it or set LOYALTYLION_API_KEY; keys are made under Manage > API keys",
        )
    check_key("api_key", key)
    return Credential(key, prefix="Bearer ")


def _basic(token: Any, secret: Any) -> Credential:
    check_printable("token", token)
    check_printable("secret", secret)
    if ":" in token:  # it ends the user name: https://www.rfc-editor.org/rfc/rfc7617
        raise ConfigurationError("token must not contain a colon")
    warnings.warn(
        "LoyaltyLion ends token and secret on 2027-01-10: make an API key under"
        " Manage > API keys and give api_key instead",
        DeprecationWarning,
        stacklevel=_stacklevel(),
    )
    key = b64encode(f"{token}:{secret}".encode()).decode()
    return Credential(key, prefix="Basic ", parts=(token, secret))


def _stacklevel() -> int:
    """Of our caller's warning: the first frame that is not this library's."""
    ours = {"loyalty_sdk", __name__.partition(".")[0]}
    frame, level = inspect.currentframe(), 0
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in ours:
        frame, level = frame.f_back, level + 1
    return level


def check_flag(name: str, given: object) -> bool:
    """``given``, which has to be True or False.

    Raises:
        ConfigurationError: It is something else; ``name`` is named.
    """
    if isinstance(given, bool):
        return given
    raise ConfigurationError(f"{name} must be True or False, got {_checks.kind(given)}")


def parse_flag(text: str) -> bool:
    """``true`` or ``false``, as the command line has them.

    Raises:
        ValueError: It is something else.
    """
    if text in {"true", "false"}:
        return text == "true"
    raise ValueError("true or false")
