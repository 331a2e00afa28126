"""Foreign text on one line: incidents quote logs, which hold colours, controls and anything else."""

import re
import unicodedata

CHARS_MAX = 600
"""The most characters of one incident; a log's last line may be a megabyte."""
REPLACED = "\ufffd"
_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"  # OSC and other strings: titles, links
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
_SPACE = re.compile("[ \t-\r\x1c-\x1f\x85\u2028\u2029]+")  # without U+00A0, which keeps a unit with its number
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories without a glyph: controls, directions, joiners, halves of surrogates, private and unassigned."""


def plain(text: str) -> str:
    """The text on one line, without terminal escapes; every other character that has no glyph is marked as replaced."""
    line = _SPACE.sub(" ", _ESCAPE_SEQUENCE.sub("", text)).strip(" ")
    return "".join(REPLACED if unicodedata.category(char) in _UNSEEN else char for char in line)


def quoted(text: str) -> str:
    """The plain text, cut to `CHARS_MAX` characters, with its whole length where it was cut."""
    line = plain(text[: 8 * CHARS_MAX])
    if len(line) <= CHARS_MAX and len(text) <= 8 * CHARS_MAX:
        return line
    return f"{line[:CHARS_MAX]} … ({len(text):,} characters)"
