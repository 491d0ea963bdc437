"""The exception tree: as drawn, picklable, and saying what to do next."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from loyalty_sdk import Customer, Outcome, Receipt, Transaction, TransactionKind, errors
from loyalty_sdk.errors import APIError, LoyaltyError, Problem, ValidationError, error_for_status

ROW = Transaction(
    id="7",
    customer=Customer(id="1001"),
    points=5,
    pending=0,
    balance=5,
    kind=TransactionKind.ADJUSTED,
    created_at=datetime(2026, 5, 1, tzinfo=UTC),
    raw={"id": 7},
)
RECEIPT = Receipt(
    operation="create_order",
    provider="acme",
    reference="A-1",
    outcome=Outcome.UNKNOWN,
    attempts=2,
    transaction=ROW,
)


def every_error() -> list[type[LoyaltyError]]:
    """The classes that the module defines, the root first."""
    return [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, LoyaltyError)
    ]


def drawn_tree() -> dict[str, str]:
    """Each class in the drawing on top of the module, and the class it hangs from."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        branch, _, rest = line.rpartition("-- ")
        name = rest.split(" ")[0]
        if not name.endswith("Error") or (not branch and line != name):
            continue
        depth = len(branch)
        above = [entry for entry in above if entry[0] < depth]
        parents[name] = above[-1][1] if above else "Exception"
        above.append((depth, name))
    return parents


def with_everything(kind: type[LoyaltyError]) -> LoyaltyError:
    """An error with each of its attributes set."""
    error = kind("it went wrong", hint="Try something else")
    error.provider, error.operation = "acme", "create_order"
    error.outcome, error.receipt = Outcome.UNKNOWN, RECEIPT
    extra: dict[str, Any] = {
        "bytes_left": False,
        "code": "E1",
        "details": {"total": ["is missing"]},
        "path": "$.rows[3]",
        "problems": (Problem("total", "is missing"),),
        "retry_after": 2.5,
        "status": 418,
        "vendor_message": "I am a teapot",
    }
    for name, value in extra.items():
        if hasattr(error, name):
            setattr(error, name, value)
    return error


def test_the_drawing_is_the_tree() -> None:
    """The tree on top of the module shows each class once, below the class it extends."""
    real = {kind.__name__: kind.__base__.__name__ for kind in every_error() if kind.__base__}

    assert real == drawn_tree()
    assert "LoyaltyError" in real


def test_the_drawing_names_every_status() -> None:
    """What the drawing says of a status is what an answer with that status raises."""
    drawn = {
        status: line.rpartition("-- ")[2].split(" ")[0]
        for line in (errors.__doc__ or "").splitlines()
        for status in line.replace(",", " ").split()
        if status.isdigit()
    }

    assert {"400", "401", "402", "403", "404", "422", "429"} == set(drawn)
    assert drawn == {status: error_for_status(int(status)).__name__ for status in drawn}


@pytest.mark.parametrize("status", [500, 502, 503, 599])
def test_5xx_is_the_servers_fault(status: int) -> None:
    """Every 5xx is a `ServerError`."""
    assert errors.ServerError is error_for_status(status)


@pytest.mark.parametrize("status", [302, 405, 409, 418, 600])
def test_other_statuses_are_plain_api_errors(status: int) -> None:
    """A status without a class of its own is an `APIError`, and nothing more specific."""
    assert APIError is error_for_status(status)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", every_error())
def test_errors_pickle_whole(kind: type[LoyaltyError], protocol: int) -> None:
    """An error reaches another process with its class, words and every attribute."""
    error = with_everything(kind)

    arrived = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - made one line above

    assert kind is type(arrived)
    assert vars(error) == vars(arrived)
    assert str(error) == str(arrived)


@pytest.mark.parametrize("kind", every_error())
def test_errors_copy(kind: type[LoyaltyError]) -> None:
    """A copied error says what the first one said."""
    error = with_everything(kind)

    assert vars(error) == vars(copy.copy(error))
    assert str(error) == str(copy.deepcopy(error))


@pytest.mark.parametrize("kind", every_error())
def test_errors_need_no_arguments(kind: type[LoyaltyError]) -> None:
    """Whoever raises one in a test needs no arguments."""
    assert "" == kind().message
    assert "" == str(kind())
    assert kind().hint is None


def test_str_tells_where_what_and_what_next() -> None:
    """The text of an error begins with provider and operation and ends with the hint."""
    error = with_everything(APIError)

    assert "acme create_order: it went wrong. Try something else" == str(error)
    assert "it went wrong" == error.message


def test_str_leaves_out_what_is_not_known() -> None:
    """Without provider, operation and hint the message stands alone."""
    error = LoyaltyError("it went wrong")
    assert "it went wrong" == str(error)

    error.operation = "whoami"
    assert "whoami: it went wrong" == str(error)


def test_an_api_error_knows_nothing_until_it_is_told() -> None:
    """Status, code, words and wait are those of an answer, and there was none."""
    error = APIError()

    assert (0, None, None, None) == (
        error.status,
        error.code,
        error.vendor_message,
        error.retry_after,
    )


def test_details_are_never_shared() -> None:
    """Two errors without details do not share one mapping."""
    assert APIError().details is not APIError().details
    assert {} == APIError().details


def test_transport_errors_say_whether_bytes_left() -> None:
    """A transport error is in doubt unless it proves that nothing was sent."""
    assert errors.TransportError().bytes_left
    assert errors.DeadlineExceededError().bytes_left
    assert not errors.ConnectError().bytes_left


def test_validation_error_lists_every_problem() -> None:
    """One error holds all problems and names each by its path."""
    problems = [Problem("total", "must be finite"), Problem("customer.id", "must not be empty")]

    error = ValidationError.of("the order", problems)

    assert tuple(problems) == error.problems
    assert (
        "the order is not valid: total: must be finite; customer.id: must not be empty"
        == error.message
    )
    assert "total: must be finite" == str(problems[0])


def test_validation_error_has_no_problems_of_its_own() -> None:
    """One that was not made from problems has none."""
    assert () == ValidationError("no").problems
