"""A mapping as a TOML file, which people read and mend."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loyalty_sdk import _checks
from loyalty_sdk.errors import ConfigurationError

from ._mapping import Columns, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TABLES = ("columns", "values")
_WANTED: dict[str, type[str | list[Any] | dict[Any, Any]]] = {
    "operation": str,
    "encoding": str,
    "delimiter": str,
    "ignore": list,
    "columns": dict,
    "values": dict,
}


_WORDS = {str: "text", list: "a list", dict: "a table"}


def read_mapping(path: str | Path) -> dict[str, Any]:
    """What a mapping file says, as arguments of `Columns`.

    Raises:
        ConfigurationError: It is missing or no TOML, or says something nobody asked for.
    """
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigurationError(f"{path}: {exc.strerror}") from None
    except ValueError as exc:
        raise ConfigurationError(f"{path} is no TOML: {exc}") from None
    for name, value in found.items():
        if name not in _WANTED:
            raise ConfigurationError(f"{path}: {name} is unknown", hint=f"Known: {_known()}")
        if not isinstance(value, _WANTED[name]):
            wanted = _WORDS[_WANTED[name]]
            raise ConfigurationError(f"{path}: {name}: wanted {wanted}, got {_checks.kind(value)}")
    return found | {name: _flat(found[name]) for name in _TABLES if name in found}


def _known() -> str:
    return ", ".join(_WANTED)


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``customer.id = "x"`` may be written without quotes; TOML then makes tables of it."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if _checks.is_mapping(value):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def write_mapping(
    columns: Columns, about: str, names: Iterable[str], seen: Mapping[str, str]
) -> str:
    """``columns`` as TOML with a remark for each line.

    Args:
        columns: What to write down.
        about: The file that was looked at.
        names: All its columns.
        seen: Remarks by field: why it was chosen.
    """
    return "\n".join(_lines(columns, about, names, seen)) + "\n"


def _lines(
    columns: Columns, about: str, names: Iterable[str], seen: Mapping[str, str]
) -> Iterator[str]:
    yield f"# How the rows of {json.dumps(about)} are sent. Guesses are marked: check them."
    yield f"# Its columns: {', '.join(map(_quoted, names))}"
    yield f"operation = {_quoted(columns.operation)}"
    if columns.encoding != "utf-8":
        yield f"encoding = {_quoted(columns.encoding)}"
    if columns.delimiter is not None:
        yield f"delimiter = {_quoted(columns.delimiter)}"
    ignored = ", ".join(map(_quoted, columns.ignore))
    yield f"ignore = [{ignored}]  # columns that are not sent"
    yield ""
    yield "[columns]  # field = column"
    for path, required in fields_of(columns.operation).items():
        yield _line(path, columns.columns.get(path), seen.get(path), required=required)
    yield ""
    yield "[values]  # field = what is the same for every row"
    for path, value in columns.values.items():
        yield f"{_key(path)} = {_quoted(str(value))}"


def _line(path: str, column: str | None, remark: str | None, *, required: bool) -> str:
    # A column's name stands in it, and may have lines of its own.
    remark = _quoted(remark)[1:-1] if remark else ""
    if column is not None:
        return f"{_key(path)} = {_quoted(column)}" + (f"  # {remark}" if remark else "")
    needed = "NEEDED: which column, or a line under [values]? " if required else ""
    about = f"{needed}{remark}".strip()
    return f'# {_key(path)} = ""' + (f"  # {about}" if about else "")


def _key(path: str) -> str:
    return _quoted(path) if "." in path else path


def _quoted(text: str) -> str:
    # A TOML basic string escapes as JSON does, but for the delete character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
