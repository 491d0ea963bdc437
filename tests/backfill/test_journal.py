"""The journal: what it refuses, and what it does when it cannot be written."""

from __future__ import annotations

import asyncio
import errno
import os
import pickle
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from loyalty_sdk import (
    Activity,
    ConfigurationError,
    Customer,
    JournalError,
    Order,
    Outcome,
    PointsAdjustment,
    Receipt,
    connect,
)
from loyalty_sdk.backfill import Columns, FileSource
from loyalty_sdk.backfill import _beginning as beginning
from loyalty_sdk.backfill import _opening as opening
from loyalty_sdk.backfill import _schema as schema
from loyalty_sdk.backfill._pickles import freeze, freeze_row, thaw, thaw_row
from loyalty_sdk.backfill._place import Lock, check_local, filesystem_of
from loyalty_sdk.backfill._rows import Row
from loyalty_sdk.backfill._witness import Extent, Witness, check, state_directory

# ---------------------------------------------------------------- what it belongs to


async def test_a_journal_of_something_else_is_refused_by_name(
    shop: Any, adjustments: Any, orders: Any
) -> None:
    """Operation and mapping are told, and nothing is sent."""
    await shop.run(adjustments(1))

    with pytest.raises(
        JournalError, match=r"another operation \(adjust_points, not create_order\)"
    ):
        await shop.run(orders(1), operation="create_order")
    assert 1 == len(shop.writes())


@pytest.mark.parametrize(
    ("fact", "value", "said"),
    [
        ("provider", "tiny", r"another provider \(tiny, not loyaltylion\)"),
        ("host", "https://x.example", r"another host \(https://x.example, not http://127"),
        ("program", "", r"another program \(none, not \S+\)"),
        ("site", "7", r"another site \(7, not none\)\. Take another journal"),
        ("mapping", "{}", r"journal is the journal of another mapping\. Take back the change"),
    ],
)
async def test_every_part_of_what_it_belongs_to_counts(
    shop: Any, adjustments: Any, fact: str, value: str, said: str
) -> None:
    """A journal is one provider's, host's, program's, site's and mapping's."""
    await shop.run(adjustments(1))
    with closing(sqlite3.connect(shop.journal, isolation_level=None)) as database:
        database.execute("UPDATE facts SET value = ? WHERE name = ?", (value, fact))

    with pytest.raises(JournalError, match=said):
        await shop.run(adjustments(1))


async def test_a_journal_belongs_to_a_site_but_to_no_key(shop: Any, adjustments: Any) -> None:
    """A key may be replaced; another site of the program is another place."""
    shop.sandbox.add_key("loyaltylion", "pat_new")
    given = shop.sandbox.settings("loyaltylion") | {"api_key": "pat_new"}
    await shop.run(adjustments(2))
    async with connect("loyaltylion", **given) as heir:
        assert 2 == (await shop.run(adjustments(2), client=heir)).applied
    async with connect("loyaltylion", site_id=9, **given) as elsewhere:
        with pytest.raises(JournalError, match=r"another site \(none, not 9\)"):
            await shop.run(adjustments(2), client=elsewhere)


async def test_a_changed_input_is_refused(shop: Any, tmp_path: Path) -> None:
    """Positions in it would mean other rows."""
    rows = tmp_path / "rows.csv"
    rows.write_text("reference,customer_id,points\na,1,5\n")
    await shop.run(rows)
    rows.write_text("reference,customer_id,points\na,1,6\n")

    with pytest.raises(JournalError, match="another input, or one that has changed since"):
        await shop.run(FileSource(rows, Columns(operation="adjust_points")))
    assert [5] == shop.points("1")


# ---------------------------------------------------------------- what is no journal


async def test_another_programs_database_is_left_alone(shop: Any, adjustments: Any) -> None:
    """Nothing is written into a database that holds something else."""
    with closing(sqlite3.connect(shop.journal)) as database:
        database.execute("CREATE TABLE mine (x)")
    with pytest.raises(JournalError, match="is a database of something else"):
        await shop.run(adjustments(1))
    assert [("mine",)] == shop.asked("SELECT name FROM sqlite_schema")


