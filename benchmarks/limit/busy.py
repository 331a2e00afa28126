"""How busy a server and the machine are while a load is sent."""

import asyncio
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Busy:
    """The CPU that was used, as shares."""

    server_share: float
    """The share of one core that the server used."""
    machine_share: float
    """The share of all cores that all programs used."""


async def busy_for(pid: int, seconds: float) -> Busy:
    """Watch the server with that id and the machine for so many seconds."""
    server = psutil.Process(pid)
    server_s, machine_s, idle_s = _used_s(server)
    await asyncio.sleep(seconds)
    server_after_s, machine_after_s, idle_after_s = _used_s(server)
    all_s = machine_after_s - machine_s
    return Busy((server_after_s - server_s) / seconds, 1 - (idle_after_s - idle_s) / all_s if all_s else 0.0)


def _used_s(server: psutil.Process) -> tuple[float, float, float]:
    """CPU seconds of the server, of all cores, and of these the idle ones."""
    own, cores = server.cpu_times(), psutil.cpu_times()
    idle_s = cores.idle + getattr(cores, "iowait", 0.0)
    guests_s = getattr(cores, "guest", 0.0) + getattr(cores, "guest_nice", 0.0)  # which `user` has too
    return own.user + own.system, sum(cores) - guests_s, idle_s
