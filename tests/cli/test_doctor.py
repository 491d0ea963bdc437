"""The doctor says what is wrong, and what is right."""

from __future__ import annotations

import re
from typing import Any

import pytest

from loyalty_sdk._registry import installed, load
from loyalty_sdk._settings import GENERAL


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, acme: Any, server: Any) -> None:
    """The vendor's base URL leads to the scripted server, and no other vendor is set up."""
    for name in others():
        for setting in load(name).settings:
            monkeypatch.delenv(setting.env or "", raising=False)
    monkeypatch.setenv("ACME_BASE_URL", server.url)


def others() -> list[str]:
    """Every installed provider but this test's own."""
    return [name for name in installed() if name != "acme"]


async def test_good_credentials_are_ok(loyalty: Any, server: Any) -> None:
    """Each setting says where it comes from, never what it is, and whoami says whose it is."""
    server.script.append(server.http(body=b'{"program": "7", "name": "Shop", "scopes": ["read"]}'))
    ended = await loyalty("doctor", "acme", "--set=rate=3")
    assert (0, "") == (ended.code, ended.err)
    assert [
        "acme (Acme Points)",
        "  key          from ACME_KEY",
        "  base_url     from ACME_BASE_URL",
        "  rate         given by --set",
        "  rewards      not set",
        "  ok: the credentials belong to program 7 (Shop); scopes read",
    ] == ended.out.splitlines()[9:]
    assert ["/whoami"] == [arrival.target for arrival in server.arrivals]
    assert "acme-key" == server.arrivals[0].headers["x-key"]


async def test_what_holds_for_every_vendor_is_shown_with_its_origin(
    loyalty: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By option, by environment or by default; a proxy's password is never shown."""
    for setting in GENERAL:
        monkeypatch.delenv(setting.env, raising=False)
    proxy = server.url.replace("//", "//me:hidden@")
    for name, text in {"SETTLE": "90", "RATE_LIMIT": "off", "PROXY": proxy}.items():
        monkeypatch.setenv(f"LOYALTY_{name}", text)
    server.script.append(server.http(body=b'{"program": "7"}'))
    ended = await loyalty("doctor", "acme", "--deadline=3")
    assert (0, "") == (ended.code, ended.err)
    assert [
        "every vendor",
        "  deadline        3 given by --deadline",
        "  settle          90.0 from LOYALTY_SETTLE",
        "  queue_timeout   not set (LOYALTY_QUEUE_TIMEOUT)",
        "  rate_limit      off from LOYALTY_RATE_LIMIT",
        "  attempts        4 by default (LOYALTY_ATTEMPTS)",
        "  attempt_timeout 8 by default (LOYALTY_ATTEMPT_TIMEOUT)",
        "  connections     100 by default (LOYALTY_CONNECTIONS)",
        "  proxy           *** from LOYALTY_PROXY",
    ] == ended.out.splitlines()[:9]
    assert "proxy-authorization" in server.arrivals[0].headers


@pytest.mark.parametrize("given", ["20", "off", "adaptive"])
async def test_a_limit_from_the_command_line_counts(
    loyalty: Any, server: Any, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """And is said to come from there."""
    monkeypatch.setenv("LOYALTY_RATE_LIMIT", "7")
    server.script.append(server.http(body=b'{"program": "7"}'))
    ended = await loyalty("doctor", "acme", "--rate", given)
    assert f"  rate_limit      {given} given by --rate" in ended.out.splitlines()


async def test_a_deadline_from_the_environment_counts(
    loyalty: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds for the command line as for programs, and the doctor says so."""
    monkeypatch.setenv("LOYALTY_DEADLINE", "7.5")
    server.script.append(server.http(body=b'{"program": "7"}'))
    assert "deadline        7.5 from LOYALTY_DEADLINE" in (await loyalty("doctor", "acme")).out


async def test_a_wrong_general_setting_is_wrong(
    loyalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named where it stands, and no vendor can be reached with it."""
    monkeypatch.setenv("LOYALTY_SETTLE", "soon")
    ended = await loyalty("doctor", "acme")
    wrong = "wrong: LOYALTY_SETTLE: wanted a number of seconds, more than 0"
    assert (1, 2) == (ended.code, ended.out.count(wrong))
    assert "soon" not in ended.out


async def test_scopes_and_name_may_be_unknown(loyalty: Any, server: Any) -> None:
    """What the vendor does not say is left out; no scopes at all are named."""
    server.script += [
        server.http(body=b'{"program": "7"}'),
        server.http(body=b'{"program": "7", "scopes": []}'),
    ]
    assert "program 7\n" == (await loyalty("doctor", "acme")).out[-10:]
    assert "program 7; scopes none\n" in (await loyalty("doctor", "acme")).out


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "put a working key into ACME_KEY"),
        (402, "give the key the missing scope, or see whether the shop's plan includes the API"),
        (403, "give the key the missing scope, or see whether the shop's plan includes the API"),
        (404, "see whether ACME_BASE_URL is the vendor's address and can be reached from here"),
        (307, "Redirects are not followed; check base_url"),
        (400, "see what the vendor says about it"),
    ],
)
async def test_a_refusal_is_wrong_and_comes_with_a_remedy(
    status: int, remedy: str, loyalty: Any, server: Any
) -> None:
    """The vendor's words, printable, then what to do in terms of settings, and 1."""
    server.script += [server.http(status, b"bad\x1b[0m key")] * 9
    ended = await loyalty("doctor", "acme", "--deadline=4")
    assert (1, "") == (ended.code, ended.err)
    assert [f"  wrong: HTTP {status}: bad\ufffd[0m key", f"  mend: {remedy}"] == (
        ended.out.splitlines()[-2:]
    )
    assert "acme-key" not in ended.out


