"""One flow, driven without I/O."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar

from loyalty_sdk._flow import Flow, Request, Response

T = TypeVar("T")

Answer = Response | Exception
Answers = Iterable[Answer] | Callable[[Request], Answer]


class ReplayError(AssertionError):
    """A flow and the answers it was given do not fit together."""


class Replayed(NamedTuple, Generic[T]):
    """What a flow returned, and every request it made on the way."""

    result: T
    requests: tuple[Request, ...]


def replay(flow: Flow[T], answers: Answers) -> Replayed[T]:
    """Drive ``flow`` to its end with ``answers`` instead of a vendor.

    It does for one flow what a client does, without sockets, loop, retries and waits.

    Args:
        flow: What a provider's method returned.
        answers: One for each request, in order; or a function from the request to its answer.
            An exception is thrown into the flow at its ``yield``, as the client throws one.

    Returns:
        The flow's result and its requests, which unpack.

    Raises:
        ReplayError: The flow makes more or fewer requests than there are answers, yields
            something that is no request, or is no flow.
        Exception: Whatever the flow raises.

    Example::

        result, (request,) = replay(provider.whoami(), [Response(status=200, body=b"{}")])
    """
    if not isinstance(flow, Generator):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ReplayError(f"wanted a flow (a generator), got {type(flow).__name__}")
    requests: list[Request] = []
    source = _Answers(answers)
    try:
        request = next(flow)
        while True:
            requests.append(_checked(request))
            answer = source.answer(requests)
            request = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    except StopIteration as end:
        source.finish(requests)
        return Replayed(end.value, tuple(requests))
    finally:
        flow.close()


class _Answers:
    """The answers that are left."""

    def __init__(self, answers: Answers) -> None:
        self._ask = answers if callable(answers) else None
        self._left = [] if callable(answers) else list(answers)

    def answer(self, requests: list[Request]) -> Answer:
        """The answer to the last of ``requests``."""
        if self._ask is not None:
            return self._ask(requests[-1])
        if not self._left:
            _complain(
                f"{len(requests) - 1} answers are not enough: it also asked for", requests[-1:]
            )
        return self._left.pop(0)

    def finish(self, requests: list[Request]) -> None:
        """Complain about what was not asked for."""
        if self._left:
            _complain(f"{len(self._left)} answers are left over: it only asked for", requests)


def _checked(request: Any) -> Request:
    if not isinstance(request, Request):
        raise ReplayError(f"a flow yields requests, got {type(request).__name__}")
    return request


def _complain(what: str, requests: list[Request]) -> NoReturn:
    asked = ", ".join(f"{request.method} {request.path}" for request in requests) or "nothing"
    raise ReplayError(f"{what} {asked}")
