"""`bin/load` and `bin/up` on a stack that runs: refused without a trace, or done as asked and measured."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.stack.project import Project

DONE_WITHIN_S = 240
RATE = 60
LOCUSTFILE = """
from locust import FastHttpUser, constant, task

class Mine(FastHttpUser):
    wait_time = constant(0.2)

    @task
    def ask(self):
        self.client.get("/swr/data?id=7")
"""
REFUSED = ("SCENARIO=nonsense", "LAB_TTL_S=abc", "APP_REPLICAS=2.5", "STRATEGIES=nix", "RATE=0", "LOCUSTFILE=nix.py")


@dataclass(frozen=True, slots=True)
class Said:
    """How a call of a script ended."""

    code: int
    out: str
    errors: str

    @property
    def measured(self) -> float:
        """Requests per second, as it says at its end."""
        found = re.search(r"^measured: (\d+) ", self.out, re.MULTILINE)
        assert found, (self.out, self.errors)
        return float(found[1])


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of it, in this order."""

    refused: dict[str, Said]
    before: set[str]
    after: set[str]
    """Containers, by id: around all that was refused."""
    scenario: Said
    settings: dict[str, str]
    """A pod's, once another scenario was asked for."""
    sent_to: set[str]
    own: Said
    again: Said
    at_the_end: set[str]
    by_hand: set[str]
    """Containers, before and after a `bin/compose up` of somebody who gave no variable."""
    kept: dict[str, str]
    """Variables, as the stack remembers them."""


def ask(project: Project, folder: Path) -> Asked:
    """Under another load, and another."""
    before = _ids(project)
    refused = {variable: load(project, variable) for variable in REFUSED}
    after = _ids(project)
    scenario = load(project, "SCENARIO=many-keys", f"RATE={RATE}")
    settings = httpx.get(f"{project.url('FRONT_PORT')}/settings", timeout=10, trust_env=False).json()
    sent_to = set(_environment(project, "load")["LAB_STRATEGY"].split(","))
    (folder / "mine.py").write_text(LOCUSTFILE)
    folder.chmod(0o755)
    own = load(project, f"LOCUSTFILE={folder / 'mine.py'}", "USERS=5")
    again = load(project)
    at_the_end = _ids(project)
    _run(project, "bin/compose", "up", "--detach", "--wait", "--no-deps", "--no-build", "load", "load-worker")
    by_hand = _ids(project)
    kept = dict(line.split("=", 1) for line in _run(project, "bin/compose", "kept", "given").out.splitlines())
    return Asked(refused, before, after, scenario, settings, sent_to, own, again, at_the_end, by_hand, kept)


def load(project: Project, *variables: str) -> Said:
    """What `make load` with these variables does and says."""
    return _run(project, "bin/load", **dict(variable.split("=", 1) for variable in variables))


def _run(project: Project, script: str, *words: str, **variables: str) -> Said:
    ended = subprocess.run(
        ["bash", script, *words], cwd=project.folder, env=project.environment | variables, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=DONE_WITHIN_S, check=False,
    )  # fmt: skip
    return Said(ended.returncode, ended.stdout, ended.stderr)


def _ids(project: Project) -> set[str]:
    return {container["Id"] for container in project.containers()}


def _environment(project: Project, service: str) -> dict[str, str]:
    (container,) = project.containers(service)
    return dict(line.split("=", 1) for line in container["Config"]["Env"])
