"""Links to what a checkout has and the site has not: files outside docs/, and folders. It shows their names."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"\[([^\]]+)\]\(([^):#\s]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The text of a page, in which a link to what is no page is its name. Raises ValueError where there is none."""
    here = Path(page.file.abs_src_path).parent

    def named(link: re.Match[str]) -> str:
        target = (here / link[2]).resolve()
        if target.is_relative_to(ROOT / "docs") and not target.is_dir():
            return link[0]  # a page or a picture, which mkdocs checks
        if not target.exists():
            raise ValueError(f"{page.file.src_path}: there is no {link[2]}")
        name = target.relative_to(ROOT).as_posix()
        return f"`{name}`" if link[1].strip("`") == name else f"{link[1]} (`{name}`)"

    return _LINK.sub(named, markdown)
