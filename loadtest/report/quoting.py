"""Foreign text made safe to show: logs hold markup too.

One function for each place that text goes to: `for_terminal`, `for_markdown`, `for_html`; each also makes it plain.
"""

import html
import re

from rich.markup import escape
from rich.text import Text

from loadtest.figures.plain_text import plain

_MARKUP = re.compile(r"([\\`*_\[\]|<>~&#$])")


def for_terminal(text: str, style: str = "") -> Text:
    """The text for a terminal, in which nothing is rich's markup."""
    return Text(plain(text), style)


def for_console_markup(text: str) -> str:
    """The text escaped, to stand within a string of rich's markup."""
    return escape(plain(text))


def for_markdown(text: str) -> str:
    """The text escaped, so that Markdown shows it as it is."""
    return _MARKUP.sub(r"\\\1", plain(text)).replace("\u00a0", " ")


def for_markdown_code(text: str) -> str:
    """The text in backticks, with its own replaced, so that it cannot end them."""
    return f"`{plain(text).replace('`', chr(39))}`"


def for_html(text: str) -> str:
    return html.escape(plain(text))
