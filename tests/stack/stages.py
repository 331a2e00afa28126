"""What is done to the stack, in this order, and what came of it: the tests then state what must be so."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.stack.door import Asked, asking
from tests.stack.grafana import Grafana, Window
from tests.stack.project import Project
from tests.stack.waiting import wait_until

SETTLE_S = 15
"""After the start every entry is cold, and processes warm up."""
MEASURED_S = 60
BEHIND_S = 3
"""By how much what can be asked for is older than what happens: scrape, flush and query."""
FLUSHES = 3
FLUSH_EVERY_S = 3
SEEN_S = 10
PICKED_UP_WITHIN_S = 30.0
"""What VictoriaMetrics takes to look up names again unless it is told to be quicker, as here."""
PODS_MANY = 5


@dataclass(frozen=True, slots=True)
class Stack:
    """The stack, up and healthy."""

    project: Project
    grafana: Grafana

    def pods_scraped(self) -> set[str]:
        return set(self.grafana.by("pod", 'up{job="app"} == 1'))

    def firing(self, alert: str, **labels: str) -> dict[str, Any]:
        """What vmalert itself says of an alert that fires with these labels, or nothing."""
        answer = httpx.get(f"{self.project.url('VMALERT_PORT')}/api/v1/alerts", timeout=10, trust_env=False)
        alerts: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["alerts"]
        firing = (one for one in alerts if (one["name"], one["state"]) == (alert, "firing"))
        return next((one for one in firing if labels.items() <= one["labels"].items()), {})


@dataclass(frozen=True, slots=True)
class Calm:
    """A minute in which nobody did anything to it."""

    window: Window
    containers: list[dict[str, Any]]
    pods: set[str]


@dataclass(frozen=True, slots=True)
class Seen:
    """By the clients: what they saw go wrong since the start, and how it went of late."""

    errors: float
    wrong_answers: float
    rate: float
    latency_s: float


@dataclass(frozen=True, slots=True)
class Killed:
    """One pod, killed under load."""

    pod: str
    others: set[str]
    in_flight: float
    through_the_door: Asked
    gone_after_s: float
    before: Seen
    after: Seen


@dataclass(frozen=True, slots=True)
class Scaled:
    """More pods than before."""

    scraped_after_s: float
    asked_after_s: float


@dataclass(frozen=True, slots=True)
class Gone:
    """What is left when all was taken down."""

    left: dict[str, str]
    volumes: set[str]
    processes: list[str]
    listening: list[str]


def stay_calm(stack: Stack) -> Calm:
    running = 'sum(lab_load_running{job="load"})'
    wait_until("the load runs", lambda: stack.grafana.number(running) >= 1, within_s=30)
    time.sleep(SETTLE_S + MEASURED_S)
    end_s = int(time.time())
    containers = stack.project.containers()
    time.sleep(BEHIND_S)
    return Calm(Window(end_s - MEASURED_S, end_s), containers, stack.pods_scraped())


def flush(stack: Stack) -> Window:
    """Empty Redis under load, a few times: everything is missing at once."""
    start_s = int(time.time())
    for _ in range(FLUSHES):
        stack.project.exec("redis", "redis-cli", "FLUSHALL")
        time.sleep(FLUSH_EVERY_S)
    end_s = int(time.time())
    time.sleep(BEHIND_S)
    return Window(start_s, end_s)


def kill_a_pod(stack: Stack) -> Killed:
    container = stack.project.containers("app")[0]
    pod, pods = stack.project.short_name(container), stack.pods_scraped()
    before = _seen_by_clients(stack)
    with asking(stack.project.url("FRONT_PORT")) as asked:
        began_s = time.monotonic()
        stack.project.kill(container)
        wait_until(f"{pod} is not up any more", lambda: pod not in stack.pods_scraped(), within_s=60)
        gone_after_s = time.monotonic() - began_s
    time.sleep(SEEN_S)
    after = _seen_by_clients(stack)
    in_flight = before.rate * before.latency_s / len(pods)  # Little's law, and this pod's share
    return Killed(pod, pods - {pod}, in_flight, asked, gone_after_s, before, after)


def _seen_by_clients(stack: Stack) -> Seen:
    now_s = time.time()
    time.sleep(BEHIND_S)
    sent, waited = (f"sum(increase(lab_load_latency_seconds_{part}[{SEEN_S}s]))" for part in ("count", "sum"))
    return Seen(
        errors=stack.grafana.number('sum(lab_load_requests_total{code!~"200|404"})', now_s),
        wrong_answers=stack.grafana.number("sum(lab_load_wrong_answers_total)", now_s),
        rate=stack.grafana.number(sent, now_s) / SEEN_S,
        latency_s=stack.grafana.number(f"{waited} / {sent}", now_s),
    )


def scale(stack: Stack) -> Scaled:
    stack.project.up("--no-build", "--no-recreate", "--no-deps", "--scale", f"app={PODS_MANY}", "app")
    # a pod's own start, with a quarter of a busy core, is not what is timed here
    wait_until(f"{PODS_MANY} pods are healthy", lambda: _healthy(stack, "app") == PODS_MANY, within_s=60)
    began_s = time.monotonic()
    wait_until(f"{PODS_MANY} pods are scraped", lambda: len(stack.pods_scraped()) == PODS_MANY, within_s=60)
    scraped_after_s = time.monotonic() - began_s
    asked = "count(sum by (pod) (increase(lab_requests_total[2s])) > 0)"
    wait_until(f"{PODS_MANY} pods are asked", lambda: stack.grafana.number(asked) == PODS_MANY, within_s=60)
    return Scaled(scraped_after_s, time.monotonic() - began_s)


def _healthy(stack: Stack, service: str) -> int:
    """Containers of the service whose own check says so."""
    return sum(one["State"]["Health"]["Status"] == "healthy" for one in stack.project.containers(service))


def take_down(stack: Stack) -> Gone:
    containers = stack.project.containers()
    volumes = {mount["Name"] for one in containers for mount in one["Mounts"] if mount["Type"] == "volume"}
    stack.project.down()
    identities = [one["Id"] for one in containers]
    return Gone(
        stack.project.left(), volumes & stack.project.volumes(), _processes_of(identities), stack.project.listening()
    )


def _processes_of(containers: list[str]) -> list[str]:
    """Command lines of processes that still belong to a container, where the kernel can be asked."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            groups, line = (path / "cgroup").read_text(), (path / "cmdline").read_text()
        except OSError:
            continue  # it has just ended
        if any(identity in groups for identity in containers):
            found.append(line.replace("\0", " "))
    return found
