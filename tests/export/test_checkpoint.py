"""Checkpoints: one process each, one export each, and all or nothing."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import ConfigurationError, ExportError
from loyalty_sdk.export import Export, _checkpoint
from loyalty_sdk.export._checkpoint import Checkpoint
from loyalty_sdk.export._rows import json_row
from loyalty_sdk.export._spool import Spool
from loyalty_sdk.sandbox import Sandbox

from .ledgers import client_of

IDENTITY: dict[str, Any] = {"provider": "acme", "host": "https://a.example", "kinds": None}

_HOLDER = """
import sys
from pathlib import Path
from loyalty_sdk.export._checkpoint import Checkpoint
from loyalty_sdk.export._rows import json_row
from loyalty_sdk.export._spool import Spool

base = Checkpoint(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a checkpoint goes."""
    return tmp_path / "rows.csv.checkpoint"


def make(path: Path) -> None:
    """A checkpoint of a run that has begun."""
    base = Checkpoint(path)
    with base.change():
        base.note("run", {"number": 1})
    base.close()


def test_what_was_noted_is_there_again(path: Path) -> None:
    """In the next process too."""
    base = Checkpoint(path)
    with base.change():
        base.note("run", {"number": 1})
    base.close()
    base = Checkpoint(path)
    assert ({"number": 1}, None) == (base.fact("run"), base.fact("nothing"))
    base.close()


def test_a_second_process_is_refused(path: Path) -> None:
    """Two at once would hand rows out twice; a killed one holds nothing."""
    command = [sys.executable, "-c", _HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert b"held\n" == holder.stdout.readline()
        with pytest.raises(ConfigurationError, match=r"rows\.csv\.checkpoint is in use by another"):
            Checkpoint(path)
        holder.kill()
        holder.wait()
        make(path)


def test_a_second_export_of_one_process_is_refused(path: Path) -> None:
    """The lock is not only between processes."""
    base = Checkpoint(path)
    with pytest.raises(ConfigurationError, match="in use"):
        Checkpoint(path)
    base.close()


def test_whoever_waits_for_a_refused_one_has_a_file_of_its_own(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that the refused one takes away is nobody's, and what is kept in it is lost."""
    monkeypatch.setattr(_checkpoint, "_PATIENCE", 20)
    refused, kept = Checkpoint(path), list[Checkpoint]()
    waiting = threading.Thread(target=lambda: kept.append(Checkpoint(path)))
    waiting.start()
    time.sleep(0.1)
    refused.close()
    waiting.join()
    with kept[0].change():
        kept[0].note("run", {"number": 1})
    kept[0].close()

    again = Checkpoint(path)
    assert {"number": 1} == again.fact("run")
    again.close()


def test_a_change_that_fails_changes_nothing(path: Path) -> None:
    """All that happens inside is kept, or nothing is."""
    base = Checkpoint(path)

    def fail() -> None:
        with base.change():
            base.note("run", 1)
            raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        fail()
    assert base.fact("run") is None
    base.close()


def test_a_full_disk_is_named_and_loses_nothing(path: Path) -> None:
    """What was kept before stays, and can be added to once there is room."""
    base = Checkpoint(path)
    with base.change():
        base.note("run", 1)
    size = base.one("PRAGMA page_count")
    base.one(f"PRAGMA max_page_count = {size}")

    def fill() -> None:
        with base.change():
            base.note("more", "x" * 100_000)

    with pytest.raises(ExportError, match=r"cannot write .*checkpoint: database or disk is full"):
        fill()
    assert (1, None) == (base.fact("run"), base.fact("more"))
    base.one("PRAGMA max_page_count = 1000000")
    fill()
    assert "x" * 100_000 == base.fact("more")
    base.close()


async def test_a_broken_checkpoint_is_named_and_let_go_of(tmp_path: Path) -> None:
    """Not SQLite's own error; and a new one can take its place at once."""
    out = tmp_path / "rows.csv"
    path = tmp_path / "rows.csv.checkpoint"
    async with Sandbox() as vendor, client_of(vendor) as client:
        await Export(client, out).run()
        content = bytearray(path.read_bytes())
        content[4096:] = b"\xff" * (len(content) - 4096)
        path.write_bytes(content)
        with pytest.raises(ExportError, match=r"cannot read .*malformed. It is broken: begin anew"):
            await Export(client, out, overwrite=True).run()
        path.unlink()
        assert 1 == (await Export(client, out, overwrite=True).run()).run


def test_giving_room_back_needs_room(path: Path) -> None:
    """Without any a run has ended well all the same."""
    base = Checkpoint(path)
    with base.change():
        base.note("run", "x" * 100_000)
        base.note("run", 1)
    # It cannot vacuum from within a transaction.
    with base.change():
        base.shrink()
    assert 1 == base.fact("run")
    base.close()


def test_a_mistake_is_no_full_disk(path: Path) -> None:
    """What is wrong with a query is not blamed on the disk."""
    base = Checkpoint(path)
    with pytest.raises(sqlite3.OperationalError, match="no such table"), base.change():
        base.rows("DELETE FROM nowhere")
    base.close()


def test_the_first_export_owns_the_checkpoint(path: Path) -> None:
    """Another one is refused, and everything that differs is named."""
    base = Checkpoint(path)
    base.belong(IDENTITY)
    base.belong(IDENTITY)
    other = IDENTITY | {"host": "https://b.example", "kinds": ["adjusted", "earned"]}
    with pytest.raises(ConfigurationError) as caught:
        base.belong(other)
    assert (
        f"{path} belongs to another export: host is https://a.example there and "
        "https://b.example here; kinds is not set there and adjusted, earned here"
    ) == caught.value.message
    base.close()


@pytest.mark.parametrize("content", [b"id,points\n1,50\n" * 100, b"SQLite format 3\0" + b"x" * 500])
def test_what_is_no_checkpoint_is_left_alone(path: Path, content: bytes) -> None:
    """A file of another kind is refused and not touched."""
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is no checkpoint"):
        Checkpoint(path)
    assert content == path.read_bytes()


def test_another_programs_database_is_left_alone(path: Path) -> None:
    """So is one of SQLite's."""
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE theirs (id INTEGER)")
    base.close()
    content = path.read_bytes()
    with pytest.raises(ConfigurationError, match="is no checkpoint"):
        Checkpoint(path)
    assert content == path.read_bytes()


def test_another_versions_checkpoint_is_refused(path: Path) -> None:
    """What a later version means by its tables nobody here knows."""
    make(path)
    base = sqlite3.connect(path)
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(ConfigurationError, match="was made by another version"):
        Checkpoint(path)


def test_what_is_forgotten_is_not_written_once_more(path: Path) -> None:
    """Some systems' SQLite writes zeros over it: the end of a run would need its room again."""
    base = Checkpoint(path)
    with base.change():
        base.note("run", {"number": 1})
        rows = ((number, 1, str(number), 1, b"x" * 400) for number in range(5000))
        base.many("INSERT INTO row VALUES (?, ?, ?, ?, ?)", rows)
    base.one("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with base.change():
        Spool(base, json_row).clear()
    assert path.with_name(path.name + "-wal").stat().st_size < size / 10
    base.shrink()
    base.close()
    assert b"x" * 100 not in path.read_bytes()


def test_a_run_that_never_began_leaves_nothing(path: Path) -> None:
    """No file is there that was not there before, and none of SQLite's own."""
    base = Checkpoint(path)
    base.belong(IDENTITY)
    base.close()
    assert [] == list(path.parent.iterdir())


@pytest.mark.parametrize("name", ["missing/rows.checkpoint", "."])
def test_a_place_where_nothing_can_be_made_is_named(tmp_path: Path, name: str) -> None:
    """A folder that is missing, or a folder in its place."""
    with pytest.raises(ConfigurationError, match="cannot open"):
        Checkpoint(tmp_path / name)


def test_what_cannot_be_written_at_all_is_named(path: Path) -> None:
    """A checkpoint that only one may read, for instance."""
    make(path)
    base = sqlite3.connect(path)
    base.execute("PRAGMA journal_mode = DELETE")
    base.close()
    uri = path.as_uri() + "?mode=ro"
    connect: Any = sqlite3.connect

    def readonly(_: Path, **options: Any) -> Any:
        return connect(uri, uri=True, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", readonly)
        with pytest.raises(ConfigurationError, match="readonly database"):
            Checkpoint(path)