async def test_a_file_that_is_no_database_is_left_alone(shop: Any, adjustments: Any) -> None:
    """An input named in the place of the journal is not destroyed."""
    shop.journal.write_text("reference,customer_id,points\n" * 100)
    with pytest.raises(JournalError, match="cannot be opened: file is not a database"):
        await shop.run(adjustments(1))
    assert 100 == shop.journal.read_text().count("\n")


async def test_a_journal_of_another_version_is_refused(shop: Any, adjustments: Any) -> None:
    """Its tables may look otherwise."""
    await shop.run(adjustments(1))
    with closing(sqlite3.connect(shop.journal, isolation_level=None)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="was made by another version"):
        await shop.run(adjustments(1))


async def test_a_folder_that_is_not_there_is_said(shop: Any, adjustments: Any) -> None:
    """Nothing is made but the journal."""
    with pytest.raises(JournalError, match="No such file or directory"):
        await shop.run(adjustments(1), journal=shop.folder / "no" / "journal")


@pytest.mark.parametrize("name", ["journal", "journal.lock"])
async def test_a_read_only_file_system_is_said(
    shop: Any, adjustments: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Before anything is sent."""
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if Path(path).name == name:
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(JournalError, match="Read-only file system"):
        await shop.run(adjustments(1))
    assert [] == shop.writes()


async def test_a_journal_that_becomes_read_only_is_said(shop: Any, adjustments: Any) -> None:
    """A database that can be read and not written is no journal."""
    await shop.run(adjustments(1))
    with closing(sqlite3.connect(shop.journal, isolation_level=None)) as database:
        database.execute(
            "CREATE TRIGGER no BEFORE UPDATE ON progress BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    with pytest.raises(JournalError, match="cannot be written: no"):
        await shop.run(adjustments(2))
    assert 1 == len(shop.writes())


# ---------------------------------------------------------------- when it cannot be written


async def test_nothing_leaves_that_a_full_disk_did_not_take(
    shop: Any, adjustments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends with one error; with room again the next one goes on, and nothing doubles."""
    full = "PRAGMA max_page_count = 15;"
    monkeypatch.setattr(schema, "TABLES", schema.TABLES + full)
    rows = adjustments(500, customers=50)

    with pytest.raises(JournalError, match="database or disk is full"):
        await shop.run(rows)
    sent = len(shop.writes())
    assert 0 < sent < 500
    assert sent <= len(shop.states())

    assert 500 == (await shop.run(rows, concurrency=32)).applied
    assert 500 == len(shop.writes())


async def test_a_group_that_fails_lets_nobody_start(
    shop: Any, adjustments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row whose intent was in it stays here."""
    trigger = "CREATE TRIGGER no BEFORE INSERT ON held BEGIN SELECT RAISE(ABORT, 'no'); END;"
    monkeypatch.setattr(schema, "TABLES", schema.TABLES + trigger)

    with pytest.raises(JournalError, match="cannot be written: no"):
        await shop.run(adjustments(50, customers=50))
    assert [] == shop.writes()


async def test_an_outcome_that_cannot_be_written_ends_the_run(
    shop: Any, adjustments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row stays in doubt, and its customer's next one is not sent."""
    trigger = "CREATE TRIGGER no BEFORE DELETE ON held BEGIN SELECT RAISE(ABORT, 'no'); END;"
    monkeypatch.setattr(schema, "TABLES", schema.TABLES + trigger)

    with pytest.raises(JournalError, match="cannot be written: no"):
        await shop.run(adjustments(50, customers=1))
    assert 1 == len(shop.writes())
    assert {"r-0": "SENT"} == shop.states()


async def test_dead_letters_that_cannot_be_written_are_said(shop: Any, tmp_path: Path) -> None:
    """The journal has them all the same."""
    rows = [{"customer_id": "1", "points": "x", "reference": "a"}]
    with pytest.raises(JournalError, match="No such file"):
        await shop.run(rows, rejected=tmp_path / "no" / "rejected")
    assert 1 == len(shop.states())
    assert 1 == (await shop.run(rows)).dead


# ---------------------------------------------------------------- damaged


async def test_a_damaged_row_is_said(shop: Any, orders: Any) -> None:
    """A row that cannot be read back is not guessed."""
    options = {"operation": "create_order"}
    shop.sandbox.faults.add("hang", match="POST", times=1)
    running = asyncio.ensure_future(shop.run(orders(1), **options))
    while not shop.writes():
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    with closing(sqlite3.connect(shop.journal, isolation_level=None)) as database:
        database.execute("UPDATE held SET row = x'00'")

    with pytest.raises(JournalError, match="is damaged"):
        await shop.run(orders(1), **options)


class _Evil:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


def test_reading_a_journal_runs_nothing() -> None:
    """A journal from somebody else can hold rows, and no calls."""
    with pytest.raises(pickle.UnpicklingError, match=r"a journal holds no posix\.system"):
        thaw(pickle.dumps(_Evil()))


# ---------------------------------------------------------------- one at a time


async def test_a_second_run_on_one_journal_is_refused(shop: Any, adjustments: Any) -> None:
    """In this process or another, as long as the first one lives."""
    shop.sandbox.faults.add("latency", match="POST", seconds=0.1)
    first = asyncio.ensure_future(shop.run(adjustments(1)))
    while not shop.writes():
        await asyncio.sleep(0.01)

    with pytest.raises(JournalError, match=r"another process uses the journal \S+/journal\. Wait"):
        await shop.run(adjustments(1))
    assert 1 == (await first).applied
    assert 1 == (await shop.run(adjustments(1))).applied


def test_without_locks_there_is_no_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that cannot keep a second process out is refused."""
    monkeypatch.setitem(__import__("sys").modules, "fcntl", None)
    with pytest.raises(ConfigurationError, match="needs a system with flock"):
        Lock(tmp_path / "journal").acquire()


_MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /mnt/far rw shared:2 - nfs4 server:/export rw
31 22 0:41 / /mnt/a\\040b rw - fuse.sshfs me@host: rw
32 30 0:42 / /mnt/far/near rw - tmpfs tmpfs rw
33 22 0:43 / /twice rw - ext4 /dev/vdb rw
34 22 0:44 / /twice rw - cifs //server/x rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/x/journal", "ext4"),
        ("/mnt/far/journal", "nfs4"),
        ("/mnt/farther/journal", "ext4"),
        ("/mnt/a b/journal", "fuse.sshfs"),
        ("/mnt/far/near/journal", "tmpfs"),
        ("/twice/journal", "cifs"),
    ],
)
def test_network_file_systems_are_refused(tmp_path: Path, path: str, kind: str) -> None:
    """Two machines could use a journal there, and neither would know."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(_MOUNTS)

    assert kind == filesystem_of(Path(path), mounts)
    if kind in {"ext4", "tmpfs"}:
        check_local(Path(path), mounts)
    else:
        with pytest.raises(JournalError, match=kind):
            check_local(Path(path), mounts)


def test_where_nobody_tells_the_file_system_anything_goes(tmp_path: Path) -> None:
    """Only Linux has the list."""
    assert filesystem_of(tmp_path, tmp_path / "none") is None
    check_local(tmp_path, tmp_path / "none")


# ---------------------------------------------------------------- the witness


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs as a number nobody knows."""

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)
    with pytest.raises(ConfigurationError, match=r"no home directory .* Set XDG_STATE_HOME"):
        state_directory()


def test_the_state_directory_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    """An absolute XDG_STATE_HOME counts; a relative one is to be ignored."""
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert Path("/var/state/loyalty_sdk/backfill") == state_directory()
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert Path.home() / ".local/state/loyalty_sdk/backfill" == state_directory()


@pytest.mark.parametrize(
    ("seen", "journal", "said"),
    [
        (Extent(2, 9), Extent(2, 9), None),
        (Extent(2, 9), Extent(2, 12), None),
        (Extent(2, 9), Extent(3, 9), None),
        (None, Extent(1, 0), None),
        (None, Extent(1, 1), "was never used here"),
        (Extent(2, 9), Extent(1, 9), "is an older copy"),
        (Extent(2, 9), Extent(2, 8), "is an older copy"),
        (Extent(2, 9), Extent(4, 9), "was used elsewhere"),
    ],
)
def test_a_journal_must_be_the_one_that_was_seen_last(
    seen: Extent | None, journal: Extent, said: str | None
) -> None:
    """It may be ahead by what a kill keeps from being told, and never behind."""
    if said is None:
        check(seen, journal, "x")
    else:
        with pytest.raises(JournalError, match=said):
            check(seen, journal, "x")


async def test_a_copy_in_the_middle_of_a_run_is_an_older_copy(shop: Any, adjustments: Any) -> None:
    """Runs alone would not tell it: every group counts."""
    copied: list[Path] = []

    def copy(_: Any) -> None:
        if not copied and shop.journal.exists() and len(shop.writes()) > 5:
            copied.append(shop.folder / "older")
            for end in ("", "-wal"):
                shutil.copy(f"{shop.journal}{end}", f"{copied[0]}{end}")

    async for event in shop.backfill(adjustments(20)).events():
        copy(event)
    for end in ("", "-wal"):
        shutil.copy(f"{shop.folder / 'older'}{end}", f"{shop.journal}{end}")

    with pytest.raises(JournalError, match="is an older copy: it ends with run 1, step"):
        await shop.run(adjustments(20))


async def test_a_copy_without_its_log_is_an_older_copy(shop: Any, adjustments: Any) -> None:
    """Of a first run, too: what belongs to whom is in the file before anything is in the log."""
    copy = shop.folder / "copy"
    async for _ in shop.backfill(adjustments(20)).events():
        if not copy.exists() and shop.writes():
            shutil.copy(shop.journal, copy)
    shutil.copy(copy, shop.journal)

    with pytest.raises(JournalError, match="is an older copy: it ends with run 0, step 0"):
        await shop.run(adjustments(20))
    assert 20 == len(shop.writes())


async def test_a_database_without_tables_is_not_taken_for_a_new_journal(shop: Any) -> None:
    """What stood in it may be in a log that is gone."""
    with closing(sqlite3.connect(shop.journal)) as database:
        database.execute("PRAGMA journal_mode = WAL")

    with pytest.raises(JournalError, match=r"has no tables. A copy needs the -wal file"):
        await shop.run([])


async def test_a_journal_from_another_machine_is_adopted_and_then_ours(
    shop: Any, orders: Any
) -> None:
    """Without a witness it is refused; adopted, it goes on, and the copy left behind cannot."""
    options = {"operation": "create_order"}
    await shop.run(orders(3), **options)
    shutil.copy(shop.journal, shop.folder / "copy")
    shutil.rmtree(shop.folder / "state")
    with pytest.raises(JournalError, match="was never used here"):
        await shop.run(orders(3), **options)

    assert 4 == (await shop.run(orders(4), adopt=True, **options)).applied
    shutil.copy(shop.folder / "copy", shop.journal)
    with pytest.raises(JournalError, match="is an older copy"):
        await shop.run(orders(4), **options)
    assert 4 == len(shop.writes())


async def test_a_damaged_witness_is_adopted_anew(shop: Any, orders: Any) -> None:
    """It is refused first, since it no longer says anything."""
    options = {"operation": "create_order"}
    await shop.run(orders(1), **options)
    [witness] = (shop.folder / "state").iterdir()
    witness.write_text("?")
    with pytest.raises(JournalError, match="is damaged"):
        await shop.run(orders(1), **options)

    assert 1 == (await shop.run(orders(1), adopt=True, **options)).applied
    assert 1 == (await shop.run(orders(1), **options)).applied


def test_a_witness_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Not taken for one that is missing."""
    (tmp_path / "x").mkdir()
    with pytest.raises(JournalError, match="Is a directory"):
        Witness(tmp_path, "x").open()


async def test_a_state_directory_that_cannot_be_made_is_said(
    shop: Any, adjustments: Any, tmp_path: Path
) -> None:
    """With how to name another one."""
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="XDG_STATE_HOME, or state_directory="):
        await shop.run(adjustments(1), state_directory=tmp_path / "file" / "state")
    assert [] == shop.writes()


async def test_a_journal_killed_before_its_first_row_goes_on(
    shop: Any, adjustments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no witness yet, and nothing that one could tell."""

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Witness, "open", killed)
        with pytest.raises(KeyboardInterrupt):
            opening.open_journal(
                shop.journal,
                await _belonging(shop),
                adopt=False,
                mends=False,
                directory=shop.folder / "state",
            )

    assert 1 == (await shop.run(adjustments(1))).applied


async def _belonging(shop: Any) -> Any:
    from loyalty_sdk.backfill import IterableSource
    from loyalty_sdk.backfill._identity import belonging

    source = IterableSource([], Columns(operation="adjust_points"))
    return await belonging(shop.client, source, "adjust_points")


async def test_the_journals_thread_ends_with_the_run(shop: Any, adjustments: Any) -> None:
    """However the run ends."""
    await shop.run(adjustments(1))
    assert [] == [each.name for each in threading.enumerate() if "journal" in each.name]


async def test_a_link_to_a_journal_is_the_same_journal(shop: Any, adjustments: Any) -> None:
    """Two runs under two names would both send what neither has done."""
    shop.sandbox.faults.add("latency", match="POST", seconds=0.2)
    link = shop.folder / "link"
    link.symlink_to(shop.journal)
    first = asyncio.ensure_future(shop.run(adjustments(6), concurrency=1))
    while not shop.writes():
        await asyncio.sleep(0.01)

    with pytest.raises(JournalError, match="another process uses the journal"):
        await shop.run(adjustments(6), journal=link)
    assert 6 == (await first).applied
    assert 6 == len(shop.writes())


async def test_a_journal_in_use_is_refused_wherever_it_was_moved(
    shop: Any, adjustments: Any
) -> None:
    """A lock beside it stays behind; the one of its lineage does not."""
    shop.sandbox.faults.add("latency", match="POST", seconds=0.2)
    first = asyncio.ensure_future(shop.run(adjustments(6), concurrency=1))
    while not shop.writes():
        await asyncio.sleep(0.01)
    (shop.folder / "moved").mkdir()
    for path in (shop.journal, *shop.folder.glob("journal-*")):
        shutil.copy(path, shop.folder / "moved")

    with pytest.raises(JournalError, match="under another name, or a copy of it"):
        await shop.run(adjustments(6), journal=shop.folder / "moved" / "journal")
    assert 6 == (await first).applied
    assert 6 == len(shop.writes())


async def test_runs_that_never_began_do_not_count(
    shop: Any, adjustments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is killed before it begins, the journal is no older or newer copy."""
    await shop.run(adjustments(2))

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    for _ in range(3):
        with monkeypatch.context() as patched:
            patched.setattr(Witness, "begin", killed)
            with pytest.raises(KeyboardInterrupt):
                opening.open_journal(
                    shop.journal,
                    await _belonging(shop),
                    adopt=False,
                    mends=False,
                    directory=shop.folder / "state",
                )

    assert 3 == (await shop.run(adjustments(3))).applied


async def test_a_journal_that_cannot_be_closed_well_is_let_go(
    shop: Any, adjustments: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run must not find it locked."""

    def full(_: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        witness = Witness(shop.folder, "w")
        witness.open()
        with pytest.raises(OSError, match="full"):
            witness.close()
    again = Witness(shop.folder, "w")
    again.open()
    assert again.read() is None
    again.close()


# ---------------------------------------------------------------- rows on disk


class _Name(str, Enum):  # noqa: UP042 - whose `str` is not its value
    SIGNUP = "$signup"


class _Tally(IntEnum):
    FIVE = 5


class _Moment(datetime):
    pass


def _held(value: Any) -> Any:
    kept: Any = thaw_row(freeze_row(Row(7, None, 8, "k", value, "1"))).value
    assert value == kept
    assert type(value) is type(kept)
    return kept


def test_rows_with_a_callers_own_classes_are_read_back() -> None:
    """A journal that runs no code of others must not be left with what only that code reads."""
    ada = Customer(id=_Name.SIGNUP, email="a@example.com")
    berlin = datetime(2026, 5, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    moment = _Moment(2026, 5, 1, tzinfo=UTC)
    order = _held(Order(id="1", customer=ada, total=Decimal("9.90"), placed_at=berlin))
    _held(Activity(name=_Name.SIGNUP, customer=ada, occurred_at=moment, properties={"n": 1.5}))
    _held(PointsAdjustment(customer_id="1", points=_Tally.FIVE, reference=_Name.SIGNUP))
    assert (str, datetime, UTC) == (
        type(order.customer.id), type(order.placed_at), order.placed_at.tzinfo
    )  # fmt: skip


def test_receipts_with_a_callers_own_classes_are_read_back() -> None:
    """The same holds for what is known of a row in doubt."""
    open_one = Receipt(
        operation="adjust_points",
        provider="loyaltylion",
        reference=_Name.SIGNUP,
        outcome=Outcome.UNKNOWN,
        attempts=_Tally.FIVE,
        resolve_after=datetime(2026, 5, 1, tzinfo=ZoneInfo("Europe/Berlin")),
    )
    kept = thaw(freeze(open_one))
    assert open_one == kept
    assert (str, int, UTC) == (
        type(kept.reference), type(kept.attempts), kept.resolve_after.tzinfo
    )  # fmt: skip


async def test_a_row_with_a_time_zone_is_gone_on_with(shop: Any) -> None:
    """Killed while it was on its way, it is read back and looked for."""
    berlin = datetime(2026, 5, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    ada = Customer(id="1")
    rows = [Order(id=key, customer=ada, total=Decimal(5), placed_at=berlin) for key in "ab"]
    shop.sandbox.faults.add("hang", match="POST", applied=True, times=1)
    going = asyncio.ensure_future(shop.run(rows, operation="create_order", deadline=60.0))
    while not shop.writes():
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)

    assert 2 == (await shop.run(rows, operation="create_order")).applied


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_journal_that_is_taken_away_ends_the_run(
    shop: Any, adjustments: Any, *, replaced: bool
) -> None:
    """What was sent after it was gone, no later run would know of."""
    shop.sandbox.faults.add("latency", match="POST", seconds=0.05)
    running = asyncio.ensure_future(shop.run(adjustments(200), concurrency=2))
    while len(shop.writes()) < 4:
        await asyncio.sleep(0.01)
    shop.journal.rename(shop.folder / "aside")
    if replaced:
        shop.journal.touch()

    with pytest.raises(JournalError, match="cannot be written"):
        await running
    assert len(shop.writes()) < 20


def test_a_witness_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent, with how to name another place."""
    witness = Witness(tmp_path, "w")
    witness.open()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(JournalError, match=r"cannot be written: .*No space left on device"):
            witness.begin(Extent(1, 0))
    witness.close()


@pytest.mark.parametrize("refused", [False, True])
async def test_a_run_that_is_cancelled_while_it_opens_its_journal_lets_it_go(
    shop: Any, adjustments: Any, monkeypatch: pytest.MonkeyPatch, *, refused: bool
) -> None:
    """The same process goes on with it, and need not die first."""
    reached, real = threading.Event(), opening.open_journal

    def slow(*given: Any, **named: Any) -> Any:
        reached.set()
        time.sleep(0.1)
        if refused:
            raise JournalError("no")
        return real(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(beginning, "open_journal", slow)
        running = asyncio.ensure_future(shop.run(adjustments(2)))
        await asyncio.to_thread(reached.wait)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    assert 2 == (await shop.run(adjustments(2))).applied
