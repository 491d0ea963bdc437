from __future__ import annotations

import asyncio
import traceback
import warnings
from base64 import b64decode, b64encode
from typing import Any

import pytest

from loyalty_sdk.errors import ConfigurationError
from loyalty_sdk_loyaltylion import LoyaltyLion


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from outside of a test."""
    for name in ("API_KEY", "SITE_ID", "BASE_URL"):
        monkeypatch.delenv(f"LOYALTYLION_{name}", raising=False)


def header(lion: LoyaltyLion) -> str:
    """The header that carries the credentials."""
    return str(asyncio.run(lion.credentials["Authorization"].header()))


def test_key_from_arguments() -> None:
    """A key becomes a Bearer token, for the vendor's host unless another is given."""
    lion = LoyaltyLion(api_key="pat_1")

    assert ["Authorization"] == list(lion.credentials)
    assert "Bearer pat_1" == header(lion)
    assert "https://api.loyaltylion.com" == lion.base_url
    assert lion.site_id is None


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that are not given come from the environment."""
    monkeypatch.setenv("LOYALTYLION_API_KEY", "pat_env")
    monkeypatch.setenv("LOYALTYLION_SITE_ID", "501")
    monkeypatch.setenv("LOYALTYLION_BASE_URL", "http://127.0.0.1:9")
    lion = LoyaltyLion()

    assert "Bearer pat_env" == header(lion)
    assert 501 == lion.site_id
    assert "http://127.0.0.1:9" == lion.base_url


def test_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument beats the environment, token and secret included."""
    monkeypatch.setenv("LOYALTYLION_API_KEY", "pat_env")
    monkeypatch.setenv("LOYALTYLION_SITE_ID", "501")

    assert "Bearer pat_1" == header(LoyaltyLion(api_key="pat_1"))
    assert 7 == LoyaltyLion(site_id=7).site_id
    with pytest.deprecated_call():
        assert header(LoyaltyLion(token="t", secret="s")).startswith("Basic ")


@pytest.mark.parametrize("name", ["reference_in_reason", "sole_writer"])
def test_statements_are_off_unless_made(name: str) -> None:
    """Both are the merchant's own; on the command line they are true or false."""
    assert getattr(LoyaltyLion(api_key="k"), name) is False
    given: dict[str, Any] = {name: True}
    assert getattr(LoyaltyLion(api_key="k", **given), name) is True
    (setting,) = (each for each in LoyaltyLion.settings if each.name == name)
    assert [True, False] == [setting.parse("true"), setting.parse("false")]


@pytest.mark.parametrize("name", ["reference_in_reason", "sole_writer"])
@pytest.mark.parametrize("value", ["true", 1, None])
def test_a_statement_is_true_or_false(name: str, value: Any) -> None:
    """Nothing else is taken for either, and the setting is named."""
    given: dict[str, Any] = {name: value}
    with pytest.raises(ConfigurationError, match=name):
        LoyaltyLion(api_key="k", **given)
    (setting,) = (each for each in LoyaltyLion.settings if each.name == name)
    with pytest.raises(ValueError, match="true or false"):
        setting.parse("yes")


def test_callable_key() -> None:
    """A callable key is asked for every header, and may be async."""
    handed_out = iter(["pat_1", "pat_2"])

    async def key() -> str:
        await asyncio.sleep(0)
        return next(handed_out)

    lion = LoyaltyLion(api_key=key)

    assert "Bearer pat_1" == header(lion)
    assert "Bearer pat_2" == header(lion)


def test_token_and_secret() -> None:
    """Token and secret are HTTP Basic, and warn the caller of the day they end."""
    with pytest.warns(DeprecationWarning, match="2027-01-10") as warned:
        lion = LoyaltyLion(token="site", secret="pass:word")

    assert [__file__] == [warning.filename for warning in warned]
    assert b"site:pass:word" == b64decode(header(lion).removeprefix("Basic "))


