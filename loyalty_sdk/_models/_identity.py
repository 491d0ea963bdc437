"""Whose credentials they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ._value import Value


@attrs.frozen(kw_only=True)
class Identity(Value):
    """Whom the credentials belong to.

    Attributes:
        program: The vendor's id of the program or shop.
        name: The shop's name, None where the vendor gives none.
        scopes: What the credentials may do; None where the vendor does not say.
        raw: The vendor's answer as plain JSON types; outside equality.
    """

    program: str
    name: str | None = None
    scopes: tuple[str, ...] | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], eq=False, repr=False)
