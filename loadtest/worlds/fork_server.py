"""The fork server of Locust: it has imported what every run imports, and forks one process for each run.

The imports take longer than all the rest of a run's start. The generator itself is not among them: what it remembers
from its import, such as the epoch of its clock, is each run's own.

The server says that it is ready, and serves one run at a time. Its owner writes a line of JSON, a `Request`, and reads
the id of the process. When that has ended, the owner writes an empty line and reads the exit code. Until then the id is
no other process's.
"""

import locust.main  # first, because it replaces parts of the standard library

# isort: split
import gc
import inspect
import json
import logging
import os
import sys
from importlib import import_module
from typing import TypedDict

from gevent.monkey import get_original
from gevent.os import fork_gevent

from loadtest.worlds.child_processes import die_with_parent

PRELOADED = (
    "gevent.threadpool",
    "httptools",
    "uvloop",
    "app.discovery",
    "app.metrics",
    "loadtest.figures.histogram",
    "loadtest.figures.records",
    "loadtest.workload.answer_check",
    "loadtest.workload.arrivals",
    "loadtest.workload.scenario",
    "loadtest.workload.trace",
)
"""The modules that the generator imports, its own excepted."""


class Request(TypedDict):
    """A run to start: Locust's arguments, its folder, its log, and all of its environment."""

    arguments: list[str]
    folder: str
    log: str
    environment: dict[str, str]


def main() -> None:
    for name in PRELOADED:
        import_module(name)
    inspect.stack()  # which reads the source of every module, and is asked for by Locust
    gc.collect()
    gc.freeze()  # the pages of what was imported stay common to all
    if (run := _next_run()) is not None:
        _become(run)
        try:
            locust.main.main()  # type: ignore[no-untyped-call]
        except SystemExit as ended:
            _end(ended.code)


def _next_run() -> Request | None:
    """The run that this process is, in a forked one; None in the server, once its owner has gone."""
    server, wait = os.getpid(), get_original("os", "waitpid")
    print("ready", flush=True)
    for line in iter(sys.stdin.buffer.readline, b""):
        request: Request = json.loads(line)
        if not (pid := fork_gevent()):
            die_with_parent(server)
            return request
        print(pid, flush=True)
        sys.stdin.buffer.readline()
        _, status = wait(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


def _become(run: Request) -> None:
    os.setsid()
    os.chdir(run["folder"])
    for path, flags, fds in (
        (os.devnull, os.O_RDONLY, (0,)),
        (run["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, (1, 2)),
    ):
        opened = os.open(path, flags, 0o666)
        for fd in fds:
            os.dup2(opened, fd)
        os.close(opened)
    os.environ.clear()
    os.environ.update(run["environment"])
    sys.argv = ["locust", *run["arguments"]]


def _end(code: object) -> None:
    """End a forked run as `sys.exit` would, but leave what was imported as it is: to take it apart takes long."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    main()
