"""The neutral filters: windows and kinds, checked again here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk import Problem, Transaction, TransactionKind, _checks
from loyalty_sdk._filters import (
    Filter,
    given_filters,
    keeper,
    parameters,
    transaction_filters,
)

moments = st.datetimes(
    datetime(2025, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2025, 1, 3),  # noqa: DTZ001 - the same
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5))]),
)


def row(created_at: datetime, kind: TransactionKind = TransactionKind.EARNED) -> Transaction:
    """A row with nothing but a time and a kind."""
    return Transaction(
        id="1", customer=None, points=1, pending=0, balance=None, kind=kind, created_at=created_at
    )


@given(moments, moments, moments)
def test_a_window_has_its_start_and_not_its_end(
    start: datetime, end: datetime, created_at: datetime
) -> None:
    """[created_from, created_until), whatever the zones."""
    keep = keeper(transaction_filters(None, start, end, None, None))
    assert keep is not None
    assert (start <= created_at < end) == keep(row(created_at))


@given(st.sets(st.sampled_from(TransactionKind), min_size=1), st.sampled_from(TransactionKind))
def test_only_the_kinds_asked_for_are_kept(
    kinds: set[TransactionKind], kind: TransactionKind
) -> None:
    """Kinds may be given as members or as text."""
    for given_kinds in (kinds, {member.value for member in kinds}):
        keep = keeper(transaction_filters(None, None, None, given_kinds, None))
        assert keep is not None
        assert (kind in kinds) == keep(row(datetime.now(UTC), kind))


def test_without_filters_every_row_is_kept() -> None:
    """No predicate at all is the fastest one."""
    assert keeper(transaction_filters("1", None, None, None, 5)) is None


KNOWN = {
    "customer_id": Filter(None, _checks.identifier),
    "kinds": Filter("type", _checks.text, lambda kind: None if kind == "other" else kind.upper()),
    "type": Filter("type", _checks.text),
    "page_size": Filter("limit", _checks.between(1, 5)),
}


def test_filters_are_checked_by_name() -> None:
    """Unknown names and bad values are problems; what is None counts as not given."""
    problems: list[Problem] = []
    given_filters(problems, {"page_size": 6, "limit": 1, "kinds": None, "typ": None}, KNOWN)

    assert [
        Problem("page_size", "must be between 1 and 5"),
        Problem("limit", "is no filter of this list; it has customer_id, kinds, type, page_size"),
    ] == problems


def test_filters_that_pass_are_given() -> None:
    """What was given comes back without what is None, false values included."""
    problems: list[Problem] = []

    assert {"type": "", "page_size": 1} == given_filters(
        problems, {"kinds": None, "type": "", "page_size": 1}, KNOWN
    )
    assert [] == problems


def test_parameters_have_the_vendors_names() -> None:
    """A filter goes out converted, under the vendor's name, if it has one there."""
    assert {"type": "EARNED", "limit": 2} == parameters(
        {"page_size": 2, "customer_id": "1", "kinds": "earned"}, KNOWN
    )
    assert {} == parameters({"kinds": "other"}, KNOWN)


def test_the_later_known_of_two_filters_wins() -> None:
    """Of two filters for one parameter the one that is known later wins, however given."""
    assert {"type": "exact"} == parameters({"type": "exact", "kinds": "earned"}, KNOWN)
