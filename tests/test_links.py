"""Links lead somewhere: those of the site that is built, and those of the documents as a checkout shows them."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from loadtest import ROOT

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


class Page(NamedTuple):
    """What a page has: the links that it shows, and the anchors that a link to it may name."""

    links: list[str]
    anchors: set[str]


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page([], set())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value is not None:
                self.page.links.append(value)
            elif name in ("id", "name") and value:
                self.page.anchors.add(value)


def read_html(path: Path) -> Page:
    reader = _Html()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader.page


def read_markdown(path: Path) -> Page:
    """A document with the anchors that GitHub gives its headings."""
    text = re.sub(r"\A---\n.*?\n---\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    raw = _Html()
    links: list[str] = []
    for token in _flat(tokens):
        links += [str(value) for name in ("href", "src") if (value := token.attrGet(name)) is not None]
        if token.type in ("html_block", "html_inline"):
            raw.feed(token.content)
    return Page([*links, *raw.page.links], {*_slugs(tokens), *raw.page.anchors})


def _flat(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _flat(token.children or [])


def _slugs(tokens: list[Token]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            said = "".join(part.content for part in token.children or [])
            slug = re.sub(r"[^\w\- ]", "", said.strip().lower()).replace(" ", "-")
            yield f"{slug}-{seen[slug]}" if seen[slug] else slug
            seen[slug] += 1


def dead_links(pages: dict[Path, Page]) -> list[str]:
    """The links of pages that lead to no file, or to an anchor that the page they lead to has not."""
    return sorted(
        {f"{here}: {link}" for here, page in pages.items() for link in page.links if _dead(here, link, pages)}
    )


def _dead(here: Path, link: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    there = (here.parent / unquote(parts.path)).resolve() if parts.path else here
    if not there.exists():
        return True
    return bool(parts.fragment) and there in pages and unquote(parts.fragment) not in pages[there].anchors


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site").resolve()
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    ended = subprocess.run(
        build,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "true"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


def test_the_site_is_built_and_every_link_and_anchor_of_it_leads_somewhere(site: Path) -> None:
    pages = {path: read_html(path) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > 50
    assert sum(len(page.links) for page in pages.values()) > 1000
    assert dead_links(pages) == []


def test_no_page_of_the_site_loads_anything_from_another_host(site: Path) -> None:
    loads = re.compile(r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=\"?(?:https?:)?//[^>]*>")
    found = {path.name: loads.findall(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    assert {name: told for name, told in found.items() if told} == {}


def test_every_link_and_anchor_of_the_documents_leads_somewhere_in_a_checkout() -> None:
    pages = {path: read_markdown(path) for path in DOCUMENTS}
    assert len(pages[ROOT / "README.md"].links) > 30
    assert dead_links(pages) == []


@pytest.mark.parametrize(
    ("link", "is_dead"),
    [
        ("there.md", False),
        ("there.md#one--two", False),
        ("#here-1", False),
        ("https://example.org/nowhere", False),
        ("nowhere.md", True),
        ("there.md#three", True),
        ("#there", True),
    ],
)
def test_a_link_is_dead_without_its_file_or_its_anchor(tmp_path: Path, link: str, is_dead: bool) -> None:
    (tmp_path / "here.md").write_text(f"# Here\n\n# `Here`\n\n[a link]({link})\n", encoding="utf-8")
    (tmp_path / "there.md").write_text("# One / *two*\n", encoding="utf-8")
    pages = {path: read_markdown(path) for path in tmp_path.resolve().glob("*.md")}
    assert bool(dead_links(pages)) is is_dead
