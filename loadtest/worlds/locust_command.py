"""The start of Locust with the lab's load: one process, or a master and workers, all children of the caller.

Locust's `--processes` is unfit: its master ends without waiting for its workers. These then have no owner, and may not
have written their records.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest import ROOT
from loadtest.workload.traffic import Load
from loadtest.worlds.child_processes import Child, Children
from loadtest.worlds.forked_locust import ForkServer
from loadtest.worlds.python_server import HOST, free_port

STOP_S = 10
"""Seconds for the answers that are still due at the end."""


async def start_locust(
    children: Children,
    scenario: Path,
    load: Load,
    strategy: str,
    seed: int,
    targets: Sequence[str],
    answers: Path,
    run_s: float,
    processes: int = 1,
    options: Sequence[str] = (),
    server: ForkServer | None = None,
) -> list[Child]:
    """Begin a headless run of `run_s` seconds; logs and records go to the folder `answers`. `options` are Locust's own.

    All processes are returned, first the one that says when the run is over. The run has ended when all of them have.
    With `server` a single process is forked, so that it need not import Locust. Raises OSError and `WorldFailed`.
    """
    locust: list[str | Path] = ["--locustfile", ROOT / "loadtest" / "locustfile.py"]
    users = str(load.users or processes)  # an open loop has none: each process sends its share
    run: list[str | Path] = [
        "--headless", "--users", users, "--spawn-rate", users,
        "--run-time", f"{math.ceil(run_s)}s", "--duration", f"{run_s:.6g}", "--stop-timeout", str(STOP_S),
        "--only-summary", "--exit-code-on-error", "0",
        "--scenario", scenario, "--strategy", strategy, "--lab-seed", str(seed),
        "--targets", ",".join(targets), "--answers", answers,
    ]  # fmt: skip
    commands = {"locust": [*locust, *run, *options]}
    if processes > 1:
        port = str(free_port())
        commands["locust"] += ["--master", "--master-bind-host", HOST, "--master-bind-port", port]
        commands["locust"] += ["--expect-workers", str(processes), "--expect-workers-max-wait", "30"]
        for number in range(1, processes + 1):
            commands[f"locust-{number}"] = [*locust, *run, "--worker", "--master-host", HOST, "--master-port", port]
    environment = {"PYTHONPATH": str(ROOT)}
    if server is not None and processes == 1:
        return [await server.fork("locust", [*map(str, commands["locust"])], answers / "locust.log", environment)]
    python = (sys.executable, "-m", "locust")
    return [
        await children.start(name, [*python, *command], answers / f"{name}.log", environment)
        for name, command in commands.items()
    ]
