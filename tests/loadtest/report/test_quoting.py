"""What logs say reaches no terminal, Markdown or page as anything but text."""

import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from loadtest.figures.plain_text import CHARS_MAX, plain, quoted
from loadtest.report.quoting import for_console_markup, for_html, for_markdown, for_terminal

LOG = (
    "\x1b[31mredis\x1b[0m | \x1b]8;;http://evil\x07link\x1b]8;;\x07 `rm` <script>*x*</script> "
    "[bold] \u202egnp.exe\x00 $a$"
)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x9b31mred", "red"),
        ("a\r\n\tb\u2028c", "a b c"),
        ("\u202eevil", "\ufffdevil"),
        ("zero\u200bwidth\x00", "zero\ufffdwidth\ufffd"),
        ("half \ud800", "half \ufffd"),
        ("200\u00a0ms, größer – 50 %", "200\u00a0ms, größer – 50 %"),
    ],
)
def test_only_what_is_seen_is_kept(text: str, want: str) -> None:
    assert plain(text) == want


@given(st.text(max_size=200))
def test_no_text_whatever_has_controls_directions_or_lines_left(text: str) -> None:
    unseen = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not [char for char in plain(text) if unicodedata.category(char) in unseen]


@given(st.text(max_size=200))
def test_markdown_is_the_text_itself(text: str) -> None:
    rendered = MarkdownIt("commonmark").enable("table").render(f"- x: {for_markdown(text)}")
    assert set(re.findall(r"<[^>]*>", rendered)) <= {"<ul>", "</ul>", "<li>", "</li>"}


def test_a_log_line_is_no_markup_anywhere() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=200)
    console.print(for_terminal(LOG))
    console.print(f"[red]{for_console_markup(LOG)}[/]")
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert shown.count("[bold]") == 2
    assert not {"\x1b", "\x07", "\x00", "\u202e"} & {*shown}
    assert "<script>" not in for_html(LOG)
    assert for_markdown("a | b $x$ #1") == r"a \| b \$x\$ \#1"


def test_a_megabyte_is_quoted_in_a_few_lines() -> None:
    assert len(quoted("x" * 1_000_000)) < CHARS_MAX + 40
    assert quoted("x" * 1_000_000).endswith("(1,000,000 characters)")
    assert len(quoted("\x1b[31m" * 1_000_000)) < CHARS_MAX + 40
