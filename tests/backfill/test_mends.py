"""Dead letters that are played again, by people who make mistakes of their own."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import ConfigurationError, InputError, JournalError
from loyalty_sdk.backfill import (
    Backfill,
    Columns,
    Event,
    FileSource,
    RowEnded,
    State,
    Summary,
    mended,
)
from loyalty_sdk.backfill._report_data import read_findings, read_letters

COLUMNS = Columns(operation="adjust_points")


def _table(folder: Path, *rows: str, header: str = "customer_id,points,reference") -> Path:
    path = folder / "rows.csv"
    path.write_text("\n".join([header, *rows, ""]))
    return path


def _letter(path: Path, points: str) -> str:
    letter = json.loads(path.read_text())
    letter["row"]["points"] = points
    return json.dumps(letter) + "\n"


async def _stopped(backfill: Backfill, first: State) -> Summary:
    """What became of a run that was stopped when its first row ended so."""
    events = [event async for event in _stopping(backfill, first)]
    assert isinstance(events[-1], Summary)
    return events[-1]


async def _stopping(backfill: Backfill, first: State) -> AsyncIterator[Event]:
    async for event in backfill.events():
        if isinstance(event, RowEnded) and event.state is first:
            backfill.stop()
        yield event


@pytest.mark.parametrize("apart", [0, 300])
async def test_a_letter_that_stands_twice_in_a_file_is_sent_once(
    shop: Any, tmp_path: Path, apart: int
) -> None:
    """Whoever pastes a file twice is told; that they are read together is nothing to rely on."""
    header = "customer_id,points"
    lines = [f"{n},five" for n in range(apart + 1)]
    summary = await shop.run(_table(tmp_path, *lines, header=header))
    text = summary.rejected.read_text().replace("five", "5")
    summary.rejected.write_text(text + text.splitlines()[0] + "\n")

    with pytest.raises(InputError, match="mends row 0 twice"):
        await shop.run(mended(summary.rejected, COLUMNS), mends=True)
    assert len(shop.points("0")) <= 1

    summary.rejected.write_text(text)
    last = await shop.run(mended(summary.rejected, COLUMNS), mends=True)
    assert (apart + 1, 0) == (last.applied, last.dead)
    assert [5] == shop.points("0")


async def test_a_letter_is_played_with_its_own_journal_alone(shop: Any, tmp_path: Path) -> None:
    """In another one its number is that of another row, which would never be sent."""
    first = await shop.run(_table(tmp_path, "1,five,a"))
    text = _letter(first.rejected, "5")
    other = await shop.run(_table(tmp_path, "2,six,b"), journal=tmp_path / "other")
    first.rejected.write_text(text)

    with pytest.raises(InputError, match="line 1 is no dead letter of this journal"):
        await shop.run(mended(first.rejected, COLUMNS), mends=True, journal=tmp_path / "other")
    assert [] == shop.writes()
    assert other.rejected.exists()


async def test_what_was_mended_and_not_played_stays_in_its_file(shop: Any, tmp_path: Path) -> None:
    """A run that stops early leaves the file alone: the work of whoever mended it is there only."""
    summary = await shop.run(_table(tmp_path, *(f"{n},five,r-{n}" for n in range(9))))
    text = summary.rejected.read_text().replace("five", "5")
    summary.rejected.write_text(text)
    backfill = shop.backfill(mended(summary.rejected, COLUMNS), mends=True, concurrency=1)

    stopped = await _stopped(backfill, State.APPLIED)

    assert summary.rejected == stopped.rejected
    assert text == summary.rejected.read_text()
    again = await shop.run(mended(summary.rejected, COLUMNS), mends=True)
    assert (9, None) == (again.applied, again.rejected)
    assert not summary.rejected.exists()


async def test_playing_dead_letters_does_not_finish_the_input(shop: Any, tmp_path: Path) -> None:
    """Whoever asks whether all is done must not hear yes because the letters are."""
    rows = _table(tmp_path, "1,five,a", *(f"{n},5,r-{n}" for n in range(300)))
    backfill = shop.backfill(rows, concurrency=1)
    stopped = await _stopped(backfill, State.APPLIED)
    assert stopped.rejected is not None
    stopped.rejected.write_text(_letter(stopped.rejected, "5"))

    played = await shop.run(mended(stopped.rejected, COLUMNS), mends=True)
    assert (0, None, False, False) == (played.dead, played.reason, played.complete, played.finished)

    whole = await shop.run(rows)
    assert (301, True) == (whole.applied, whole.finished)


async def test_only_dead_letters_mend(shop: Any, tmp_path: Path) -> None:
    """The rows of a table would take the places of others."""
    with pytest.raises(ConfigurationError, match="come from `mended`"):
        shop.backfill(_table(tmp_path, "1,5,a"), mends=True)


@pytest.mark.parametrize("ordinal", [-1, 1 << 63])
async def test_a_number_that_no_journal_holds_is_no_letter(tmp_path: Path, ordinal: int) -> None:
    """It would break the journal, not the row."""
    path = tmp_path / "x.rejected.jsonl"
    path.write_text(json.dumps({"ordinal": ordinal, "row": {}}))
    with pytest.raises(InputError, match="line 1 is no dead letter"):
        [row async for row in mended(path, COLUMNS).rows()]


async def test_dead_letters_are_nobody_elses_to_read(shop: Any, tmp_path: Path) -> None:
    """What shoppers are sent stands in them, as in the journal."""
    summary = await shop.run(_table(tmp_path, "1,five,a"))
    assert 0o600 == summary.rejected.stat().st_mode & 0o777


@pytest.mark.parametrize("row", [{"reference": "\ud800"}, {"reference": "a", "\udc80\ud800": 1}])
async def test_text_that_is_none_breaks_its_row_and_not_the_journal(
    shop: Any, row: dict[str, Any]
) -> None:
    """Half a character in a key or in a column's name is a dead letter like any other."""
    summary = await shop.run([{"customer_id": "1", "points": 5, **row}])
    assert (0, 1) == (summary.applied, summary.dead)
    assert "\\ud800" in summary.rejected.read_text().replace("\\\\", "\\")


