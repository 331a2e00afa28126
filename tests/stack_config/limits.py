"""What containers may take of a small laptop: two cores and 4 GiB.

A limit of CPUs is a burst, so that what is idle costs nobody anything: together they may be more than there is. Where
they want it all at once, `cpu_shares` decide, and what is measured must not be slowed by what looks on.
"""

import re
from dataclasses import dataclass

from tests.stack_config.files import Tree, fill_in

CORES = 2.0
CPUS_MAX = 1.0
"""Of one container: the other core is left to everybody else."""
MEMORY_MIB_MAX = 2.5 * 1024
NEEDS = {"app": 0.28, "redis": 0.16, "load-worker": 0.30}
"""CPUs of one container that the figures are made of: with these as their limits the stack served 300 requests/s and
was not late. Each must get them whatever all the others do."""
GRAFANA_NEEDS = {"cpus": 1.0, "memory_mib": 512, "start_period_s": 60}
"""The real one, at its first start: it makes a database and compiles its queries."""
_MEMORY = re.compile(r"(\d+)([mg])")


@dataclass(frozen=True, slots=True)
class Share:
    """What one service's containers may take, each."""

    service: str
    replicas: int
    cpus: float
    memory_mib: int
    shares: int
    is_always_up: bool


def limit_faults(compose: Tree, env: dict[str, str]) -> list[str]:
    """What is always up fits, and no container can starve those that are measured."""
    faults, found = [], []
    for name, service in compose["services"].items():
        share = _share(name, service, env)
        if share is None:
            faults.append(f"{name}: no limit of cpus, memory (in m or g) and pids, or no cpu_shares")
        else:
            found.append(share)
    up = [share for share in found if share.is_always_up]
    faults += [f"{one.service}: may use {one.cpus:g} CPUs, more than a core" for one in found if one.cpus > CPUS_MAX]
    memory_mib = sum(share.replicas * share.memory_mib for share in up)
    if memory_mib > MEMORY_MIB_MAX:
        faults.append(f"all together may use {memory_mib} MiB, more than {MEMORY_MIB_MAX:g}")
    left = cpus_left(up)
    faults += [
        f"{name}: is left {left[name]:.2f} CPUs when all want all they may, less than {cpus:g}"
        for name, cpus in NEEDS.items()
        if name in left and left[name] < cpus
    ]
    return faults + _grafana_faults(compose, found)


def cpus_left(shares: list[Share], cores: float = CORES) -> dict[str, float]:
    """CPUs of one container of each service when all want all that they may.

    The kernel deals them by weight, and the part that one may not take goes to the others.
    """
    given: dict[str, float] = {}
    waiting = list(shares)
    while waiting:
        weight = cores / sum(one.replicas * one.shares for one in waiting)
        full = [one for one in waiting if one.cpus <= weight * one.shares]
        for one in full or waiting:
            given[one.service] = min(one.cpus, weight * one.shares)
        if not full:
            break
        cores -= sum(one.replicas * one.cpus for one in full)
        waiting = [one for one in waiting if one not in full]
    return given


def _share(name: str, service: Tree, env: dict[str, str]) -> Share | None:
    deploy = service.get("deploy") or {}
    limits = deploy.get("resources", {}).get("limits", {})
    memory = _MEMORY.fullmatch(str(limits.get("memory", "")))
    if not {"cpus", "pids"} <= limits.keys() or memory is None or "cpu_shares" not in service:
        return None
    replicas = int(fill_in(deploy.get("replicas", 1), env))
    memory_mib = int(memory[1]) * {"m": 1, "g": 1024}[memory[2]]
    return Share(
        name, replicas, float(limits["cpus"]), memory_mib, int(service["cpu_shares"]), "profiles" not in service
    )


def _grafana_faults(compose: Tree, found: list[Share]) -> list[str]:
    share = next((share for share in found if share.service == "grafana"), None)
    if share is None:
        return []
    check = compose["services"]["grafana"].get("healthcheck") or {}
    start_s = str(check.get("start_period", "0s")).removesuffix("s")
    has = {"cpus": share.cpus, "memory_mib": share.memory_mib, "start_period_s": float(start_s)}
    return [
        f"grafana: has {what} {has[what]:g}, the real one needs {needed:g}"
        for what, needed in GRAFANA_NEEDS.items()
        if has[what] < needed
    ]
