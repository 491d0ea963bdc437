"""The command line: `python -m benchmarks`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from . import asking, readme, record
from . import check as checking
from . import compare as comparing
from . import plot as plotting
from .asking import Asked
from .only import narrowed, only_option
from .question import Question, questions
from .results import Results, load
from .rounds import MeasurementError
from .signals import end_on_signals

HERE = Path(__file__).parent.parent
LATEST = HERE / "results.json"
_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


def _run_in(file: str) -> Results:
    """The run that was written to ``file``, for an argument of a command."""
    try:
        return load(Path(file))
    except ValueError as exc:
        raise click.BadParameter(" ".join(str(exc).split())) from exc


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """What our client costs, against what people would use instead.

    Without a command, asks every question, which takes about an hour; `run --quick` takes some
    minutes.
    """
    if context.invoked_subcommand is None:
        context.invoke(run)


@main.command()
@click.argument("names", metavar="[QUESTION]...", nargs=-1)
@click.option("--quick", is_flag=True, help="One short repetition, fewer cases; for a look only.")
@click.option("--json", "file", type=_FILE, help="Write the results there too.")
@click.option("--repetitions", type=click.IntRange(1), help="How often, unless a case says so.")
@only_option
def run(
    names: tuple[str, ...],
    *,
    quick: bool,
    file: Path | None,
    repetitions: int | None = None,
    only: str = "",
) -> None:
    """Ask the questions named, or all of them, and print what was found.

    Ends with 1 if anything of ours could not be measured.
    """
    known = questions()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.BadParameter(
            f"no such question: {', '.join(unknown)}; there are {', '.join(known)}"
        )
    asked = narrowed((known[name] for name in dict.fromkeys(names or known)), only)
    asking.run(Asked(questions=asked, quick=quick, repetitions=repetitions, file=file, only=only))


@main.command()
@click.argument("old", type=_run_in)
@click.argument("new", type=_run_in)
def compare(old: Results, new: Results) -> None:
    """Two runs side by side: what changed by more than the noise of both."""
    try:
        comparing.show(asking.wide(), old, new)
    except ValueError as exc:
        raise click.UsageError(str(exc)) from exc


@main.command()
@click.argument("file", type=_run_in, default=str(LATEST))
@click.option("--to", type=_FOLDER, default=HERE / "plots", help="Unless given, plots.")
def plot(file: Results, to: Path) -> None:
    """Draw the results in FILE, one SVG and one PNG for each question."""
    for made in _draw(file, to):
        click.echo(made)


@main.command()
@click.argument("file", type=_run_in, default=str(LATEST))
@click.option("--to", type=_FILE, default=HERE / "README.md", help="Unless given, README.md.")
def report(file: Results, to: Path) -> None:
    """Write the results in FILE as the README of this folder, and draw them."""
    try:
        readme.write(file, to)
    except OSError as exc:
        raise click.BadParameter(f"{to}: {exc.strerror}", param_hint="--to") from exc
    _draw(file, to.parent / "plots")
    click.echo(to)


def _draw(results: Results, folder: Path) -> list[Path]:
    try:
        return plotting.draw(results, folder)
    except OSError as exc:
        raise click.ClickException(f"{folder} cannot be written: {exc.strerror}") from exc
    except ImportError as exc:
        raise click.ClickException(f"to draw, install the extra bench: {exc}") from exc


@main.command()
@click.option("--record", "keep", is_flag=True, help="Take what is measured now for the record.")
@click.option("--by", type=click.Choice(["instructions", "cpu"]), help="Unless given, see above.")
def check(*, keep: bool, by: str | None) -> None:
    """Fail when a ratio is worse than the recorded one by more than its noise.

    Counts instructions where valgrind is installed, and takes processor time elsewhere.
    """
    console, by = asking.wide(), by or checking.means()
    try:
        if not keep:
            _held_against(console, by)  # before minutes are spent
        with console.status(by) as status:
            found = checking.measure(by, status.update)
        if keep:
            record.record(by, found)
        judged = record.verdicts(record.recorded(by), found)
    except (MeasurementError, record.RecordError, OSError, RuntimeError) as exc:
        raise click.ClickException(str(exc)) from exc
    _judge(console, judged, by)


def _held_against(console: Console, by: str) -> None:
    held = record.recorded(by)
    strangers = list(held.strangers({ratio.name for ratio in checking.RATIOS}))
    if strangers:
        raise click.ClickException(f"{'; '.join(strangers)}; `check --record` mends it")
    for line in held.differences():
        console.print(f"since it was recorded: {line}", style="yellow", highlight=False)


def _judge(console: Console, judged: list[record.Verdict], by: str) -> None:
    for each in judged:
        mark = "[red]worse[/red]" if each.worse else "[green]ok[/green]   "
        recorded = f"{each.before.ratio:.3f} ±{each.before.noise:.0%}"
        line = f"{mark}  {each.name}: {each.now:.3f}, recorded {recorded} ({by})"
        console.print(line, highlight=False)
    if any(each.worse for each in judged):
        raise SystemExit(1)


@click.command()
@click.option("--quick", is_flag=True, help="One short repetition, fewer cases; for a look only.")
@click.option("--json", "file", type=_FILE, help="Write the results there too.")
@only_option
@click.pass_obj
def _alone(question: Question, *, quick: bool, file: Path | None, only: str) -> None:
    asked = narrowed([question], only)
    asking.run(Asked(questions=asked, quick=quick, file=file, only=only))


def ask_alone(question: Question) -> None:
    """Ask one question, from the command line of its own module."""
    end_on_signals()
    _alone.help = question.about
    _alone(obj=question)