async def test_an_input_that_breaks_off_leaves_its_dead_letters(shop: Any) -> None:
    """What was read is finished, and what cannot be sent is to be mended, also then."""

    def rows() -> Any:
        yield {"customer_id": "1", "points": "five", "reference": "a"}
        yield {"customer_id": "1", "points": 5, "reference": "b"}
        raise RuntimeError("the cursor is gone")

    with pytest.raises(RuntimeError, match="the cursor is gone"):
        await shop.run(rows())
    [letter] = (shop.folder / "journal.rejected.jsonl").read_text().splitlines()
    assert "a" == json.loads(letter)["key"]
    assert [5] == shop.points("1")


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def _kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.kept-*"))


async def test_letters_that_were_mended_are_not_written_over(shop: Any, tmp_path: Path) -> None:
    """Whoever mends them and then lets the input go on finds the work under another name."""
    rows = _table(tmp_path, "1,five,a", "2,5,b")
    summary = await shop.run(rows)
    await shop.run(rows)
    assert [] == _kept(tmp_path)

    work = [_letter(summary.rejected, points) for points in ("5", "6")]
    for text in work:
        summary.rejected.write_text(text)
        await shop.run(rows)
    kept = _kept(tmp_path)
    assert work == [path.read_text() for path in kept]

    played = await shop.run(mended(kept[1], COLUMNS), mends=True)
    assert (2, None) == (played.applied, played.rejected)
    assert [6] == shop.points("1")
    assert 2 == len(_kept(tmp_path))


async def test_letters_that_are_mended_in_a_copy_leave_the_others_alone(
    shop: Any, tmp_path: Path
) -> None:
    """What was mended in the file itself is not in the journal when only its copy was played."""
    first = await shop.run(_table(tmp_path, "1,five,a", "2,six,b"))
    [one, other] = first.rejected.read_text().splitlines()
    copy = tmp_path / "mine.jsonl"
    copy.write_text(one.replace("five", "5"))
    mine = f"{one}\n{other.replace('six', '6')}\n"
    first.rejected.write_text(mine)

    played = await shop.run(mended(copy, COLUMNS), mends=True)
    assert (1, 1) == (played.applied, played.dead)
    assert [mine] == [path.read_text() for path in _kept(tmp_path)]

    last = await shop.run(mended(_kept(tmp_path)[0], COLUMNS), mends=True)
    assert (2, None) == (last.applied, last.rejected)
    assert 1 == len(_kept(tmp_path))


async def test_letters_that_are_mended_while_they_are_played_are_kept(
    shop: Any, tmp_path: Path
) -> None:
    """Whoever saves once more had not been read."""
    first = await shop.run(_table(tmp_path, "1,five,a", "2,six,b"))
    text = first.rejected.read_text().replace("five", "5")
    first.rejected.write_text(text)
    more = text.replace("six", "6")

    backfill = shop.backfill(mended(first.rejected, COLUMNS), mends=True)
    async for event in backfill.events():
        if isinstance(event, RowEnded) and event.state is State.APPLIED:
            first.rejected.write_text(more)
    assert [more] == [path.read_text() for path in _kept(tmp_path)]