async def test_an_answer_that_is_no_vendors_is_wrong(loyalty: Any, server: Any) -> None:
    """A log-in page, say: the address is what to look at."""
    server.script.append(server.http(body=b"<html>"))
    ended = await loyalty("doctor", "acme")
    wrong, mend = ended.out.splitlines()[-2:]
    assert (1, "  mend: see whether ACME_BASE_URL") == (ended.code, mend[:33])
    assert wrong.startswith("  wrong: ")


async def test_a_server_that_is_not_there_is_wrong(loyalty: Any) -> None:
    """Nothing answered: the address is what to look at."""
    ended = await loyalty("doctor", "acme", "--set=base_url=http://127.0.0.1:9", "--deadline=1")
    wrong, mend = ended.out.splitlines()[-2:]
    assert (1, "", "  mend: see whether ACME_BASE_URL") == (ended.code, ended.err, mend[:33])
    assert wrong.startswith("  wrong: cannot connect")


async def test_settings_that_are_wrong_are_named(loyalty: Any) -> None:
    """A setting the client refuses is shown with the reason and the client's own hint."""
    ended = await loyalty("doctor", "acme", "--set=base_url=http://192.0.2.1")
    assert 1 == ended.code
    assert "  mend: " in ended.out
    assert "allow_http" in ended.out


