"""The report: what a journal says, in one file that loads nothing and runs nothing."""

from __future__ import annotations

import os
import re
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from loyalty_sdk import JournalError
from loyalty_sdk.backfill import State, write_report
from loyalty_sdk.backfill import _schema as sql
from loyalty_sdk.backfill._report_data import (
    BUCKETS,
    count_unknown,
    masked,
    read_findings,
    read_letters,
)
from loyalty_sdk.backfill._report_svg import curves, duration, nice_top, number, stacked

BEGAN = 1_790_000_000.0
SVG = "{http://www.w3.org/2000/svg}"
Line = tuple[State, float | None, float | None, str | None]


def journal(folder: Path, rows: Iterable[Line], customer: str = "c1") -> Path:
    """A journal that holds ``rows``: state, tried, ended, error."""
    path = folder / "points.journal"
    database = sqlite3.connect(path)
    database.executescript(sql.TABLES)
    database.execute(f"PRAGMA application_id = {sql.APPLICATION}")
    database.execute(f"PRAGMA user_version = {sql.VERSION}")
    for name, value in {
        "operation": "adjust_points",
        "provider": "acme",
        "host": "https://a",
    }.items():
        database.execute(sql.FACT, (name, value))
    for ordinal, (state, tried, ended, error) in enumerate(rows):
        database.execute(
            "INSERT INTO rows"
            " (ordinal, state, run, tries, line, key, customer, tried, ended, error)"
            " VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?)",
            (
                ordinal,
                state,
                1 + (error == "twice"),
                ordinal + 2,
                f"k{ordinal}",
                customer,
                tried,
                ended,
                error,
            ),
        )
    database.commit()
    database.close()
    return path


def applied(at: float, took: float = 0.2) -> Line:
    """An applied row."""
    return State.APPLIED, BEGAN + at - took, BEGAN + at, None


def written(folder: Path, rows: Iterable[Line], **how: Any) -> str:
    """The report of a journal with ``rows``."""
    target = folder / "report.html"
    write_report(journal(folder, rows, **how), target)
    return target.read_text()


def pictures(page: str) -> list[ET.Element]:
    """The pictures in a report; each has to be well-formed."""
    return [ET.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page)]  # noqa: S314 - made above


MIXED: Sequence[Line] = (
    applied(0.5),
    applied(1.5, 0.4),
    (State.REJECTED, BEGAN + 1, BEGAN + 2, "HTTP 422: ada@example.com <b>is</b> unknown"),
    (State.INVALID, None, BEGAN + 2.5, "points: wanted a whole number"),
    (State.UNKNOWN, BEGAN, BEGAN + 3, "twice"),
    (State.SENT, BEGAN, None, None),
    (State.WAITING, None, None, None),
)


def test_every_row_is_counted(tmp_path: Path) -> None:
    """By state; the rows that left more than once are told of too."""
    found = read_findings(journal(tmp_path, MIXED))

    assert {
        State.APPLIED: 2, State.REJECTED: 1, State.INVALID: 1,
        State.UNKNOWN: 1, State.SENT: 1, State.WAITING: 1,
    } == found.counts  # fmt: skip
    assert (BEGAN + 0.5, BEGAN + 3, 1) == (found.began, found.ended, found.resent)
    assert [("k2", State.REJECTED), ("k3", State.INVALID)] == [
        (letter.key, letter.state) for letter in found.letters
    ]
    assert ["k4"] == [letter.key for letter in found.unknown]


def test_the_page_says_what_the_journal_says(tmp_path: Path) -> None:
    """Numbers, problems and dead letters stand there; nothing of it is taken for markup."""
    page = written(tmp_path, MIXED)

    for part in ("<b>7</b>rows", "<b>2</b>applied", "<b>1</b>unknown", "k2", "k4", "undecided"):
        assert part in page
    assert "&lt;b&gt;is&lt;/b&gt; unknown" in page
    assert "adjust_points at acme" in page


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    """No script, nothing from elsewhere, and a policy that forbids both."""
    page = written(tmp_path, MIXED)

    assert None is re.search(r"<script|<link|<img|@import|url\(|src=|href=", page)
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert ["http://www.w3.org/2000/svg"] * 2 == re.findall(r"http://[^\"<]*", page)


