"""Where the rows of an export go: a file, or whoever takes them."""

from __future__ import annotations

from os import PathLike, fspath
from typing import TYPE_CHECKING

import attrs

from loyalty_sdk.errors import ConfigurationError

from ._files import Format, format_of, numbered, unnumbered
from ._rows import Encode, json_row, json_row_with_raw

if TYPE_CHECKING:
    from pathlib import Path

    from ._run import Run
    from ._session import Session
    from ._values import Consumer, Summary


@attrs.frozen
class File:
    """A file, by a path that may have a place for the number of the run."""

    path: str
    form: Format
    raw: bool

    @property
    def name(self) -> str:
        """The format."""
        return self.form.name

    @property
    def encode(self) -> Encode:
        """How rows are kept until they are written."""
        return self.form.encode

    def checkpoint(self) -> Path:
        """Where progress is kept unless said otherwise."""
        beside = unnumbered(self.path)
        return beside.with_name(beside.name + ".checkpoint")

    def check(self, run: Run, *, overwrite: bool) -> None:
        """Refuse to replace a file that ``run`` did not make.

        Raises:
            ConfigurationError: There is one.
        """
        place = numbered(self.path, run.number)
        if run.phase != "writing" and not overwrite and place.exists():
            raise ConfigurationError(
                f"{place} exists",
                hint="Say overwrite, or put {run} into the name: every run has a number",
            )

    async def end(self, session: Session) -> Summary:
        """Make the file."""
        return await session.write_file(numbered(self.path, session.run.number), self.form)


@attrs.frozen
class Taker:
    """A consumer."""

    consumer: Consumer
    raw: bool
    name: str = "batches"

    @property
    def encode(self) -> Encode:
        """How rows are kept until they are taken."""
        return json_row_with_raw if self.raw else json_row

    def checkpoint(self) -> Path:
        """There is no place that anybody would look for it."""
        raise ConfigurationError(
            "an export to a consumer needs a checkpoint", hint="Name a file for it"
        )

    def check(self, run: Run, *, overwrite: bool) -> None:
        """Nothing is replaced."""

    async def end(self, session: Session) -> Summary:
        """Hand the rows over."""
        return await session.hand_over(self.consumer)


def target(to: str | PathLike[str] | Consumer, *, raw: bool) -> File | Taker:
    """What ``to`` stands for.

    Raises:
        ConfigurationError: A path whose end says nothing, or whose format needs an extra.
    """
    if callable(to):
        return Taker(to, raw)
    path = fspath(to)
    return File(path, format_of(path, raw=raw), raw)
