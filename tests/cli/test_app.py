"""How a run begins and ends, whatever the command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from loyalty_sdk import __version__, cli
from loyalty_sdk.cli import _app, _connection, _output

COMMANDS = [
    "demo",
    "sandbox",
    "providers",
    "doctor",
    "track",
    "order",
    "transactions",
    "export",
    "adjust",
    "backfill",
]  # fmt: skip


def python(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run another Python and wait for it."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, text=True, check=False, timeout=30, **options)


def test_help_lists_every_command_and_the_exit_codes() -> None:
    """Without a command, and with --help, people see what there is."""
    for arguments in ([], ["--help"], ["-h"]):
        shown = CliRunner().invoke(_app.loyalty, arguments, prog_name="loyalty")
        listed = re.findall(r"^  (\w+) {2,}\S", shown.output.split("Commands:")[1], re.MULTILINE)
        assert (0, COMMANDS) == (shown.exit_code, listed)
        assert "3 the outcome of a write is unknown" in " ".join(shown.output.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(command: str) -> None:
    """The listing's words open the command's own help."""
    shown = CliRunner().invoke(_app.loyalty, [command, "--help"], prog_name="loyalty")
    assert (0, f"Usage: loyalty {command}") == (shown.exit_code, shown.output[: 15 + len(command)])


def test_backfill_alone_shows_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """As without any command: the help, line by line, and no error."""
    assert 0 == cli.main(["backfill"])
    shown = capsys.readouterr().out
    assert 0 == cli.main(["backfill", "--help"])
    assert shown == capsys.readouterr().out
    assert {"init", "report", "rows", "run", "undo", "verify"} == set(
        re.findall(r"^  (\w+) {2,}\S", shown.split("Commands:")[1], re.MULTILINE)
    )


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints it and nothing else happens."""
    assert 0 == cli.main(["--version"])
    assert f"loyalty, version {__version__}\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["--help"], ["track", "--help"], ["adjust", "--customer=1", "--points=x"]]
)
def test_help_and_usage_errors_import_nothing_heavy(arguments: list[str]) -> None:
    """Start-up stays fast: rich, aiohttp and providers are for the commands that need them."""
    look = (
        f"import sys, loyalty_sdk.cli as cli; cli.main({arguments!r}); "
        "print(sorted({'aiohttp', 'rich', 'msgspec', 'backoff', 'cattrs'} & set(sys.modules)), "
        "[name for name in sys.modules if name.startswith('loyalty_sdk_')])"
    )
    ended = python("-c", look, capture_output=True)
    assert "[] []" == ended.stdout.splitlines()[-1]


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_one_line_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The console script exists without the extra, and ends with 2."""
    for name in [*sys.modules]:
        if name.split(".")[0] == missing or name.startswith("loyalty_sdk.cli._"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [Without(missing), *sys.meta_path])
    assert 2 == cli.main(["providers"])
    said = capsys.readouterr()
    assert ("", "loyalty needs its extra: pip install 'async-loyalty-sdk[cli]'\n") == (
        said.out,
        said.err,
    )


class Without:
    """Finds everything but one package, as if that were not installed."""

    def __init__(self, missing: str) -> None:
        self.missing = missing

    def find_spec(self, name: str, *_: Any) -> None:
        """Nothing, or the error of an import that finds nothing."""
        if name == self.missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_another_missing_module_is_not_taken_for_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation shows itself as what it is."""

    def broken(_: Any) -> int:
        raise ModuleNotFoundError("No module named 'attrs'", name="attrs")

    monkeypatch.setattr(_app, "run", broken)
    with pytest.raises(ModuleNotFoundError, match="attrs"):
        cli.main([])


def test_the_package_runs_as_a_module() -> None:
    """``python -m loyalty_sdk`` is ``loyalty``, exit code included."""
    ended = python("-m", "loyalty_sdk", "nonsense", capture_output=True)
    assert (2, "", "loyalty: No such command 'nonsense'.\n") == (
        ended.returncode,
        ended.stdout,
        ended.stderr,
    )


def test_a_shell_can_complete_commands() -> None:
    """Click's completion knows every command."""
    words = {"_LOYALTY_COMPLETE": "bash_complete", "COMP_WORDS": "loyalty t", "COMP_CWORD": "1"}
    ended = python("-m", "loyalty_sdk", capture_output=True, env={**os.environ, **words})
    assert ["plain,track", "plain,transactions"] == ended.stdout.split()


