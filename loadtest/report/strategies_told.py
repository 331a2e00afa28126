"""The strategies of a run in words: what their docstrings say, and their parameters as they ran."""

import inspect
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from app.contender_names import file_of
from app.discovery import wrong_names
from app.strategy import Strategy
from loadtest.figures.plain_text import plain
from loadtest.workload.planned_run import PlannedRun

DOCS_URL = "LAB_DOCS_URL"
"""The variable with the address of the documentation's site, such as the one that `make docs` made."""
CHECKOUT = Path(__file__).resolve().parents[2]
"""The folder that holds the lab's packages; in a checkout it holds docs/ too."""
_LABEL = re.compile(r"^([A-Z][A-Za-z ]{2,30}):\s+(.*)$")


class StrategyTold(NamedTuple):
    """A strategy that ran: the text of its docstring, its parameters, and where its page is."""

    name: str
    idea: str
    told: Sequence[tuple[str, str]]
    """A label and a text, such as Expect and what to expect."""
    parameters: Sequence[tuple[str, str, str]]
    """A name, the value of this run, and the meaning."""
    page: str
    """The address of its page or, where no site is known, the file that it is made of; empty where it has none."""

    way: str = ""
    """The way from the run's folder to the file of its page, where both are in this checkout; else empty."""

    @property
    def link(self) -> str:
        """The address to open: that of a site, or the way to the file; empty where there is none."""
        return self.page if self.is_link else self.way

    @property
    def id(self) -> str:
        """The id of its heading."""
        return f"strategy-{self.name}"

    @property
    def is_link(self) -> bool:
        """Whether the page has an address that a browser can open."""
        return "://" in self.page


def strategy_told(run: PlannedRun, strategy: type[Strategy], folder: Path | None = None) -> StrategyTold:
    """The strategy as that run had it; its page is a link from the run's `folder`, where that leads to a file."""
    idea, told = sections(inspect.getdoc(strategy) or "")
    values = strategy.checked_params(run.scenario.params.get(run.strategy, {}))
    parameters = [
        (name, value if isinstance(value, str) else f"{value:g}", strategy.parameters()[name].description)
        for name, value in values.items()
    ]
    if run.control_ttl_s is not None:
        idea = f"A control: {run.strategy} with a TTL of {run.control_ttl_s:g} s. {idea}"
    page = page_of(run)
    return StrategyTold(run.name, idea, told, parameters, page, way_to(page, folder))


def way_to(page: str, folder: Path | None) -> str:
    """The way from a folder inside the checkout to the file of a page; empty where there is no such file."""
    if folder is None or not page:
        return ""
    file, own = CHECKOUT / page, folder.resolve()
    return Path(os.path.relpath(file, own)).as_posix() if file.is_file() and own.is_relative_to(CHECKOUT) else ""


def sections(docstring: str) -> tuple[str, list[tuple[str, str]]]:
    """The first paragraph of a docstring, and its labelled texts, each in one line."""
    first, _, rest = docstring.partition("\n\n")
    found: list[tuple[str, str]] = []
    for line in rest.splitlines():
        if (label := _LABEL.match(line)) is not None:
            found.append((label[1], label[2].strip()))
        elif found and line.strip():
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
    return " ".join(first.split()), found


def page_of(run: PlannedRun) -> str:
    """The page of a strategy in the documentation; mistakes and contenders share one, references have none."""
    site = plain(os.environ.get(DOCS_URL, "")).rstrip("/")
    name = "mistakes" if run.strategy in wrong_names() else f"strategies/{run.strategy}"
    name = "contenders" if file_of(run.strategy) is not None else name
    if run.is_reference:
        return ""
    return f"{site}/{name}/" if re.match(r"(https?|file)://", site) else f"docs/{name}.md"
