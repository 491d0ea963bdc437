"""What an adapter says of itself, and what each of its requests must be."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from loyalty_sdk._flow import Safety
from loyalty_sdk._origin import check_origin
from loyalty_sdk._provider import OPERATIONS, Credential, Setting
from loyalty_sdk.errors import UnsupportedOperationError, ValidationError

from ._recording import HOSTILE_IDS, recorded
from ._requests import badly_written_numbers, content, malformed, replaced
from ._subject import PLAIN_ID, WRITES, Flows, Subject, refusal_of, report

if TYPE_CHECKING:
    import pytest

_NAIVE = datetime(2026, 5, 1)  # noqa: DTZ001 - naive on purpose
_BAD_IDS = ("", ".", "..", "a\nb", "\x00", "\ud800")
_WRONG_FILTERS: dict[str, tuple[Any, ...]] = {
    "no_such_filter": ("x", 0),
    "page_size": (0, -1, 10**9, True, "5", 2.5),
}
_WRONG_TRANSACTION_FILTERS: dict[str, tuple[Any, ...]] = {
    "customer_id": (*_BAD_IDS, 5),
    "created_from": (_NAIVE, "2026-05-01", 5),
    "created_until": (_NAIVE, "2026-05-01", 5),
}


class RequestRules(Subject):
    """Rules about what an adapter says of itself and what it sends."""

    def test_provider_describes_itself(self) -> None:
        """Name, title, settings, origin and credentials are what `connect` relies on."""
        kind, provider = self.provider_class(), self.provider()

        assert self.name == kind.name, "the class has another name than its entry point"
        assert kind.title, "title is empty"
        assert all(isinstance(setting, Setting) for setting in kind.settings)
        assert "base_url" in {setting.name for setting in kind.settings}, "no setting base_url"
        assert check_origin(provider.base_url)
        assert provider.credentials, "there are no credentials"
        assert all(isinstance(value, Credential) for value in provider.credentials.values())

    def test_requests_are_well_formed(self) -> None:
        """Method, path, query and body are what HTTP can carry, and arrive as they were sent."""
        report(
            f"{name}: {wrong}" for name, sent in recorded(self).every() for wrong in malformed(sent)
        )

    def test_ids_arrive_as_themselves(self) -> None:
        """Whatever an id holds, it stands where a plain id would stand, unharmed."""
        recording = recorded(self)
        report(
            f"{flow}: the id {an_id!r} does not arrive as itself"
            for flow, plain in recording.plain.items()
            for an_id in HOSTILE_IDS
            if [content(sent.request) for sent in recording.sent[an_id][flow]]
            != [replaced(content(sent.request), PLAIN_ID, an_id) for sent in plain]
        )

    def test_bad_ids_are_refused(self) -> None:
        """Ids that URLs swallow, or nobody can read, are refused before anything is sent."""
        report(
            f"{flow}: takes {bad!r} for an id"
            for flow, plain in recorded(self).plain.items()
            if any(PLAIN_ID in str(content(sent.request)) for sent in plain)
            for bad in _BAD_IDS
            if not isinstance(refusal_of(self._flows(bad)[flow]), ValidationError)
        )

    def test_safety_is_set(self) -> None:
        """Reads are SAFE, and an operation that writes makes exactly one write."""
        for flow, sent in recorded(self).plain.items():
            writes = [each.request for each in sent if each.request.safety is not Safety.SAFE]
            assert all(request.method != "GET" for request in writes), f"{flow}: a GET writes"
            if flow in (*self.lists, "whoami"):
                assert not writes, f"{flow}: a read is not SAFE"
            elif flow in WRITES:
                assert len(writes) == 1, f"{flow}: makes {len(writes)} writes"

    def test_writes_carry_their_reference(self) -> None:
        """What a write is known by stands in its request: an id, or the caller's reference."""
        report(
            f"{flow}: a write's reference is {sent.request.reference!r}, not {PLAIN_ID!r}"
            for flow, group in recorded(self).plain.items()
            for sent in group
            if flow in WRITES and sent.request.safety is not Safety.SAFE
            if sent.request.reference != PLAIN_ID
        )

    def test_money_keeps_every_digit(self) -> None:
        """Money is written as the digits it was given in: no float, no exponent."""
        order = self.order()
        codes = [code.amount for code in order.discount_codes]
        amounts = {f"{amount:f}" for amount in (order.total, order.total_shipping, *codes)}
        amounts.add(f"{order.total_paid:f}")
        report(
            f"{flow}: {number} is not how money is written"
            for flow, group in recorded(self).plain.items()
            for sent in group
            for number in badly_written_numbers(sent.request, amounts)
        )

    def test_wrong_filters_are_refused(self) -> None:
        """A filter that is unknown or out of range is named before anything is sent."""
        report(
            f"{name}: takes {path}={value!r}"
            for name in self.lists
            for path, values in self._wrong_filters(name).items()
            for value in values
            if path not in self._complaints(name, {path: value})
        )

    def test_unsupported_operations_say_so(self) -> None:
        """What a provider cannot do is refused by name, with a hint what to do instead."""
        provider = self.provider()
        flows = self.neutral_flows(provider, supported=False)
        for operation in OPERATIONS:
            error = refusal_of(flows[operation]) if operation in flows else None
            refused = isinstance(error, UnsupportedOperationError)
            assert refused is (operation in flows), f"{operation}: supports() says another thing"
            assert error is None or error.hint, f"{operation}: the refusal has no hint"

    def test_flows_do_no_io(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A flow gets to its first request without a socket, a file or an event loop."""

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("a flow does I/O")

        flows = self._flows(PLAIN_ID)
        with monkeypatch.context() as patch:
            for name in ("socket.socket", "builtins.open", "asyncio.get_running_loop"):
                patch.setattr(name, refuse)
            for start in flows.values():
                refusal_of(start)

    def _flows(self, an_id: str) -> Flows:
        return self.every_flow(self.provider(), an_id)

    def _wrong_filters(self, name: str) -> dict[str, tuple[Any, ...]]:
        more = _WRONG_TRANSACTION_FILTERS if name == "list_transactions" else {}
        return {**_WRONG_FILTERS, **more}

    def _complaints(self, name: str, filters: dict[str, Any]) -> set[str]:
        """The paths that are complained about."""
        error = refusal_of(self.list_flow(self.provider(), name, filters))
        return {problem.path for problem in getattr(error, "problems", ())}
