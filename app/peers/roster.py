"""The roster of the other pods: where each is, as stated once, or as Docker's DNS has it at the moment."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from app.peers.names import PEERS_MAX, Address, PeerNames
from app.pod_name import replicas
from app.tasks import Tasks

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
"""Seconds between two looks at a service's name, behind which pods come and go."""


class PeerRoster:
    """The addresses of pods by name."""

    def __init__(self, names: PeerNames, look_up: Callable[[str], Mapping[str, str]] = replicas) -> None:
        """`look_up` gives the names of a service's pods by address; it may take its time, and raise OSError."""
        self.addresses: dict[str, Address] = dict(names.fixed)
        self.service, self._look_up = names.service, look_up

    def keep_current(self, tasks: Tasks, meet: Callable[[Iterable[str]], None]) -> None:
        """Follow the service in a task of its own, where there is one."""
        if self.service is not None:
            tasks.keep(lambda: self.follow(meet), "peers")

    async def follow(self, meet: Callable[[Iterable[str]], None]) -> None:
        """Look the service up again and again, until cancelled; `meet` is called with the pods that are there."""
        while self.service is not None:
            host, port = self.service
            try:
                found = await asyncio.to_thread(self._look_up, host)
            except OSError as error:
                log.debug("no address of %s (%s): the pods stay as they were", host, error)
            else:
                there = {name: (address, port) for address, name in [*found.items()][:PEERS_MAX]}
                if there != self.addresses:
                    self.addresses.clear()
                    self.addresses |= there
                    meet(there)
            await asyncio.sleep(LOOK_EVERY_S)
