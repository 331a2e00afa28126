"""The places of runs in the league's pages: a page for each workload, a heading for each entrant and world."""

import re

PAGES = "league"
"""The folder of the pages of runs, beside the page of the league."""
WORDS = {"native": "native", "virtual": "virtual time"}
"""The worlds in words."""


def heading(entrant: str, world: str) -> str:
    """The heading of the runs of an entrant in a world."""
    return f"{entrant}, {WORDS[world]}"


def anchor(text: str) -> str:
    """The anchor that a heading has in a page, by the rule of GitHub and of most renderers."""
    kept = re.sub(r"[^\w\- ]", "", text.strip().lower())
    return kept.replace(" ", "-")


def place(workload: str, entrant: str, world: str) -> str:
    """The address of the runs of an entrant, from the page of the league."""
    return f"{PAGES}/{workload}.md#{anchor(heading(entrant, world))}"
