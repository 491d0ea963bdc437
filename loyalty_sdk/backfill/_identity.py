"""What a journal belongs to; never a key, which may be replaced."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loyalty_sdk._client import LoyaltyClient

    from ._rows import Source

_WORDS = {
    "operation": "another operation",
    "provider": "another provider",
    "host": "another host",
    "program": "another program",
    "site": "another site",
    "fingerprint": "another input, or one that has changed since",
    "mapping": "another mapping",
}
# Long and meant for machines: saying that they differ is enough.
_UNREADABLE = {"fingerprint", "mapping"}
_CHANGED = (
    "Take back the change, and put what is new into a file of its own; or begin another journal"
    " with --adopt (adopt=True), which looks every row up before it is sent. Without it, what was"
    " sent is sent again"
)


@attrs.frozen(kw_only=True)
class Belonging:
    """The one thing that a journal is about.

    Attributes:
        operation: What each row is sent as.
        provider: Registered name.
        host: Origin that it is sent to.
        program: The vendor's id of the program or shop; empty where it gives none.
        site: The site within it; empty where there is none.
        fingerprint: Of the input; empty for one that has none.
        mapping: How rows are made of it.
    """

    operation: str
    provider: str
    host: str
    program: str
    site: str
    fingerprint: str
    mapping: str

    def facts(self) -> dict[str, str]:
        """All of it by name."""
        return attrs.asdict(self)

    def check(self, found: Mapping[str, str], name: str, *, mends: bool) -> None:
        """Refuse the journal of something else.

        Args:
            found: What the journal says.
            name: The journal's.
            mends: Whether the input holds dead letters of this journal, mended.

        Raises:
            JournalError: It names every difference.
        """
        mine = self.facts()
        names = [key for key in _WORDS if not (mends and key in _UNREADABLE)]
        other = [key for key in names if mine[key] != found.get(key)]
        if other:
            said = ", ".join(_difference(key, found.get(key), mine[key]) for key in other)
            # To whom it goes and what as is the same: what was sent stands there already.
            changed = _UNREADABLE.issuperset(other)
            hint = _CHANGED if changed else "Take another journal for this one"
            raise JournalError(f"{name} is the journal of {said}", hint=hint)


def _difference(key: str, theirs: str | None, mine: str) -> str:
    if key in _UNREADABLE:
        return _WORDS[key]
    return f"{_WORDS[key]} ({theirs or 'none'}, not {mine or 'none'})"


async def belonging(client: LoyaltyClient[Any], source: Source, operation: str) -> Belonging:
    """What a journal of this run belongs to; asks the vendor whose the credentials are.

    Raises:
        LoyaltyError: The vendor does not say.
    """
    program = ""
    if client.provider.supports("whoami"):
        program = (await client.run(client.provider.whoami())).program
    # It may read a large file.
    fingerprint = await asyncio.to_thread(getattr, source, "fingerprint")
    site = getattr(client.provider, "site_id", None)
    return Belonging(
        operation=operation,
        provider=client.provider.name,
        host=client.origin,
        program=program,
        site="" if site is None else str(site),
        fingerprint=fingerprint or "",
        mapping=source.mapping,
    )
