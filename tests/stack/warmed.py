"""A warmer beside the stack's pods, and pods that ask each other: what nobody's load does by itself here."""

import subprocess
import sys
from dataclasses import dataclass

import httpx

from tests.stack.asked import Said
from tests.stack.stages import Stack
from tests.stack.waiting import wait_until
from tests.stack_config.files import ROOT

WARMED, ROUTED = "collapse", "routed"
"""Strategies that nobody asks meanwhile."""
ENDED_WITHIN_S, SEEN_WITHIN_S = 60, 30
ROUTED_IDS = range(12)


@dataclass(frozen=True, slots=True)
class Warmed:
    """What came of it, in this order."""

    said: Said
    answers: list[str]
    """The `Cache-Status` of the first answer to each key after that."""
    routed: list[int]
    """The codes of the answers of the strategy whose pods ask each other."""
    hops: dict[str, float]
    """The questions to other pods, by how they ended."""


def warm(stack: Stack) -> Warmed:
    """Warm a strategy that nobody asks, ask it for each key, and then one whose misses go to another pod."""
    command = [sys.executable, "-m", "loadtest", "warm", "--strategies", WARMED, "--keys", "2", "--ttl", "same"]
    ended = subprocess.run(
        command, cwd=ROOT, env=stack.project.environment, capture_output=True, text=True,
        timeout=ENDED_WITHIN_S, check=False,
    )  # fmt: skip
    with httpx.Client(base_url=stack.project.url("FRONT_PORT"), trust_env=False, timeout=10) as client:
        warmed = [client.get(f"/{WARMED}/data", params={"id": id_}).headers["cache-status"] for id_ in range(2)]
        routed = [client.get(f"/{ROUTED}/data", params={"id": id_}).status_code for id_ in ROUTED_IDS]

    def told() -> dict[str, float]:
        found = stack.grafana.by("outcome", f'sum by (outcome) (lab_peer_asks_total{{strategy="{ROUTED}"}})')
        return found if sum(found.values()) else {}

    hops = wait_until("a pod has asked another one", told, SEEN_WITHIN_S)
    return Warmed(Said(ended.returncode, ended.stdout, ended.stderr), warmed, routed, hops)
