"""What no file of the repository may contain."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Each pattern is written so that it does not match itself.
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.)}-])/(?:home|opt|root|tmp|Users|work)/\w",
    "a path outside of the repository": r"\.\./share[d]",
    "the address of a package index": r"https?://[^\s\"'<>]*/simple\b|pythonhosted[.]",
    "an option that names a package index": r"index[-_]url|find[-_]links|trusted[-_]host",
    "a key that is not the sandbox's": r"pat_(?!sandbox\b|\.\.\.|x)[0-9A-Za-z]{16,}",
}


def tracked() -> list[Path]:
    """What git tracks here, and what it would when asked to."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / name for name in sorted(set(listed.stdout.split("\0"))) if name]
    return [path for path in paths if path.is_file()]


def offences(text: str) -> list[str]:
    """What ``text`` contains of all that is forbidden."""
    return [what for what, pattern in FORBIDDEN.items() if re.search(pattern, text)]


def test_no_file_names_a_machine_an_index_or_a_key() -> None:
    """The repository means the same on every machine and holds no secret."""
    found = {
        str(path.relative_to(ROOT)): offences(path.read_text(encoding="utf-8"))
        for path in tracked()
    }

    assert {} == {name: what for name, what in found.items() if what}


@pytest.mark.parametrize(
    "text",
    [
        "see /" + "home/someone/project",
        "in .." + "/shared/design.md",
        "https://index.example" + "/simple/aiohttp",
        "find" + "-links = wheels",
        "api_key=pat_" + "0123456789abcdef0123",
    ],
)
def test_an_offence_is_seen(text: str) -> None:
    """Each pattern finds what it is there to find."""
    assert [] != offences(text)


def test_the_repository_is_what_is_looked_at() -> None:
    """The list of files holds this one, so an empty list cannot pass for a clean one."""
    assert Path(__file__) in tracked()
