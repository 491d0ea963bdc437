"""Which proxy stands between here and a host."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from loyalty_sdk._secrets import masked
from loyalty_sdk.errors import ConfigurationError


def check_proxy(proxy: Any) -> str | None:
    """``proxy`` as given.

    Raises:
        ConfigurationError: It is no URL of an HTTP proxy.
    """
    if proxy is None:
        return None
    if isinstance(proxy, str) and re.fullmatch(r"https?://[^/\s]+/?", proxy):
        return proxy
    raise ConfigurationError("SessionPool: proxy must be a URL like http://proxy.example.com:3128")


def proxy_from_environment(origin: str) -> str | None:
    """Not left to aiohttp, which would read ``.netrc`` along with it."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - it takes long

    parts = urlsplit(origin)
    if proxy_bypass(parts.netloc):
        return None
    proxy: str | None = masked(getproxies().get(parts.scheme))
    return proxy
