"""A report of a backfill as one HTML file that needs nothing else."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from ._place import check_apart, files_of
from ._report_data import Findings, Letter, read_findings
from ._report_style import STYLE
from ._report_svg import curves, duration, stacked
from ._states import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_STATES = {
    State.APPLIED: "applied",
    State.REJECTED: "rejected",
    State.INVALID: "invalid",
    State.UNKNOWN: "unknown",
    State.SENT: "undecided",
    State.WAITING: "waiting",
}
_MEANING = {
    State.APPLIED: "the vendor has them",
    State.REJECTED: "the vendor refused them",
    State.INVALID: "never sent: not well-formed",
    State.UNKNOWN: "nobody can say; look at them",
    State.SENT: "on their way when a run ended",
    State.WAITING: "read, and not sent yet",
}


def write_report(journal: Path, target: Path) -> None:
    """Write what ``journal`` says of all its runs to ``target``.

    E-mail addresses are masked; ids and keys are not, since people need them to find the rows.

    Raises:
        JournalError: The journal is missing, or none.
        ConfigurationError: ``target`` is the journal, or one of the files beside it.
        OSError: The file cannot be written.
    """
    check_apart(target, *files_of(journal))
    text = page(read_findings(journal), journal.name)
    # Ids of customers stand in it: it is for whoever ran the backfill.
    unfinished = target.with_name(f".{target.name}.part")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    # A file's name need not be UTF-8.
    with open(handle, "w", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - it is open
        file.write(text)
    unfinished.replace(target)


def page(found: Findings, name: str) -> str:
    """The report as HTML."""
    title = f"Backfill: {found.facts.get('operation', '')} at {found.facts.get('provider', '')}"
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
    )
    return head + "<body>" + "\n".join(_body(found, title, name)) + "</body></html>\n"


def _body(found: Findings, title: str, name: str) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1>"
    yield f"<p class='about'>{escape(_about(found, name))}</p>"
    yield from _tiles(found)
    if found.spans:
        yield from _plots(found)
    unknown = found.counts[State.UNKNOWN]
    yield from _letters("Unknown: it left, and nobody can say", found.unknown, unknown)
    twice = "Applied more than once: take back all but one"
    yield from _letters(twice, found.doubled, len(found.doubled))
    dead = sum(found.counts[state] for state in State if state.dead)
    yield from _letters("Dead letters", found.letters, dead)
    yield from _problems(found)
    yield from _slowest(found)


def _about(found: Findings, name: str) -> str:
    parts = [f"Journal {name}", found.facts.get("host", "")]
    if found.facts.get("program"):
        parts.append(f"program {found.facts['program']}")
    if found.began is not None and found.ended is not None:
        parts.append(f"{_moment(found.began)} to {_moment(found.ended)} UTC")
    if found.resent:
        parts.append(f"{found.resent:,} rows left more than once")
    return " · ".join(filter(None, parts))


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _tiles(found: Findings) -> Iterator[str]:
    total = sum(found.counts.values())
    yield "<div class='tiles'>"
    yield _tile("all", total, "rows")
    for state, word in _STATES.items():
        if found.counts[state] or state is State.APPLIED:
            yield _tile(word, found.counts[state], f"{word}<small>{_MEANING[state]}</small>")
    yield "</div><div class='bar'>"
    for state, word in _STATES.items():
        share = found.counts[state] / total if total else 0
        if share:
            yield f"<i class='{word}' style='flex:{share:.5f}' title='{word} {share:.2%}'></i>"
    yield "</div>"


def _tile(word: str, count: int, words: str) -> str:
    return f"<div class='tile {word}'><b>{count:,}</b>{words}</div>"


def _plots(found: Findings) -> Iterator[str]:
    times = [(span.at, span.seconds) for span in found.spans]
    layers = {
        word: [span.counts.get(state, 0) / span.seconds for span in found.spans]
        for state, word in _STATES.items()
        if any(span.counts.get(state) for span in found.spans)
    }
    yield _heading("Rows a second", {word: word for word in layers})
    yield stacked(times, layers, found.breaks, "rows that ended a second, over time")
    lines = {
        "median": [span.median for span in found.spans],
        "slow": [span.slow for span in found.spans],
    }
    yield _heading("From the last try to the outcome", {"median": "half", "slow": "95 in 100"})
    yield curves(times, lines, found.breaks, "latency over time")
    if found.breaks:
        yield "<p class='about'>A dashed line: a run ended there, and another went on later.</p>"


def _heading(title: str, words: Mapping[str, str]) -> str:
    keys = (
        f"<span class='key'><i class='{name}'></i>{word}</span>" for name, word in words.items()
    )
    return f"<h2>{title} {' '.join(keys)}</h2>"


def _letters(title: str, letters: Sequence[Letter], total: int) -> Iterator[str]:
    if not letters:
        return
    among = f"the first {len(letters)} of {total:,}" if total > len(letters) else f"{total:,}"
    yield f"<h2>{title} <span class='key'>{among}</span></h2>"
    rows = (
        (each.line or "", each.key, each.customer_id, _STATES[each.state], each.error)
        for each in letters
    )
    yield from _table(("Line", "Key", "Customer", "State", "Why"), rows)


def _problems(found: Findings) -> Iterator[str]:
    if found.problems:
        yield "<h2>Most frequent problems</h2>"
        rows = ((f"{count:,}", problem) for problem, count in found.problems)
        yield from _table(("Rows", "Problem"), rows)


def _slowest(found: Findings) -> Iterator[str]:
    if found.slowest:
        yield "<h2>Slowest customers</h2>"
        rows = (
            (each.customer_id, each.rows, duration(each.longest), duration(each.seconds))
            for each in found.slowest
        )
        yield from _table(("Customer", "Rows sent", "Longest", "All together"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield "<table><thead><tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr></thead>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
    yield "</table>"
