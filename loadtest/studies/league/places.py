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


def label(workload: str, entrant: str, world: str) -> str:
    """The label of that address in the page, where a table of addresses would be too wide: such as "cashews hk n"."""
    return f"{entrant} {''.join(word[0] for word in workload.split('-'))} {world[0]}"


def label_of_findings(entrant: str) -> str:
    """The label of the findings on an entrant."""
    return f"{entrant} b"


def defined(name: str, where: str) -> str:
    """The line of Markdown that says where a label leads."""
    return f"[{name}]: {where}"
