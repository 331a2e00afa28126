"""A docstring is a whole sentence that stands alone in an editor's hover: subject first, and not long."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from loadtest import ROOT

ROOMS = ("app", "loadtest", "grafana/boards", "benchmarks")
FIRST_WORDS = frozenset({"Of", "In", "To", "With", "As", "That", "Which", "What", "Who"})
"""Words that begin half a sentence, whose other half is the name that it stands under."""
METAPHORS = ("nobody", "is told", "goes away", "torso")
WORDS_MAX = 25


class Fault(NamedTuple):
    """One docstring that breaks the rule, and how."""

    place: str
    rule: str
    text: str


def faults(room: str) -> Iterator[Fault]:
    """Each broken rule of each docstring of a room; strings under constants and fields are docstrings too."""
    for path in sorted((ROOT / room).rglob("*.py")):
        for line, text in docstrings(ast.parse(path.read_text(encoding="utf-8"))):
            for rule, said in broken(text):
                yield Fault(f"{path.relative_to(ROOT)}:{line}", rule, said)


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every string that stands as a statement of its own, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def broken(text: str) -> Iterator[tuple[str, str]]:
    """The rules that a docstring breaks, with the words that break each."""
    if (first := (re.match(r"\W*(\w+)", text) or [""] * 2)[1]) in FIRST_WORDS:
        yield "first word", f"{first} …"
    for sentence in sentences(text):
        if len(words := sentence.split()) > WORDS_MAX:
            yield "length", f"{len(words)} words: {' '.join(words[:8])} …"
    for metaphor in METAPHORS:
        if re.search(rf"\b{metaphor}\b", text, re.IGNORECASE):
            yield "words", metaphor


def sentences(text: str) -> list[str]:
    """The sentences of a docstring; an item of a list stands for itself."""
    prose = re.sub(r"`[^`\n]*`", "code", text)
    return re.split(r"(?<=[.!?])\s+|\n\s*\n|\n\s*(?=[-*] |\d+\. )", prose)


@pytest.mark.parametrize("room", ROOMS)
def test_every_docstring_keeps_the_rule(room: str) -> None:
    told = "\n".join(f"{one.place}: {one.rule}: {one.text}" for one in faults(room))
    assert not told, told
