"""The block of a page that a command writes: it stands between two markers, which Markdown does not show.

<!-- measured: NAME -->
…
<!-- end: NAME -->
"""


class NoMarkers(ValueError):
    """A page without a place for the block; the text names the markers that are missing."""


def parts(page: str, name: str) -> tuple[str, str, str]:
    """The parts of a page before a block, in it and behind it; the markers belong to the outer two.

    Raises `NoMarkers`.
    """
    begin, end = f"<!-- measured: {name} -->\n", f"<!-- end: {name} -->"
    before, found_begin, rest = page.partition(begin)
    body, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise NoMarkers(f"has no block between {begin.strip()} and {end}")
    return before + begin, body, end + after


def written(page: str, name: str, body: str) -> str:
    """The text of a page with that body in the place of the block's own. Raises `NoMarkers`."""
    before, _, after = parts(page, name)
    return f"{before}{body}{after}"
