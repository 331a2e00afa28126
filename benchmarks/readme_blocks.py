"""The measured blocks of README.md and of the docs: each a command's output, with its commit, machine and code.

A block stands between two markers, which Markdown does not show:

    <!-- measured: bench -->
    …
    `make bench` at commit 0123456789, …; code 89abcdef
    <!-- end: bench -->

`make readme` runs the commands and writes the blocks anew. Each names the code that its figures
are of. Once that has changed, the block is out of date, and a test says so.
"""

import ast
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest import ROOT
from loadtest.report.measured_block import NoMarkers, parts
from loadtest.report.quoting import for_markdown

README, DOCS = ROOT / "README.md", ROOT / "docs"
SERVICE = ("app/*.py", "app/strategies/*.py")
DEFINITIONS = ("loadtest/figures/*.py",)
VIRTUAL = ("loadtest/sim/**/*.py",)


@dataclass(frozen=True, slots=True)
class Block:
    """A command, and the part of its output that a page quotes."""

    name: str
    make: str  # as a reader would call it
    command: tuple[str, ...]  # of `lab`
    quotes: tuple[str, ...]  # the code whose figures these are, as patterns from the checkout's root
    columns: tuple[str, ...] = ()
    """The quoted columns of the table in report.md; empty where the terminal's output is quoted."""
    page: Path = README


TOLD = (
    "strategy", "origin reads", "cold peak in 1 s", "steady peak in 1 s", "p50 ms", "steady p99 ms", "older than TTL %",
    "errors", "wrong answers",
)  # fmt: skip

BLOCKS = (
    Block("bench", "make bench", ("bench",), (*SERVICE, *DEFINITIONS, "loadtest/scenarios/hot-key.toml"), TOLD),
    Block(
        "calibrate",
        "make calibrate DURATION=20",
        ("calibrate", "--duration", "20"),
        (*SERVICE, *DEFINITIONS, *VIRTUAL, "loadtest/studies/calibration/calibration.py"),
        page=DOCS / "virtual-time.md",
    ),
    Block("simspeed", "make simspeed", ("simspeed",), VIRTUAL, page=DOCS / "virtual-time.md"),
    Block("hitpath", "make hitpath", ("hitpath",), (*SERVICE, "benchmarks/hitpath/*.py"), page=DOCS / "hit-cost.md"),
)


class NoBlock(ValueError):
    """A page without its block; the text names the markers that are missing."""


def code_digest(quotes: Sequence[str], root: Path = ROOT) -> str:
    """A digest of the code in the quoted files.

    Comments, docstrings, layout, imports and the files' own names do not count: tidying puts no figure out of date.
    """
    files = {path for pattern in quotes for path in root.glob(pattern)}
    return hashlib.sha256("\0".join(sorted(map(_meaning, files))).encode()).hexdigest()[:8]


def _meaning(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        return repr(tomllib.loads(text))
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [one for one in body if not _says_nothing(one)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _says_nothing(node: ast.stmt) -> bool:
    """Whether a statement is an import or a docstring, which change no figure."""
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return is_text or isinstance(node, ast.Import | ast.ImportFrom)


def written(page: str, block: Block, quoted: str, about: Mapping[str, Any]) -> str:
    """The text of the page with that block anew. `about` is the run's environment. Raises `NoBlock`."""
    machine = about["machine"]
    stamp = (
        f"`{block.make}` at commit {about['commit']}, {str(about['started_at'])[:10]}, {machine['cores']} cores of "
        f"{machine['cpu']}, Python {about['versions']['python']}; code {code_digest(block.quotes)}"
    )
    body = quoted if block.columns else f"```\n{quoted}\n```"
    before, _, after = _parts(page, block)
    return f"{before}\n{body}\n\n{stamp}\n{after}"


def stale(read: Callable[[Path], str] = Path.read_text) -> Iterator[str]:
    """A line for every block that is older than the code it quotes, or was never written. Raises `NoBlock`."""
    for block in BLOCKS:
        _, body, _ = _parts(read(block.page), block)
        found = re.search(r"; code ([0-9a-f]{8})$", body.rstrip())
        if found is None or found[1] != code_digest(block.quotes):
            yield f"{block.name}: the code that it quotes has changed since: make readme ONLY={block.name}"


def quoted_by(block: Block, run: Callable[[Sequence[str], Path], str], results: Path) -> str:
    """The text that the page is to quote. Raises ValueError where there is none.

    `run` runs `lab` with these words and this folder for results, and returns its standard output.
    """
    said = run(block.command, results)
    text = said
    if block.columns:
        table = _first_table((results / "latest" / "report.md").read_text(encoding="utf-8"), block.columns)
        text = f"{_answer(results / 'latest' / 'summary.json')}\n\n{table}"
    if not text.strip():
        raise ValueError(f"{block.name}: `lab {' '.join(block.command)}` said nothing that could be quoted")
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def _answer(summary: Path) -> str:
    """The answer's sentences, as a quotation; empty for a run without any."""
    if not summary.exists():
        return ""
    sentences = json.loads(summary.read_text(encoding="utf-8")).get("answer", ())
    return "\n>\n".join(f"> {for_markdown(one['text'])}" for one in sentences)


def _parts(page: str, block: Block) -> tuple[str, str, str]:
    """The parts before a block, in it and behind it; the markers belong to the outer two."""
    try:
        return parts(page, block.name)
    except NoMarkers as error:
        raise NoBlock(f"{block.page.name} {error}") from None


def _first_table(markdown: str, columns: Sequence[str]) -> str:
    """These columns of the first table. Raises ValueError naming one that it does not have."""
    lines = markdown.splitlines()
    first = next((place for place, line in enumerate(lines) if line.startswith("|")), len(lines))
    last = next((place for place in range(first, len(lines)) if not lines[place].startswith("|")), len(lines))
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[first:last]]
    headings = rows[0] if rows else []
    if missing := [column for column in columns if column not in headings]:
        raise ValueError(f"report.md has no column {missing[0]!r}")
    kept = [headings.index(column) for column in columns]
    return "\n".join(f"| {' | '.join(row[place] for place in kept)} |" for row in rows)
