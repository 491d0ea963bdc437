"""What is said before a backfill begins and after it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loyalty_sdk.backfill import State
from loyalty_sdk.backfill._plan import LOST_ANSWERS
from loyalty_sdk.backfill._report_svg import duration

from ._backfill_view import WORDS
from ._failures import DONE, FAILED, UNKNOWN
from ._output import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loyalty_sdk._provider import Provider
    from loyalty_sdk.backfill import Summary
    from loyalty_sdk.backfill._plan import Plan, Sample

_MEANING = {
    State.UNKNOWN: "left, and nobody can say; look at them before anything else",
    State.SENT: "left, and not looked for yet: the next run does",
    State.WAITING: "not sent yet: the next run goes on with them",
}
_TEXT = 160


def code_of_summary(summary: Summary) -> int:
    """What a run ends with: 0 only if every row of the input was applied."""
    if summary.unknown or summary.doubled:
        return UNKNOWN
    return DONE if summary.finished and not summary.dead else FAILED


def sentences(summary: Summary, *, mended: bool = False, unreadable: bool = False) -> Iterator[str]:
    """The summary for people; ``unreadable`` where the input could not be read further."""
    yield f"{sum(summary.counts.values()):,} rows"
    for state, word in WORDS.items():
        number = summary.counts[state]
        if number or state is State.APPLIED:
            yield f"  {word:<9} {number:>12,}  {_MEANING.get(state, '')}".rstrip()
    if summary.doubled:
        yield f"  {summary.doubled:,} applied rows stand there twice or more: see the report"
    rate = summary.ended / summary.elapsed if summary.elapsed else 0.0
    took = duration(round(summary.elapsed, 1))
    yield f"{summary.ended:,} of them in {took}, {rate:,.1f} a second"
    if summary.resent_unknown:
        yield f"{summary.resent_unknown:,} unknown rows were sent again; they may stand there twice"
    yield from _next_steps(summary, mended=mended, unreadable=unreadable)


def _next_steps(summary: Summary, *, mended: bool, unreadable: bool) -> Iterator[str]:
    if summary.reason:
        yield f"Stopped: {one_line(summary.reason)}"
    if mended and summary.reason is None and not summary.complete:
        yield "The input itself was not read to its end: its own command, without --mended, goes on"
    elif unreadable:
        yield (
            f"With the same input the same command goes on; its journal is {summary.journal}. "
            "A mended input needs another one and --adopt, which looks up what was sent"
        )
    elif not summary.finished:
        yield f"The same command goes on where this one ended; its journal is {summary.journal}"
    if summary.rejected is not None:
        yield (
            f"Dead letters are in {summary.rejected}. Mend what stands under `row`, then: "
            f"loyalty backfill run {summary.rejected} --mended, with the same options"
        )
    if summary.unknown:
        yield (
            f"`loyalty backfill rows {summary.journal} --state unknown` lists them; "
            f"--resend-unknown sends all {summary.unknown:,} again: each then lands at least "
            "once, and perhaps twice"
        )


def resend_words(unknown: int) -> str:
    """What sending rows again means that nobody can decide."""
    return (
        f"warning: {unknown:,} rows may have been applied already and are sent again: each lands "
        "at least once, and perhaps twice"
    )


def plan_lines(plan: Plan, name: str, limit: float | None, provider: Provider) -> Iterator[str]:
    """The plan for people."""
    yield f"{name}: {plan.rows:,} rows, read and checked; nothing was sent"
    first = ", each looked for first" if plan.adopted else ""
    yield f"  would be sent   {plan.sendable:>12,}  for {plan.customers:,} customers{first}"
    for word, number, about in (
        ("already done", plan.done - plan.dead, "applied by an earlier run"),
        ("dead already", plan.dead, "dead letters of an earlier run; mended, they have a new turn"),
        ("looked for", plan.doubtful, "left before; sent again where they are shown absent"),
        ("not well-formed", plan.bad - plan.refused - plan.doubled, ""),
        ("refused here", plan.refused, "the vendor cannot take them"),
        ("doubled", plan.doubled, "their key stands there before"),
    ):
        if number:
            yield f"  {word:<15} {number:>12,}  {about}".rstrip()
    yield from _sums(plan)
    yield from _warnings(plan, provider.unmarked_hint)
    yield _time(plan, limit)
    if plan.busiest and plan.busiest[0][1] > 1:
        most = ", ".join(f"{who} ({rows:,})" for who, rows in plan.busiest)
        yield one_line(f"most rows: {most}; a customer's rows go one after the other")
    yield from _examples(plan)


def _sums(plan: Plan) -> Iterator[str]:
    if plan.points_given or plan.points_taken:
        yield f"points: {plan.points_given:+,} and {-plan.points_taken:,}"
    if plan.total:
        yield f"orders: {plan.total:,f} in all"


def _warnings(plan: Plan, hint: str | None) -> Iterator[str]:
    if plan.keyless:
        yield f"{plan.keyless:,} rows have no key of their own; their place in the file is one"
    if plan.unmarked:
        yield unmarked_words(plan.sendable, hint)


def unmarked_words(rows: int, hint: str | None, concurrency: int | None = None) -> str:
    """How many rows may stay unknown where the vendor's rows do not say whose they are."""
    text = (
        "the vendor will not say which row is whose: one whose answer is lost may stay unknown; "
        f"about {-(-rows // LOST_ANSWERS):,}, if one answer in {LOST_ANSWERS:,} is lost"
    )
    if concurrency is not None:
        text += f", and up to {concurrency:,} each time the run is killed"
    return f"{text}. {hint}" if hint else text


def _time(plan: Plan, limit: float | None) -> str:
    if plan.seconds is None:
        return "time: as fast as the vendor answers; no rate limit is set"
    return f"time: at least {duration(plan.seconds)} at {limit:g} requests a second"


def _examples(plan: Plan) -> Iterator[str]:
    if plan.first:
        yield "first rows as they would be sent:"
        yield from (f"  line {_line(each)}: {_cut(each.request)}" for each in plan.first)
    if plan.first_bad:
        yield "first dead letters:"
        for row in plan.first_bad:
            where = f"line {row.line}" if row.line else f"row {row.ordinal}"
            yield f"  {where}: {_cut('; '.join(row.problems))}"
    if plan.problems and plan.bad > len(plan.first_bad):
        yield "most frequent problems:"
        yield from (f"  {number:>9,}  {_cut(problem)}" for problem, number in plan.problems)


def _line(sample: Sample) -> int | str:
    return sample.row.line or f"- (row {sample.row.ordinal})"


def _cut(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 3]}..."
