"""Probes in virtual time: unmodified libraries over a simulated wire, so that a minute of them takes a moment."""

from app.contender import Contender
from loadtest.contract.behaviour.bench import VIRTUAL_SCALE
from loadtest.contract.behaviour.finding import BehaviourFinding
from loadtest.contract.behaviour.probe import Probe
from loadtest.contract.behaviour.virtual_redis import ProbedWireRedis
from loadtest.sim.kernel.loop import VirtualLoop, run_on
from loadtest.sim.wire.surroundings import LibrarySurroundings

SEED = 1
PROBE_S_MAX = 1_000.0
"""Virtual seconds after which a probe that has not ended is unknown."""


def found_in_virtual_time(contender: type[Contender], probe: Probe) -> BehaviourFinding:
    """The finding of a probe on a bench of its own. Raises `VirtualTimeError`, and what setting up a pod raises."""

    async def main() -> BehaviourFinding:
        redis = ProbedWireRedis(SEED)
        try:
            return await probe.find(contender, redis, VIRTUAL_SCALE)
        finally:
            await redis.aclose()

    virtual = VirtualLoop(PROBE_S_MAX)
    virtual.surroundings = LibrarySurroundings(virtual, seed=SEED)
    return run_on(virtual, main())
