"""The commands, loaded when they are called, and the one place where a run ends."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from loyalty_sdk._version import __version__
from loyalty_sdk.errors import LoyaltyError

from ._failures import DONE, FAILED, INTERRUPTED, code_of
from ._output import complain, give_up_output

if TYPE_CHECKING:
    from collections.abc import Sequence

# Help stands here, so that `loyalty --help` imports no command and what it needs.
_COMMANDS = {
    "demo": ("_demo", "Show every operation, on every vendor that has a sandbox."),
    "sandbox": ("_sandbox", "Serve the vendors' sandbox until interrupted."),
    "providers": ("_providers", "Show what is installed and what each vendor can do."),
    "doctor": ("_doctor", "Check settings and credentials; say what is wrong and how to mend it."),
    "track": ("_writes", "Report that a shopper did something."),
    "order": ("_writes", "Report a purchase."),
    "transactions": ("_transactions", "List a customer's points history, newest first."),
    "export": ("_export", "Write all transactions to a file, and on where it stopped."),
    "adjust": ("_writes", "Give points to a customer, or take them away."),
    "backfill": ("_backfill", "Send every row of a file, once; go on after any interruption."),
}


class _Commands(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"{__package__}.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 done; 1 refused or failed; 2 bad usage or configuration, nothing was "
        "sent; 3 the outcome of a write is unknown, look before you repeat it; 130 interrupted."
    ),
)
@click.version_option(__version__, prog_name="loyalty")
@click.pass_context
def loyalty(ctx: click.Context) -> None:
    """Talk to a merchant's loyalty vendor, whichever it is.

    Settings come from the environment; `loyalty providers` lists them, `loyalty doctor`
    checks them, and `loyalty demo` shows everything without any.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; errors are one line on stderr."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        # A terminal that cannot show a character is no reason to fail.
        reconfigure(errors="backslashreplace")
    try:
        result: Any = loyalty.main(arguments, prog_name="loyalty", standalone_mode=False)
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as exc:
        return complain(exc.format_message(), exc.exit_code)
    except LoyaltyError as exc:
        return complain(str(exc), code_of(exc))
    except OSError as exc:
        reason = give_up_output(exc)
        return complain(reason, FAILED) if reason else FAILED
    return result if isinstance(result, int) else DONE
