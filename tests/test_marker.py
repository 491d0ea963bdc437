"""The marker: a write's reference, at the head of a vendor's free text."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk import _marker
from loyalty_sdk.errors import Problem

PLAIN = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
REFERENCES = PLAIN | st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1)
TEXTS = st.text(max_size=60) | st.none()


@given(PLAIN)
def test_a_plain_reference_is_its_own_token(reference: str) -> None:
    """1 to 64 of A-Z, a-z, 0-9, dot, underscore and hyphen stand as they are."""
    assert reference == _marker.token(reference)
    assert f"[ref:{reference}] text" == _marker.mark(reference, "text")


@pytest.mark.parametrize(
    "reference", ["x" * 65, "order:A-1", "a b", "ü", "~tilde", "a]", "[ref:a]", "a\n", "Å", "A/1"]
)
def test_any_other_reference_is_hashed(reference: str) -> None:
    """A tilde, which no plain reference has, and 26 base32 characters of the SHA-256."""
    assert re.fullmatch("~[A-Z2-7]{26}", _marker.token(reference))


def test_the_hash_is_the_documented_one() -> None:
    """Other programs can compute it: SHA-256 of the UTF-8, base32, cut after 26 characters."""
    assert "~WUM6M4PRSX3PYCEFGDWKZX2NZO" == _marker.token("order:A-1")


@given(REFERENCES, TEXTS)
def test_what_was_marked_is_read(reference: str, text: str | None) -> None:
    """A marked text gives its token back."""
    assert _marker.token(reference) == _marker.read(_marker.mark(reference, text))


@given(REFERENCES, TEXTS, st.integers(0, 2))
def test_html_escaping_does_not_hide_it(reference: str, text: str | None, times: int) -> None:
    """Software in between may escape the text, once or twice."""
    field = _marker.mark(reference, text)
    for _ in range(times):
        field = html.escape(field)
    assert _marker.token(reference) == _marker.read(field)


@pytest.mark.parametrize(
    "field",
    ["&#91;ref:a-1&#93; b", "  [ref:a-1]\t b ", "[ref:a-1]\n\nb", "[ref:a-1]&nbsp;b", "[ref:a-1]"],
)
def test_what_software_does_to_blanks_and_brackets_is_undone(field: str) -> None:
    """HTML is unescaped and blanks are collapsed before the marker is looked for."""
    assert "a-1" == _marker.read(field)


@given(REFERENCES, TEXTS)
def test_collapsed_blanks_do_not_hide_it(reference: str, text: str | None) -> None:
    """A field that was trimmed and collapsed still begins with its marker."""
    field = " ".join(_marker.mark(reference, text).split())
    assert _marker.token(reference) == _marker.read(field)


@given(PLAIN, st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True), TEXTS)
def test_a_prefix_is_another_reference(reference: str, more: str, text: str | None) -> None:
    """Tokens match whole: A-1 is not found in the row of A-10, nor the other way round."""
    longer = reference + more
    assert _marker.token(reference) != _marker.read(_marker.mark(longer, text))
    assert _marker.token(longer) != _marker.read(_marker.mark(reference, text))


@given(PLAIN, TEXTS, st.integers(0, 70))
def test_a_cut_marker_is_none(reference: str, text: str | None, kept: int) -> None:
    """A field that was cut inside its marker has none, rather than another's."""
    field = _marker.mark(reference, text)
    whole = len(f"[ref:{reference}]")
    wanted = reference if kept >= whole else None
    assert wanted == _marker.read(field[:kept])


@pytest.mark.parametrize(
    "field",
    [
        None, "", "text", "text [ref:a]", "x[ref:a] text", "[ref:a]text", "[ref:] text", "[REF:a]",
        "[ref:a b] text", "[ref:~] text", "[ref:a", "[ref: a] text", "ref:a] text",
    ],
)  # fmt: skip
def test_only_the_head_of_a_field_is_a_marker(field: str | None) -> None:
    """It is first, whole, and followed by a blank or nothing."""
    assert _marker.read(field) is None


@pytest.mark.parametrize("text", [None, ""])
def test_a_marker_may_stand_alone(text: str | None) -> None:
    """Without a text there is no blank after it."""
    assert "[ref:a]" == _marker.mark("a", text)


def test_the_text_behind_a_marker_is_unaltered() -> None:
    """Its blanks are the merchant's."""
    assert "[ref:a]  two  \n" == _marker.mark("a", " two  \n")


@given(PLAIN, st.integers(0, 300))
def test_a_marked_field_has_at_most_255_characters(reference: str, length: int) -> None:
    """Longer is an error that says how long, and never cut in silence."""
    field = _marker.mark(reference, "x" * length)
    problems: list[Problem] = []
    _marker.check(problems, "reason", field)
    assert (len(field) > 255) is bool(problems)
    if problems:
        assert "reason" == problems[0].path
        assert str(len(field)) in problems[0].message