def test_addresses_are_masked(tmp_path: Path) -> None:
    """A report is passed on; a customer's address is not, wherever it stands."""
    page = written(tmp_path, MIXED, customer="grace.hopper@example.org")

    assert "@example" not in page
    assert "a***@***" in page
    assert "g***@***" in page
    assert "to a***@***, b***@***: no" == masked("to ada@x.io, bob@y.io: no")


def test_pictures_are_well_formed(tmp_path: Path) -> None:
    """Bars for the outcomes of each stretch of time, and two curves."""
    bars, lines = pictures(written(tmp_path, MIXED))

    assert ["applied", "applied", "rejected", "invalid", "unknown"] == [
        bar.get("class") for bar in bars.iter(f"{SVG}rect")
    ]
    assert {"median", "slow"} == {line.get("class") for line in lines.iter(f"{SVG}polyline")}
    assert all(float(bar.get("height", "0")) > 0 for bar in bars.iter(f"{SVG}rect"))


def test_a_journal_without_outcomes_has_no_pictures(tmp_path: Path) -> None:
    """Nor does it divide by the nothing there is."""
    page = written(tmp_path, ())

    assert [] == pictures(page)
    assert "<b>0</b>applied" in page


def test_pauses_are_left_out_and_marked(tmp_path: Path) -> None:
    """A run that goes on the next day does not leave a picture of a night."""
    found = read_findings(journal(tmp_path, [applied(at) for at in (0, 1, 40_000, 40_001)]))

    assert (2.0,) == found.breaks
    assert [0, 1, 2, 3] == [span.at for span in found.spans]
    assert 'class="break"' in written(tmp_path / _folder(tmp_path), [applied(0), applied(100)])


def _folder(parent: Path) -> str:
    (parent / "other").mkdir()
    return "other"


def test_a_long_run_has_few_points(tmp_path: Path) -> None:
    """The picture stays small; rates count the seconds that the last stretch really has."""
    found = read_findings(journal(tmp_path, [applied(at) for at in range(601)]))

    assert len(found.spans) <= BUCKETS
    assert 601 == sum(span.counts[State.APPLIED] for span in found.spans)
    assert {1.0} == {span.counts[State.APPLIED] / span.seconds for span in found.spans}


def test_latency_is_told_to_a_tenth(tmp_path: Path) -> None:
    """Half the rows, and 95 in 100, took no longer."""
    rows = [applied(0.5, 0.1)] * 90 + [applied(0.5, 2.0)] * 10
    [span] = read_findings(journal(tmp_path, rows)).spans

    assert span.median == pytest.approx(0.1, rel=0.06)
    assert span.slow == pytest.approx(2.0, rel=0.06)


def test_what_was_not_sent_took_no_time(tmp_path: Path) -> None:
    """A stretch in which nothing was sent has no latency, not one of zero."""
    [span] = read_findings(journal(tmp_path, [(State.INVALID, None, BEGAN, "x")])).spans

    assert (None, None) == (span.median, span.slow)


def test_the_slowest_customers_come_first(tmp_path: Path) -> None:
    """By their longest row."""
    path = journal(tmp_path, [applied(1), applied(2, 1.5)])
    with sqlite3.connect(path) as database:
        database.execute("UPDATE rows SET customer = 'c9' WHERE ordinal = 1")
    database.close()

    assert ["c9", "c1"] == [slow.customer_id for slow in read_findings(path).slowest]
    assert 1.5 == pytest.approx(read_findings(path).slowest[0].longest)


def test_doubled_rows_are_listed(tmp_path: Path) -> None:
    """An applied row that stands there twice wants one of them taken back."""
    page = written(tmp_path, [applied(1), (State.APPLIED, BEGAN, BEGAN + 1, "twice")])

    assert "Applied more than once" in page
    assert "<td>k1</td>" in page
    assert "<td>k0</td>" not in page


