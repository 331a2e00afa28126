"""A network in virtual time: ports that something listens at, hosts that dial, and the links between them."""

import asyncio
import errno
import itertools
import os
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass

from loadtest.sim.kernel.loop import VirtualLoop
from loadtest.sim.wire.transport import Noticing, VirtualTransport
from loadtest.sim.wire.trouble import WELL, LinkTrouble

CONNECTIONS_MAX = 10_000
"""Connections of a port at once; one more is refused."""
CONNECT_S_MAX = 127.0
"""Seconds after which a system gives up connecting to a host that says nothing, as Linux does."""
FIRST_PORT = 49_152
"""The first of the port numbers that clients get."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names of one and the same host."""


def _at_once() -> float:
    return 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Host:
    """A machine of the network that dials: a pod."""

    name: str
    way_s: Callable[[], float] = _at_once
    """Draws the seconds that a message takes one way, for each of its messages and those to it."""
    cpu: Noticing | None = None
    """The CPU that notices what arrives once it is free; None for one that is always free."""


dialling: ContextVar[Host | None] = ContextVar("the host whose code dials", default=None)
"""The host whose code runs, for the connections that it makes; None stands for a host that is at once everywhere."""
_ANYBODY = Host("client")


class Port:
    """A host and port of the network, where `make` gives the protocol of each new connection.

    Connections are made in the context in which the port was opened.
    """

    def __init__(self, network: "Network", address: tuple[str, int], make: Callable[[], asyncio.BaseProtocol]) -> None:
        self._network, self.address, self._make = network, address, make
        self._context = copy_context()
        self.is_open = True
        """Whether connections are accepted; otherwise they are refused."""
        self._ends: dict[VirtualTransport, None] = {}
        """The server's ends of the connections that are not over at both, the oldest first."""
        self._for_all = WELL
        self._for_hosts: dict[str, LinkTrouble] = {}
        self._parked: list[_Dial] = []

    def connections(self, host: str | None = None) -> list[VirtualTransport]:
        """The server's ends of the connections, of one host or of all, the oldest first."""
        return [end for end in self._ends if not end.is_lost and (host is None or end.host == host)]

    def trouble(self, host: str) -> LinkTrouble:
        """The state of a host's link to this port."""
        own = self._for_hosts.get(host)
        return self._for_all if own is None else self._for_all | own

    def set_trouble(self, trouble: LinkTrouble, host: str | None = None) -> None:
        """Set the state of one host's link, or of all hosts' links; those of both kinds add up.

        Connections that lost bytes are reset when their silence ends: a reply would answer another command than its
        own.
        """
        if host is None:
            self._for_all = trouble
        else:
            self._for_hosts[host] = trouble
        for end in (*self._ends,):
            now = self.trouble(end.host)
            if end.is_torn and not now.is_silent:
                end.tear()
                continue
            for one in (end, end.peer):
                one.heed(now)
        parked, self._parked = self._parked, []
        for dial in parked:
            self.syn_arrives(dial)

    def close(self) -> None:
        """Accept no more connections; those that there are go on."""
        self.is_open = False

    def reset_all(self, host: str | None = None) -> None:
        """Reset the connections, of one host or of all."""
        for end in self.connections(host):
            end.reset()

    def lose_track(self, host: str | None = None, resets: bool = True) -> None:
        """Forget connections, of one host or of all, without a word to their clients: see `VirtualTransport.vanish`."""
        for end in self.connections(host):
            end.vanish(resets)

    def syn_arrives(self, dial: "_Dial") -> None:
        """Answer a host that wants to connect."""
        if dial.made.done():
            return  # it has given up
        trouble = self.trouble(dial.host.name)
        if trouble.is_silent:
            self._parked.append(dial)
            return
        if not self.is_open or len(self._ends) >= CONNECTIONS_MAX:
            self._network.refuse(dial, trouble)
            return
        client, server = self._network.join(dial, self.address, self._context.copy())
        self._ends[server] = None
        for end in (client, server):
            end.trouble, end.when_lost = trouble, self._forget
        dial.transport = client
        server.accepted()
        server.start(self._context.run(self._make))

    def _forget(self, end: VirtualTransport) -> None:
        """Forget a connection that is over at both ends; until then the link may be silent between them."""
        if end.peer.is_lost:
            self._ends.pop(end.peer if end.is_client else end, None)


class _Dial:
    """A connection that a host is about to make."""

    def __init__(self, host: Host, made: "asyncio.Future[None]") -> None:
        self.host, self.made = host, made
        self.context = copy_context()
        self.transport: VirtualTransport | None = None


class Network:
    """The network of one loop: `loop.network = Network(loop)`. Implements `loadtest.sim.kernel.loop.Dialled`."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.outside = Context()
        """The context of the network's own timers, which are on time however busy a pod's CPU is."""
        self._ports: dict[tuple[str, int], Port] = {}
        self._numbers = itertools.count(FIRST_PORT)

    def listen(self, host: str, port: int, make: Callable[[], asyncio.BaseProtocol]) -> Port:
        """Open a port. Raises OSError where one is open there already."""
        address = (_canonical(host), port)
        if (there := self._ports.get(address)) is not None and there.is_open:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self._ports[address] = opened = Port(self, address, make)
        return opened

    async def connect(
        self, make: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect the code that runs to a port, in the time of a round trip.

        Raises ConnectionRefusedError where nothing listens, and TimeoutError after `CONNECT_S_MAX` without a word.
        """
        loop = self.loop
        dial = _Dial(dialling.get() or _ANYBODY, loop.create_future())
        found = self._ports.get((_canonical(host), port))
        arrives_s = loop.now_s + dial.host.way_s()
        if found is None:
            loop.call_at(arrives_s, self.refuse, dial, WELL, context=self.outside)
        else:
            arrives_s += found.trouble(dial.host.name).extra_s
            loop.call_at(arrives_s, found.syn_arrives, dial, context=self.outside)
        given_up = loop.call_at(loop.now_s + CONNECT_S_MAX, _give_up, dial.made, context=self.outside)
        try:
            await dial.made
            assert dial.transport is not None
            protocol = make()
        except BaseException:
            if dial.transport is not None:
                dial.transport.abort()
            raise
        finally:
            given_up.cancel()
        dial.transport.start(protocol)
        return dial.transport, protocol

    def refuse(self, dial: _Dial, trouble: LinkTrouble) -> None:
        """Tell a host, after one way, that nothing listens there."""
        told_s = self.loop.now_s + dial.host.way_s() + trouble.extra_s
        refused = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))

        def tell() -> None:
            if not dial.made.done():
                dial.made.set_exception(refused)

        cpu = dial.host.cpu
        self.loop.call_at(told_s, tell if cpu is None else lambda: cpu.call_noticed(tell), context=self.outside)

    def join(
        self, dial: _Dial, address: tuple[str, int], context: Context
    ) -> tuple[VirtualTransport, VirtualTransport]:
        """The two ends of a new connection: the client's, and the server's in that context."""
        host, name = dial.host, (dial.host.name, next(self._numbers))
        client = VirtualTransport(
            self.loop, (name, address), host.way_s, dial.context, self.outside, host.cpu, True, host.name
        )
        server = VirtualTransport(self.loop, (address, name), host.way_s, context, self.outside, None, False, host.name)
        client.peer, server.peer = server, client
        client.made = dial.made
        return client, server


def _canonical(host: str) -> str:
    return "127.0.0.1" if host in LOOPBACK else host


def _give_up(made: "asyncio.Future[None]") -> None:
    if not made.done():
        made.set_exception(TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)))
