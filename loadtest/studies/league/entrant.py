"""Entrants of the league: what is known of each beside its runs, taken from its own file and its distribution."""

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

from app.contender_strategy import ContenderStrategy
from app.discovery import Discovered
from app.proxy import Proxy
from app.strategy import Strategy
from loadtest.figures.plain_text import plain
from loadtest.studies.league.workloads import BadLeague
from loadtest.workload.near_names import no_strategy

OWN_FOR_COMPARISON = ("static", "singleflight", "swr", "xfetch")
"""The lab's own strategies that stand beside the contenders, unless others are named."""
LIBRARY, PROXY, OWN = "library", "proxy", "the lab's own"
LICENCE_CHARS_MAX = 40
"""The longest text of a licence that is a name; some distributions state the whole licence there."""
_PART = re.compile(r"^(?P<name>[A-Z][A-Za-z ]{2,30}):(?P<text>.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entrant:
    """One setting of a library or a proxy, or one strategy of the lab's own, as it enters the league."""

    name: str
    kind: str
    does: str
    """One sentence on what it does, from its docstring."""
    library: str = ""
    """The name of the distribution, or of the proxy; empty for the lab's own."""
    version: str = ""
    licence: str = ""
    documentation: str = ""
    """The address of the page that shows the setting."""
    setting: str = ""
    """The lines of that page, quoted as the contender's docstring has them."""
    reference: str = ""
    """The source that the docstring names beside it."""
    not_virtual: str = ""
    """The reason why it cannot run in virtual time; empty where it can."""

    @property
    def is_own(self) -> bool:
        return self.kind == OWN

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> "Entrant":
        """The entrant that a record describes. Raises TypeError where it is none."""
        return cls(**stated)


def entrant(name: str, found: Discovered) -> Entrant:
    """The entrant of that name. Raises `BadLeague` where there is none."""
    strategy = found.choosable.get(name)
    if strategy is None:
        raise BadLeague(no_strategy(name, found.choosable))
    if not issubclass(strategy, ContenderStrategy):
        told = parts_of(strategy)
        if issubclass(strategy, Proxy):
            return Entrant(
                name, PROXY, told[""], strategy.library, strategy.installed_version(), strategy.licence,
                strategy.documentation, told.get("Setting", ""), told.get("Reference", ""), strategy.not_virtual,
            )  # fmt: skip
        return Entrant(name, OWN, told[""], reference=told.get("Reference", ""))
    contender = strategy.contender
    told, (version, licence) = parts_of(contender), distribution(contender.library)
    return Entrant(
        name, LIBRARY, told[""], contender.library, version, licence, contender.documentation,
        told.get("Setting", ""), told.get("Reference", ""), contender.not_virtual,
    )  # fmt: skip


def entrants(names: Iterable[str], found: Discovered) -> list[Entrant]:
    """The entrants of these names. Raises `BadLeague`."""
    return [entrant(name, found) for name in names]


def parts_of(strategy: type[Strategy] | type[Any]) -> dict[str, str]:
    """The parts of a docstring: its first paragraph under the empty name, and each "Name: text" under its name."""
    text = inspect.getdoc(strategy) or ""
    found = {"": plain(text.partition("\n\n")[0])}
    begins = list(_PART.finditer(text))
    for number, one in enumerate(begins):
        end = begins[number + 1].start() if number + 1 < len(begins) else len(text)
        found[one["name"]] = inspect.cleandoc(text[one.start("text") : end]).strip()
    return found


def distribution(name: str) -> tuple[str, str]:
    """The version and the licence of an installed distribution; empty where it does not state them."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return "", ""
    stated = next((str(about[name]) for name in ("License-Expression", "License") if about[name]), "").strip()
    if not stated or len(stated) > LICENCE_CHARS_MAX or "\n" in stated:
        classifiers = [str(one) for one in about.get_all("Classifier") or ()]
        stated = next((one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License ::")), "")
    return str(about["Version"]), stated