def test_warning_through_the_library() -> None:
    """The warning points at the first frame outside the library, however deep the call."""
    inside: dict[str, Any] = {"__name__": "loyalty_sdk._client", "LoyaltyLion": LoyaltyLion}
    exec("def connect(**settings): return LoyaltyLion(**settings)", inside)  # noqa: S102 - a frame
    with pytest.warns(DeprecationWarning, match="token and secret") as warned:
        inside["connect"](token="t", secret="s")

    assert [__file__] == [warning.filename for warning in warned]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "api_key is missing.*LOYALTYLION_API_KEY"),
        ({"api_key": ""}, "api_key"),
        ({"api_key": "pat_1\n"}, "api_key"),
        ({"api_key": "päd"}, "api_key"),
        ({"api_key": 5}, "api_key"),
        ({"api_key": "k", "token": "t", "secret": "s"}, "api_key excludes token and secret"),
        ({"api_key": "k", "secret": "s"}, "api_key excludes token and secret"),
        ({"token": "t"}, "secret must be"),
        ({"secret": "s"}, "token must be"),
        ({"token": "", "secret": "s"}, "token must be"),
        ({"token": "a:b", "secret": "s"}, "token must not contain a colon"),
        ({"api_key": "k", "site_id": "12a"}, "site_id.*LOYALTYLION_SITE_ID"),
        ({"api_key": "k", "site_id": 0}, "site_id"),
        ({"api_key": "k", "site_id": True}, "site_id"),
        ({"api_key": "k", "site_id": "9" * 5000}, "site_id"),
        ({"api_key": "k", "site_id": 1.0}, "site_id"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], named: str) -> None:
    """A missing, contradictory or impossible setting is refused by name."""
    with pytest.raises(ConfigurationError, match=named):
        LoyaltyLion(**settings)


def test_no_secret_shows() -> None:
    """Neither the adapter nor its credentials show a key; the site may be seen."""
    with pytest.deprecated_call():
        basic = LoyaltyLion(token="tok_hidden", secret="hidden", site_id=4)

    assert "LoyaltyLion(base_url='https://api.loyaltylion.com', site_id=4)" == repr(basic)
    for lion in (basic, LoyaltyLion(api_key="pat_hidden")):
        shown = repr(vars(lion))
        assert "hidden" not in shown
        assert "dG9r" not in shown, "the token in base64"


def test_declared_settings() -> None:
    """`connect` knows every argument of the class, and which ones must never be shown."""
    declared = {setting.name: setting for setting in LoyaltyLion.settings}
    arguments = LoyaltyLion.__init__.__annotations__.keys() - {"return"}

    assert arguments == declared.keys()
    assert {"api_key", "token", "secret"} == {n for n, s in declared.items() if s.secret}


TOKEN, SECRET = "tok_hidden", "sec_hidden"


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": "pat_hidden", "site_id": "12a"},
        {"api_key": "pat_hidden\n"},
        {"api_key": "pat_hidden", "token": TOKEN, "secret": SECRET},
        {"token": TOKEN},
        {"token": f"{TOKEN}:", "secret": SECRET},
        {"token": TOKEN, "secret": f"{SECRET}é"},
        {"token": TOKEN, "secret": SECRET},
    ],
)
def test_no_secret_in_a_traceback(settings: dict[str, Any]) -> None:
    """Wherever the settings are refused, a traceback with locals shows the adapter, no key."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((ConfigurationError, DeprecationWarning)) as caught:
            LoyaltyLion(**settings)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = "".join(str(frame.locals) for frame in shown.stack if frame.filename != __file__)

    assert "LoyaltyLion(base_url='https://api.loyaltylion.com', site_id=None)" in ours
    assert "'***'" in ours.replace('"', "'")
    assert "hidden" not in ours
    assert b64encode(TOKEN.encode()).decode()[:8] not in ours
    assert "hidden" not in str(caught.value)


def test_no_key_of_the_environment_in_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that the environment holds does not show itself either."""
    monkeypatch.setenv("LOYALTYLION_API_KEY", "pat_hidden\n")
    with pytest.raises(ConfigurationError, match="api_key must be printable") as caught:
        LoyaltyLion()
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)

    assert [] == [frame.name for frame in shown.stack if "pat_hidden" in str(frame.locals)]
