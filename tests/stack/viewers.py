"""People who look: what a browser with a dashboard asks for at each refresh, through Grafana's proxy."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.stack.grafana import Grafana, Window
from tests.stack.panels import Query, annotations, dashboards, queries

VIEWERS = 2
REFRESHES = 10
REFRESH_S = 2.0
SHOWN_S = 120
AT_ONCE = 6
"""Requests that a browser has on their way to one host."""
BEHIND_S = 8
"""By how much what is recorded is older than what happens."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A time in which people looked, and what each of them asked for at each refresh."""

    window: Window
    asked_per_refresh: int


def refresh(dashboard: str, strategies: Sequence[str], baseline: str) -> list[tuple[Query, str]]:
    """What a refresh asks for: open rows only, repeated panels once for each strategy."""
    [board] = [one for one in dashboards() if one["uid"] == dashboard]
    is_open = {panel["title"]: "repeat" in panel for panel in board["panels"]}
    asked = []
    for query in [one for one in queries() if one.dashboard == dashboard and one.panel in is_open]:
        for chosen in [[name] for name in strategies] if is_open[query.panel] else [strategies]:
            asked.append((query, query.filled(chosen, baseline)))
    return asked + [(one, one.filled(strategies, baseline)) for one in annotations() if one.dashboard == dashboard]


def watch(grafana: Grafana, dashboard: str, strategies: Sequence[str], baseline: str) -> Watched:
    """Several people at once, each at their own moments. Fails when any query does."""
    asked = refresh(dashboard, strategies, baseline)
    start_s = int(time.time())

    def look(viewer: int) -> None:
        time.sleep(viewer * REFRESH_S / VIEWERS)
        with ThreadPoolExecutor(AT_ONCE) as browser:
            for _ in range(REFRESHES):
                due_s = time.monotonic() + REFRESH_S
                list(browser.map(ask, asked))
                time.sleep(max(0.0, due_s - time.monotonic()))

    def ask(one: tuple[Query, str]) -> None:
        query, expr = one
        now_s = int(time.time())
        if query.instant:
            grafana.now(expr, now_s)
        else:
            grafana.series(expr, Window(now_s - SHOWN_S, now_s))

    with ThreadPoolExecutor(VIEWERS) as people:
        list(people.map(look, range(VIEWERS)))
    end_s = int(time.time())
    time.sleep(BEHIND_S)
    return Watched(Window(start_s, end_s), len(asked))
