"""Every example in the documents runs, and prints what the document says.

- A ``python`` block runs as it stands, against a sandbox that the environment names. The blocks
  of a page share their names and run in order; ``await`` may stand at the top, as in
  ``python -m asyncio``.
- A ``python`` block that defines a test is run by pytest, alone.
- A ``text`` block right after one is what it prints; ``...`` stands for anything.
- A ``csv`` block is the file that the last name in backquotes before it names; it lies where the
  page's other blocks run.
- A ``console`` block holds commands after ``$ `` and what they print. Those of this project run;
  of ``make`` only the target is looked up, and of ``uvicorn`` the example: other tests serve it.
"""

from __future__ import annotations

import asyncio
import doctest
import json
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import attrs
import pytest

from loyalty_sdk.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {"console", "csv", "python", "text", "toml"}
MARK = "-- end of block --"
SESSION = f"""
import ast, asyncio, inspect, json, sys
names = {{"__name__": "__main__"}}
for line, source in json.loads(sys.argv[1]):
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    result = eval(compile("\\n" * line + source, sys.argv[2], "exec", flags=flags), names)
    if inspect.iscoroutine(result):
        asyncio.run(result)
    print({MARK!r})
"""


@attrs.frozen
class Block:
    """One fenced block: its language, the line before it, its text, and the block after it."""

    language: str
    line: int
    source: str
    printed: str | None

    @property
    def is_test(self) -> bool:
        """Whether pytest has to run it."""
        return self.language == "python" and "def test_" in self.source


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of ``page``; each knows the output that stands right below it."""
    text = page.read_text()
    found = list(FENCE.finditer(text))
    for block, after in zip(found, [*found[1:], None], strict=True):
        follows = after and after[1] == "text" and not text[block.end() : after.start()].strip()
        printed = after[2] if after and follows else None
        yield Block(block[1], text.count("\n", 0, block.start(2)), block[2], printed)


def same(expected: str, printed: str) -> bool:
    """Whether ``printed`` is what was promised; ``...`` stands for anything."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(expected, printed, flags)


@pytest.fixture
async def environ(page: Path, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """The environment of somebody whose accounts are in a fresh sandbox.

    Only a page that tells of rates and settings waits for the limit that a vendor documents.
    Coverage does not look on: what an example runs is tested elsewhere too.
    """
    async with Sandbox() as sandbox:
        scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        accounts = {
            "LOYALTYLION_API_KEY": "pat_sandbox",
            "LOYALTYLION_BASE_URL": sandbox.url,
            "JOY_APP_KEY": "sandbox",
            "JOY_SECRET_KEY": "sandbox",
            "JOY_BASE_URL": sandbox.url,
            "XDG_STATE_HOME": str(tmp_path / "state"),
        }
        if page.stem not in {"limits", "settings"}:
            accounts["LOYALTY_RATE_LIMIT"] = "off"
        mine = {key: said for key, said in os.environ.items() if not key.startswith("COVERAGE_")}
        yield {**mine, **accounts, "PATH": scripts, "COLUMNS": "100", "NO_COLOR": "1"}


def write_files(page: Path, folder: Path) -> None:
    """Put the page's ``csv`` blocks where its other blocks find them."""
    text = page.read_text()
    for fence in FENCE.finditer(text):
        if fence[1] == "csv":
            name = re.findall(r"`([\w.-]+)`", text[: fence.start()])[-1]
            (folder / name).write_text(fence[2])


async def run(command: list[str], environ: dict[str, str], folder: Path) -> str:
    """What ``command`` prints; it has to succeed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert 0 == process.returncode, printed.decode()
    return printed.decode()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page: Path) -> None:
    """A block in no known language would be an example that nothing runs."""
    fences = [line for line in page.read_text().splitlines() if line.startswith("```")]

    assert {*LANGUAGES} >= {block.language for block in blocks(page)}
    assert len(fences) == 2 * len(list(blocks(page)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_python_blocks_run(page: Path, environ: dict[str, str], tmp_path: Path) -> None:
    """The examples of a page run in order and print what stands below them."""
    write_files(page, tmp_path)
    session = [each for each in blocks(page) if each.language == "python" and not each.is_test]
    given = json.dumps([(block.line, block.source) for block in session])
    printed = await run([sys.executable, "-c", SESSION, given, str(page)], environ, tmp_path)

    outputs = printed.split(f"{MARK}\n")
    for block, output in zip(session, outputs, strict=False):
        if block.printed is not None:
            assert same(block.printed, output), f"{page.name}:{block.line} printed:\n{output}"
    assert len(session) + 1 == len(outputs)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_test_blocks_pass(page: Path, environ: dict[str, str], tmp_path: Path) -> None:
    """The tests that a page shows pass as they stand."""
    for number, block in enumerate(each for each in blocks(page) if each.is_test):
        file = tmp_path / f"test_{number}.py"
        file.write_text(block.source)
        await run([sys.executable, "-m", "pytest", "-q", str(file)], environ, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_commands_run(page: Path, environ: dict[str, str], tmp_path: Path) -> None:
    """The commands of a page work, and print what stands below them."""
    write_files(page, tmp_path)
    for block in (each for each in blocks(page) if each.language == "console"):
        for entry in re.split(r"^\$ ", block.source, flags=re.MULTILINE)[1:]:
            command, _, promised = entry.partition("\n")
            printed = await perform(shlex.split(command, comments=True), environ, tmp_path)
            if promised.strip():
                assert same(promised, printed), f"{page.name}: {command} printed:\n{printed}"


async def perform(command: list[str], environ: dict[str, str], folder: Path) -> str:
    """Run a documented command as far as a test may."""
    match command:
        case ["make", target]:
            return await run(["make", "--dry-run", target], environ, ROOT)
        case ["loyalty" | "python", *_]:
            return await run(command, environ, folder)
        case ["pip", "install", *_] | ["git", *_]:
            return ""
        case ["uvicorn", app, *_]:
            assert (ROOT / "examples" / f"{app.removesuffix(':app')}.py").is_file()
            return ""
        case _:
            return pytest.fail(f"a document shows {command}, and nothing here knows how to try it")


def test_readme_names_the_command_that_runs_in_ci() -> None:
    """What README tells people to run before they send a change is what CI runs."""
    (command,) = re.findall(r"^exec (make \w+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)

    assert f"$ {command}\n" in (ROOT / "README.md").read_text()
    assert f"$ {command}\n" in (ROOT / "CONTRIBUTING.md").read_text()


def test_output_that_differs_is_seen() -> None:
    """An ellipsis stands for what varies and for nothing else."""
    assert same("balance ... points\n", "balance 12 points\n")
    assert not same("balance 12\n", "balance 13\n")
