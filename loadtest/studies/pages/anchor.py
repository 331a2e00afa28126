"""The anchor of a heading in Markdown, as GitHub and the site make it."""

import re


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
