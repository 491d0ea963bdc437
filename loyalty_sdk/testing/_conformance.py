"""The suite that an adapter's author subclasses."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from ._rules_answers import AnswerRules
from ._rules_reads import ReadRules
from ._rules_requests import RequestRules
from ._rules_webhooks import WebhookRules
from ._rules_writes import WriteRules

if TYPE_CHECKING:
    from collections.abc import Mapping


class ProviderConformance(RequestRules, AnswerRules, WriteRules, ReadRules, WebhookRules):
    """Every rule that an adapter has to keep, as pytest tests. It needs hypothesis.

    Subclass it in a test file of your own and name your provider::

        from loyalty_sdk.testing import ProviderConformance

        class TestAcme(ProviderConformance):
            name = "acme"

    The adapter and its half of the sandbox are found through their entry points, groups
    ``loyalty_sdk.providers`` and ``loyalty_sdk.sandboxes``. Operations that the provider does
    not support have to be refused, and are left alone otherwise.

    Attributes:
        name: The registered name.
        settings: What else the provider's class takes, beside the sandbox's credentials;
            its half's ``demo_settings()`` unless given.
        activity_name: An activity that the provider knows as configured, ``review``.
        lists: Every method that is a list operation, ``(cursor, filters) -> Page``.
        page_size: Rows to ask for at once; small, but allowed.
        exempt: Rules that cannot hold, by name, each with its reason:
            ``{"test_whoami_names_the_program": "the vendor has no ids"}``. Such a rule is
            expected to fail, and is an error once it passes.

    Override `flows` to have the flows checked that only your provider has, and `activity`,
    `order` and `adjustment` where your vendor wants more than they hold.
    """

    exempt: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(autouse=True)
    def _expect_exempted_rules_to_fail(self, request: pytest.FixtureRequest) -> None:
        reason = self.exempt.get(getattr(request.node, "originalname", request.node.name))
        if reason is not None:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    def test_exemptions_have_reasons(self) -> None:
        """What is exempt is a rule, and the reason is given."""
        for rule, reason in self.exempt.items():
            assert rule.startswith("test_"), f"{rule} is no rule"
            assert hasattr(self, rule), f"there is no rule {rule}"
            assert reason.strip(), f"{rule}: the reason is missing"
