"""What lists may be narrowed by: in neutral words, and with a vendor's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from . import _checks
from ._models import TransactionKind
from .errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from ._models import Transaction


def transaction_filters(
    customer_id: str | None,
    created_from: datetime | None,
    created_until: datetime | None,
    kinds: Collection[TransactionKind | str] | None,
    page_size: int | None,
) -> dict[str, Any]:
    """The filters that were given, checked.

    Raises:
        ValidationError: Lists every problem.
    """
    problems: list[Problem] = []
    if customer_id is not None:
        _checks.identifier(problems, "customer_id", customer_id)
    for name, value in (("created_from", created_from), ("created_until", created_until)):
        if value is not None:
            _checks.moment(problems, name, value)
    if page_size is not None:
        _page_size(problems, page_size)
    chosen = None if kinds is None else _kinds(problems, kinds)
    _checks.finish("the list", problems)
    given = {
        "customer_id": customer_id,
        "created_from": created_from,
        "created_until": created_until,
        "kinds": chosen,
        "page_size": page_size,
    }
    return {name: value for name, value in given.items() if value is not None}


def _page_size(problems: list[Problem], value: int) -> None:
    # How many rows are too many is the vendor's to say.
    if _checks.is_type(problems, "page_size", value, int) and value < 1:
        problems.append(Problem("page_size", "must be at least 1"))


def _kinds(problems: list[Problem], kinds: Collection[TransactionKind | str]) -> tuple[str, ...]:
    """The kinds' values, sorted, so that equal sets make equal cursors."""
    if isinstance(kinds, str):
        kinds = (kinds,)
    known = {kind.value for kind in TransactionKind}
    try:
        chosen = {str(kind) for kind in kinds}
    except TypeError:
        _checks.complain(problems, "kinds", "a collection of transaction kinds", kinds)
        return ()
    if not chosen or chosen - known:
        wanted = ", ".join(sorted(known))
        problems.append(Problem("kinds", f"wanted at least one of {wanted}"))
    return tuple(sorted(chosen))


def keeper(filters: Mapping[str, Any]) -> Callable[[Transaction], bool] | None:
    """Whether a row is what ``filters`` ask for; None when every row is.

    Vendors differ about the ends of a window, and some have no filter by kind.
    """
    start, end = filters.get("created_from"), filters.get("created_until")
    kinds = filters.get("kinds")
    if start is None and end is None and kinds is None:
        return None

    def keep(row: Transaction) -> bool:
        return (
            (start is None or row.created_at >= start)
            and (end is None or row.created_at < end)
            and (kinds is None or row.kind.value in kinds)
        )

    return keep


def _unchanged(value: Any) -> Any:
    return value


@attrs.frozen
class Filter:
    """One way to narrow a vendor's list.

    Attributes:
        parameter: The vendor's name in the query; None where it has none there.
        check: Adds to a list of problems, as the rules in `_checks` do.
        convert: Makes the query's value; None leaves the parameter out.
    """

    parameter: str | None
    check: _checks.Rule
    convert: Callable[[Any], Any] = _unchanged


def given_filters(
    problems: list[Problem], filters: Mapping[str, Any], known: Mapping[str, Filter]
) -> dict[str, Any]:
    """The filters that are not None, having checked each; an unknown one is a problem.

    A vendor that ignores parameters it does not know would return everything.
    """
    given = {name: value for name, value in filters.items() if value is not None}
    for name, value in given.items():
        if name in known:
            known[name].check(problems, name, value)
        else:
            problems.append(Problem(name, f"is no filter of this list; it has {', '.join(known)}"))
    return given


def parameters(given: Mapping[str, Any], known: Mapping[str, Filter]) -> dict[str, Any]:
    """The query for filters that were checked; of two for one parameter the last known wins."""
    found: dict[str, Any] = {}
    for name, rule in known.items():
        value = rule.convert(given[name]) if name in given else None
        if rule.parameter is not None and value is not None:
            found[rule.parameter] = value
    return found