def test_a_file_that_is_gone_is_not_what_was_played(tmp_path: Path) -> None:
    """Nothing of it is left to be kept."""
    path = tmp_path / "x.rejected.jsonl"
    path.touch()
    source = mended(path, COLUMNS)
    assert source.is_all_of(path, source.fingerprint)
    path.unlink()
    assert not source.is_all_of(path, "0:")


async def test_mended_rows_are_made_as_they_were_at_first(shop: Any, tmp_path: Path) -> None:
    """A value that was the same for every row of the input is not left out without a word."""
    columns = Columns(
        operation="adjust_points",
        columns={"points": "howmany"},
        values={"reason": "Sorry"},
        ignore=("note",),
    )
    rows = _table(tmp_path, "1,five,a,secret", header="customer_id,howmany,reference,note")
    first = await shop.run(FileSource(rows, columns))
    first.rejected.write_text(first.rejected.read_text().replace("five", "5"))

    said = (
        r"jsonl: note, points, reason had another column or value in the first run\. Play it with"
    )
    with pytest.raises(ConfigurationError, match=said):
        await shop.run(mended(first.rejected, COLUMNS), mends=True)
    assert [] == shop.writes()

    last = await shop.run(mended(first.rejected, columns), mends=True)
    assert (1, None) == (last.applied, last.rejected)


@pytest.mark.parametrize("first", ["", "5", "[]", '{"columns": {}}', '{"columns":1,"values":2}'])
def test_a_mapping_of_the_callers_own_is_not_compared(tmp_path: Path, first: str) -> None:
    """A source may say in its own words how it makes its rows."""
    path = tmp_path / "x.rejected.jsonl"
    path.touch()
    mended(path, COLUMNS).check_mapping(first)


async def test_a_file_of_letters_that_cannot_be_written_hides_no_summary(
    shop: Any, tmp_path: Path
) -> None:
    """All was done; what is dead stands in the journal, and the next run writes it down."""
    rows = _table(tmp_path, "1,five,a", "2,5,b")
    with pytest.raises(JournalError, match=r"x\.jsonl: No such file or directory") as caught:
        await shop.run(rows, rejected=tmp_path / "gone" / "x.jsonl")
    done = caught.value.summary
    assert (1, 1, None, True) == (done.applied, done.dead, done.rejected, done.finished)

    assert 1 == len((await shop.run(rows)).rejected.read_text().splitlines())


async def test_letters_that_cannot_be_written_hide_no_other_failure(
    shop: Any, tmp_path: Path
) -> None:
    """An input that breaks off, or fails, is told first; with it goes what came of the letters."""
    whole = gzip.compress(b"customer_id,points,reference\n" + b"1,five,\n" * 3_000)
    packed = tmp_path / "rows.csv.gz"
    packed.write_bytes(whole[:-40])
    gone = tmp_path / "gone" / "x.jsonl"
    with pytest.raises(InputError, match="is damaged or truncated") as broken:
        await shop.run(packed, rejected=gone)
    assert broken.value.summary.dead > 0

    def rows() -> Any:
        yield {"customer_id": "1", "points": "five", "reference": "a"}
        raise RuntimeError("the cursor is gone")

    other = {"journal": tmp_path / "other", "rejected": gone}
    with pytest.raises(RuntimeError, match="the cursor is gone") as failed:
        await shop.run(rows(), **other)
    for each in (broken, failed):
        assert [f"{gone}: No such file or directory"] == each.value.__notes__


async def test_letters_of_no_journal_begin_none(shop: Any, tmp_path: Path) -> None:
    """A file that was renamed does not say which journal is its own, and nothing is made of it."""
    summary = await shop.run(_table(tmp_path, "1,five,a"))
    renamed = summary.rejected.rename(tmp_path / "mine.jsonl")
    before = _files(tmp_path)
    with pytest.raises(
        JournalError, match=r"there is no journal .*/mine\.jsonl\.journal .*--journal"
    ):
        await shop.run(
            mended(renamed, COLUMNS), mends=True, journal=tmp_path / "mine.jsonl.journal"
        )
    assert before == _files(tmp_path)


async def test_a_report_names_the_key_that_the_letter_has(shop: Any, tmp_path: Path) -> None:
    """Also of a row that could not be made; once it is mended, the key it was sent under."""
    summary = await shop.run(_table(tmp_path, "1,five,a", "2,5,b"))
    [letter] = read_findings(shop.journal).letters
    assert ("a", "a") == (letter.key, json.loads(summary.rejected.read_text())["key"])

    mend = json.loads(summary.rejected.read_text())
    mend["row"] |= {"points": "5", "reference": "c"}
    summary.rejected.write_text(json.dumps(mend))
    await shop.run(mended(summary.rejected, COLUMNS), mends=True)
    assert ["c", "b"] == [each.key for each in read_letters(shop.journal, [State.APPLIED])]