def test_only_the_first_letters_are_listed(tmp_path: Path) -> None:
    """A hundred thousand of them would make no report; how many there are is said."""
    rows = [(State.REJECTED, BEGAN, BEGAN + 1, "no")] * 50
    page = written(tmp_path, rows)

    assert "the first 20 of 50" in page
    assert 20 == page.count("<td>rejected</td>")


def test_rows_are_read_as_they_are(tmp_path: Path) -> None:
    """Whoever mends them needs the whole address."""
    path = journal(tmp_path, MIXED, customer="ada@example.com")

    assert [(4, "ada@example.com"), (6, "ada@example.com")] == [
        (letter.line, letter.customer_id)
        for letter in read_letters(path, (State.REJECTED, State.UNKNOWN))
    ]
    assert 1 == count_unknown(path)
    assert 0 == count_unknown(tmp_path / "missing")


def test_the_file_is_for_its_owner_and_whole_or_absent(tmp_path: Path) -> None:
    """Ids of customers stand in it; a report that broke off is none."""
    (tmp_path / ".report.html.part").write_text("left behind")
    written(tmp_path, MIXED)

    assert 0o600 == (tmp_path / "report.html").stat().st_mode & 0o777
    assert ["points.journal", "report.html"] == sorted(path.name for path in tmp_path.iterdir())


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    """One clear error, whatever the file is."""
    with pytest.raises(JournalError, match="there is no journal"):
        read_findings(tmp_path / "missing")
    (tmp_path / "text").write_text(
        "no journal at all, but long enough for a header of SQLite's " * 9
    )
    with pytest.raises(JournalError):
        read_findings(tmp_path / "text")
    with closing(sqlite3.connect(journal(tmp_path, ()))) as database:
        database.execute("DROP TABLE rows")
    with pytest.raises(JournalError, match="cannot be read: no such table"):
        read_findings(tmp_path / "points.journal")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"), (0.018, "18 ms"), (0.25, "0.25 s"), (12, "12 s"), (200, "3 min 20 s"),
        (300, "5 min"), (3900, "1 h 05 min"), (7200, "2 h"),
    ],
)  # fmt: skip
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    """In the units that fit."""
    assert words == duration(seconds)


def test_axes_end_at_round_values() -> None:
    """And at something where nothing is to be shown."""
    assert [1, 2, 2.5, 4, 5, 10, 20, 1, 0.5] == [
        nice_top(value) for value in (1, 1.1, 2.4, 3, 4.1, 5.1, 11, 0, 0.41)
    ]
    assert ["1,234", "2.5", "3"] == [number(value) for value in (1234.4, 2.5, 3.0)]


def test_a_curve_ends_where_nothing_is_known() -> None:
    """A line over a gap would claim what nobody measured; a single value is a dot."""
    times = [(float(at), 1.0) for at in range(6)]
    picture = ET.fromstring(curves(times, {"median": [1.0, 2.0, None, None, 3.0, None]}, (), "x"))  # noqa: S314 - made here

    assert [2, 1] == [
        len((line.get("points") or "").split()) for line in picture.iter(f"{SVG}polyline")
    ]
    assert 1 == len(list(picture.iter(f"{SVG}circle")))


def test_time_beyond_any_clock_is_still_marked() -> None:
    """A run of months has a time axis too."""
    picture = stacked([(0.0, 1e7)], {"applied": [1.0]}, (), "x")

    assert 9 == picture.count('class="middle"')


async def test_a_journal_s_name_need_not_be_utf_8(shop: Any, adjustments: Any) -> None:
    """A file's name is any bytes; the report shows what can be shown of it."""
    await shop.run(adjustments(1))
    odd = shop.journal.with_name(os.fsdecode(b"odd-\xff.journal"))
    shop.journal.rename(odd)

    write_report(odd, shop.folder / "r.html")
    assert "odd-?.journal" in (shop.folder / "r.html").read_text()
