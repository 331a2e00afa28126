"""Names that are none: every command tells those that come near, and all of them only where they are few."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from app.contender_names import file_of, is_proxy
from app.discovery import Discovered
from app.strategy_groups import GROUPS, UnknownStrategy, words
from loadtest.workload.absent_library import why_absent

LISTED_MAX = 14
"""The most names that a message lists whole."""
NEAR_MAX = 3
"""The most near names that a message proposes."""
LAB_LIST = "`lab list` names all"


def no_such(what: str, name: str, known: Iterable[str], names_all: str = "", other: str = "") -> str:
    """The message that there is no `what` of that name, with the names near to it, or all where they are few.

    `names_all` says where a long list stands; `other` is what may be named instead, such as a file.
    """
    names = list(known)
    said = f"there is no {what} {name!r}"
    if not names:
        return f"{said}: there is none at all"
    if len(names) <= LISTED_MAX or not names_all:
        return f"{said}: name one of {', '.join(names)}{other and f', or {other}'}"
    near = did_you_mean(name, names)
    return f"{said}; {near and f'{near} '}{names_all}{other and f'; {other} will do too'}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The question about the names near to one that is none, as "did you mean a or b?"; empty where none is near."""
    asked, whole = name.lower(), dict[str, str]()
    for one in known:  # of `cache.ttl_s` the last part may be meant
        whole.setdefault(one.rpartition(".")[2].lower(), one)
        whole[one.lower()] = one
    with_it = [one for one in whole if asked in re.split(r"[_.-]", one)]
    matches = with_it or get_close_matches(asked, whole, NEAR_MAX)
    near = list(dict.fromkeys(whole[match] for match in matches))[:NEAR_MAX]
    return f"did you mean {' or '.join(filter(None, (', '.join(near[:-1]), near[-1])))}?" if near else ""


def no_strategy(name: str, known: Iterable[str]) -> str:
    """The message that no strategy, and no group of strategies, has that name."""
    return no_such("strategy", name, (*known, *GROUPS), LAB_LIST)


def choose(found: Discovered, asked: str | None) -> list[str]:
    """The strategies that a text with commas names, or those of the default. Raises `UnknownStrategy`."""
    for name in words(asked) if asked else ():
        if name in found.choosable or name in GROUPS or name in found.broken:
            continue
        file = file_of(name)
        if file in found.missing and not is_proxy(file):
            raise UnknownStrategy(why_absent(name, file, found.missing[file]))
        if file not in {*found.missing, *found.broken_contenders}:
            raise UnknownStrategy(no_strategy(name, found.choosable))
    return found.choose(asked)
