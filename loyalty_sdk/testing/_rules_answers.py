"""What an adapter makes of answers, above all of those that nobody expects."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty_sdk._flow import Response
from loyalty_sdk._models import Customer, Transaction, TransactionKind
from loyalty_sdk._provider import Refusal
from loyalty_sdk.errors import LoyaltyError

from ._mutations import answers
from ._recording import recorded
from ._replay import replay
from ._subject import Subject

_OK = st.sampled_from([200, 201, 204])


class AnswerRules(Subject):
    """Rules about reading answers. The vendor's own are taken from the sandbox and damaged."""

    def test_refusal_reads_any_answer(self) -> None:
        """`Provider.refusal` never raises, and says what it read in the types it promises."""
        provider = self.provider()

        def rule(response: Response) -> None:
            check_refusal(provider.refusal(response))

        _for_all(answers(self._bodies()), rule)

    def test_acknowledges_reads_any_answer(self) -> None:
        """`Provider.acknowledges` never raises, and says yes or no."""
        provider = self.provider()

        def rule(response: Response) -> None:
            assert type(provider.acknowledges(response)) is bool

        _for_all(answers(self._bodies(), _OK), rule)

    def test_answers_raise_nothing_but_loyalty_errors(self) -> None:
        """Whatever bytes arrive, a flow ends in a result or in a `LoyaltyError`."""
        flows = self.every_flow(self.provider())
        for flow, sent in recorded(self).plain.items():
            true = [Response(status=200, body=each.answer) for each in sent]
            with suppress(LoyaltyError):
                check_result(replay(flows[flow](), true).result)

        def rule(response: Response) -> None:
            for start in flows.values():
                with suppress(LoyaltyError):
                    check_result(replay(start(), lambda _: response).result)

        _for_all(answers(self._bodies(), _OK), rule)

    def test_the_next_cursor_is_right_or_none(self) -> None:
        """`Request.next_cursor` reads the cursor of any answer that makes a page, or none."""
        provider = self.provider()
        starts = [self.list_flow(provider, name, {}) for name in self.lists]

        def rule(response: Response) -> None:
            for start in starts:
                read = next(start()).next_cursor
                with suppress(LoyaltyError):
                    alone = read and read(response)
                    page = replay(start(), [response]).result
                    assert alone in {None, page.cursor}, "a cursor that is not the page's"

        _for_all(answers(self._bodies(), _OK), rule)

    def test_failures_pass_through_flows(self) -> None:
        """A failure that is thrown into a flow comes out as itself, or as a `LoyaltyError`."""
        for start in self.every_flow(self.provider()).values():
            with pytest.raises(LoyaltyError):
                replay(start(), lambda _: LoyaltyError("no answer"))

    def _bodies(self) -> list[bytes]:
        """Every answer of the sandbox, and its errors."""
        vendor = self.sandbox().vendor(self.name)
        errors = [
            vendor.error(404, "Not found", code="NOT_FOUND"),
            vendor.error(422, "Invalid", details={"total": "is missing"}),
            vendor.rate_limited(),
            vendor.unsuccessful(),
        ]
        said = [sent.answer for group in recorded(self).plain.values() for sent in group]
        return [*said, *(error.body for error in errors if error is not None)]


def _for_all(responses: st.SearchStrategy[Response], rule: Callable[[Response], None]) -> None:
    """Try ``rule`` on many of ``responses``."""
    patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    patient(given(responses)(rule))()


def check_refusal(refusal: object) -> None:
    """A refusal holds the types it promises, and pickles."""
    assert isinstance(refusal, Refusal)
    assert isinstance(refusal.message, str | None)
    assert isinstance(refusal.code, str | None)
    assert isinstance(refusal.details, Mapping)
    assert isinstance(refusal.status, int | None)
    assert pickle.dumps(refusal)


def check_result(result: Any) -> None:
    """The rows that came out of a flow hold the types they promise."""
    rows: Any = getattr(result, "items", (result,))
    for row in rows:
        if isinstance(row, Transaction):
            check_row(row)


def check_row(row: Transaction) -> None:
    """A row holds the types it promises, never something close, and is a value."""
    assert type(row.id) is str
    assert row.id
    assert row.customer is None or is_customer(row.customer)
    assert type(row.points) is type(row.pending) is int
    assert row.balance is None or type(row.balance) is int
    assert type(row.kind) is TransactionKind
    assert row.created_at.utcoffset() is not None
    assert isinstance(row.reason, str | None)
    assert isinstance(row.order_id, str | None)
    assert isinstance(row.raw, Mapping)
    arrived = pickle.loads(pickle.dumps(row))  # noqa: S301 - made on this line
    assert arrived == row
    assert hash(arrived) == hash(row)
    assert arrived.raw == row.raw


def is_customer(customer: object) -> bool:
    """Whether it is a `Customer` with an id."""
    return isinstance(customer, Customer) and type(customer.id) is str and bool(customer.id)
