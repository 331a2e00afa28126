"""What fires, as series tell it, and two stages: the metrics store and vmalert restarted, and Redis killed by hand."""

import subprocess
import sys
import time
from dataclasses import dataclass

import httpx

from tests.stack.grafana import Window
from tests.stack.stages import BEHIND_S, Stack
from tests.stack.waiting import wait_until
from tests.stack_config.files import ROOT

LOOKED_BACK_S = 20
KNOWN_FOR_S = 10
"""An alarm about what Redis's absence makes happen is looked at again within this, and then not raised any more."""
AWAY_FOR_S = 40
"""Enough for it to be known, and then some."""
ENDED_WITHIN_S = 90
QUIET_S = 20

SPAN = "max by (fault, does) (max_over_time(lab_fault[1s]))"
"""What the dashboards ask for, to draw faults on purpose."""

Alarm = tuple[str, str]
"""The name of an alert that fires and the strategy, pod or cause that it names."""


def firing(stack: Stack, window: Window) -> dict[int, set[Alarm]]:
    """What fired in each second of the window."""
    found: dict[int, set[Alarm]] = {second: set() for second in range(window.start_s, window.end_s + 1)}
    for series in stack.grafana.series('present_over_time(ALERTS{alertstate="firing"}[5s])', window):
        said = series["metric"]
        subject = said.get("strategy") or said.get("cause") or said.get("pod", "")
        for moment, _ in series["values"]:
            found[int(float(moment))].add((said["alertname"], subject))
    return found


def fired(stack: Stack, window: Window) -> set[Alarm]:
    return set().union(*firing(stack, window).values())


@dataclass(frozen=True, slots=True)
class Restarted:
    """The metrics store, restarted under load; then vmalert."""

    asked_before: float
    asked_after: float
    """The same second before the restart, asked for on either side of it."""
    fired_before: set[Alarm]
    fired_after: set[Alarm]


@dataclass(frozen=True, slots=True)
class RedisAway:
    """Redis, killed under load and started again: `lab break redis-killed`."""

    code: int
    said: str
    """How the command ended, and what it said."""
    lasted: Window
    marked: list[float]
    """The seconds in which Grafana shows the fault's span."""
    fired_meanwhile: set[Alarm]
    """Once it was known."""
    fired_after: set[Alarm]
    """When it was back and `CacheAway` had ended."""


def restart_metrics(stack: Stack) -> Restarted:
    began_s = int(time.time())
    asked, then_s = "sum(lab_origin_asked_total)", began_s - LOOKED_BACK_S
    asked_before = stack.grafana.number(asked, then_s)
    fired_before = fired(stack, Window(began_s - 2 * LOOKED_BACK_S, began_s))
    for service in ("victoriametrics", "vmalert"):
        stack.project.compose("restart", service, within_s=60)
        wait_until(f"{service} answers", lambda: _answers(stack), within_s=60)
        wait_until("all pods are scraped again", lambda: len(stack.pods_scraped()) == 3, within_s=60)
        time.sleep(QUIET_S)
    return Restarted(
        asked_before,
        stack.grafana.number(asked, then_s),
        fired_before,
        fired(stack, Window(began_s, int(time.time()) - BEHIND_S)),
    )


def _answers(stack: Stack) -> bool:
    """Whether vmalert's state can be read through the metrics store, as Grafana does."""
    try:
        url = f"{stack.project.url('VICTORIAMETRICS_PORT')}/api/v1/rules"
        return bool(httpx.get(url, timeout=5, trust_env=False).raise_for_status().json()["data"]["groups"])
    except httpx.HTTPError:
        return False


def take_redis_away(stack: Stack) -> RedisAway:
    began_s = int(time.time())
    command = [sys.executable, "-m", "loadtest", "break", "redis-killed", "--for", str(AWAY_FOR_S)]
    with subprocess.Popen(
        command, cwd=ROOT, env=stack.project.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as breaking:
        wait_until("CacheAway fires", lambda: stack.firing("CacheAway"), within_s=AWAY_FOR_S)
        time.sleep(KNOWN_FOR_S)
        known_s = int(time.time())
        said, _ = breaking.communicate(timeout=ENDED_WITHIN_S)
    lasted = Window(began_s, int(time.time()))
    meanwhile = fired(stack, Window(known_s, lasted.end_s))
    wait_until("CacheAway ends", lambda: not stack.firing("CacheAway"), within_s=90)
    ended_s = int(time.time()) + KNOWN_FOR_S
    time.sleep(KNOWN_FOR_S + QUIET_S)
    spans = stack.grafana.series(SPAN, Window(began_s, lasted.end_s + BEHIND_S))
    return RedisAway(
        breaking.returncode,
        said,
        lasted,
        [float(moment) for span in spans for moment, _ in span["values"]],
        meanwhile,
        fired(stack, Window(ended_s, int(time.time()) - BEHIND_S)),
    )
