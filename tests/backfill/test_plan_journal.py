"""A plan beside a journal leaves out what earlier runs have done, and changes nothing there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from loyalty_sdk import ConfigurationError, InputError, JournalError
from loyalty_sdk.backfill import Columns, FileSource, IterableSource, Plan, State, mended, plan

POINTS = Columns(operation="adjust_points")
ROWS = "1,5,a\n2,6,b\n2,7,c\n3,x,d\n4,8,e\n"


def written(shop: Any, rows: str, name: str = "rows.csv") -> Path:
    """A file of adjustments."""
    path: Path = shop.folder / name
    path.write_text("customer_id,points,reference\n" + rows)
    return path


async def planned(shop: Any, source: Any, **how: Any) -> Plan:
    """What another run with the journal would do."""
    given: dict[str, Any] = {"journal": shop.journal, **how}
    return await plan(shop.client.provider, source, "adjust_points", **given)


def state(shop: Any, key: str, to: State) -> None:
    """Let the row of ``key`` be in another state."""
    shop.changed(f"UPDATE rows SET state = {to.value} WHERE key = '{key}'")  # noqa: S608 - our own


async def test_what_was_done_is_left_out(shop: Any) -> None:
    """It is counted apart, by what another run would make of it."""
    source = FileSource(written(shop, ROWS), POINTS)
    await shop.run(source)
    found = await planned(shop, source)
    assert (5, 5, 1, 0, 0, 0) == (
        found.rows, found.done, found.dead, found.doubtful, found.sendable, found.bad,
    )  # fmt: skip

    state(shop, "a", State.SENT)
    state(shop, "b", State.UNKNOWN)
    state(shop, "c", State.WAITING)
    found = await planned(shop, source)
    assert (2, 1, 2, 1, 7) == (
        found.done, found.dead, found.doubtful, found.sendable, found.points_given,
    )  # fmt: skip
    assert [2] == [each.row.ordinal for each in found.first]


async def test_a_plan_changes_nothing(shop: Any) -> None:
    """Neither the journal nor its lock, dead letters and witness, to the byte and the moment."""
    source = FileSource(written(shop, ROWS), POINTS)
    await shop.run(source)
    files = [each for each in shop.folder.rglob("*") if each.is_file()]
    before = [(each.read_bytes(), each.stat().st_mtime_ns) for each in files]
    arrivals = len(shop.sandbox.arrivals)
    await planned(shop, source, adopt=True)

    assert before == [(each.read_bytes(), each.stat().st_mtime_ns) for each in files]
    assert {"journal", "journal.lock", "journal.rejected.jsonl"} <= {each.name for each in files}
    assert arrivals == len(shop.sandbox.arrivals)


async def test_rows_behind_those_that_were_read_are_still_to_come(shop: Any) -> None:
    """Their key must not be one that was used before them; theirs is made of the journal's id."""
    source = FileSource(written(shop, ROWS + "5,9,\n5,1,b\n"), POINTS)
    await shop.run(source)
    shop.changed("DELETE FROM rows WHERE ordinal > 4")
    found = await planned(shop, source)
    assert (5, 1, 1, 1) == (found.done, found.sendable, found.keyless, found.doubled)
    [[lineage]] = shop.asked("SELECT value FROM facts WHERE name = 'lineage'")
    assert f"{lineage}-5" in found.first[0].request

    shop.changed("UPDATE rows SET ordinal = 99 WHERE key = 'e'")
    found = await planned(shop, source)
    assert {("its key stands in the input before", 1), ("its key stands in the journal", 1)} == {
        *found.problems
    }


@pytest.mark.parametrize("fact", [True, False])
async def test_who_adopts_looks_for_each_row(shop: Any, *, fact: bool) -> None:
    """Whether this run would adopt the journal, or an earlier one did, or there is none yet."""
    source = FileSource(written(shop, ROWS), POINTS)
    assert (await planned(shop, source, adopt=True)).adopted
    assert not (await planned(shop, source)).adopted
    await shop.run(source, adopt=fact)
    assert (await planned(shop, source, adopt=not fact)).adopted
    assert fact is (await planned(shop, source)).adopted


async def test_without_a_journal_nothing_was_done(shop: Any) -> None:
    """None was named, or it is still to be made, or has nothing in it yet."""
    source = FileSource(written(shop, ROWS), POINTS)
    for journal in (None, shop.journal, shop.folder / "empty"):
        (shop.folder / "empty").touch()
        found = await planned(shop, source, journal=journal)
        assert (4, 1, 0) == (found.sendable, found.bad, found.done)


