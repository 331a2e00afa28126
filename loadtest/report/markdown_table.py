"""Tables in Markdown, padded, because they are also read as plain text."""

from collections.abc import Callable, Sequence


def without_bars(text: str) -> str:
    """The text of a cell that is Markdown already: only what would end the cell is escaped."""
    return text.replace("|", "\\|")


def markdown_table(
    headings: Sequence[str],
    lines: Sequence[Sequence[str]],
    escape: Callable[[str], str] = without_bars,
    numbers: bool = False,
) -> list[str]:
    """The lines of a table. `numbers` aligns all columns but the first on the right."""
    texts = [[escape(cell) for cell in line] for line in (headings, *lines)]
    widths = [max(3, *map(len, cells)) for cells in zip(*texts, strict=True)]
    if numbers:
        rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
        pads = [str.ljust, *[str.rjust] * (len(widths) - 1)]
    else:
        rule, pads = ["-" * width for width in widths], [str.ljust] * len(widths)
    return [
        "| " + " | ".join(pad(cell, width) for pad, cell, width in zip(pads, line, widths, strict=True)) + " |"
        for line in (texts[0], rule, *texts[1:])
    ]
