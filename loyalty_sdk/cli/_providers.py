"""``loyalty providers``: what is installed, as the code says it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import attrs
import click
from rich.table import Table
from rich.text import Text

from loyalty_sdk._provider import OPERATIONS, Provider
from loyalty_sdk._registry import installed, load
from loyalty_sdk.errors import ConfigurationError

from ._failures import DONE, FAILED
from ._output import complain
from ._render import cell, show, terminal

if TYPE_CHECKING:
    from rich.console import Console

Kinds = dict[str, type[Provider]]


@attrs.define
class _Remarks:
    """Remarks by number; the same words have one number."""

    _numbers: dict[str, int] = attrs.field(factory=dict[str, int])

    def mark(self, remark: str | None) -> str:
        """``" [2]"`` for a remark, nothing for none."""
        if remark is None:
            return ""
        return f" [{self._numbers.setdefault(remark, len(self._numbers) + 1)}]"

    def table(self) -> Table:
        table = _plain()
        for remark, number in self._numbers.items():
            table.add_row(f"[{number}]", cell(remark))
        return table


@click.command()
def providers() -> int:
    """Show the installed vendors, what each can do and what it takes."""
    kinds, broken = _load()
    console = terminal()
    if kinds:
        _show(console, kinds)
    elif not broken:
        return complain("no provider is installed", FAILED)
    for reason in broken:
        complain(reason, FAILED)
    return FAILED if broken else DONE


def _load() -> tuple[Kinds, list[str]]:
    """What can be imported, and why the rest cannot."""
    kinds: Kinds = {}
    broken: list[str] = []
    for name in installed():
        try:
            kinds[name] = load(name)
        except ConfigurationError as exc:
            broken.append(f"{exc}: {exc.__cause__}" if exc.__cause__ else str(exc))
    return kinds, broken


def _show(console: Console, kinds: Kinds) -> None:
    remarks = _Remarks()
    show(console, _matrix(kinds, remarks))
    for title, table in (
        ("Remarks", remarks.table()),
        ("Settings", _settings(kinds)),
        ("Also, as flows for client.run and client.pages", _flows(kinds)),
    ):
        if table.row_count:
            show(console, Text(f"\n{title}", "bold"))
            show(console, table)


def _matrix(kinds: Kinds, remarks: _Remarks) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("")
    for name, kind in kinds.items():
        table.add_column(cell(kind.title or name))
    table.add_row("connect(...)", *(cell(f'"{name}"') for name in kinds))
    for operation in OPERATIONS:
        table.add_row(operation, *(_ability(kind, operation, remarks) for kind in kinds.values()))
    return table


def _ability(kind: type[Provider], operation: str, remarks: _Remarks) -> Text:
    able = overrides(kind, operation)
    mark = remarks.mark(kind.limitations.get(operation))
    return cell(("yes" if able else "no") + mark, "green" if able else "red")


def overrides(kind: type[Provider], operation: str) -> bool:
    """Whether ``kind`` has ``operation`` at all; its remark says on which condition."""
    return getattr(kind, operation) is not getattr(Provider, operation)


def _settings(kinds: Kinds) -> Table:
    table = _plain()
    for name, kind in kinds.items():
        for setting in kind.settings:
            shape = f"{setting.name}.KEY" if setting.keyed else setting.name
            text = f"{setting.help} (secret)" if setting.secret else setting.help
            table.add_row(cell(name), shape, cell(setting.env), cell(text.strip()))
    return table


def _flows(kinds: Kinds) -> Table:
    table = _plain()
    for name, kind in kinds.items():
        flows = ", ".join(flow for flow, _ in inspect.getmembers(kind, _is_flow) if _own(flow))
        if flows:
            table.add_row(cell(name), flows)
    return table


def _own(name: str) -> bool:
    return not name.startswith("_") and not hasattr(Provider, name)


def _is_flow(member: object) -> bool:
    return inspect.isgeneratorfunction(inspect.unwrap(member)) if callable(member) else False


def _plain() -> Table:
    return Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
