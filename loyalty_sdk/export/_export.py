"""An export as its users see it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loyalty_sdk import _checks
from loyalty_sdk._filters import transaction_filters
from loyalty_sdk._models import timestamp
from loyalty_sdk.errors import ConfigurationError, ExportError, Problem

from . import _clock, _run, _targets
from ._checkpoint import Checkpoint, whole
from ._customers import Customers
from ._run import Wish
from ._session import Session
from ._spool import Spool
from ._thread import Thread
from ._walking import Listing

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        Callable,
        Collection,
        Iterable,
    )
    from os import PathLike

    from loyalty_sdk import LoyaltyClient, Provider, TransactionKind

    from ._clock import Clock
    from ._run import Run
    from ._values import Consumer, Progress, Summary

WINDOWS = 8
OVERLAP = timedelta(hours=1)
_LONGEST_OVERLAP = timedelta(days=36_525)


class Export:
    """All transactions of a program, or of some customers, into a file or to a consumer.

    Rows come oldest first: by ``created_at``, those of one moment by id, shorter ids first. That
    order, and the file, is the same whatever ``windows`` is and however often the process was
    killed. Everything that was read stands in a checkpoint beside the file, so `run` again goes
    on; the file appears when it is whole. Both disks' room together is about twice the file's.

    Args:
        client: Reads the rows, with its deadlines, retries and limits.
        to: A path, whose end says the format (``.csv``, ``.jsonl`` or ``.ndjson``, each also
            with ``.gz``; ``.parquet``, which needs the extra ``parquet``), with ``{run}`` for
            the number of the run; or a `Consumer`.
        customers: The merchant's own ids; everybody's rows unless given. They are taken in the
            export's own thread, which a generator over a database's cursor has to allow.
        created_from, created_until: Aware; as in `LoyaltyClient.list_transactions`. A run ends
            with the second in which it began, by the vendor's clock, and never later.
        kinds: Only these.
        raw: Whether the vendor's own row goes along.
        windows: How many answers are waited for at once, each for its own stretch of time or
            its own customer.
        page_size: Rows of a request; the vendor's greatest unless given.
        since_last: Go on where this checkpoint's last run ended; from the beginning if there
            was none.
        overlap: How far such a run steps back, to find rows that became visible late; at most
            36,525 days. Those which an earlier run has handed out are left out.
        checkpoint: Where it is kept; beside the file, with ``.checkpoint`` added to its name
            (and without ``{run}``), unless given. A consumer needs one. On a local disk.
        overwrite: Whether a file that is there may be replaced.
        restart: Give up a run that was not finished, or take one that is done for nothing, and
            begin anew. Without it, or ``since_last``, what was handed to a consumer or into a
            file of its own number is not handed out again.

    Raises:
        ConfigurationError: Something does not fit together; the message says what.
        ValidationError: A filter is wrong; all problems are listed.
    """

    def __init__(  # noqa: PLR0913 - each is one thing an export is made by
        self,
        client: LoyaltyClient,
        to: str | PathLike[str] | Consumer,
        *,
        customers: Iterable[str] | None = None,
        created_from: datetime | None = None,
        created_until: datetime | None = None,
        kinds: Collection[TransactionKind | str] | None = None,
        raw: bool = False,
        windows: int = WINDOWS,
        page_size: int | None = None,
        since_last: bool = False,
        overlap: timedelta = OVERLAP,
        checkpoint: str | PathLike[str] | None = None,
        overwrite: bool = False,
        restart: bool = False,
    ) -> None:
        given = transaction_filters(None, created_from, created_until, kinds, page_size)
        _check(created_from, created_until, windows, overlap)
        provider = client.provider
        _check_page(provider, page_size)
        self._client = _bulk(client)
        self._target = _targets.target(to, raw=raw)
        self._windows = windows
        self._filters = {"kinds": given["kinds"]} if "kinds" in given else {}
        self._page_size = page_size or provider.largest_page
        self._checkpoint = self._target.checkpoint() if checkpoint is None else Path(checkpoint)
        self._overwrite = overwrite
        self._restart = restart
        self._wish = Wish(
            since_last=since_last,
            created_from=created_from,
            created_until=created_until,
            overlap=overlap,
            by_customer=customers is not None or not provider.lists_program,
            customers=None if customers is None else Customers(customers),
        )
        _check_provider(provider, self._wish)

    @property
    def checkpoint(self) -> Path:
        """Where it is kept how far this export has come."""
        return self._checkpoint

    async def run(self, on_progress: Callable[[Progress], None] | None = None) -> Summary:
        """Begin a run, or go on with the one that was not finished.

        Args:
            on_progress: Told after every page that was read and every chunk that was written.

        Raises:
            ConfigurationError: The checkpoint is in use or another export's, or the file
                exists; nothing was read.
            ExportError: Something could not be read or written. The same again goes on.
            Exception: Whatever a consumer raises. The same again goes on with its batch.
        """
        try:
            async with self._session(on_progress) as session:
                await session.read(self._windows)
                return await self._target.end(session, overwrite=self._overwrite)
        except ExportError as error:
            error.provider, error.operation = self._client.provider.name, "export"
            raise

    @asynccontextmanager
    async def _session(
        self, on_progress: Callable[[Progress], None] | None
    ) -> AsyncGenerator[Session]:
        thread = Thread(partial(whole, self._checkpoint))
        try:
            base = await thread.open(Checkpoint, self._checkpoint)
            clock, program = await _clock.ask(self._client)
            spool, run = await thread.do(self._begin, base, clock, program)
            listing = Listing(
                client=self._client,
                filters=self._filters,
                page_size=self._page_size,
                by_window=not self._wish.by_customer,
                # A customer's few rows of the meantime are left out here, since not every
                # vendor has the filter.
                until=not self._wish.by_customer or self._wish.created_until is not None,
            )
            yield Session(
                run,
                clock=clock,
                listing=listing,
                base=base,
                spool=spool,
                do=thread.do,
                on_progress=on_progress,
            )
        finally:
            await thread.close()

    def _begin(self, base: Checkpoint, clock: Clock, program: str | None) -> tuple[Spool, Run]:
        base.belong(self._identity(program))
        spool = Spool(base, self._target.encode)
        run = _run.resume(base, self._wish, restart=self._restart)
        planned = run or _run.plan(base, self._wish, clock)
        again = run is None and not (self._restart or self._wish.since_last)
        # Before anything is noted: what is refused has begun nothing.
        self._target.check(planned, base, overwrite=self._overwrite, again=again)
        if run is None and (given_up := _run.held(base)) is not None:
            self._target.give_up(given_up, base.fact("token"))
        return spool, run or _run.begin(base, spool, self._wish, planned, clock)

    def _identity(self, program: str | None) -> dict[str, Any]:
        provider, begin = self._client.provider, self._wish.created_from
        return {
            "provider": provider.name,
            "host": self._client.origin,
            "program": program,
            "customers": "everybody" if self._wish.customers is None else "given ones",
            "created_from": None if begin is None else timestamp(begin),
            "kinds": self._filters.get("kinds"),
            "format": self._target.name,
            "raw": self._target.raw,
        }


def _bulk(client: LoyaltyClient) -> LoyaltyClient:
    """The client that reads the pages, and lets interactive calls go first."""
    return client.with_options(lane="bulk")


def _check(
    created_from: datetime | None, created_until: datetime | None, windows: int, overlap: timedelta
) -> None:
    if created_from and created_until and created_from >= created_until:
        raise ConfigurationError("created_from must be before created_until")
    problems: list[Problem] = []
    _checks.is_type(problems, "windows", windows, int)
    _checks.is_type(problems, "overlap", overlap, timedelta)
    _checks.finish("the export", problems)
    if windows < 1:
        raise ConfigurationError("windows must be at least 1")
    if overlap < timedelta(0):
        raise ConfigurationError("overlap must not be negative")
    if overlap > _LONGEST_OVERLAP:
        # Behind it the calendar ends.
        raise ConfigurationError(f"overlap must be at most {_LONGEST_OVERLAP.days} days")


def _check_page(provider: Provider, size: int | None) -> None:
    # Else each part would fail by itself, and the run would be one to go on with.
    if size is not None and provider.largest_page is not None and size > provider.largest_page:
        raise ConfigurationError(
            f"page_size must be at most {provider.largest_page}: {provider.title} lists no more"
        )


def _check_provider(provider: Provider, wish: Wish) -> None:
    if not provider.supports("list_transactions"):
        # It says so itself, in its own words.
        provider.list_transactions(None, {})
    if wish.by_customer and wish.customers is None and not provider.supports("list_histories"):
        raise ConfigurationError(
            f"{provider.title} lists one customer's rows only, and not who the customers are",
            hint="Name the customers",
        )
