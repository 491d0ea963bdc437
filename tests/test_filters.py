"""The neutral filters: windows and kinds, checked again here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk import Transaction, TransactionKind
from loyalty_sdk._filters import keeper, transaction_filters

moments = st.datetimes(
    datetime(2025, 1, 1), datetime(2025, 1, 3), timezones=st.sampled_from([UTC, timezone(timedelta(hours=5))])  # noqa: DTZ001 - hypothesis wants naive bounds
)


def row(created_at: datetime, kind: TransactionKind = TransactionKind.EARNED) -> Transaction:
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
