"""The relay as a child process, with a way to Redis for each pod."""

import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from loadtest import ROOT
from loadtest.worlds.child_processes import Children
from loadtest.worlds.python_server import HOST, wait_until_it_listens
from loadtest.worlds.relay_faults import RelayFaults, over_tcp


class RunningRelay(NamedTuple):
    """A relay that listens: the URLs of Redis that lead through it, one for each pod, and its faults."""

    urls: list[str]
    faults: RelayFaults


async def start_relay(children: Children, redis_url: str, ways: int, folder: Path) -> RunningRelay:
    """Start a relay to that Redis, with its log in `folder`. Raises `WorldFailed`."""
    to = urlsplit(redis_url)
    with ExitStack() as bound:
        control, *listeners = [bound.enter_context(socket.socket()) for _ in range(1 + ways)]
        for listener in (control, *listeners):
            listener.bind((HOST, 0))
        fds = [listener.fileno() for listener in listeners]
        command = [sys.executable, "-m", "app.relay", "--to", f"{to.hostname}:{to.port or 6379}"]
        command += ["--control-fd", str(control.fileno()), *(word for fd in fds for word in ("--fd", str(fd)))]
        child = await children.start(
            "relay", command, folder / "relay.log", {"PYTHONPATH": str(ROOT)}, pass_fds=[control.fileno(), *fds]
        )
        ports = [int(listener.getsockname()[1]) for listener in listeners]
        control_port = int(control.getsockname()[1])
    await wait_until_it_listens(child, ports[-1])
    account = f"{to.netloc.rpartition('@')[0]}@" if "@" in to.netloc else ""
    urls = [to._replace(netloc=f"{account}{HOST}:{port}").geturl() for port in ports]
    return RunningRelay(urls, RelayFaults(over_tcp(HOST, control_port)))