async def test_the_journal_of_something_else_is_refused(shop: Any) -> None:
    """As the run would: another input, a damaged one, or no journal at all."""
    path = written(shop, ROWS)
    await shop.run(FileSource(path, POINTS))
    with pytest.raises(JournalError, match="another mapping"):
        await planned(shop, FileSource(path, attrs.evolve(POINTS, values={"note": "n"})))
    with pytest.raises(JournalError, match="file is not a database"):
        await planned(shop, FileSource(path, POINTS), journal=path)
    shop.changed("UPDATE facts SET value = 'https://x.example' WHERE name = 'host'")
    with pytest.raises(JournalError, match="another host"):
        await planned(shop, FileSource(path, POINTS))
    path.write_text(path.read_text() + "9,9,z\n")
    with pytest.raises(JournalError, match="another input, or one that has changed"):
        await planned(shop, FileSource(path, POINTS))
    shop.changed("DROP TABLE facts")
    with pytest.raises(JournalError, match="journal cannot be read: no such table"):
        await planned(shop, FileSource(path, POINTS))


async def test_rows_of_an_iterable_are_known_by_their_keys(shop: Any) -> None:
    """One that was a dead letter and is repaired by now has its turn; a used key has none."""

    def row(key: str, points: Any) -> dict[str, Any]:
        return {"customer_id": "1", "points": points, "reference": key}

    many = 2_000_000  # which the vendor does not take
    await shop.run([row("a", 1), row("b", 2), row("c", "x"), row("d", 0), row("f", many)])
    again = [row("a", 1), row("a", 1), row("b", 3), row("c", 4), row("d", 0), row("f", 6)]
    found = await planned(shop, IterableSource([*again, row("e", 5)], POINTS))

    assert (2, 1, 2, 3) == (found.done, found.dead, found.doubled, found.sendable)
    assert ["c", "f", "e"] == [each.row.key for each in found.first]
    assert 15 == found.points_given


async def test_a_key_that_was_mended_away_is_used_all_the_same(shop: Any) -> None:
    """The row that had it was sent under another one."""
    odd = {"customer_id": "1", "points": "x", "reference": "a"}
    letters = (await shop.run([odd])).rejected
    assert letters is not None
    letters.write_text(letters.read_text().replace('"x"', "4").replace('"a"}', '"b"}'))
    assert 1 == (await shop.run(mended(letters, POINTS), mends=True)).applied
    found = await planned(shop, IterableSource([odd | {"points": 5}], POINTS))
    assert (1, 0) == (found.doubled, found.sendable)


async def test_letters_that_were_played_are_left_out(shop: Any) -> None:
    """A mended one has its turn; a row that the journal does not have is refused."""
    source = FileSource(written(shop, "1,x,a\n2,y,b\n3,5,c\n"), POINTS)
    letters = (await shop.run(source)).rejected
    assert letters is not None
    path = shop.folder / "mended.jsonl"
    path.write_text(letters.read_text().replace('"x"', '"4"').replace('"y"', '"7"'))
    assert (2, 0) == _turns(await planned(shop, mended(path, POINTS)))
    [first, second] = path.read_text().splitlines(keepends=True)
    path.write_text(first)
    await shop.run(mended(path, POINTS), mends=True)
    path.write_text(first + second)
    assert (1, 1) == _turns(await planned(shop, mended(path, POINTS)))

    path.write_text(json.dumps(json.loads(first) | {"ordinal": 77}))
    with pytest.raises(JournalError, match="the journal has no row 77 that could be mended"):
        await planned(shop, mended(path, POINTS))
    path.write_text(json.dumps(json.loads(first) | {"journal": "another"}))
    with pytest.raises(InputError, match="no dead letter of this journal"):
        await planned(shop, mended(path, POINTS))
    with pytest.raises(JournalError, match=r"there is no journal .*nowhere whose dead letters"):
        await planned(shop, mended(path, POINTS), journal=shop.folder / "nowhere")
    with pytest.raises(ConfigurationError, match="points had another column or value"):
        await planned(shop, mended(path, attrs.evolve(POINTS, columns={"points": "p"})))


def _turns(found: Plan) -> tuple[int, int]:
    return found.sendable, found.done


async def test_a_plan_of_letters_needs_no_journal(shop: Any) -> None:
    """Without one that is named, what stands in the file is planned as it is."""
    source = FileSource(written(shop, "1,x,a\n"), POINTS)
    letters = (await shop.run(source)).rejected
    assert (0, 0) == _turns(await planned(shop, mended(letters, POINTS), journal=None))