def test_the_console_script_is_main() -> None:
    """``loyalty`` itself works and passes the exit code on."""
    script = Path(sys.executable).with_name("loyalty")
    ended = subprocess.run([script, "nonsense"], capture_output=True, text=True, check=False)
    assert (2, "", "loyalty: No such command 'nonsense'.\n") == (
        ended.returncode,
        ended.stdout,
        ended.stderr,
    )


def test_an_interrupt_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], acme: Any
) -> None:
    """Ctrl-C while reading ends with 130 and no traceback."""
    monkeypatch.setattr(_connection.Connection, "run", interrupt)
    assert 130 == cli.main(["transactions", "--provider=acme"])
    assert "" == capsys.readouterr().err.strip()


def interrupt(*_: Any) -> None:
    """As a signal does in the middle of a run."""
    raise KeyboardInterrupt


@pytest.fixture
def script(acme: Any, monkeypatch: pytest.MonkeyPatch, server_thread: str) -> Any:
    """Runs ``loyalty ARGUMENTS`` in a shell, so that its output can be sent somewhere."""
    monkeypatch.setenv("LOYALTY_PROVIDER", "acme")
    monkeypatch.setenv("ACME_BASE_URL", server_thread)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "acme"))
    # What is buffered is written again at exit, where a failure would be a traceback.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)

    def run(line: str) -> subprocess.CompletedProcess[str]:
        shell = f"set -o pipefail; {line}".replace("loyalty", f"{sys.executable} -m loyalty_sdk")
        command = ["bash", "-c", shell]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    return run


@pytest.mark.parametrize("line", ["providers", "transactions", "--help", "transactions --json"])
def test_a_reader_that_left_causes_no_traceback(line: str, script: Any) -> None:
    """A broken pipe ends a listing quietly, with 1 where anything was left to say."""
    ended = script(f"loyalty {line} | true")
    assert (True, "") == (ended.returncode in {0, 1}, ended.stderr)


@pytest.mark.parametrize("line", ["providers", "transactions", "--version"])
def test_a_full_disk_is_one_line_and_1(line: str, script: Any) -> None:
    """Output that cannot be written is a failure, and no traceback."""
    ended = script(f"loyalty {line} >/dev/full")
    assert (1, "loyalty: cannot write the output: No space left on device\n") == (
        ended.returncode,
        ended.stderr,
    )


def test_output_that_is_closed_causes_no_traceback(script: Any) -> None:
    """Neither does a program that is started without any output at all."""
    ended = script("loyalty providers >&- 2>&-")
    assert (0, "") == (ended.returncode, ended.stderr)


def test_characters_a_terminal_lacks_are_escaped(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal that cannot show a character is no reason to fail."""
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    ended = script("loyalty providers")
    assert (0, "") == (ended.returncode, ended.stderr)
    assert "not when it snows \\u2603" in ended.stdout


@pytest.mark.parametrize("write", ["adjust --points=5", "order A-1 --total=1 --json"])
def test_a_receipt_nobody_reads_leaves_the_write_done(
    write: str, script: Any, post_thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write was applied: 0, and a line on stderr, since a 1 would make scripts repeat it."""
    monkeypatch.setenv("ACME_BASE_URL", post_thread)
    ended = script(f"loyalty {write} --customer=1 >/dev/full")
    assert 0 == ended.returncode
    assert "applied (1 attempt), but the receipt could not be written\n" in ended.stderr
    assert 1 == ended.stderr.count("\n")


def test_printable_text_is_left_alone_and_the_rest_is_replaced() -> None:
    """Control characters, which could move a cursor or forge a line, do not get through."""
    assert "é ☃ [b]" == _output.printable("é ☃ [b]")
    assert "a\ufffd[2Jb\ufffd" == _output.printable("a\x1b[2Jb\u202e")
    assert "a b c" == _output.one_line(" a\n\tb\r\nc ")


def test_json_output_is_utf_8_whatever_the_terminal(
    script: Any, post_thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON is read by programs: it is UTF-8 even where the terminal is not."""
    monkeypatch.setenv("ACME_BASE_URL", post_thread)
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    ended = script("loyalty adjust --customer=1 --points=5 --reference=é --json")
    assert "é" == json.loads(ended.stdout)["reference"]
