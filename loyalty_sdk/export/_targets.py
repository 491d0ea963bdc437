"""Where the rows of an export go: a file, or whoever takes them."""

from __future__ import annotations

import os
from contextlib import suppress
from errno import ENAMETOOLONG
from os import PathLike, fsdecode
from typing import TYPE_CHECKING

import attrs

from loyalty_sdk._models import timestamp
from loyalty_sdk.errors import ConfigurationError

from ._consumer import check_async
from ._files import Format, draft_of, exists, format_of, numbered, unnumbered
from ._rows import Encode, json_row, json_row_with_raw
from ._run import held
from ._windows import moment

if TYPE_CHECKING:
    from pathlib import Path

    from ._checkpoint import Checkpoint
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

    def check(self, run: Run, base: Checkpoint, *, overwrite: bool, again: bool) -> None:
        """Refuse what would fail, or take something away, when everything has been read.

        Raises:
            ConfigurationError: There is no place for the file, or another one stands there.
        """
        place = numbered(self.path, run.number)
        if again and place != unnumbered(self.path):
            _refuse_again(base)
        _check_name(place, base.fact("token"))
        if not os.access(place.parent, os.W_OK):
            missing = "cannot be written to" if place.parent.is_dir() else "does not exist"
            raise ConfigurationError(f"{place}: the folder {place.parent} {missing}")
        if place.is_dir():
            raise ConfigurationError(f"{place} is a folder", hint="Name a file")
        if place.exists() and place.samefile(base.path):
            hint = "Name another checkpoint"
            raise ConfigurationError(f"{place} cannot be the file and its checkpoint", hint=hint)
        # What a run that is written has put there itself `Draft` tells from other files.
        if run.phase != "writing" and not overwrite and os.path.lexists(place):
            raise exists(place, self._done(place, base))

    def _done(self, place: Path, base: Checkpoint) -> str:
        """What whoever was killed behind the last step has to know: nothing is left to do."""
        last = held(base)
        if last is None or last.phase != "done" or numbered(self.path, last.number) != place:
            return ""
        return f", and {_said(last, base)}"

    def give_up(self, run: Run, token: str) -> None:
        """Remove what a killed ``run`` has left lying; a later one's file has another name."""
        with suppress(OSError):
            draft_of(numbered(self.path, run.number), token).unlink()

    async def end(self, session: Session, *, overwrite: bool) -> Summary:
        """Make the file."""
        place = numbered(self.path, session.run.number)
        return await session.write_file(place, self.form, overwrite=overwrite)


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

    def check(self, run: Run, base: Checkpoint, *, overwrite: bool, again: bool) -> None:
        """Refuse to hand over again what a run handed over that is done.

        Raises:
            ConfigurationError: There was one.
        """
        if again:
            _refuse_again(base)

    def give_up(self, run: Run, token: str) -> None:
        """Nothing lies anywhere."""

    async def end(self, session: Session, *, overwrite: bool) -> Summary:
        """Hand the rows over."""
        return await session.hand_over(self.consumer)


def _refuse_again(base: Checkpoint) -> None:
    # Whoever was killed behind the last step would ask for it without knowing.
    last = held(base)
    if last is not None and last.phase == "done":
        hint = "Say since last for what is new, or restart for everything again"
        raise ConfigurationError(_said(last, base), hint=hint)


def _said(last: Run, base: Checkpoint) -> str:
    return f"run {last.number} of {base.path}, until {timestamp(moment(last.until))}, is done"


def _check_name(place: Path, token: str) -> None:
    draft = draft_of(place, token)
    try:
        draft.lstat()
    except OSError as exc:
        if exc.errno == ENAMETOOLONG:
            more = len(draft.name) - len(place.name)
            hint = f"Take a shorter one: while the file is made {more} characters are added"
            raise ConfigurationError(f"{place}: the name is too long", hint=hint) from exc


def target(to: str | PathLike[str] | Consumer, *, raw: bool) -> File | Taker:
    """What ``to`` stands for.

    Raises:
        ConfigurationError: A path whose end says nothing, or whose format needs an extra; or a
            function that is not async.
    """
    if callable(to):
        check_async(to)
        return Taker(to, raw)
    path = fsdecode(to)
    return File(path, format_of(path, raw=raw), raw)
