"""Answers as they should never come: a vendor's own, damaged, and anything else."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from loyalty_sdk import _checks
from loyalty_sdk._flow import Response

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "0", "1.9", "true", "null", "2026-02-30T00:00:00Z", "\x00", "9" * 400])
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
_STATUSES = st.sampled_from([200, 201, 204, 400, 401, 402, 403, 404, 409, 422, 429, 500, 503])


def answers(
    seeds: Collection[bytes], statuses: st.SearchStrategy[int] = _STATUSES
) -> st.SearchStrategy[Response]:
    """Responses with `bodies`."""
    return st.builds(_response, statuses, bodies(seeds))


def _response(status: int, body: bytes) -> Response:
    return Response(status=status, body=body)


def bodies(seeds: Collection[bytes]) -> st.SearchStrategy[bytes]:
    """Each of ``seeds`` whole, cut, or with parts removed and replaced; any JSON; any bytes."""
    known = st.sampled_from(sorted({b"", *seeds}))
    documents = sorted(filter(_is_document, seeds))
    return st.one_of(
        known,
        st.builds(_cut, known, st.integers(0, 200)),
        st.binary(max_size=40),
        st.builds(_written, _JSON),
        *([_damaged(st.sampled_from(documents))] if documents else []),
    )


@st.composite
def _damaged(draw: st.DrawFn, seeds: st.SearchStrategy[bytes]) -> bytes:
    """A document in which up to three parts are gone or something else."""
    document = json.loads(draw(seeds))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(document))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = copy.deepcopy(draw(_JSON))
    return _written(document)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in ``value`` with each of its keys or indices."""
    keys: list[Any] = []
    if _checks.is_mapping(value):
        keys = list(value)
    elif _checks.is_list(value):
        keys = list(range(len(value)))
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _cut(body: bytes, end: int) -> bytes:
    return body[:end]


def _written(value: Any) -> bytes:
    # A vendor may write NaN and lone surrogates; Python's json does so, too.
    return json.dumps(value).encode()


def _is_document(body: bytes) -> bool:
    try:
        return bool(list(_places(json.loads(body))))
    except ValueError:
        return False