async def test_a_key_that_cannot_do_everything_is_wrong(
    loyalty: Any, server: Any, acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every operation that lacks a scope is named: without reading nothing is found again."""
    needed = {"create_order": ("write", "read"), "list_transactions": ("read",)}
    monkeypatch.setattr(acme, "scopes", needed)
    server.script.append(server.http(body=b'{"program": "7", "scopes": ["write"]}'))
    ended = await loyalty("doctor", "acme")
    assert 1 == ended.code
    assert [
        "  wrong: create_order lacks read",
        "  wrong: list_transactions lacks read",
        "  mend: give the key these scopes; without the reading ones a",
        "  write that got no answer cannot be found again",
    ] == ended.out.splitlines()[-4:]


async def test_a_key_that_can_do_everything_is_right(
    loyalty: Any, server: Any, acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scopes that are there, or that the vendor does not tell, are no reason to complain."""
    monkeypatch.setattr(acme, "scopes", {"create_order": ("write",)})
    server.script += [
        server.http(body=b'{"program": "7", "scopes": ["write"]}'),
        server.http(body=b'{"program": "7"}'),
    ]
    assert [0, 0] == [(await loyalty("doctor", "acme")).code for _ in range(2)]


async def test_a_vendor_without_whoami_cannot_be_asked(
    loyalty: Any, acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then complete settings are all that can be checked, and that is said."""
    monkeypatch.delattr(acme, "whoami")
    ended = await loyalty("doctor", "acme")
    assert (0, "  ok: the settings are complete; the vendor has no way to test credentials") == (
        ended.code,
        ended.out.splitlines()[-1],
    )


async def test_without_a_name_the_others_are_passed_over(loyalty: Any, server: Any) -> None:
    """Vendors that nobody set up are no failure; it is said what they would read."""
    server.script.append(server.http(body=b'{"program": "7"}'))
    ended = await loyalty("doctor")
    assert (0, "") == (ended.code, ended.err)
    assert "acme (Acme Points)" in ended.out
    assert others() == re.findall(r"^(\w+): not set up; it reads ", ended.out, re.MULTILINE)


async def test_no_vendor_at_all_is_1(
    loyalty: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that could be checked is not health."""
    monkeypatch.delenv("ACME_KEY")
    ended = await loyalty("doctor")
    assert (1, "loyalty: no vendor is set up\n") == (ended.code, ended.err)
    assert "acme: not set up; it reads ACME_KEY\n" in ended.out
    assert [] == server.arrivals


async def test_a_vendor_without_credentials_is_always_looked_at(
    loyalty: Any, acme: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every vendor has a secret; then nothing shows that nobody means to use it."""
    monkeypatch.setattr(acme, "settings", acme.settings[1:])
    server.script.append(server.http(body=b'{"program": "7"}'))
    ended = await loyalty("doctor")
    assert 0 == ended.code
    assert "acme (Acme Points)" in ended.out


async def test_a_broken_provider_does_not_hide_the_others(
    loyalty: Any, server: Any, broken: str
) -> None:
    """One that cannot be imported is wrong; the others are looked at all the same."""
    server.script.append(server.http(body=b'{"program": "7"}'))
    ended = await loyalty("doctor")
    assert (1, "") == (ended.code, ended.err)
    assert f"{broken}\n  wrong: provider '{broken}' " in ended.out
    assert "  ok: the credentials belong to program 7" in ended.out


async def test_the_named_vendor_must_be_set_up(
    loyalty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vendor asked for, by argument or LOYALTY_PROVIDER, is never passed over."""
    monkeypatch.delenv("ACME_KEY")
    named = await loyalty("doctor", "acme")
    monkeypatch.setenv("LOYALTY_PROVIDER", "acme")
    meant = await loyalty("doctor")
    assert (1, 1) == (named.code, meant.code)
    assert named.out == meant.out
    assert "  key          not set (ACME_KEY)" in named.out.splitlines()
    assert "  wrong: " in named.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set=key=x"], "--set needs PROVIDER"),
        (["nobody"], "no provider is called 'nobody'"),
        (["acme", "--set=rate=x"], "--set rate: wanted a whole number"),
    ],
)
async def test_bad_usage_is_one_line_and_2(arguments: list[str], said: str, loyalty: Any) -> None:
    """What cannot be meant is refused like anywhere else."""
    ended = await loyalty("doctor", *arguments)
    assert (2, 1) == (ended.code, ended.err.count("\n"))
    assert said in ended.err


async def test_a_warning_is_one_line(
    loyalty: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an adapter warns of when it is made is shown, without file and source line."""
    monkeypatch.setenv("ACME_KEY", "old-key")
    server.script.append(server.http(body=b'{"program": "7"}'))
    ended = await loyalty("doctor", "acme")
    assert (0, "loyalty: warning: old keys end soon\n") == (ended.code, ended.err)
