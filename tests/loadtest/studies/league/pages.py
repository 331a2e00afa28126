"""The pages of the league, read as their readers do: tables, links and headings, without the code that writes them."""

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

LINK = re.compile(r"\[((?:[^\[\]\\]|\\.)*)\]\(([^()\s]+)\)")
LABELLED = re.compile(r"\[((?:[^\[\]\\]|\\.)*)\]\[([^\[\]]+)\]")
DEFINED = re.compile(r"^\[([^\[\]]+)\]: (\S+)$", re.MULTILINE)
NUMBER = re.compile(r"never|[-+]?\d[\d,]*(?:\.\d+)?")


class Linked(NamedTuple):
    """A figure, or several in one cell, with the place that it leads to and the headings of its table."""

    text: str
    where: str
    heading: str


def resolved(page: str) -> str:
    """The page with the address of every link in the place of its label. Raises KeyError for a label of nothing."""
    addresses = dict(DEFINED.findall(page))
    return LABELLED.sub(lambda link: f"[{link[1]}]({addresses[link[2]]})", page)


def plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def tables(page: str) -> list[tuple[list[str], list[list[str]]]]:
    """The headings and the lines of every table of a page."""
    found: list[tuple[list[str], list[list[str]]]] = []
    before = ""
    for line in page.splitlines():
        if re.fullmatch(r"\|(?: :?-+:? \|)+", line):
            found.append((cells(before), []))
        elif line.startswith("| ") and found and before.startswith("| "):
            found[-1][1].append(cells(line))
        before = line
    return found


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, by the rule of GitHub."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", plain(one).lower()).replace(" ", "-") for one in headings}


def dead_links(path: Path) -> list[str]:
    """The links of a page that lead to no file, or to no heading of it; those into the web are not followed."""
    dead = []
    for _, where in LINK.findall(resolved(path.read_text(encoding="utf-8"))):
        name, _, anchor = where.partition("#")
        target = path if not name else (path.parent / unquote(name)).resolve()
        if "://" in where:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            dead.append(where)
    return dead


def section(path: Path, anchor: str) -> str:
    """The part of a page under the heading with that anchor."""
    parts = re.split(r"^(?=#+ )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (found,) = [one for one in parts if anchor in anchors(one)]
    return found


def linked_figures(page: str) -> list[Linked]:
    """Every figure of a page that leads to a run, under the heading of its column."""
    return [
        Linked(plain(text), where, heading)
        for headings, lines in tables(resolved(page))
        for line in lines
        for heading, cell in zip(headings, line, strict=True)
        for text, where in LINK.findall(cell)
        if ".md#" in where
    ]


def unlike_their_runs(path: Path) -> list[Linked]:
    """The figures of the league's page that the runs which they lead to do not have."""
    wrong = []
    for one in linked_figures(path.read_text(encoding="utf-8")):
        name, _, anchor = one.where.partition("#")
        own = section(path.parent / name, anchor)
        if name.endswith("/behaviour.md"):
            if f"| {one.text} " not in plain(own):
                wrong.append(one)
            continue
        figures = {}
        for headings, lines in tables(own)[:1]:
            figures = dict(zip(headings, map(plain, lines[0]), strict=True))
        if one.text.startswith("-"):
            is_there = one.heading not in figures
        elif one.heading in figures:
            is_there = one.text.rstrip("!") == figures[one.heading]
        else:  # several figures of a fault in one cell
            is_there = set(NUMBER.findall(one.text)) <= set(figures.values())
        if not is_there:
            wrong.append(one)
    return wrong
