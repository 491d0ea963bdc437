"""Option values are parsed strictly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk import DiscountCode, RateLimit
from loyalty_sdk.cli._values import amount, discount, keyed, moment, pair, rate, unique, whole

PRINTABLE = st.text(st.characters(exclude_categories=["C"]))


@given(st.decimals(min_value=0, max_value=10**12, places=4, allow_nan=False))
def test_an_amount_is_read_exactly(money: Decimal) -> None:
    """Money typed in plain digits arrives without loss."""
    assert money == amount(format(money, "f"))


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1e5", "NaN", "Infinity", "1_000", "12,50", " 1", "1.", ".5", "٣", "9" * 31],
)
def test_anything_but_plain_digits_is_no_amount(text: str) -> None:
    """What `Decimal` would accept, or guess, is refused when it is not plain money."""
    with pytest.raises(click.BadParameter, match="wanted an amount such as"):
        amount(text)


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_a_whole_number_is_read_exactly(number: int) -> None:
    """Digits with or without a sign are the number."""
    assert number == whole(str(number)) == whole(f"{number:+}")


@pytest.mark.parametrize("text", ["", "1.0", "1_000", " 1", "٣", "ten", "--1", "9" * 19])
def test_anything_else_is_no_whole_number(text: str) -> None:
    """What `int` would accept beyond plain digits is refused."""
    with pytest.raises(click.BadParameter, match="wanted a whole number"):
        whole(text)


OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=OFFSETS))  # noqa: DTZ001 - hypothesis adds the zone
def test_a_time_with_an_offset_is_that_moment(time: datetime) -> None:
    """ISO 8601 with an offset is read as the same moment, in UTC."""
    read = moment(time.isoformat())
    assert (time, UTC) == (read, read.tzinfo)


def test_z_is_utc_and_seconds_may_be_left_out() -> None:
    """The forms people type are understood."""
    wanted = datetime(2026, 5, 1, 8, 30, tzinfo=UTC)
    assert wanted == moment("2026-05-01T08:30Z")
    assert wanted == moment("2026-05-01 10:30:00+02:00")


@pytest.mark.parametrize("text", ["2026-05-01T08:30:00", "2026-05-01 08:30"])
def test_a_naive_time_is_refused_with_the_way_out(text: str) -> None:
    """A time without an offset is nobody's moment; the message says what to add."""
    with pytest.raises(click.BadParameter, match="time zone; add Z for UTC"):
        moment(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-05-01",
        "20260501T083000Z",
        "2026-13-01T00:00:00Z",
        "2026-05-01T25:00:00Z",
        "2026-W18-5T08:30:00Z",
        "2026-05-01x08:30:00Z",
        "0001-01-01T00:00:00+14:00",
        "٢026-05-01T08:30:00Z",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    """Other forms, impossible dates and moments before year 1 in UTC are refused."""
    with pytest.raises(click.BadParameter, match="wanted a time such as"):
        moment(text)


@given(PRINTABLE, st.decimals(min_value=0, max_value=10**6, places=2, allow_nan=False))
def test_a_discount_is_everything_before_the_last_equals_sign(code: str, money: Decimal) -> None:
    """A code may hold ``=`` itself; the amount cannot."""
    wanted = DiscountCode(code=code, amount=money)
    assert wanted == discount(f"{code}={money:f}")


@pytest.mark.parametrize(("text", "said"), [("CODE", "CODE=AMOUNT"), ("CODE=x", "an amount")])
def test_a_discount_needs_an_amount(text: str, said: str) -> None:
    """A code alone, or an amount that is none, is refused."""
    with pytest.raises(click.BadParameter, match=said):
        discount(text)


@given(PRINTABLE.filter(lambda text: text and "=" not in text), PRINTABLE)
def test_a_setting_is_split_at_its_first_equals_sign(name: str, value: str) -> None:
    """A value may hold ``=``, as keys do."""
    assert (name, value) == pair(f"{name}={value}")


@pytest.mark.parametrize("text", ["s3cret", "=s3cret"])
def test_a_setting_that_is_none_is_not_quoted(text: str) -> None:
    """A key given without its name must not reach a log through the message."""
    with pytest.raises(click.BadParameter) as caught:
        pair(text)
    assert "wanted NAME=VALUE" == caught.value.message


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a=1", ("a", "1")),
        ("a=", ("a", "")),
        ("a=b=c", ("a", "b=c")),
        ("a:=1", ("a", 1)),
        ('a:={"b": [true, null, 1.5]}', ("a", {"b": [True, None, 1.5]})),
    ],
)
def test_a_property_is_text_or_json(text: str, wanted: tuple[str, object]) -> None:
    """``=`` is followed by text and ``:=`` by JSON, so that any JSON value can be said."""
    assert wanted == keyed(text)


@pytest.mark.parametrize(
    "text", ["a", "=1", ":=1", "a:=", "a:=NaN", "a:=-Infinity", "a:={", "a:=" + "[" * 100_000]
)
def test_a_property_that_is_neither_is_refused(text: str) -> None:
    """No key, no value, no JSON, and numbers JSON does not have are refused."""
    with pytest.raises(click.BadParameter, match=r"wanted KEY=TEXT|is not JSON"):
        keyed(text)


def test_a_name_given_twice_is_refused() -> None:
    """Two values for one name are a mistake and not a wish for the last one."""
    assert {"a": 1, "b": 2} == unique([("a", 1), ("b", 2)], "--property")
    with pytest.raises(click.UsageError, match="--property a is given twice"):
        unique([("a", 1), ("a", 1)], "--property")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("20", RateLimit.fixed(20)), ("adaptive", RateLimit.adaptive()), ("off", False)],
)
def test_a_rate_is_a_number_or_a_word(text: str, wanted: object) -> None:
    """The same words as in the environment."""
    assert wanted == rate(text)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "fast", "", "1e3"])
def test_any_other_rate_is_refused(text: str) -> None:
    """Requests a second are counted, not guessed."""
    with pytest.raises(click.BadParameter, match="wanted a whole number of requests a second"):
        rate(text)
