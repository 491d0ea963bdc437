"""What an adapter makes of answers, above all of those that nobody expects."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty_sdk._flow import Flow, Response
from loyalty_sdk._models import Customer, Page, Transaction, TransactionKind
from loyalty_sdk._provider import Provider, Refusal
from loyalty_sdk.errors import LoyaltyError

from ._mutations import answers
from ._recording import recorded
from ._replay import replay
from ._subject import Subject

_RULE = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
_OK = st.sampled_from([200, 201, 204])


class AnswerRules(Subject):
    """Rules about reading answers. The vendor's own are taken from the sandbox and damaged."""

    def test_refusal_reads_any_answer(self) -> None:
        """`Provider.refusal` never raises, and says what it read in the types it promises."""
        provider = self.provider()

        @_RULE
        @given(answers(self._bodies()))
        def rule(response: Response) -> None:
            refusal = provider.refusal(response)

            assert isinstance(refusal, Refusal)
            assert isinstance(refusal.message, str | None)
            assert isinstance(refusal.code, str | None)
            assert isinstance(refusal.details, Mapping)
            assert isinstance(refusal.status, int | None)
            assert pickle.dumps(refusal)

        rule()

    def test_acknowledges_reads_any_answer(self) -> None:
        """`Provider.acknowledges` never raises, and says yes or no."""
        provider = self.provider()

        @_RULE
        @given(answers(self._bodies(), _OK))
        def rule(response: Response) -> None:
            assert isinstance(provider.acknowledges(response), bool)

        rule()

    def test_answers_raise_nothing_but_loyalty_errors(self) -> None:
        """Whatever bytes arrive, a flow ends in a result or in a `LoyaltyError`."""
        flows = self.every_flow(self.provider())

        @_RULE
        @given(st.sampled_from(sorted(flows)), answers(self._bodies(), _OK))
        def rule(name: str, response: Response) -> None:
            with suppress(LoyaltyError):
                check_result(replay(flows[name](), lambda _: response).result)

        rule()

    def test_failures_pass_through_flows(self) -> None:
        """A failure that is thrown into a flow comes out as itself, or as a `LoyaltyError`."""
        for name, start in self.every_flow(self.provider()).items():
            failure = LoyaltyError("no answer")
            try:
                replay(start(), lambda _, failure=failure: failure)
            except LoyaltyError:
                continue
            raise AssertionError(f"{name}: swallows a failure")

    def _bodies(self) -> list[bytes]:
        """Every answer of the sandbox, and its errors."""
        vendor = self.sandbox().vendor(self.name)
        errors = [
            vendor.error(404, "Not found", code="NOT_FOUND"),
            vendor.error(422, "Invalid", details={"total": "is missing"}),
            vendor.rate_limited(),
            vendor.unsuccessful(),
        ]
        said = [sent.answer for group in recorded(type(self)).plain.values() for sent in group]
        return [*said, *(error.body for error in errors if error is not None)]
