"""The pytest plugin: the fixture ``loyalty_sandbox``.

pytest loads it in every run of everybody who has this distribution, so it imports next to
nothing until a test asks for the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loyalty_sdk.sandbox import Sandbox

MARKER = "loyalty_sandbox"


def pytest_configure(config: Any) -> None:
    """Make the marker known, for ``--strict-markers``."""
    config.addinivalue_line(
        "markers", f"{MARKER}(**options): how the fixture {MARKER} behaves; see `Sandbox`"
    )


@pytest.fixture
def loyalty_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A `loyalty_sdk.sandbox.Sandbox` of the test's own, running on loopback.

    It runs in a thread with an event loop of its own, so that it serves tests with and
    without asyncio alike, and code that blocks. It starts empty, with no rate limits.

    Example::

        async def test_refund(loyalty_sandbox):
            settings = loyalty_sandbox.settings("joy")
            async with loyalty_sdk.connect("joy", **settings) as client:
                ...
            assert -20 == loyalty_sandbox.balance("joy", "1001")

    The marker of the same name sets what `Sandbox` takes, the closest one to the test first::

        @pytest.mark.loyalty_sandbox(limits=True, below_zero="refuse")
    """
    from loyalty_sdk.sandbox import Sandbox  # noqa: PLC0415 - it imports aiohttp

    from ._thread import served  # noqa: PLC0415 - as above

    options: dict[str, Any] = {}
    for marker in request.node.iter_markers(MARKER):
        options = {**marker.kwargs, **options}
    with served(Sandbox(**options)) as sandbox:
        yield sandbox
