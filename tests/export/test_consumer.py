"""Consumers: batches in order, and the one that failed again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import ConfigurationError, LoyaltyClient
from loyalty_sdk.export import Batch, Export, Progress
from loyalty_sdk.export import _session as session
from loyalty_sdk.sandbox import Sandbox

from .ledgers import expected, pages_asked


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return [path.name for path in folder.iterdir()]


class Warehouse:
    """Takes batches until it breaks down."""

    def __init__(self, breaks_at: int = 0) -> None:
        self.batches: list[Batch] = []
        self.breaks_at = breaks_at

    async def take(self, batch: Batch) -> None:
        """Keep a batch."""
        if batch.number == self.breaks_at:
            raise ConnectionError("the warehouse is closed")
        self.batches.append(batch)

    @property
    def rows(self) -> list[tuple[str, int]]:
        """Ids and points, as they came."""
        return [(row.id, row.points) for batch in self.batches for row in batch.items]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred rows each."""
    monkeypatch.setattr(session, "BATCH", 100)


async def test_a_consumer_takes_all_rows_in_batches(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """Numbered from 1, oldest first, and the next one when it has returned."""
    house, told = Warehouse(), list[Progress]()
    summary = await Export(client, house.take, checkpoint=tmp_path / "kept").run(told.append)
    assert expected(vendor) == house.rows
    assert [(1, number) for number in range(1, 7)] == [
        (batch.run, batch.number) for batch in house.batches
    ]
    assert (600, None, 600) == (summary.rows, summary.path, told[-1].rows)


async def test_a_consumer_gets_whole_rows(tmp_path: Path, client: LoyaltyClient) -> None:
    """The same values as a list gives; the vendor's own row where it was asked for."""
    house = Warehouse()
    await Export(client, house.take, checkpoint=tmp_path / "kept", raw=True).run()
    listed = [row async for row in client.list_transactions()]
    taken = [row for batch in house.batches for row in batch.items]
    assert sorted(listed, key=lambda row: row.id) == taken
    assert [row.raw for row in reversed(listed)] == [row.raw for row in taken]


async def test_a_consumer_that_fails_gets_its_batch_again(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """Its own error comes through; the same batch with the same number comes next time."""
    kept = tmp_path / "kept"
    house = Warehouse(breaks_at=4)
    with pytest.raises(ConnectionError, match="the warehouse is closed"):
        await Export(client, house.take, checkpoint=kept).run()
    assert 300 == len(house.rows)
    vendor.arrivals.clear()
    house.breaks_at = 0
    await Export(client, house.take, checkpoint=kept).run()
    assert (expected(vendor), 0) == (house.rows, pages_asked(vendor))


async def test_a_consumer_goes_on_where_the_last_run_ended(
    tmp_path: Path, client: LoyaltyClient, vendor: Sandbox
) -> None:
    """Batches of the next run are numbered from 1 again, under the number of that run."""
    kept = tmp_path / "kept"
    house = Warehouse()
    await Export(client, house.take, checkpoint=kept).run()
    vendor.clock.advance(1)
    vendor.add_customer("loyaltylion", "new", points=9)
    vendor.clock.advance(2)
    await Export(client, house.take, checkpoint=kept, since_last=True).run()
    assert (2, 1, 1) == (
        house.batches[-1].run,
        house.batches[-1].number,
        len(house.batches[-1].items),
    )
    assert expected(vendor) == house.rows


@pytest.mark.parametrize("name", [":memory:", "file:kept"])
async def test_a_checkpoint_is_a_file_whatever_its_name(
    tmp_path: Path, client: LoyaltyClient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """SQLite takes some names for other things, which no later run could go on with."""
    monkeypatch.chdir(tmp_path)
    for since_last, rows in ((True, 600), (True, 0), (False, 600)):
        taken: list[Any] = []

        async def take(batch: Batch, taken: list[Any] = taken) -> None:
            taken.extend(batch.items)

        restart = not since_last
        await Export(client, take, checkpoint=name, since_last=since_last, restart=restart).run()
        assert rows == len(taken)
    assert (tmp_path / name).is_file()


async def test_what_was_taken_outlasts_a_loss_of_power(
    tmp_path: Path, client: LoyaltyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the process that has read the rows, and in one that goes on with handing them over."""
    modes: list[int] = []

    def delivered(self: session.Session, number: int) -> None:
        modes.append(self._base.one("PRAGMA synchronous"))
        note(self, number)

    note = session.Session._delivered
    monkeypatch.setattr(session.Session, "_delivered", delivered)
    house = Warehouse(breaks_at=3)
    with pytest.raises(ConnectionError):
        await Export(client, house.take, checkpoint=tmp_path / "kept").run()
    house.breaks_at = 0
    await Export(client, house.take, checkpoint=tmp_path / "kept").run()
    assert [2] * 6 == modes


async def test_what_was_handed_over_whole_is_not_handed_over_again(
    tmp_path: Path, client: LoyaltyClient
) -> None:
    """Whoever was killed behind the last batch asks once more, and does not mean it."""
    warehouse = Warehouse()
    await Export(client, warehouse.take, checkpoint=tmp_path / "kept").run()
    taken = len(warehouse.batches)

    said = r"run 1 of \S+kept, until 20\S+Z, is done\. Say since last for what is new, or restart"
    with pytest.raises(ConfigurationError, match=said):
        await Export(client, warehouse.take, checkpoint=tmp_path / "kept").run()
    assert taken == len(warehouse.batches)
    await Export(client, warehouse.take, checkpoint=tmp_path / "kept", restart=True).run()
    assert 2 * taken == len(warehouse.batches)


def test_a_consumer_needs_a_checkpoint(client: LoyaltyClient) -> None:
    """There is no file that it could stand beside."""
    with pytest.raises(ConfigurationError, match="needs a checkpoint"):
        Export(client, Warehouse().take)


def _sync(batch: Batch) -> None:
    """Forgets it."""


class _Plain:
    """An object that is called like a function."""

    def __call__(self, batch: Batch) -> None:
        """Forget it."""

    def take(self, batch: Batch) -> None:
        """Forget it."""


@pytest.mark.parametrize(
    ("consumer", "name"),
    [(_sync, "_sync"), (_Plain().take, "_Plain.take"), (partial(_sync), "_sync"),
     ([].append, "list.append")],
)  # fmt: skip
def test_a_function_that_is_not_async_is_refused_at_once(
    tmp_path: Path, client: LoyaltyClient, consumer: Any, name: str
) -> None:
    """Not when all has been read, and in words."""
    with pytest.raises(ConfigurationError, match=rf"the consumer {name} is not async\. Write it"):
        Export(client, consumer, checkpoint=tmp_path / "kept")


@pytest.mark.parametrize("consumer", [_Plain(), lambda _: None])
async def test_what_cannot_be_waited_for_is_refused_with_its_first_batch(
    tmp_path: Path, client: LoyaltyClient, consumer: Any
) -> None:
    """Of an object nobody can say before; the next run begins with that batch again."""
    with pytest.raises(ConfigurationError, match="is not async"):
        await Export(client, consumer, checkpoint=tmp_path / "kept").run()
    house = Warehouse()
    await Export(client, house.take, checkpoint=tmp_path / "kept").run()
    assert 600 == len(house.rows)


async def test_what_hands_on_an_async_function_is_a_consumer(
    tmp_path: Path, client: LoyaltyClient
) -> None:
    """Partials, lambdas and decorators that say what they wrap."""
    house = Warehouse()

    @wraps(house.take)
    def wrapped(batch: Batch) -> Any:
        return house.take(batch)

    consumers: tuple[Any, ...] = (
        partial(house.take),
        lambda batch: house.take(batch=batch),
        wrapped,
    )
    for number, consumer in enumerate(consumers):
        await Export(client, consumer, checkpoint=tmp_path / f"kept-{number}").run()
    assert 1800 == len(house.rows)


@pytest.mark.parametrize(
    ("made", "message"),
    [(b"", "attempt to write a readonly database"), (b"no database" * 100, "is not a database")],
)
async def test_a_consumers_own_database_is_not_taken_for_the_checkpoint(
    tmp_path: Path, client: LoyaltyClient, made: bytes, message: str
) -> None:
    """Its error comes through: advice about the checkpoint would double what it has taken."""
    warehouse = tmp_path / "warehouse.db"
    warehouse.write_bytes(made)

    async def load(_: Batch) -> None:
        with closing(sqlite3.connect(f"{warehouse.as_uri()}?mode=ro", uri=True)) as base:
            base.execute("CREATE TABLE points (id)")

    with pytest.raises(sqlite3.DatabaseError, match=message):
        await Export(client, load, checkpoint=tmp_path / "kept").run()


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), ValueError("none of yours")])
async def test_an_error_of_who_is_told_is_its_own(
    tmp_path: Path, client: LoyaltyClient, error: Exception
) -> None:
    """While a file is written too, which nothing is wrong with."""

    def tell(progress: Progress) -> None:
        if progress.phase == "writing":
            raise error

    with pytest.raises(type(error)) as caught:
        await Export(client, tmp_path / "rows.csv").run(tell)
    assert error is caught.value
    assert ["rows.csv.checkpoint"] == names(tmp_path)
