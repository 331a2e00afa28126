"""What the README quotes was measured, by the code that stands beside it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.readme_blocks import BLOCKS, README, Block, NoBlock, code_digest, quoted_by, stale, written

ABOUT = {
    "commit": "0123456789",
    "started_at": "2026-01-02T03:04:05+00:00",
    "machine": {"cores": 2, "cpu": "Some CPU"},
    "versions": {"python": "3.11.7"},
}
TABLE = "| strategy | reads |\n| :-- | --: |\n| one | 7 |"


def a_readme(body: str = "") -> str:
    blocks = "".join(f"<!-- measured: {block.name} -->\n{body}<!-- end: {block.name} -->\nmore\n" for block in BLOCKS)
    return f"# Title\n{blocks}"


def test_no_block_of_the_readme_is_older_than_the_code_it_quotes() -> None:
    assert list(stale()) == []


def test_every_block_quotes_code_that_is_there() -> None:
    for block in BLOCKS:
        for pattern in block.quotes:
            assert list(README.parent.glob(pattern)), f"{block.name}: {pattern}"


def test_a_block_is_replaced_with_its_stamp_and_nothing_else_changes() -> None:
    block = BLOCKS[0]
    text = written(a_readme("old\n"), block, TABLE, ABOUT)
    assert text.count("old\n") == len(BLOCKS) - 1
    assert TABLE in text
    stamp = f"`{block.make}` at commit 0123456789, 2026-01-02, 2 cores of Some CPU, Python 3.11.7; code "
    assert stamp + code_digest(block.quotes) in text
    assert written(text, block, TABLE, ABOUT) == text
    assert len(list(stale(lambda page: text))) == len(BLOCKS) - 1


@pytest.mark.parametrize(
    ("after", "is_the_same"),
    [
        ('"""Another docstring."""\nimport os\n\n\ndef f() -> int:\n    # a reason\n    return 1\n', True),
        ("def f() -> int:\n    return 2\n", False),
        ("def g() -> int:\n    return 1\n", False),
    ],
)
def test_a_digest_is_of_what_code_does(tmp_path: Path, after: str, is_the_same: bool) -> None:
    (tmp_path / "one.py").write_text('"""A docstring."""\n\ndef f() -> int:\n    return 1\n')
    (tmp_path / "two.txt").write_text("2")
    before = code_digest(["*.py"], tmp_path)
    (tmp_path / "two.txt").write_text("3")
    (tmp_path / "one.py").rename(tmp_path / "three.py")
    assert code_digest(["*.py"], tmp_path) == before
    (tmp_path / "three.py").write_text(after)
    assert (code_digest(["*.py"], tmp_path) == before) is is_the_same


def test_quoted_is_the_table_of_the_report_or_what_the_terminal_said(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    wide = "| strategy | x | reads |\n| :-- | - | --: |\n| a\\|b | 0 | 7 |"
    (tmp_path / "latest" / "report.md").write_text(f"## Run\n\n{wide}\n\nmore\n\n| another |\n")
    asked: list[Sequence[str]] = []

    def run(words: Sequence[str], results: Path) -> str:
        asked.append(words)
        return "\nsaid  \n"

    columns = (("strategy", "reads"), ())
    table, terminal = (Block("b", "make b", ("b", "--x"), (), one) for one in columns)
    assert quoted_by(table, run, tmp_path) == "| strategy | reads |\n| :-- | --: |\n| a\\|b | 7 |"
    assert quoted_by(terminal, run, tmp_path) == "said"
    assert asked == [("b", "--x")] * 2


def test_a_command_that_says_nothing_and_a_readme_without_its_block_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="said nothing"):
        quoted_by(Block("b", "make b", ("b",), ()), lambda words, results: " \n", tmp_path)
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "report.md").write_text(TABLE)
    with pytest.raises(ValueError, match="no column 'peak'"):
        quoted_by(Block("b", "make b", ("b",), (), ("peak",)), lambda words, results: "", tmp_path)
    with pytest.raises(NoBlock, match="no block between <!-- measured: bench -->"):
        written("# Title\n", BLOCKS[0], TABLE, ABOUT)
