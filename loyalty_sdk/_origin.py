"""Where a client may send its credentials: one host, over TLS."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from ._secrets import masked
from .errors import ConfigurationError

_WANTED = "wanted an origin like https://api.example.com"


def check_origin(base_url: object, *, allow_http: bool = False) -> str:
    """``base_url`` as scheme, host and port, without a trailing slash.

    Args:
        base_url: What the provider was given.
        allow_http: Whether plain http may leave this machine. It carries the key readably.

    Raises:
        ConfigurationError: It is no origin, or plain http to another machine.
    """
    base_url = masked(base_url)  # it may hold a password, which a traceback would show
    if not isinstance(base_url, str):
        raise ConfigurationError(f"base_url: {_WANTED}, got {type(base_url).__name__}")
    try:
        url = urlsplit(base_url)
        host, _ = url.hostname, url.port
    except ValueError as exc:
        raise ConfigurationError(f"base_url: {_WANTED}") from exc
    if not base_url.isascii() or not base_url.isprintable() or " " in base_url:
        raise ConfigurationError(f"base_url: {_WANTED}, got blanks or special characters")
    if url.scheme not in {"http", "https"} or not host:
        raise ConfigurationError(f"base_url: {_WANTED}")
    if url.path not in {"", "/"} or url.query or url.fragment or "@" in url.netloc:
        raise ConfigurationError(f"base_url: {_WANTED}: no path, query or user name")
    if url.scheme == "http" and not allow_http and not _is_loopback(host):
        raise ConfigurationError(
            "base_url: plain http would show the credentials to the network",
            hint="Use https, or say allow_http=True",
        )
    return f"{url.scheme}://{url.netloc}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
