"""Where credentials may go."""

from __future__ import annotations

from typing import Any

import pytest

from loyalty_sdk import ConfigurationError
from loyalty_sdk._origin import check_origin


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com"),
        ("https://api.example.com:8443", "https://api.example.com:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://localhost", "http://localhost"),
        ("http://a.localhost", "http://a.localhost"),
    ],
)
def test_an_origin_is_kept(given: str, wanted: str) -> None:
    """Scheme, host and port, without a trailing slash; plain http to this machine only."""
    assert wanted == check_origin(given)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://user:pass@api.example.com",
        "https://api.example.com/v2",
        "https://api.example.com?x=1",
        "https://api.example.com#x",
        "https://api.example.com:port",
        "https://api.example.com:99999",
        "https://exa mple.com",
        "https://example.com\r\nX: y",
        "https://exämple.com",
        "http://[::1",
        None,
        b"https://api.example.com",
    ],
)
def test_what_is_no_origin_is_refused(given: Any) -> None:
    """One error that names the setting and never quotes it: it might hold a password."""
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        check_origin(given)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize(
    "given", ["http://api.example.com", "http://10.0.0.1", "http://localhost.example.com"]
)
def test_plain_http_stays_on_this_machine(given: str) -> None:
    """It would carry the key readably, unless somebody says so."""
    with pytest.raises(ConfigurationError, match="allow_http"):
        check_origin(given)
    assert given == check_origin(given, allow_http=True)
