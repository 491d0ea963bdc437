"""The command line: `python -m benchmarks`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from . import check as checking
from . import compare as comparing
from . import plot as plotting
from . import readme, table
from .goals import verdicts
from .machine import describe, sentence
from .question import Question, questions
from .results import Results, load, save
from .rounds import ask
from .usage import allow_files

HERE = Path(__file__).parent.parent
LATEST = HERE / "results.json"
_FILE = click.Path(path_type=Path, dir_okay=False)
_EXISTING = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """What our client costs, against what people would use instead.

    Without a command, asks every question, which takes more than an hour; `run --quick`
    takes some minutes.
    """
    if context.invoked_subcommand is None:
        context.invoke(run)


@main.command()
@click.argument("names", metavar="[QUESTION]...", nargs=-1)
@click.option("--quick", is_flag=True, help="One short repetition, fewer cases; for a look only.")
@click.option("--json", "file", type=_FILE, help="Write the results there too.")
@click.option("--repetitions", type=click.IntRange(1), help="How often, unless a case says so.")
def run(
    names: tuple[str, ...], *, quick: bool, file: Path | None, repetitions: int | None = None
) -> None:
    """Ask the questions named, or all of them, and print what was found."""
    known = questions()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.BadParameter(
            f"no such question: {', '.join(unknown)}; there are {', '.join(known)}"
        )
    asked = [known[name] for name in names or known]
    _run(asked, quick=quick, file=file, repetitions=repetitions)


def _run(
    asked: list[Question], *, quick: bool, file: Path | None, repetitions: int | None = None
) -> None:
    allow_files()
    console = _console()
    results = Results(
        command=_command(), started=datetime.now(UTC).isoformat("T", "seconds"), machine=describe()
    )
    console.print(sentence(results.machine), style="dim", highlight=False)
    for question in asked:
        with console.status(question.name) as status:
            answer = ask(question, quick=quick, repetitions=repetitions, progress=status.update)
        results.answers.append(answer)
        table.show(console, answer)
        if file is not None:
            save(results, file)  # after every question: an interrupt must not cost all of them
    _print_goals(console, results)


def _command() -> str:
    arguments = [argument for argument in sys.argv[1:] if not argument.endswith(".json")]
    words = ["python -m benchmarks", *arguments]
    return " ".join(words).replace(" --json", "")


def _print_goals(console: Console, results: Results) -> None:
    for goal, found, reached in verdicts(results):
        mark = "[green]reached[/green]" if reached else "[red]not reached[/red]"
        line = f"{mark}  {goal.name}: {table.number(found, 2)}, {goal.bound}"
        console.print(line, highlight=False)


@main.command()
@click.argument("old", type=_EXISTING)
@click.argument("new", type=_EXISTING)
def compare(old: Path, new: Path) -> None:
    """Two runs side by side: what changed by more than the noise of both."""
    comparing.show(_console(), load(old), load(new))


@main.command()
@click.argument("file", type=_EXISTING, default=LATEST)
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), default=HERE / "plots")
def plot(file: Path, to: Path) -> None:
    """Draw the results in FILE, one SVG and one PNG for each question."""
    for made in plotting.draw(load(file), to):
        click.echo(made)


@main.command()
@click.argument("file", type=_EXISTING, default=LATEST)
@click.option("--to", type=_FILE, default=HERE / "README.md")
def report(file: Path, to: Path) -> None:
    """Write the results in FILE as the README of this folder, and draw them."""
    results = load(file)
    readme.write(results, to)
    plotting.draw(results, to.parent / "plots")
    click.echo(to)


@main.command()
@click.option("--record", is_flag=True, help="Take what is measured now for what is to be kept.")
@click.option("--by", type=click.Choice(["instructions", "cpu"]), help="Unless given, see above.")
def check(*, record: bool, by: str | None) -> None:
    """Fail when a ratio is worse than the recorded one by more than its noise.

    Counts instructions where valgrind is installed, and takes processor time elsewhere.
    """
    console, by = _console(), by or checking.means()
    before = checking.recorded(by)
    if not before and not record:
        raise click.ClickException(
            f"nothing is recorded for Python {checking.version()} by {by}; `check --record` does it"
        )
    with console.status(by) as status:
        found = checking.measure(by, status.update)
    if record:
        checking.record(by, found)
    _judge(console, checking.verdicts(checking.recorded(by), found), by)


def _judge(console: Console, judged: list[checking.Verdict], by: str) -> None:
    for each in judged:
        mark = "[red]worse[/red]" if each.worse else "[green]ok[/green]   "
        recorded = f"{each.before.median:.3f} ±{each.before.spread:.0%}"
        line = f"{mark}  {each.name}: {each.now:.3f}, recorded {recorded} ({by})"
        console.print(line, highlight=False)
    if any(each.worse for each in judged):
        raise SystemExit(1)


def _console() -> Console:
    # What is piped into a file must not be cut at eighty columns.
    return Console() if sys.stdout.isatty() else Console(width=200)


@click.command()
@click.option("--quick", is_flag=True, help="One short repetition, fewer cases; for a look only.")
@click.option("--json", "file", type=_FILE, help="Write the results there too.")
@click.pass_obj
def _alone(question: Question, *, quick: bool, file: Path | None) -> None:
    _run([question], quick=quick, file=file)


def ask_alone(question: Question) -> None:
    """Ask one question, from the command line of its own module."""
    _alone.help = question.about
    _alone(obj=question)
