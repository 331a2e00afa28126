"""Ten edits under `make dev`, the fourth broken, the seventh hanging at import, and one that no check finds out.

In a copy of the repository.
"""

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.fingerprint import fingerprint
from tests.stack.project import Project
from tests.stack.waiting import wait_until
from tests.stack_config.files import ROOT

COPIED = (
    ".env",
    ".dockerignore",
    "Dockerfile",
    "docker-compose.yml",
    "app",
    "bin",
    "front",
    "loadtest",
    "requirements",
)
CHECK_S = 8
"""How long an edit may take to be imported: many times what it takes, and the seventh takes it all."""
DONE_WITHIN_S = 120.0
EDITS = 10
BROKEN, HANGING = 4, 7
CRASHING = 11
"""Only a pod that begins finds this one out: the old pods have to come back."""
_ASK = "exec 3<>/dev/tcp/127.0.0.1/8000 && printf 'GET {path} HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3"


@dataclass(frozen=True, slots=True)
class Pod:
    """What a pod is and what it answers."""

    container: str
    is_healthy: bool
    code: str
    strategies: dict[str, Any]
    status_of_mine: int


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit, what was said of it, and the pods after it."""

    said: list[str]
    code: str
    pods: list[Pod]


@dataclass(frozen=True, slots=True)
class Edited:
    """All of the edits, and the end."""

    edits: list[Edit]
    exit_code: int
    last_said: str
    images: list[str]
    containers_after: list[str]


def copy_repository(folder: Path) -> Path:
    """Of what the pods are made of."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def edit(project: Project) -> Edited:
    """The pods in their three, under `bin/dev`, edit after edit."""
    project.up("--build", "app")
    app = project.folder / "app"
    with _watching(project) as (watching, log):
        wait_until("it watches", lambda: "Watching" in log.read_text(), within_s=60)
        edits = [_edit(number, project, log, act) for number, act in enumerate(_acts(app), start=1)]
        watching.send_signal(signal.SIGTERM)
        exit_code = watching.wait(60)
    return Edited(
        edits=edits,
        exit_code=exit_code,
        last_said=log.read_text().splitlines()[-1],
        images=project.left()["images"].split(),
        containers_after=sorted(one["Name"].removeprefix(f"/{project.name}-") for one in project.containers()),
    )


def _acts(app: Path) -> list[Callable[[], object]]:
    cache, mine = app / "cache.py", app / "strategies" / "mine.py"
    sound = cache.read_text(encoding="utf-8")
    own = (app / "strategies" / "static.py").read_text(encoding="utf-8").replace("is_baseline = True", "pass")

    def write(path: Path, text: str) -> Callable[[], object]:
        return lambda: path.write_text(text, encoding="utf-8")

    def repair() -> None:
        write(cache, sound)()
        _say(app, 5)

    return [
        lambda: _say(app, 1),
        lambda: _say(app, 2),
        write(mine, own),
        write(cache, f"{sound}\ndef half_an_edit(\n"),
        repair,
        mine.unlink,
        write(cache, f"import time\n\ntime.sleep(1e9)\n{sound}"),
        write(cache, f"{sound}\n# edit 8\n"),
        lambda: _say(app, 9),
        lambda: _say(app, 10),
        lambda: _crash(app / "serving.py"),
    ]


def _crash(path: Path) -> None:
    begins = "        self._grace_s = settings.grace_s\n"
    text = path.read_text(encoding="utf-8")
    assert begins in text
    path.write_text(text.replace(begins, f'        raise OSError("no pod of mine")\n{begins}'), encoding="utf-8")


def _say(app: Path, number: int) -> None:
    """Which shows at /strategies."""
    path = app / "strategies" / "swr.py"
    text = re.sub(r'^    """', f'    """Edit {number}. ', path.read_text(encoding="utf-8"), count=1, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")


@contextmanager
def _watching(project: Project) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """`make dev` without its `make up`, and its log."""
    log = project.folder / "dev.log"
    with log.open("wb") as said:
        watching = subprocess.Popen(
            ["bash", "bin/dev", "--no-up"], cwd=project.folder, env=project.environment | {"DEV_CHECK_S": str(CHECK_S)},
            stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield watching, log
        finally:
            watching.terminate()  # killed, it would leave what it is doing to itself
            watching.wait(120)


def _edit(number: int, project: Project, log: Path, act: Callable[[], object]) -> Edit:
    act()
    done = re.compile(rf"^edit {number}: .*(pods run it|as they were|are back)", re.MULTILINE)
    wait_until(f"edit {number} is done", lambda: done.search(log.read_text()), within_s=DONE_WITHIN_S)
    said = [line for line in log.read_text().splitlines() if line.startswith(f"edit {number}: ")]
    pods = [_ask(project, container) for container in project.containers("app")]
    return Edit(said, fingerprint(project.folder / "app"), pods)


def _ask(project: Project, container: dict[str, Any]) -> Pod:
    number = container["Config"]["Labels"]["com.docker.compose.container-number"]

    def get(path: str) -> tuple[int, str]:
        answer = project.exec("--index", number, "app", "bash", "-c", _ASK.format(path=path))
        head, _, body = answer.partition("\n\n")
        return int(head.split()[1]), body

    told = json.loads(get("/strategies")[1])
    is_healthy = container["State"]["Health"]["Status"] == "healthy"
    return Pod(container["Id"], is_healthy, told["code"], told["strategies"], get("/mine/data?id=7")[0])
