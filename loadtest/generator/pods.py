"""The questions to pods: their strategies, how old their answers may be, and their clock."""

import json
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError

from app.strategy_groups import ALL, BY_DEFAULT, CONTENDERS, WRONG, Groups, UnknownStrategy, named
from loadtest.generator.targets import Targets
from loadtest.workload.near_names import no_such

ASK_WITHIN_S = 10.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""A way to the pods without a proxy: the proxies of the environment are for other servers."""


class NoPods(OSError):
    """A pod of the load does not answer, or answers unlike a pod; one line, with the URL."""


class Told(NamedTuple):
    """The answer of a pod about itself; None where it states nothing."""

    strategies: Mapping[str, float | None]
    """The strategies, and how old their answers may be, seconds."""
    groups: Groups
    """The strategies behind each group word."""
    broken: Mapping[str, str]
    longest_load_s: float | None
    ahead_s: float | None
    """The cache's clock less this machine's, seconds."""
    items: int | None = None
    """The number of items that exist, ids from 0 on."""
    stale_if_error_s: float | None = None
    """How much older an answer may be where a load has failed, seconds."""
    lag_s: Mapping[str, float] = {}
    """How long answers of a strategy may be behind those of other pods, seconds, where that is stated."""


AskPod = Callable[[str], Told]


def ask_pod(url: str) -> Told:
    """The answer of the pod at that URL about itself. Raises `NoPods`."""
    began_s = time.time()
    try:
        with _DIRECT.open(f"{url}/strategies", timeout=ASK_WITHIN_S) as answer:
            said = json.load(answer)
        middle_s, items = (began_s + time.time()) / 2, _number(said, "items")
        strategies, apart = (
            dict(said["strategies"]),
            {
                name: about
                for kind in ("wrong", "contenders", "references")
                for name, about in said.get(kind, {}).items()
            },
        )
        every = {group: list(strategies) for group in (BY_DEFAULT, ALL)}
        return Told(
            {name: _number(about, "oldest_s") for name, about in (strategies | apart).items()},
            {WRONG: [], CONTENDERS: [], **every, **said.get("groups", {})},
            dict(said.get("broken", {})),
            _number(said, "longest_load_s"),
            None if (now_s := _number(said, "now_s")) is None else now_s - middle_s,
            None if items is None else int(items),
            _number(said, "stale_if_error_s"),
            {
                name: lag_s
                for name, about in (strategies | apart).items()
                if (lag_s := _number(about, "lag_s")) is not None
            },
        )
    except HTTPError as error:
        error.close()  # it holds the connection
        raise NoPods(f"{url} is no pod: /strategies is answered with {error.code}") from None
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise NoPods(f"{url} does not answer: {reason or type(error).__name__}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoPods(f"{url} is no pod: what /strategies answers is not what a pod says ({error!r})") from None


def ask_pods(targets: Targets, ask: AskPod = ask_pod) -> Told:
    """The common answer of the pods: of all that are named one by one, of any behind a DNS name. Raises `NoPods`."""
    if not targets.follows_dns:
        told = [ask(url) for url in targets.urls]
        return told[0]
    for url in targets.urls[:-1]:
        try:
            return ask(url)
        except NoPods:
            continue
    return ask(targets.urls[-1])


def check_strategies(asked: Sequence[str], told: Told) -> None:
    """Raise `UnknownStrategy` for a name that the pods do not have: each of its requests would be a 404."""
    for name in named(asked, told.groups):
        if name in told.broken:
            raise UnknownStrategy(f"strategy {name!r} is broken there: {told.broken[name]}")
        if name not in told.strategies:
            raise UnknownStrategy(f"in the pods {no_such('strategy', name, told.strategies, '/strategies names all')}")


def _number(said: Mapping[str, Any], name: str) -> float | None:
    value = said.get(name)
    return None if value is None else float(value)
