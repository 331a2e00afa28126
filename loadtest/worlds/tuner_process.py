"""The tuner as a child process, which reads request rates from the pods themselves."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from loadtest import ROOT
from loadtest.worlds.child_processes import Child, Children


async def start_tuner(
    children: Children, environment: Mapping[str, str], pod_urls: Sequence[str], folder: Path
) -> Child:
    """Start a tuner for these pods, with their environment and its log in `folder`; it ends with the other children.

    Pods that take the place of others have the same URLs. Raises `WorldFailed`.
    """
    command = [sys.executable, "-m", "app.tuner", "--pods", ",".join(pod_urls)]
    return await children.start("tuner", command, folder / "tuner.log", {**environment, "PYTHONPATH": str(ROOT)})
