"""A stack of its own: the compose file of this repository under another project name and on free ports.

A stack that somebody runs meanwhile is not touched, and neither is any of their settings read.
"""

import json
import os
import secrets
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.stack_config.files import ROOT, read_env

BUILD_S_MAX = 900
"""Without any layer in the build cache, on a slow line."""
START_S_MAX = 180
END_S_MAX = 60


class Project:
    """A compose project, of this repository or of a copy in another folder. Nothing is started by making one."""

    def __init__(self, folder: Path = ROOT) -> None:
        self.folder = folder
        variables = read_env()
        self.name = f"stampede-lab-test-{secrets.token_hex(4)}"
        self.ports = _free_ports([name for name in variables if name.endswith("_PORT")])
        outside = {name: value for name, value in os.environ.items() if name not in variables and "COMPOSE" not in name}
        ports = {name: str(port) for name, port in self.ports.items()}
        self._environment = outside | ports | {"COMPOSE_PROJECT_NAME": self.name}

    @property
    def environment(self) -> dict[str, str]:
        """For the repository's own scripts, so that they are about this project."""
        return dict(self._environment)

    def url(self, port: str) -> str:
        """Of a published port, by its name in `.env`."""
        return f"http://127.0.0.1:{self.ports[port]}"

    def compose(self, *arguments: str, within_s: float) -> str:
        """What `docker compose` answers. Raises RuntimeError with what it and the containers said."""
        return self._run(["docker", "compose", *arguments], within_s)

    def _run(self, command: list[str], within_s: float) -> str:
        ended = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
        if ended.returncode:
            said = self._docker("ps", "--all", "--filter", self._mine) + "\n" + self._last_words()
            raise RuntimeError(f"{' '.join(command)} failed:\n{ended.stderr}\n{said}")
        return ended.stdout

    def build(self) -> None:
        self.compose("--profile", "bench", "build", "--quiet", within_s=BUILD_S_MAX)

    def up(self, *arguments: str) -> None:
        """Returns when all is healthy."""
        self.compose("up", "--detach", "--wait", *arguments, within_s=START_S_MAX)

    def down(self) -> None:
        """Also where nothing runs; the images that were built for this project go too."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5", within_s=END_S_MAX)
        self._run([str(self.folder / "bin" / "prune"), "--all"], END_S_MAX)

    def exec(self, service: str, *command: str) -> str:
        return self.compose("exec", "--no-TTY", service, *command, within_s=30)

    def containers(self, service: str = "") -> list[dict[str, Any]]:
        """What Docker knows of the project's containers that run, or of those of one service."""
        of_service = ["--filter", f"label=com.docker.compose.service={service}"] if service else []
        names = self._docker("ps", "--quiet", "--filter", self._mine, *of_service).split()
        return list(json.loads(self._docker("inspect", *names))) if names else []

    def short_name(self, container: dict[str, Any]) -> str:
        """As `make ps` shows it."""
        return str(container["Name"]).removeprefix(f"/{self.name}-")

    def kill(self, container: dict[str, Any]) -> None:
        """SIGKILL, as when a machine is gone."""
        self._docker("kill", container["Id"])

    def stop(self, container: dict[str, Any]) -> None:
        """SIGTERM, and SIGKILL where that ends it not in time; it stays, to be started again."""
        self._docker("stop", container["Id"])

    def start(self, container: dict[str, Any]) -> None:
        self._docker("start", container["Id"])

    def left(self) -> dict[str, str]:
        """What Docker still has of this project, by kind."""
        return {
            kind: self._docker(*command, "--filter", self._mine)
            for kind, command in {
                "containers": ("ps", "--all", "--quiet"),
                "networks": ("network", "ls", "--quiet"),
                "volumes": ("volume", "ls", "--quiet"),
                "images": ("image", "ls", "--quiet"),
            }.items()
        }

    def volumes(self) -> set[str]:
        """Every volume there is, nameless ones of images too, which carry no project's label."""
        return set(self._docker("volume", "ls", "--quiet").split())

    def listening(self) -> list[str]:
        """The ports of this project on which somebody answers."""
        found = []
        for name, port in self.ports.items():
            with socket.socket() as probe:
                probe.settimeout(2)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    found.append(name)
        return found

    @property
    def _mine(self) -> str:
        return f"label=com.docker.compose.project={self.name}"

    def _docker(self, *arguments: str) -> str:
        ended = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60, check=False)
        if ended.returncode:
            raise RuntimeError(f"docker {' '.join(arguments)} failed: {ended.stderr}")
        return ended.stdout.strip()

    def _last_words(self) -> str:
        command = ["docker", "compose", "logs", "--no-color", "--tail", "15"]
        ended = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )
        return ended.stdout


def _free_ports(names: list[str]) -> dict[str, int]:
    """Different ones: all are held until the last is found."""
    with ExitStack() as held:
        found = {}
        for name in names:
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            found[name] = probe.getsockname()[1]
        return found
