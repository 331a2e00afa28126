"""The worlds in which each fault can be done, and why not in the others; virtual time has two depths."""

from collections.abc import Mapping
from dataclasses import dataclass

from loadtest.workload.faults import Fault


@dataclass(frozen=True, slots=True)
class WhyNot:
    """The reasons why a fault cannot be done, by world; an empty reason says that it can be."""

    virtual: str = ""
    """The reason of virtual time with the simulated cache."""
    wire: str = ""
    """The reason of virtual time over the wire."""
    native: str = ""
    stack: str = ""


_NO_BYTES = "a simulated reply has no bytes to slice: it arrives as a whole"
_NO_RATE = "a simulated command has no bytes that could be read slowly"
_TAKES_ALL = "the relay between pods and a real Redis takes what comes at once"
_TWO_ENDS = "the simulated cache has no connections that one end can lose alone"
_NO_MESSAGES = "a simulated notification is a call, and carries no bytes"
_ITS_KERNEL = "the kernel of a machine tells both ends of its connections"
_BY_HAND = "it is a fault of nobody's process or network, and a PUBLISH by hand does it"
_ONE_CLOCK = "the processes of a machine share its clock"
_A_SCRIPT = "a script that keeps Redis busy takes the machine's CPU with it"
_RIGHTS = "a real Redis refuses by command and user, and a pod's scripts use several commands at once"
_ITS_FILE = "a real Redis answers so only while it starts, for as long as its file is large"
_A_CLUSTER = "a real Redis answers so only as part of a Redis Cluster, which the lab does not start"
_NOT_TOLD_APART = "the network does not tell a subscription from other connections"
_ONE_WAY = "all pods of the stack go one way to Redis"
_FROM_INSIDE = "only a pod's own code can block its loop"

WORLDS: Mapping[str, WhyNot] = {
    "cache-flushed": WhyNot(),
    "cache-away": WhyNot(),
    "cache-away with its entries": WhyNot(),
    "cache-slow": WhyNot(),
    "cache-paused": WhyNot(),
    "cache-refuses READONLY": WhyNot(),
    "cache-refuses OOM": WhyNot(),
    "cache-refuses BUSY": WhyNot(native=_A_SCRIPT, stack=_A_SCRIPT),
    "cache-refuses NOPERM": WhyNot(native=_RIGHTS, stack=_RIGHTS),
    "cache-refuses LOADING": WhyNot(native=_ITS_FILE, stack=_ITS_FILE),
    "cache-refuses MOVED": WhyNot(native=_A_CLUSTER, stack=_A_CLUSTER),
    "cache-refuses some commands": WhyNot(native=_RIGHTS, stack=_RIGHTS),
    "cache-resets": WhyNot(),
    "cache-silent": WhyNot(),
    "cache-sliced": WhyNot(virtual=_NO_BYTES),
    "cache-reads-slowly": WhyNot(virtual=_NO_RATE, native=_TAKES_ALL, stack=_TAKES_ALL),
    "cache-full": WhyNot(),
    "cache-clock-apart": WhyNot(native=_ONE_CLOCK, stack=_ONE_CLOCK),
    "connections-dead": WhyNot(stack=_ONE_WAY),
    "connections-lost": WhyNot(virtual=_TWO_ENDS, native=_ITS_KERNEL, stack=_ITS_KERNEL),
    "foreign-message": WhyNot(virtual=_NO_MESSAGES, native=_BY_HAND, stack=_BY_HAND),
    "subscription-dead": WhyNot(native=_NOT_TOLD_APART, stack=_NOT_TOLD_APART),
    "origin-fails": WhyNot(),
    "origin-slow": WhyNot(),
    "origin-hangs": WhyNot(),
    "pod-killed": WhyNot(),
    "pod-terminated": WhyNot(),
    "pod-paused": WhyNot(),
    "loop-blocked": WhyNot(native=_FROM_INSIDE, stack=_FROM_INSIDE),
    "clock-apart": WhyNot(native=_ONE_CLOCK, stack=_ONE_CLOCK),
    "clients-leave": WhyNot(),
}
"""The reasons of every fault, by `Fault.variant`."""


def why_not(fault: Fault, world: str) -> str:
    """The reason why a world (virtual, wire, native or stack) cannot do this fault; empty where it can."""
    return str(getattr(WORLDS[fault.variant], world))
